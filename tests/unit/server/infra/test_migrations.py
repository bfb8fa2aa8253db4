from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from server.infra import migrations
from server.infra.migrations import SQLITE, Migration, MigrationError


def test_the_migrations_of_this_program_load_in_order_and_run() -> None:
    loaded = migrations.load()
    assert [migration.number for migration in loaded] == list(range(1, len(loaded) + 1))
    with closing(sqlite3.connect(":memory:")) as connection:
        for migration in loaded:
            for statement in migration.statements(SQLITE):
                connection.execute(statement)
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        strict = {row[1] for row in connection.execute("PRAGMA table_list") if row[5]}
    assert {"meta", "event_outbox"} <= tables
    assert tables - {"sqlite_sequence"} <= strict


def test_every_database_knows_every_token_that_is_used() -> None:
    for migration in migrations.load():
        for statement in migration.statements(SQLITE):
            assert "$" not in statement


def test_statements_are_split_at_line_ends_and_comments_go() -> None:
    text = "-- a; b\nCREATE TABLE t (a $INT); -- tail;\n\nCREATE INDEX i ON t (a);\n"
    assert Migration(1, "x", text).statements(SQLITE) == [
        "CREATE TABLE t (a INTEGER)",
        "CREATE INDEX i ON t (a)",
    ]


def test_an_unknown_token_is_an_error() -> None:
    with pytest.raises(MigrationError, match=r"\$UUID"):
        Migration(1, "x", "CREATE TABLE t (a $UUID);").statements(SQLITE)


def test_line_endings_do_not_change_the_checksum(tmp_path: Path) -> None:
    unix, windows = tmp_path / "unix", tmp_path / "windows"
    for folder, ending in ((unix, b"\n"), (windows, b"\r\n")):
        folder.mkdir()
        (folder / "0001_a.sql").write_bytes(b"SELECT 1;" + ending + b"SELECT 2;" + ending)
    assert migrations.load(unix) == migrations.load(windows)


@pytest.mark.parametrize(
    "names", [["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["0001_a.sql", "0001_b.sql"]]
)
def test_numbers_are_dense(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;\n")
    with pytest.raises(MigrationError, match="not numbered"):
        migrations.load(tmp_path)


def test_only_what_is_missing_is_pending() -> None:
    known = [Migration(1, "a", "A"), Migration(2, "b", "B")]
    assert migrations.pending(known, {}) == known
    assert migrations.pending(known, {1: known[0].checksum}) == known[1:]
    with pytest.raises(MigrationError, match="newer Parley"):
        migrations.pending(known, {1: known[0].checksum, 3: "c"})
    with pytest.raises(MigrationError, match="migration 1"):
        migrations.pending(known, {1: "another"})
