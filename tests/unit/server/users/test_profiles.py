"""Pictures of people."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from common.errors import Code, ParleyError
from common.limits import AVATAR_MAX_BYTES
from server.infra.pictures import SIDE_PX
from tests.unit.server.users.conftest import House


def picture(kind: str, size: tuple[int, int] = (600, 400), colour: str = "#3050a0", **more: object) -> bytes:
    into = io.BytesIO()
    Image.new("RGBA" if kind == "PNG" else "RGB", size, colour).save(into, kind, **more)
    return into.getvalue()


def blobs(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs").rglob("*.blob")}


@pytest.mark.parametrize(("kind", "kept"), [("PNG", "PNG"), ("JPEG", "JPEG"), ("WEBP", "JPEG")])
async def test_a_picture_becomes_a_small_square(house: House, kind: str, kept: str) -> None:
    identity = await house.identity(await house.register("ann"))
    colour = "#3050a080" if kind == "PNG" else "#3050a0"
    user = await house.profiles.set_picture(identity, picture(kind, colour=colour))
    assert user.avatar is not None
    assert (await house.users.account(user.id)).user.avatar == user.avatar
    with Image.open(io.BytesIO(await house.profiles.picture(user.id))) as small:
        assert (small.format, small.size) == (kept, (SIDE_PX, SIDE_PX))


async def test_nothing_of_what_the_camera_told_stays_and_it_stands_upright(house: House) -> None:
    identity = await house.identity(await house.register("ann"))
    exif = Image.Exif()
    exif[0x010F] = "Maker of cameras"
    exif[0x0112] = 3  # upside down
    into = io.BytesIO()
    photo = Image.new("RGB", (400, 400), "#ffffff")
    photo.paste("#000000", (0, 0, 400, 200))
    photo.save(into, "JPEG", exif=exif)
    await house.profiles.set_picture(identity, into.getvalue())
    kept = await house.profiles.picture(identity.user_id)
    assert b"Maker" not in kept
    with Image.open(io.BytesIO(kept)) as small:
        assert not small.getexif()
        assert small.convert("L").getpixel((128, 20)) > small.convert("L").getpixel((128, 230))  # type: ignore[operator]  # numbers


async def test_a_new_picture_takes_the_place_of_the_old_and_none_leaves_nothing(
    house: House, tmp_path: Path
) -> None:
    identity = await house.identity(await house.register("ann"))
    first = await house.profiles.set_picture(identity, picture("PNG"))
    second = await house.profiles.set_picture(identity, picture("PNG", colour="#a03030"))
    assert first.avatar != second.avatar
    assert len(blobs(tmp_path)) == 1
    again = await house.profiles.set_picture(identity, picture("PNG", colour="#a03030"))
    assert again.avatar == second.avatar
    assert len(blobs(tmp_path)) == 1
    assert (await house.profiles.remove_picture(identity)).avatar is None
    assert blobs(tmp_path) == set()
    with pytest.raises(ParleyError) as gone:
        await house.profiles.picture(identity.user_id)
    assert gone.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", Code.BAD_FIELD, id="empty"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", Code.BAD_FIELD, id="svg"),
        pytest.param(picture("PNG")[:60], Code.BAD_FIELD, id="cut off"),
        pytest.param(picture("GIF", (8, 8)), Code.BAD_FIELD, id="gif"),
        pytest.param(picture("JPEG", (9_000, 9_000), quality=1), Code.BAD_FIELD, id="pixel flood"),
        pytest.param(b"\x89PNG" + bytes(AVATAR_MAX_BYTES), Code.TOO_LARGE, id="too large"),
    ],
)
async def test_what_is_no_picture_is_refused_and_the_old_one_stays(
    house: House, data: bytes, code: Code
) -> None:
    identity = await house.identity(await house.register("ann"))
    before = await house.profiles.set_picture(identity, picture("PNG"))
    with pytest.raises(ParleyError) as refused:
        await house.profiles.set_picture(identity, data)
    assert refused.value.code is code
    assert (await house.users.account(identity.user_id)).user.avatar == before.avatar


@pytest.mark.parametrize("user_id", ["me", "../../keys/identity", "01934567-89ab-7def-8123-456789abcdef"])
async def test_nobody_has_no_picture(house: House, user_id: str) -> None:
    with pytest.raises(ParleyError) as refused:
        await house.profiles.picture(user_id)
    assert refused.value.code is Code.NOT_FOUND
