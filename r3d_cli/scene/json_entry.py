"""JSON files that people write: checked values; errors name the file, the place in it and the mend."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError

#: Magnitudes of the numbers taken: their products stay finite.
_SMALLEST, _GREATEST = 1e-30, 1e30


def read_start(path: str | os.PathLike[str], count: int = 4096) -> bytes:
    """The first bytes of a file, b"" where there are none or it cannot be read (`load_json` says why)."""
    try:
        with open(path, "rb") as file:
            return file.read(count)
    except OSError:
        return b""


def load_json(path: str | os.PathLike[str]) -> Any:
    """What a JSON file holds; R3dError with the line where it is none."""
    name = os.fspath(path)
    try:
        return json.loads(Path(name).read_bytes())
    except FileNotFoundError:
        raise R3dError(f"{name}: no such file; check the path") from None
    except IsADirectoryError:
        raise R3dError(f"{name}: is a directory; name a JSON file in it") from None
    except OSError as error:
        raise R3dError(f"{name}: cannot be read ({error.strerror}); check its permissions") from None
    except json.JSONDecodeError as error:
        what = f"is not valid JSON ({error.msg}, column {error.colno}); mend this line"
        raise R3dError(f"{name}:{error.lineno}: {what}") from None
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise R3dError(f"{name}: is not valid JSON; write it as UTF-8 text") from None


class Entry:
    """An object of a JSON file, with checked access to its values.

    What it lacks, an outer object that it was given may have: values that many entries share.
    """

    def __init__(self, file: str, values: Any, place: str = "", outer: Entry | None = None) -> None:
        self.file, self.place, self.outer = file, place, outer
        if not isinstance(values, dict):
            raise R3dError(f"{file}: {place or 'the whole'} must be an object, {{…}}, got {_shown(values)}")
        self.values: dict[str, Any] = values

    def __contains__(self, key: str) -> bool:
        return self.holder(key) is not None

    def holder(self, *keys: str) -> Entry | None:
        """The innermost object that has one of the keys."""
        if any(self.values.get(key) is not None for key in keys):
            return self
        return self.outer.holder(*keys) if self.outer else None

    def get(self, key: str) -> Any:
        """An unchecked value, or None."""
        holder = self.holder(key)
        return holder.values[key] if holder else None

    def lacks(self, what: str) -> NoReturn:
        """Raise an R3dError: there is none of ``what``, "a size; add …"."""
        raise R3dError(f"{self.file}: {f'{self.place} has' if self.place else 'has'} no {what}")

    def fail(self, key: str, what: str) -> NoReturn:
        """Raise an R3dError about a key: "must be …"."""
        place = (self.holder(key) or self).place
        raise R3dError(f"{self.file}: {place}{'.' if place else ''}{key} {what}")

    def one_of(self, keys: tuple[str, ...]) -> str | None:
        """Which of the keys this very object has, or None; it may have one at most."""
        found = [key for key in keys if self.values.get(key) is not None]
        if len(found) > 1:
            self.fail(found[0], f"stands beside {found[1]}; keep one of them")
        return found[0] if found else None

    def entries(self, key: str) -> list[Entry]:
        """The objects of a list, for which this one is the outer one."""
        values = self.get(key)
        if not isinstance(values, list) or not values:
            self.fail(key, f"must be a list of at least one object, got {_shown(values)}")
        return [Entry(self.file, value, f"{key}[{i}]", self) for i, value in enumerate(values)]

    def text(self, key: str, choices: tuple[str, ...] = ()) -> str:
        value = self.get(key)
        if choices and value not in choices:
            self.fail(key, f"must be one of {', '.join(choices)}, got {_shown(value)}")
        if not isinstance(value, str):
            self.fail(key, f"must be text, got {_shown(value)}")
        return value

    def number(self, key: str, *, positive: bool = False, below: float = math.inf) -> float:
        value = _number(self.get(key))
        if not abs(value) <= _GREATEST or (positive and not _SMALLEST <= value < below):
            least = "a number > 0" if positive else "a finite number"
            most = "" if below == math.inf else f" and < {below:g}"
            self.fail(key, f"must be {least}{most}, got {_shown(self.get(key))}")
        return value

    def pixels(self, key: str) -> int:
        """A side of a picture."""
        value = _number(self.get(key))
        if not 1 <= value <= _GREATEST or value != int(value):
            self.fail(key, f"must be a whole number of pixels >= 1, got {_shown(self.get(key))}")
        return int(value)

    def array(self, key: str, *shapes: tuple[int, ...]) -> NDArray[np.float64]:
        """Finite numbers in nested lists, of one of the shapes."""
        wanted = " or ".join("x".join(map(str, shape)) for shape in shapes)
        try:
            values = np.array(self.get(key), dtype=object)
        except ValueError:  # lists of different lengths
            values = np.empty(0, dtype=object)
        numbers = np.array([_number(value) for value in values.ravel()], dtype=np.float64)
        if values.shape not in shapes or not (np.abs(numbers) <= _GREATEST).all():
            self.fail(key, f"must be {wanted} finite numbers in lists, got {_shown(self.get(key))}")
        return numbers.reshape(values.shape)


def _number(value: Any) -> float:
    """A JSON number, or NaN for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _shown(value: Any) -> str:
    """A value as JSON, cut short."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
