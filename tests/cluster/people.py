"""``python -m tests.cluster.people``: people who talk inside a cluster's network, told what to do by lines.

Reads a word a line from standard input, answers each with a JSON object on a line, and ends after ``end``:

- ``back``: everybody speaks; answered once each had one message acknowledged and one received
- ``end``: nobody says anything new; answered once all of it is stored, received and compared

The server is a fresh one: what other people said in the same rooms before would count as theirs.
Before the first word there is an object with the server's id. Exit code 1, and an object with ``failed``,
when a promise is broken or somebody does not get through.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import msgspec

from common.protocol.rest import ServerInfo
from tests.load.village import Village, village
from tests.load.wire import LoadError

_INFO_TIMEOUT_S: Final = 20.0


async def talk(url: str, *, people: int, pause_s: float, patience_s: float, chance: random.Random) -> None:
    """Until told to end.

    Raises:
        AssertionError: a promise is broken.
        TimeoutError: somebody did not get through.
        EOFError: whoever gives the words is gone.
    """
    # It checks what is stored, not who the server is: the driver compares the id.
    async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=_INFO_TIMEOUT_S) as http:
        answer = await http.get(f"{url}/api/v1/server")
        _say(server_id=msgspec.json.decode(answer.content, type=ServerInfo).server_id)
    async with village([url], people=people, pause_s=pause_s, chance=chance) as talking:
        while True:
            match await asyncio.to_thread(sys.stdin.readline):
                case "back\n":
                    times = await talking.back(timeout_s=patience_s)
                    _say(back_median_s=round(statistics.median(times), 2), back_max_s=round(times[-1], 2))
                case "end\n":
                    _say(**await _end(talking, patience_s))
                    return
                case _:
                    raise EOFError("nobody says what to do")


async def _end(talking: Village, patience_s: float) -> dict[str, int]:
    await talking.quiet(timeout_s=patience_s)
    stored = await talking.check()
    journals = [talker.journal for talker in talking.talkers]
    return {
        "people": len(journals),
        "rooms": len(talking.rooms),
        "stored": stored,
        "acknowledged": sum(len(one.acknowledged) for one in journals),
        "received": sum(len(taken) for one in journals for taken in one.received.values()),
        "connections": sum(one.connections for one in journals),
        "told_later": sum(one.later for one in journals),
        "sent_again": sum(one.repeats for one in journals),
        "gaps": sum(one.gaps for one in journals),
    }


def _say(**values: Any) -> None:
    print(msgspec.json.encode(values).decode(), flush=True)


def main() -> int:
    """Returns 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds that one thinks on average")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds until everybody must be back")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    failed: list[str] = []
    try:
        asyncio.run(
            talk(
                options.url,
                people=options.people,
                pause_s=options.pause,
                patience_s=options.patience,
                chance=random.Random(options.seed),
            )
        )
    except* (AssertionError, TimeoutError, LoadError, EOFError, OSError, httpx2.HTTPError) as broken:
        failed = [f"{type(leaf).__name__}: {leaf}" for leaf in _leaves(broken)]
        _say(failed=failed)
    return 1 if failed else 0


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


if __name__ == "__main__":
    sys.exit(main())
