"""Checks Python's values against what C++ takes, and puts them in order for ``struct.pack``."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from r3d_cli.backend.places import DESCRIBERS, Place, describer, show
from r3d_cli.backend.records import Field, Record, Side


class LaunchError(ValueError):
    """A launch that does not fit the kernel: one line with kernel, argument and what it must be."""


# By the kind of a parameter's dtype: Python's types that it takes, and NumPy's with what they become.
PLAIN: dict[str, set[type]] = {"b": {bool}, "i": {int}, "u": {int}, "f": {float, int}}
_INTEGERS: list[tuple[type, type]] = [(np.integer, int)]
_NUMPY: dict[str, list[tuple[type, type]]] = {
    "b": [(np.bool_, bool)],
    "i": _INTEGERS,
    "u": _INTEGERS,
    "f": [(np.floating, float), *_INTEGERS],
}


_MISSING = object()


class Packer:
    """Checks the values of a record's fields and puts them in the order in which they are packed.

    Values come by name: arrays for pointers (None, or nothing, where the record allows null), numbers for
    scalars. A record within the record may be given whole, as a named tuple of its fields. A size that the
    shapes of the arrays tell may be left out.
    """

    def __init__(self, where: str, record: Record, place: Place) -> None:
        self.where, self.record, self._place = where, record, place
        self._fields = [
            (f.name, np.dtype(f.dtype), None if f.pointer else PLAIN[np.dtype(f.dtype).kind], f.shape, f)
            for f in record.fields
        ]
        self._names = {field.name for field in record.fields}

    def values(self, given: Any, sizes: dict[str, int]) -> list[Any]:
        """The values, in the order of the fields.

        Args:
            given: By the field's name.
            sizes: Of letters that shapes have told so far; more are added.

        Raises:
            LaunchError: Anything that does not fit.
        """
        nested = self.record.nested
        if nested and not nested.keys().isdisjoint(given):
            given = self._unfolded(given)
        out: list[Any] = []
        open_sizes: list[tuple[int, Field]] = []
        taken, place, get = 0, self._place, given.get
        for name, dtype, kind, shape, field in self._fields:
            value = get(name, _MISSING)
            if value is _MISSING:
                if kind is None and field.optional:
                    out.append(0)
                elif field.side is not None:
                    open_sizes.append((len(out), field))
                    out.append(0)
                else:
                    raise LaunchError(f"{self.where}: {name} is missing")
                continue
            taken += 1
            if kind is not None:
                if type(value) not in kind:
                    value = as_number(f"{self.where}: {name}", dtype, value)
                if field.side is not None:
                    self._match(field, (value,), sizes)
                out.append(value)
                continue
            read = DESCRIBERS.get(type(value))
            if read is not None:
                pointer, found, contiguous, at = read(value)
                if found is dtype and contiguous and at == place:
                    out.append(pointer)
                    if shape is not None:
                        self._match(field, value.shape, sizes)
                    continue
            out.append(address_of(f"{self.where}: {name}", dtype, field.optional, value, place))
            if shape is not None and value is not None:
                self._match(field, value.shape, sizes)
        if taken != len(given):
            extra = ", ".join(sorted(given.keys() - self._names))
            raise LaunchError(f"{self.where} takes no {extra}; it takes {', '.join(sorted(self._names))}")
        for index, field in open_sizes:
            letter, factor, plus = field.side  # type: ignore[misc]
            if letter not in sizes:
                raise LaunchError(f"{self.where}: {field.name} is missing: no array says what {letter} is")
            out[index] = factor * sizes[letter] + plus
        return out

    def _unfolded(self, given: Any) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, value in given.items():
            if name in self.record.nested:
                out.update(value if isinstance(value, dict) else value._asdict())
            else:
                out[name] = value
        return out

    def _match(self, field: Field, shape: Sequence[int], sizes: dict[str, int]) -> None:
        """Hold a shape against its letters; letters not seen so far are told by it."""
        sides = _sides(field)
        fits = len(shape) == len(sides)
        if fits:
            for (letter, factor, plus), size in zip(sides, shape, strict=True):
                if letter is None:
                    fits = size == plus
                elif letter in sizes:
                    fits = size == factor * sizes[letter] + plus
                else:
                    count, rest = divmod(size - plus, factor)
                    fits = count >= 0 and rest == 0
                    sizes[letter] = count
                if not fits:
                    break
        if not fits:
            raise self._misfit(field, shape, sizes)

    def _misfit(self, field: Field, shape: Sequence[int], sizes: dict[str, int]) -> LaunchError:
        sides = _sides(field)
        known = ", ".join(f"{letter} = {sizes[letter]}" for letter, *_ in sides if letter in sizes)
        known = f" with {known}" if known else ""
        must = ", ".join(map(_show_side, sides))
        if field.pointer:
            must = f"have shape ({must}{',' * (len(sides) == 1)})"
            return LaunchError(f"{self.where}: {field.name} must {must}{known}, got {tuple(shape)}")
        return LaunchError(f"{self.where}: {field.name} must be {must}{known}, got {shape[0]}")


def _sides(field: Field) -> tuple[Side, ...]:
    if field.shape is not None:
        return field.shape
    return () if field.side is None else (field.side,)


def _show_side(side: Side) -> str:
    letter, factor, plus = side
    if letter is None:
        return str(plus)
    return f"{factor if factor > 1 else ''}{letter}{f' + {plus}' if plus else ''}"


def does_not_fit(leaves: list[tuple[str, str, str]], values: list[Any]) -> LaunchError:
    """Which of the values, by (name, dtype, letter), ``struct`` refused."""
    for (name, dtype, letter), value in zip(leaves, values, strict=True):
        try:
            struct.pack("=" + letter, value)
        except (struct.error, OverflowError):
            return LaunchError(f"{name} = {value} does not fit {dtype}")
    return LaunchError("arguments do not fit")


def address_of(where: str, dtype: Any, optional: bool, array: Any, place: Place) -> int:
    if array is None:
        if optional:
            return 0
        raise LaunchError(f"{where} must be an array, got None")
    read = describer(array)
    if read is None:
        raise LaunchError(f"{where} must be a NumPy, CuPy or PyTorch array, got {type(array).__name__}")
    pointer, found, contiguous, at = read(array)
    if found != dtype:
        raise LaunchError(f"{where} must be {dtype}, got {found}")
    if not contiguous:
        raise LaunchError(f"{where} must be C-contiguous; make a contiguous copy")
    if at != place:
        raise LaunchError(f"{where} is on {show(at)}, not on {show(place)}")
    return pointer


def as_number(where: str, dtype: Any, value: Any) -> Any:
    """A NumPy number as Python's; nothing else is taken for a number."""
    for numpy_type, plain in _NUMPY[dtype.kind]:
        if isinstance(value, numpy_type):
            return plain(value)
    raise LaunchError(f"{where} must be {dtype}, got {type(value).__name__}")
