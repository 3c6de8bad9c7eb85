"""The one door to every kernel: checks a launch against the kernel's C signature, then starts it.

Neither CUDA nor CuPy checks anything: a strided array, a float64 where the kernel reads float, a missing
argument are read as garbage. This door refuses them in a line that names kernel and argument. The emulated
kernels pass it too.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from typing import Any, Protocol

import numpy as np

from r3d_cli.backend.arrays import Arrays
from r3d_cli.backend.counts import COUNTS
from r3d_cli.backend.places import DESCRIBERS, Place, describer, show
from r3d_cli.backend.signatures import Parameter, Signature

#: What a GPU takes as a grid and a block.
MAX_GRID = (2**31 - 1, 65535, 65535)
MAX_BLOCK = 1024


class LaunchError(ValueError):
    """A launch that does not fit the kernel: one line with kernel, argument and what it must be."""


class Program(Protocol):
    """Compiled kernels of one file, loaded for one device."""

    place: Place

    def start(
        self, name: str, grid: tuple[int, int, int], block: tuple[int, int, int], parameters: int, stream: int
    ) -> None:
        """Start a kernel; ``parameters`` is the address of an array of pointers to the arguments."""


class Kernels:
    """The kernels of one file, for one real type and one device.

    Example:
        >>> from r3d_cli.backend.emulation import Emulation
        >>> values, totals = np.arange(5), np.empty(1, np.int64)
        >>> Emulation().kernels("scan", "float32").launch("scan_chunks", 1, values, 5, totals)
        >>> values.tolist(), totals.tolist()
        ([0, 0, 1, 3, 6], [10])
    """

    def __init__(self, signatures: dict[str, Signature], program: Program) -> None:
        self.signatures = signatures
        self._program = program
        self._kernels = {name: _Kernel(signature, program.place) for name, signature in signatures.items()}

    def launch(
        self,
        name: str,
        grid: int | tuple[int, ...],
        *arguments: Any,
        block: int | tuple[int, ...] | None = None,
        stream: int = 0,
    ) -> None:
        """Check and start one kernel; does not wait for it.

        Args:
            name: the kernel.
            grid: blocks, up to three dimensions. Where one is zero, nothing is started.
            *arguments: arrays for pointers (None where the kernel allows null), numbers for scalars.
            block: threads a block, by default what the kernel's ``__launch_bounds__`` says.
            stream: the device's stream, as an address.

        Raises:
            LaunchError: anything that does not fit.
        """
        kernel = self._kernels.get(name)
        if kernel is None:
            raise LaunchError(f"there is no kernel {name}; this file has {', '.join(self._kernels)}")
        parameters = kernel.marshal(arguments)
        blocks = (grid, 1, 1) if type(grid) is int and 0 <= grid <= MAX_GRID[0] else kernel.grid(grid)
        threads = kernel.default_block if block is None else kernel.block(block)
        if 0 not in blocks:
            COUNTS.launches += 1
            self._program.start(name, blocks, threads, parameters, stream)


class Device(Protocol):
    """Where kernels run: ``backend.cuda.CudaDevice`` or ``backend.emulation.Emulation``."""

    def kernels(self, stem: str, real: str) -> Kernels: ...


def device_of(arrays: Arrays) -> Device:
    """The GPU that arrays lie on."""
    from r3d_cli.backend.cuda import CudaDevice

    kind, index = arrays.place
    if kind != "cuda":
        raise ValueError(f"arrays on {kind} must be NumPy's; convert them with .numpy()")
    return CudaDevice.at(index)


class _Kernel:
    """One kernel's signature, made ready to check and pack arguments."""

    def __init__(self, signature: Signature, place: Place) -> None:
        self.name, self.parameters = signature.name, signature.parameters
        self.default_block = (signature.block, 1, 1)
        self._place = place
        # What an argument's type must be for the short way; None for arrays.
        self._kinds = tuple(None if p.pointer else _PLAIN[p.dtype.kind] for p in self.parameters)
        self._packer = struct.Struct("=" + "".join(p.slot for p in self.parameters))
        self._buffers = threading.local()

    def marshal(self, arguments: tuple[Any, ...]) -> int:
        """Address of an array of pointers to the arguments, valid until this thread's next call."""
        if len(arguments) != len(self.parameters):
            names = ", ".join(parameter.name for parameter in self.parameters)
            raise LaunchError(
                f"{self.name} takes {len(self.parameters)} arguments ({names}), got {len(arguments)}"
            )
        values = list(arguments)
        place = self._place
        for i, kind in enumerate(self._kinds):
            value = values[i]
            if kind is None:
                parameter = self.parameters[i]
                read = DESCRIBERS.get(type(value))
                if read is None:
                    values[i] = self._address(parameter, value)
                    continue
                pointer, dtype, contiguous, where = read(value)
                if dtype is parameter.dtype and contiguous and where == place:
                    values[i] = pointer
                else:
                    values[i] = self._address(parameter, value)
            elif type(value) not in kind:
                values[i] = self._scalar(self.parameters[i], value)
        try:
            buffer, address = self._buffers.pair
        except AttributeError:
            buffer, address = self._buffers.pair = self._new_buffer()
        try:
            self._packer.pack_into(buffer, 8 * len(values), *values)
        except (struct.error, OverflowError):
            raise self._does_not_fit(values) from None
        return address

    def _new_buffer(self) -> tuple[Any, int]:
        """The pointers, then eight bytes an argument."""
        count = len(self.parameters)
        buffer = ctypes.create_string_buffer(max(1, 16 * count))
        address = ctypes.addressof(buffer)
        first = address + 8 * count
        struct.pack_into(f"={count}Q", buffer, 0, *range(first, first + 8 * count, 8))
        return buffer, address

    def _address(self, parameter: Parameter, array: Any) -> int:
        where = f"{self.name}: {parameter.name}"
        if array is None:
            if parameter.optional:
                return 0
            raise LaunchError(f"{where} must be an array, got None")
        read = describer(array)
        if read is None:
            raise LaunchError(f"{where} must be a NumPy, CuPy or PyTorch array, got {type(array).__name__}")
        pointer, dtype, contiguous, place = read(array)
        if dtype != parameter.dtype:
            raise LaunchError(f"{where} must be {parameter.dtype}, got {dtype}")
        if not contiguous:
            raise LaunchError(f"{where} must be C-contiguous; make a contiguous copy")
        if place != self._place:
            raise LaunchError(f"{where} is on {show(place)}, not on {show(self._place)}")
        return pointer

    def _scalar(self, parameter: Parameter, value: Any) -> Any:
        """A NumPy number as Python's; nothing else is taken for a number."""
        for numpy_type, plain in _NUMPY[parameter.dtype.kind]:
            if isinstance(value, numpy_type):
                return plain(value)
        raise LaunchError(
            f"{self.name}: {parameter.name} must be {parameter.dtype}, got {type(value).__name__}"
        )

    def _does_not_fit(self, values: list[Any]) -> LaunchError:
        for parameter, value in zip(self.parameters, values, strict=True):
            try:
                struct.pack("=" + parameter.slot, value)
            except (struct.error, OverflowError):
                return LaunchError(f"{self.name}: {parameter.name} = {value} does not fit {parameter.dtype}")
        return LaunchError(f"{self.name}: arguments do not fit")

    def grid(self, given: int | tuple[int, ...]) -> tuple[int, int, int]:
        return self._dimensions("grid", given, MAX_GRID)

    def block(self, given: int | tuple[int, ...]) -> tuple[int, int, int]:
        most = min(self.default_block[0], MAX_BLOCK)
        x, y, z = self._dimensions("block", given, (most, most, most))
        if not 0 < x * y * z <= most:
            raise LaunchError(f"{self.name} runs with 1..{most} threads a block, got {given}")
        return x, y, z

    def _dimensions(
        self, what: str, given: int | tuple[int, ...], limits: tuple[int, int, int]
    ) -> tuple[int, int, int]:
        sizes = given if isinstance(given, tuple) else (given,)
        fits = all(type(size) is int and 0 <= size <= most for size, most in zip(sizes, limits, strict=False))
        if not fits or not 1 <= len(sizes) <= 3:
            raise LaunchError(f"{self.name}: {what} must be one to three numbers up to {limits}, got {given}")
        x, y, z = (*sizes, 1, 1)[:3]
        return x, y, z


# By the kind of a parameter's dtype: Python's types that it takes, and NumPy's with what they become.
_PLAIN: dict[str, set[type]] = {"b": {bool}, "i": {int}, "u": {int}, "f": {float, int}}
_INTEGERS: list[tuple[type, type]] = [(np.integer, int)]
_NUMPY: dict[str, list[tuple[type, type]]] = {
    "b": [(np.bool_, bool)],
    "i": _INTEGERS,
    "u": _INTEGERS,
    "f": [(np.floating, float), *_INTEGERS],
}


def blocks_for(items: int, per_block: int = 256) -> int:
    """Blocks that cover ``items``."""
    return -(-items // per_block)
