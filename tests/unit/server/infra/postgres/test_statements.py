"""Several changes as one statement of PostgreSQL."""

from __future__ import annotations

from server.infra.postgres.statements import joined

PUT = "INSERT INTO meta (value, key) VALUES ($2, $1)"
MOVE = "UPDATE rooms SET seq = $2, msg_no = $2, title = '$1' WHERE id = $1 AND kind IN $3"


def test_parameters_of_each_come_behind_those_before() -> None:
    assert joined((PUT, MOVE, PUT), (2, 3, 2)) == (
        "WITH part0 AS (INSERT INTO meta (value, key) VALUES ($2, $1)), "
        "part1 AS (UPDATE rooms SET seq = $4, msg_no = $4, title = '$1' WHERE id = $3 AND kind = ANY($5)) "
        "INSERT INTO meta (value, key) VALUES ($7, $6)"
    )
