"""What is read from the migrations' text is what the databases have."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from server.infra.migrations import Migration, MigrationError
from server.infra.migrations.tables import Column, Kind, Table, tables
from server.kernel.database import Tx
from tests.contract.adapters import DATABASES

LEDGER: Final = "schema_migrations"
COLUMNS: Final = {
    "sqlite": 'SELECT m.name, c.name, c."notnull" = 0 AND c.pk = 0, c.pk FROM sqlite_master m, '
    "pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid",
    "postgres": """
        SELECT c.table_name, c.column_name, c.is_nullable = 'YES', coalesce(k.ordinal_position, 0)
        FROM information_schema.columns c
        LEFT JOIN information_schema.table_constraints t
            ON t.table_name = c.table_name AND t.constraint_type = 'PRIMARY KEY'
        LEFT JOIN information_schema.key_column_usage k
            ON k.constraint_name = t.constraint_name AND k.column_name = c.column_name
        WHERE c.table_schema = 'public' ORDER BY c.table_name, c.ordinal_position""",
}
Shape = dict[str, tuple[list[tuple[str, bool]], tuple[str, ...]]]


async def shape(tx: Tx, sql: str) -> Shape:
    columns: dict[str, list[tuple[str, bool]]] = {}
    keys: dict[str, dict[int, str]] = {}
    for table, column, nullable, place in await tx.fetch(sql):
        columns.setdefault(table, []).append((column, bool(nullable)))
        if place:
            keys.setdefault(table, {})[place] = column
    return {name: (columns[name], tuple(keys[name][n] for n in sorted(keys[name]))) for name in columns}


@pytest.mark.parametrize("kind", list(COLUMNS))
async def test_tables_columns_and_keys_are_those_of_the_database(kind: str, tmp_path: Path) -> None:
    async with DATABASES[kind](tmp_path) as database:
        found = await database.read(shape, COLUMNS[kind])
    read = {
        table.name: ([(column.name, column.nullable) for column in table.columns], table.key)
        for table in tables()
    }
    assert {name: found[name] for name in found if name != LEDGER} == read


def test_each_refers_to_earlier_ones_only() -> None:
    names = [table.name for table in tables()]
    assert names.index("users") < names.index("devices")
    assert names.index("rooms") < names.index("members") < names.index("messages")


def test_a_column_that_was_added_comes_last() -> None:
    text = """CREATE TABLE a (
        id $AUTO_ID,
        -- why
        b $TEXT NOT NULL
    ) $TABLE_END;

    ALTER TABLE a ADD COLUMN c $INT;
    """
    assert tables([Migration(1, "a", text)]) == [
        Table(
            "a",
            (
                Column("id", Kind.AUTO_ID, nullable=False),
                Column("b", Kind.TEXT, nullable=False),
                Column("c", Kind.INT, nullable=True),
            ),
            ("id",),
        )
    ]


@pytest.mark.parametrize(
    "text", ["DROP TABLE a;", "ALTER TABLE a RENAME TO b;", "CREATE TABLE a (b $INT) $TABLE_END;"]
)
def test_what_is_not_understood_is_an_error(text: str) -> None:
    with pytest.raises(MigrationError):
        tables([Migration(1, "a", text)])
