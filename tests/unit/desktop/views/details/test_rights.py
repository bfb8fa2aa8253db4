from __future__ import annotations

from common.protocol.types import Role, RoomKind, Visibility
from desktop.services.state import MemberItem, Person, RoomItem
from desktop.views.details.rights import may_add, may_change, may_remove, roles_to_give


def test_what_is_offered_follows_the_role() -> None:
    def room(role: Role, visibility: Visibility = Visibility.PRIVATE) -> RoomItem:
        return RoomItem(room_id="r", kind=RoomKind.GROUP, title="R", role=role, visibility=visibility)

    other = MemberItem(person=Person(user_id="o", name="O"), role=Role.MEMBER)
    owner = MemberItem(person=Person(user_id="w", name="W"), role=Role.OWNER)
    assert not may_add(room(Role.MEMBER))
    assert may_add(room(Role.MEMBER, Visibility.PUBLIC))
    assert may_change(room(Role.ADMIN))
    assert not may_change(room(Role.MEMBER, Visibility.PUBLIC))
    assert may_remove(room(Role.ADMIN), other)
    assert not may_remove(room(Role.ADMIN), owner)
    assert roles_to_give(room(Role.OWNER), other) == (Role.ADMIN, Role.OWNER)
    assert roles_to_give(room(Role.ADMIN), other) == ()
