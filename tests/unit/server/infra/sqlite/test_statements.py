from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.infra.sqlite.statements import MAX_PARAMETERS, Statements


def test_numbered_parameters_keep_their_numbers() -> None:
    text, values = Statements().bind("SELECT $2, $1, $2", ("a", "b"))
    assert (text, values) == ("SELECT ?2, ?1, ?2", ("a", "b"))


def test_literals_quoted_names_and_comments_stay() -> None:
    sql = """SELECT '$1', 'it''s $2', "$3" FROM t -- $4 IN $5\nWHERE a = $1"""
    text, _ = Statements().bind(sql, ("a",))
    assert text == sql.replace("a = $1", "a = ?1")


def test_ten_is_not_one() -> None:
    args = tuple(range(1, 12))
    text, values = Statements().bind("SELECT $1, $10, $11", args)
    assert (text, values) == ("SELECT ?1, ?10, ?11", args)


def test_a_list_is_padded_to_a_power_of_two_with_its_last_item() -> None:
    text, values = Statements().bind("SELECT a FROM t WHERE a IN $2 AND b = $1", ("x", [1, 2, 3]))
    assert text == "SELECT a FROM t WHERE a IN (?2,?3,?4,?5) AND b = ?1"
    assert list(values) == ["x", 1, 2, 3, 3]


def test_few_texts_serve_all_lengths() -> None:
    statements = Statements()
    texts = {statements.bind("SELECT a FROM t WHERE a IN $1", ([0] * n,))[0] for n in range(1_025)}
    assert len(texts) == 12


def test_the_longest_list_is_taken_and_a_longer_one_refused() -> None:
    statements = Statements()
    _, values = statements.bind("SELECT 1 WHERE $1 IN $2", (1, [0] * (MAX_PARAMETERS - 1)))
    assert len(values) == MAX_PARAMETERS
    with pytest.raises(ValueError, match="longer than SQLite takes"):
        statements.bind("SELECT 1 WHERE $1 IN $2", (1, [0] * MAX_PARAMETERS))


@pytest.mark.parametrize("wrong", ["text", b"bytes", 5, None])
def test_what_is_no_list_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="takes a list"):
        Statements().bind("SELECT 1 WHERE 1 IN $1", (wrong,))


@pytest.mark.parametrize("args", [(), ([1],), ([1], 2, 3)])
def test_a_wrong_number_of_arguments_is_refused(args: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match="2 parameters"):
        Statements().bind("SELECT 1 WHERE 1 IN $1 AND $2 = 2", args)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE t SET a = $1 WHERE b = $2",
        "INSERT INTO t (a, b) VALUES ($1, $2) RETURNING a",
        "INSERT INTO t (a) SELECT $1 WHERE $2 = 1",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = $2",
        "INSERT INTO t (a) VALUES ('?', $1)",
        "INSERT INTO t (a) VALUES (1)",
    ],
)
def test_only_a_plain_insert_becomes_one_of_many_rows(sql: str) -> None:
    assert Statements().bind_many(sql, [("a", "b")]) is None


def test_rows_of_the_wrong_width_are_refused() -> None:
    bound = Statements().bind_many("INSERT INTO t (a, b) VALUES ($1, $2)", [("a", "b"), ("c",)])
    assert bound is not None
    with pytest.raises(TypeError, match="2 parameters, 1 were given"):
        list(bound)


@given(st.integers(0, 400))
def test_every_row_is_inserted_once_in_order(count: int) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE TABLE t (b, a, c)")
        bound = Statements().bind_many(
            "INSERT INTO t (a, b, c) VALUES ($2, lower($1), $2)", [(f"K{n}", n) for n in range(count)]
        )
        assert bound is not None
        for text, values in bound:
            connection.execute(text, values)
        rows = connection.execute("SELECT b, a, c FROM t ORDER BY rowid").fetchall()
        assert rows == [(f"k{n}", n, n) for n in range(count)]
    finally:
        connection.close()


@given(st.lists(st.integers(-5, 5)), st.integers(-5, 5))
def test_in_means_what_it_says(items: list[int], wanted: int) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        query = Statements().bind("SELECT $1 IN $2, $1 NOT IN $2", (wanted, items))
        assert connection.execute(*query).fetchone() == (wanted in items, wanted not in items)
    finally:
        connection.close()
