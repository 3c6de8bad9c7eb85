"""What a benchmark is made of: a suite of cases, and how its results are known to be right."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from r3d_cli.bench.results import Parameter
from r3d_cli.errors import R3dError

Case: TypeAlias = "dict[str, Parameter]"
#: What a case has other than the suite's usual case.
Change: TypeAlias = "Mapping[str, Parameter]"

#: How thorough a run is: which cases it has, and how long it measures each.
LEVELS = ("quick", "default", "full")


class Unsupported(Exception):
    """A contestant does not do this case: no row. From a suite: nobody does, as with a file without faces."""


class Prepared(NamedTuple):
    """A contestant that is ready to run."""

    call: Callable[[], Any]  # what is timed
    result: Callable[[Any], Any] = lambda value: value  # its value in the suite's own form; not timed


#: Inputs to a callable, or to a ``Prepared`` where the value has to be translated.
Prepare: TypeAlias = "Callable[[Any], Callable[[], Any] | Prepared]"


@dataclass(frozen=True)
class Selection:
    """Which cases of a suite are run, as the command line asks."""

    level: str = "default"  # of LEVELS
    device: str = "cpu"
    sizes: tuple[int, ...] = ()  # instead of the level's own cases, one of each size
    files: tuple[str, ...] = ()  # mesh files to run as well: names in the folder of --data


@dataclass(frozen=True)
class Place:
    """Where a case finds and leaves what is not in its parameters."""

    device: str = "cpu"
    folder: Path = Path()  # of the run: for files that are made once
    data: Path | None = None  # the folder of --data


@dataclass(frozen=True)
class Suite:
    """A family of cases. A case file (``cases/<op>.py``) defines one as ``suite``."""

    name: str
    about: str  # one line of --list
    cases: Callable[[Selection], Iterable[Case]]
    inputs: Callable[[Case, Place], Any]  # not timed
    ours: Prepare
    outcome: Callable[[Any, Any], dict[str, Any]]  # (inputs, result) -> the arrays that are compared
    reference: Callable[[Any], dict[str, Any]]  # inputs -> the same arrays, by the slow and obvious way
    differs: Callable[[dict[str, Any], dict[str, Any]], str]  # how an outcome is wrong, "" where it is right
    peers: tuple[str, ...] = ()  # modules of bench.peers, in the order of the table
    tiny: Change = field(default_factory=dict)  # parameters of a case that takes no time or memory
    devices: tuple[str, ...] = ("cpu", "cuda")
    work: Callable[[Any], dict[str, float]] = lambda inputs: {}  # least bytes moved, least flops


@lru_cache(maxsize=1)
def suites() -> dict[str, Suite]:
    """Every suite by its name, in alphabetical order."""
    from r3d_cli.bench import cases

    names = sorted(module.name for module in pkgutil.iter_modules(cases.__path__))
    found = [importlib.import_module(f"{cases.__name__}.{name}").suite for name in names]
    return {suite.name: suite for suite in found}


def find_suite(name: str) -> Suite:
    """The suite called ``name``.

    Raises:
        R3dError: There is none.
    """
    if name not in suites():
        raise R3dError(f"there is no suite {name!r}; r3d bench --list shows {', '.join(suites())}")
    return suites()[name]


def share_that_differs(wrong: Any, tolerance: float, what: str) -> str:
    """A line that says how many of the compared values are wrong, "" where few enough are.

    Args:
        wrong: booleans, any shape.
        tolerance: the share that may be: values on edges, where conventions and roundings differ.
        what: names the values.
    """
    share = float(wrong.mean()) if wrong.size else 0.0
    return f"{what} differs at {share:.1%} of {wrong.size} samples" if share > tolerance else ""


def arrays_that_differ(
    outcome: dict[str, Any], expected: dict[str, Any], tolerance: float, share: float
) -> str:
    """A line that says which arrays hold too many values far from those expected, "" where none does.

    Args:
        outcome: Arrays by name.
        expected: What they must be.
        tolerance: Of a value, in units of the largest of its array.
        share: Of an array's values that may be farther off: those on edges, where roundings decide.
    """
    lines = []
    for name, want in expected.items():
        far = np.abs(outcome[name] - want) > tolerance * np.abs(want).max(initial=0)
        lines.append(share_that_differs(far, share, name))
    return ", ".join(filter(None, lines))
