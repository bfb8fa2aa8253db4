from __future__ import annotations

from dataclasses import replace

from common.protocol.types import Role, RoomKind, Visibility
from desktop.services.state import MemberItem, Person, RoomItem
from desktop.views.rights import may_add, may_change, may_delete, may_remove, roles_to_give
from tests.support.fake_timeline import message


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
    assert may_delete(room(Role.MEMBER), message(1, own=True))
    assert not may_delete(room(Role.MEMBER), message(1))
    assert may_delete(room(Role.ADMIN), message(1))
    assert not may_delete(room(Role.ADMIN), replace(message(1), deleted=True))
