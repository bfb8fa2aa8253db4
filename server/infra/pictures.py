"""Pictures of people, made small by Pillow in a worker thread."""

from __future__ import annotations

import asyncio
import io
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from common.errors import Code, ParleyError

SIDE_PX: Final = 256
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_PIXELS_MAX: Final = 40_000_000
"""A phone's camera has less; decoded it would be 160 MB, and the half of it as a JPEG's draft."""
_AT_ONCE: Final = 1
_TIMEOUT_S: Final = 20.0
_QUALITY: Final = 88
_UNREADABLE: Final = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    ValueError,
    SyntaxError,
)


class PillowPictures:
    """Implements the users context's ``PictureScaler``; one picture at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def square(self, data: bytes) -> bytes:
        """The middle of the picture, 256 pixels wide: JPEG, or PNG where it is transparent.

        Raises:
            ParleyError: ``bad_field``; ``timeout`` where too many wait.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_S), self._turn:
                return await asyncio.to_thread(_square, data)
        except TimeoutError:
            raise ParleyError(Code.TIMEOUT, "too many pictures at once", retry_after_ms=5_000) from None


def _square(data: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            if picture.width * picture.height > _PIXELS_MAX:
                raise ParleyError(Code.BAD_FIELD, "the picture has too many pixels")
            picture.draft("RGB", (SIDE_PX * 2, SIDE_PX * 2))
            upright = ImageOps.exif_transpose(picture)
            clear = upright.has_transparency_data
            plain = upright.convert("RGBA" if clear else "RGB")
            small = ImageOps.fit(plain, (SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
            # A fresh picture: nothing of what the file told of its maker, place and camera stays.
            bare = Image.new(small.mode, small.size)
            bare.paste(small)
            into = io.BytesIO()
            if clear:
                bare.save(into, "PNG", optimize=True)
            else:
                bare.save(into, "JPEG", quality=_QUALITY)
    except _UNREADABLE as problem:
        raise ParleyError(Code.BAD_FIELD, "this is no PNG, JPEG or WebP that can be read") from problem
    return into.getvalue()
