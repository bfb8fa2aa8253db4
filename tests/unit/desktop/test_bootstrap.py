from __future__ import annotations

from pathlib import Path

import pytest

from desktop.bootstrap import Desktop
from desktop.storage.profile import Profile


async def test_settings_are_written_also_where_another_part_fails_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = Desktop(tmp_path, bind="127.0.0.1", port=0)
    desktop._profile.set_setting("theme", "dark")
    closed = list[str]()
    close = desktop._profile.close

    async def fail() -> None:
        raise RuntimeError("a bug")

    def written() -> None:
        close()
        closed.append("profile")

    monkeypatch.setattr(desktop.accounts, "close", fail)
    monkeypatch.setattr(desktop.host, "close", fail)
    monkeypatch.setattr(desktop._profile, "close", written)
    with pytest.raises(RuntimeError, match="a bug"):
        await desktop.close()
    assert closed == ["profile"]
    assert Profile(tmp_path).setting("theme", str, "") == "dark"
