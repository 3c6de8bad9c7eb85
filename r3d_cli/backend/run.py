"""One call of an op, on either machine: its outputs, and the way to its CPU schedules and CUDA kernels."""

from __future__ import annotations

import ctypes
import struct
import threading
from functools import cache
from typing import Any

import numpy as np

from r3d_cli.backend.arrays import arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import Device, device_of
from r3d_cli.backend.packing import Packer, does_not_fit
from r3d_cli.backend.records import find_record
from r3d_cli.backend.sources import header_source
from r3d_cli.checks import dtype_name

_NAMES: dict[Any, str] = {}  # of dtypes; making a name takes microseconds


class Run:
    """Where an op runs, and in which real type.

    NumPy arrays run on the CPU schedules, which `schedule` calls; arrays of a GPU run the CUDA kernels there,
    which `launch` starts on the array library's stream. Both take their record by the names of its fields
    (``records.py``). `start` is for ops whose schedule and kernel bear one name and take one record.

    Args:
        stem: The op's file name.
        like: An array: outputs are of its library, on its device.
        device: Where to run instead, for the emulation.
        real: The dtype of the reals, by default that of ``like``.

    Example:
        >>> rows, ids = np.ones((2, 3)), np.array([[0, 1]])
        >>> run = Run("weighted_rows", rows)
        >>> sums = run.empty(1, 3)
        >>> run.start("weighted_rows_fwd", 3, rows=rows, ids=ids, weights=np.ones((1, 2)), sums=sums)
        -1
        >>> sums.tolist()
        [[2.0, 2.0, 2.0]]
    """

    def __init__(self, stem: str, like: Any, device: Device | None = None, real: str | None = None) -> None:
        self.stem, self.arrays = stem, arrays_like(like)
        self.real = real or _NAMES.get(like.dtype) or _NAMES.setdefault(like.dtype, dtype_name(like))
        self.on_cpu = device is None and isinstance(like, np.ndarray)
        self._device = device

    @property
    def device(self) -> Device:
        """The one whose kernels are launched."""
        if self._device is None:
            self._device = device_of(self.arrays)
        return self._device

    def empty(self, *shape: int, dtype: str | None = None) -> Any:
        return self.arrays.empty(shape, dtype or self.real)

    def full(self, value: int, *shape: int, dtype: str | None = None) -> Any:
        return self.arrays.full(shape, value, dtype or self.real)

    def start(self, name: str, threads: int, **fields: Any) -> int:
        """Run a schedule, or launch the kernel of the same name over so many threads.

        Returns:
            What the schedule returns; -1 of a kernel, which is not waited for.
        """
        if self.on_cpu:
            return self.schedule(name, **fields)
        self.launch(name, threads, fields)
        return -1

    def schedule(self, name: str, **fields: Any) -> int:
        """Run a CPU schedule. Returns -1, or the number of the input that is bad.

        Raises:
            LaunchError: A field that does not fit the schedule's record.
            MemoryError: Memory ran out.
        """
        return _schedule(self.stem, name, self.real)(fields)

    def launch(self, name: str, threads: int | tuple[int, ...], *arguments: Any) -> None:
        """Start a CUDA kernel: over so many threads, or, given a tuple, on that grid of blocks.

        Raises:
            LaunchError: An argument that does not fit the kernel.
        """
        self.device.kernels(self.stem, self.real).launch_threads(
            name, threads, *arguments, stream=self.arrays.stream
        )


class _Schedule:
    """A CPU schedule for one real type."""

    def __init__(self, stem: str, name: str, real: str) -> None:
        known = {(entry[0], entry[2]): (number, entry) for number, entry in enumerate(native().schedules())}
        found = known.get((name, np.dtype(real).itemsize)) or known.get((name, 0))
        if found is None:
            raise ValueError(f"no CPU schedule is called {name} for {real}")
        self._number, (_, struct_name, size_of_real, size) = found
        ctype = f"{struct_name}<Real>" if size_of_real else struct_name
        record = find_record([header_source(stem)], ctype, real)
        if record is None or record.size != size:
            raise ValueError(f"{name}: the compiled module does not fit {stem}.h; install r3d again")
        self._packer = Packer(name, record, ("cpu", 0))
        self._struct = struct.Struct(record.format)
        self._buffers = threading.local()
        self._run = native().run

    def __call__(self, fields: dict[str, Any]) -> int:
        values = self._packer.values(fields, {})
        try:
            buffer, address = self._buffers.pair
        except AttributeError:
            buffer = ctypes.create_string_buffer(self._struct.size)
            address = ctypes.addressof(buffer)
            self._buffers.pair = buffer, address
        try:
            self._struct.pack_into(buffer, 0, *values)
        except (struct.error, OverflowError):
            record = self._packer.record
            leaves = [(f"{self._packer.where}: {f.name}", f.dtype, f.letter) for f in record.fields]
            raise does_not_fit(leaves, values) from None
        return self._run(self._number, address)


_schedule = cache(_Schedule)
