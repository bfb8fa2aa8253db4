"""``python -m tests.load SCENARIO --url URL [--invite CODE] [--json]``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.load import scenarios
from tests.load.accounts import Accounts
from tests.load.meters import Meter
from tests.load.texts import bodies
from tests.load.wire import LoadError


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when the run is void."""
    options = _parser().parse_args(arguments)
    try:
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            result = runner.run(run(options))
    except (LoadError, TimeoutError) as problem:
        print(f"load: {options.scenario}: {problem}", file=sys.stderr)
        return 1
    if not options.json:
        for name, value in result.items():
            print(f"{name:>18}  {value}")
    else:
        print(msgspec.json.encode(result).decode())
    return 0


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """One scenario against a running server, as the object that ``--json`` prints."""
    texts = bodies(options.text)
    async with Accounts(options.url[0], options.invite) as accounts:
        meter = Meter(accounts, dict(options.metrics or [("server", options.url[0])]), dict(options.process))
        match options.scenario:
            case "pingpong":
                found = await scenarios.pairs(
                    accounts, options.url, meter, n=1, m=options.m, w=1, texts=texts
                )
            case "pairs":
                found = await scenarios.pairs(
                    accounts, options.url, meter, n=options.n, m=options.m, w=options.w, texts=texts
                )
            case "room":
                found = await scenarios.room(
                    accounts, options.url, meter, n=options.n, m=options.m, w=options.w, texts=texts
                )
            case "idle":
                found = await scenarios.idle(
                    accounts, options.url, meter, n=options.n, seconds=options.seconds
                )
            case _:
                found = await scenarios.storm(accounts, options.url, meter, n=options.n, texts=texts)
    window = {"window": options.w} if "w" in options else {}
    return {"scenario": options.scenario, **window, **found}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    commands = parser.add_subparsers(dest="scenario", required=True)
    for name, numbers in {
        "pingpong": {"m": 2_000},
        "pairs": {"n": 10, "m": 2_000, "w": 8},
        "room": {"n": 200, "m": 1_000, "w": 8},
        "idle": {"n": 500, "seconds": 0},
        "storm": {"n": 500},
    }.items():
        command = commands.add_parser(name)
        command.add_argument(
            "--url",
            required=True,
            action="append",
            help="base address; several: users are at one after the other",
        )
        command.add_argument(
            "--metrics",
            type=_named,
            action="append",
            metavar="[NAME=]URL",
            help="whose /metrics is read, if another; several are added up",
        )
        command.add_argument(
            "--process",
            type=_process,
            action="append",
            default=[],
            metavar="NAME=PID",
            help="of this machine, whose CPU with its children's is told",
        )
        command.add_argument("--invite", help="code, where registration wants one")
        command.add_argument("--text", type=Path, help=".jsonl.gz file of real messages")
        command.add_argument("--json", action="store_true", help="one object on the last line")
        for number, default in numbers.items():
            command.add_argument(f"--{number}", type=int, default=default)
    return parser


def _named(text: str) -> tuple[str, str]:
    name, found, url = text.partition("=")
    return (name, url) if found and "/" not in name else (text, text)


def _process(text: str) -> tuple[str, int]:
    name, _, pid = text.partition("=")
    return name, int(pid)


def _fast_loop() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


if __name__ == "__main__":
    sys.exit(main())
