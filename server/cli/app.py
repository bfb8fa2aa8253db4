"""What all commands share: the flags of the settings, and how a failure is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import asdict, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from common.errors import ParleyError
from common.limits import Limits
from server.kernel.failures import OperatorError
from server.settings import Loaded, SettingsError, hints, load

app: Final = App(name="parley-server", help="Parley's server, on a machine of its own.")

USAGE: Final = 2
FAILED: Final = 1


def _flag_of(hint: Any) -> Any:  # noqa: ANN401 - types
    """As the setting's, but not given by default; limits are named one by one (``--limits.NAME``)."""
    kind = dict[str, str] if hint.__origin__ is Limits else hint.__origin__
    return Annotated[kind | None, Parameter(help=hint.__metadata__[0].description, show_default=False)]


Flags: Any = make_dataclass(
    "Flags",
    [(name, _flag_of(hint), None) for name, hint in hints().items()],
    frozen=True,
    kw_only=True,
    # Or the command line takes it for a type of Python's own and looks no further into it.
    namespace={"__module__": __name__},
)
"""Every setting as a flag."""

NO_FLAGS: Final = Flags()
ConfigFile = Annotated[
    Path | None, Parameter(help="A TOML file of settings; PARLEY_CONFIG in the environment.")
]


def loaded_from(config: Path | None, flags: Any) -> Loaded:  # noqa: ANN401 - Flags
    """All settings.

    Raises:
        SettingsError: see ``load``.
    """
    return load(flags=asdict(flags), environment=os.environ, file=config)


def in_words(work: Callable[[], None]) -> int:
    """The exit code of ``work``; what an operator can mend is one line, without a traceback."""
    try:
        work()
    except SettingsError as problem:
        return fail(str(problem), USAGE)
    except (OperatorError, ParleyError, OSError) as problem:
        return fail(str(problem), FAILED)
    return 0


def fail(line: str, code: int) -> int:
    """Tell it and return the code."""
    print(f"parley-server: {line}", file=sys.stderr)
    return code
