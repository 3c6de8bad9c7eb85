"""What a benchmark run found, and the JSON file that holds it: a versioned schema, validated when read."""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

from r3d_cli.bench.files import write_whole
from r3d_cli.errors import R3dError

#: Version of the JSON's schema; raised when a reader of the old one would misunderstand the new one.
SCHEMA = 1

#: ok: right and timed. missing: not installed. wrong: computes something else, and is not timed.
STATUSES = ("ok", "missing", "wrong", "error", "timeout")

Parameter: TypeAlias = "int | float | str | bool | None"
#: Suite, the case's parameters in alphabetical order, device: what rows that can be compared have in common.
Key: TypeAlias = "tuple[str, tuple[tuple[str, Parameter], ...], str]"


class ResultsError(R3dError, ValueError):
    """A file that is no results file of ours: one line with its name, the place in it, and the mend."""


@dataclass
class Row:
    """One contestant on one case."""

    suite: str  # "rasterize-meshes", "render", ...
    case: dict[str, Parameter]  # {"faces": 1000, "image": 512, "K": 1, ...}
    device: str  # "cpu" | "cuda:0"
    contestant: str  # "r3d", or the peer's name
    status: str  # of STATUSES
    message: str = ""  # one line: the install line, how the result differs, the error
    times_ms: list[float] = field(default_factory=list)  # warm repetitions
    cold_ms: float | None = None  # the first call: compilation, caches
    peak_bytes: int | None = None  # above the inputs, in a process of its own
    work: dict[str, float] = field(
        default_factory=dict
    )  # least work of the case: {"bytes": ..., "flops": ...}

    @property
    def key(self) -> Key:
        return self.suite, tuple(sorted(self.case.items())), self.device

    @property
    def median_ms(self) -> float | None:
        """Median of the warm repetitions; None without any."""
        return statistics.median(self.times_ms) if self.times_ms else None

    @property
    def spread_ms(self) -> float | None:
        """Interquartile range of the warm repetitions, linear between them; None without any."""
        if len(self.times_ms) < 2:
            return 0.0 if self.times_ms else None
        first, _, third = statistics.quantiles(self.times_ms, n=4, method="inclusive")
        return third - first


