"""Where an exercise runs its kernels: through the emulation, or on a card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from r3d_cli.backend.emulation import Emulation


def on_cpu(launcher: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a launcher makes of NumPy arrays on the CPU schedules."""
    return launcher(*arguments, **options)


class Machine:
    """Runs launchers on NumPy arrays and returns NumPy arrays, whatever its kernels run on.

    ``on(weighted_rows_fwd, rows, ids, weights)`` is what the kernels make of these.
    """

    def __call__(self, launcher: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        given = [_each(self.put, argument) for argument in arguments]
        named = {name: _each(self.put, value) for name, value in options.items()}
        return _each(self.get, launcher(*given, **named, **self.how()))

    def changed(self, launcher: Callable[..., Any], *arrays: np.ndarray) -> list[np.ndarray]:
        """Copies of arrays that a launcher works on in place, after it."""
        there = [self.put(array.copy()) for array in arrays]
        launcher(*there, **self.how())
        return [self.get(array) for array in there]

    def put(self, array: Any) -> Any:
        return array

    def get(self, array: Any) -> Any:
        return array

    def how(self) -> dict[str, Any]:
        return {}


class Emulated(Machine):
    def __init__(self, device: Emulation) -> None:
        self.device = device

    def how(self) -> dict[str, Any]:
        return {"device": self.device}


class Card(Machine):
    """The first GPU."""

    def __init__(self) -> None:
        from r3d_cli.backend.cuda import require_cuda

        self._cupy = require_cuda()

    def put(self, array: Any) -> Any:
        return self._cupy.asarray(array) if isinstance(array, np.ndarray) else array

    def get(self, array: Any) -> Any:
        return self._cupy.asnumpy(array) if isinstance(array, self._cupy.ndarray) else array


def _each(convert: Callable[[Any], Any], value: Any) -> Any:
    """A value with its arrays converted, those within tuples as well."""
    if not isinstance(value, tuple):
        return convert(value)
    parts = [_each(convert, part) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
