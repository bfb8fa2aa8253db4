"""What ``parley-server doctor`` finds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import connect

import pytest

from common.ids import new_id
from server.bootstrap import Server
from server.doctor import Verdict, examine
from server.settings import DATABASE_FILE, Role, Settings
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client


async def found(settings: Settings, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Subject -> verdicts and texts, a line each."""
    lines: dict[str, str] = {}
    async for finding in examine(settings, environment or {}):
        before = lines.get(finding.subject, "")
        lines[finding.subject] = f"{before}{finding.verdict} {finding.text}\n"
    return lines


def verdicts(findings: Mapping[str, str]) -> set[str]:
    return {line.split()[0] for text in findings.values() for line in text.splitlines()}


async def test_a_folder_that_nothing_was_started_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    findings = await found(Settings(data=data, port=0))
    assert verdicts(findings) == {Verdict.OK}
    assert "the first start makes it" in findings["database"]
    assert not data.exists()


async def test_while_it_runs_and_after(server: Server, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", port=int(server.url.rsplit(":", 1)[1]))
    findings = await found(settings, {"PARLEY_PROT": "1"})
    assert "a server runs on" in findings["database"]
    assert findings["port"].startswith("warning")
    assert "PARLEY_PROT" in findings["settings"]
    await server.stop()
    findings = await found(settings)
    assert verdicts(findings) == {Verdict.OK}
    assert "of this identity" in findings["owner"]
    assert "0 events wait" in findings["outbox"]


async def test_what_would_not_start_is_told_with_what_to_do(server: Server, tmp_path: Path) -> None:
    await server.stop()
    settings = Settings(data=tmp_path / "data", port=0)
    other = Settings(data=tmp_path / "data", port=0, identity_file=tmp_path / "other.pem")
    assert (await found(other))["owner"].startswith("failed")
    settings.identity_path.rename(tmp_path / "gone.pem")
    assert "restore it" in (await found(settings))["owner"]
    (tmp_path / "gone.pem").rename(settings.identity_path)
    with closing(connect(tmp_path / "data" / DATABASE_FILE, isolation_level=None)) as beside:
        beside.execute("DELETE FROM schema_migrations WHERE number = 6")
    assert "run parley-server migrate" in (await found(settings))["database"]
    settings.identity_path.write_text("no key")
    assert "restore it from a backup" in (await found(settings))["identity"]


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
async def test_a_key_that_others_may_read(server: Server, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", port=0)
    settings.identity_path.chmod(0o644)
    assert "chmod 600" in (await found(settings))["identity"]


@pytest.fixture
async def standalone(tmp_path: Path) -> AsyncIterator[Settings]:
    async with redis_client():
        yield Settings(
            data=tmp_path / "data",
            port=0,
            database_url=await postgres_url(tmp_path),
            redis_url=services().url("redis"),
            kafka_servers=services().url("kafka"),
            kafka_prefix=f"{new_id()}.",
        )


@pytest.mark.usefixtures("quiet_kafka")
async def test_a_standalone_server(standalone: Settings) -> None:
    findings = await found(standalone)
    assert "run parley-server migrate" in findings["database"]
    assert "there are none" in findings["topics"]
    server = Server(standalone)
    await server.start()
    try:
        findings = await found(standalone)
        assert verdicts(findings) == {Verdict.OK}
        assert "4 partitions, 1 copies" in findings["topics"]
        assert {"postgresql", "redis", "kafka"} <= set(findings)
        far = await found(replace(standalone, role=Role.GATEWAY, ordinal=16))
        assert "this is gateway 16" in far["topics"]
        # It serves all the same, so a start that waits for the doctor is not held up.
        assert Verdict.FAILED not in verdicts({"topics": far["topics"]})
        assert Verdict.WARNING in verdicts({"topics": far["topics"]})
    finally:
        await server.stop()


@pytest.mark.usefixtures("quiet_kafka")
async def test_services_that_are_not_there(tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path / "data",
        port=0,
        # Port 1 is for nobody.
        database_url="postgresql://parley@127.0.0.1:1/parley",
        redis_url="redis://127.0.0.1:1",
        kafka_servers="127.0.0.1:1",
    )
    findings = await found(settings)
    assert all(findings[name].startswith("failed") for name in ("database", "redis", "kafka"))


def test_the_exit_code_says_whether_anything_failed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "server", "doctor", "--port", "0", "--data"]
    good = subprocess.run([*command, str(tmp_path / "data")], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert all(line.startswith("ok ") for line in good.stdout.splitlines())
    (tmp_path / "file").touch()
    bad = subprocess.run([*command, str(tmp_path / "file")], capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "failed   data: " in bad.stdout
    assert bad.stderr == "parley-server: 1 of these failed\n"