@dataclass
class Results:
    """A run: where and how it was made, and its rows.

    Example:
        >>> results = Results(r3d="0.1.0", created="2026-11-22T20:00:00+00:00")
        >>> results.rows.append(Row("io", {"format": "ply"}, "cpu", "r3d", "ok", times_ms=[1.0, 3.0, 2.0]))
        >>> results.rows[0].median_ms
        2.0
    """

    schema: int = SCHEMA
    r3d: str = ""  # its version
    created: str = ""  # ISO 8601, UTC
    machine: dict[str, Any] = field(default_factory=dict)  # bench.machine.describe_machine
    ceilings: dict[str, dict[str, float]] = field(
        default_factory=dict
    )  # device -> bench.ceilings.measure_ceilings
    method: dict[str, Any] = field(default_factory=dict)  # {"warmup": 2, "repetitions": 15, ...}
    rows: list[Row] = field(default_factory=list)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON in one step.

        Raises:
            ResultsError: A field breaks the schema: a bug of whoever filled it.
            OSError: The file cannot be written.
        """
        document = asdict(self)
        _validate(document, os.fspath(path))
        write_whole(path, json.dumps(document, indent=1, allow_nan=False) + "\n")

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Results:
        """Read what :meth:`save` wrote.

        Raises:
            ResultsError: The file is no JSON, of a newer schema, or breaks the schema.
            OSError: The file cannot be read.
        """
        name = os.fspath(path)
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ResultsError(f"{name}:{error.lineno}: not JSON: {error.msg}; {_GIVE}") from None
        except UnicodeDecodeError:
            raise ResultsError(f"{name}: not text; {_GIVE}") from None
        _validate(document, name)
        return Results(**{**document, "rows": [Row(**row) for row in document["rows"]]})


Check: TypeAlias = "Callable[[Any], bool]"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf


def _is_amount(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_parameter(value: Any) -> bool:
    return value is None or isinstance(value, str | bool) or _is_number(value)


def _is_table(value: Any, check: Check = lambda entry: True) -> bool:
    return isinstance(value, dict) and all(_is_text(name) and check(value[name]) for name in value)


#: Field -> its check and, for the error, what passes it.
_RESULTS: dict[str, tuple[Check, str]] = {
    "schema": (lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 1, "a whole number"),
    "r3d": (_is_text, "a text"),
    "created": (_is_text, "a text"),
    "machine": (_is_table, "an object"),
    "ceilings": (lambda v: _is_table(v, lambda d: _is_table(d, _is_amount)), "{device: {name: rate}}"),
    "method": (_is_table, "an object"),
    "rows": (lambda v: isinstance(v, list), "a list"),
}
_ROW: dict[str, tuple[Check, str]] = {
    "suite": (_is_text, "a text"),
    "case": (lambda v: _is_table(v, _is_parameter), "an object of numbers, texts, booleans and nulls"),
    "device": (_is_text, "a text"),
    "contestant": (_is_text, "a text"),
    "status": (lambda v: v in STATUSES, f"one of {', '.join(STATUSES)}"),
    "message": (_is_text, "a text"),
    "times_ms": (lambda v: isinstance(v, list) and all(map(_is_amount, v)), "a list of numbers ≥ 0"),
    "cold_ms": (lambda v: v is None or _is_amount(v), "a number ≥ 0 or null"),
    "peak_bytes": (lambda v: v is None or (_is_amount(v) and v == int(v)), "a whole number ≥ 0 or null"),
    "work": (lambda v: _is_table(v, _is_amount), "an object of numbers ≥ 0"),
}
_REQUIRED_OF_ROW = {"suite", "case", "device", "contestant", "status"}
_SHOWN = 60  # characters of a wrong value
_MEND = "write the file again with r3d bench --json"
_GIVE = "give a file that r3d bench --json wrote"


def _validate(document: Any, name: str) -> None:
    """Raise a ResultsError at the first place of ``document`` that breaks the schema."""
    if not isinstance(document, dict) or "schema" not in document:
        raise ResultsError(f"{name}: has no schema version; {_GIVE}")
    _validate_fields({"schema": document["schema"]}, {"schema": _RESULTS["schema"]}, {"schema"}, name, "")
    if document["schema"] > SCHEMA:
        raise ResultsError(
            f"{name}: its schema {document['schema']} is newer than this r3d reads ({SCHEMA}); update r3d"
        )
    _validate_fields(document, _RESULTS, {entry.name for entry in fields(Results)}, name, "")
    seen: dict[tuple[Key, str], int] = {}
    for index, row in enumerate(document["rows"]):
        place = f"rows[{index}]"
        if not isinstance(row, dict):
            raise ResultsError(f"{name}: {place} must be an object; {_MEND}")
        _validate_fields(row, _ROW, _REQUIRED_OF_ROW, name, f"{place}.")
        if row["status"] == "ok" and not row.get("times_ms"):
            raise ResultsError(f"{name}: {place} is ok and has no times_ms; {_MEND}")
        identity = (Row(**row).key, row["contestant"])
        if identity in seen:
            raise ResultsError(
                f"{name}: {place} repeats rows[{seen[identity]}]: {row['contestant']} on the same case;"
                " take one of them out"
            )
        seen[identity] = index


def _validate_fields(
    table: dict[str, Any], checks: dict[str, tuple[Check, str]], required: set[str], name: str, place: str
) -> None:
    for entry in sorted(required - table.keys()):
        raise ResultsError(f"{name}: {place}{entry} is missing; {_MEND}")
    for entry, value in table.items():
        if entry not in checks:
            raise ResultsError(f"{name}: {place}{entry} is no field of schema {SCHEMA}; take it out")
        check, wanted = checks[entry]
        if not check(value):
            got = repr(value)
            got = got if len(got) <= _SHOWN else got[:_SHOWN] + "…"
            raise ResultsError(f"{name}: {place}{entry} must be {wanted}, got {got}; {_MEND}")
