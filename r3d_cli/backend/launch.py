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

from r3d_cli.backend.arrays import Arrays
from r3d_cli.backend.packing import PLAIN, LaunchError, Packer, address_of, as_number, does_not_fit
from r3d_cli.backend.places import DESCRIBERS, Place
from r3d_cli.backend.records import LETTERS
from r3d_cli.backend.signatures import Parameter, Signature

#: What a GPU takes as a grid and a block.
MAX_GRID = (2**31 - 1, 65535, 65535)
MAX_BLOCK = 1024


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
        >>> import numpy as np
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
            self._program.start(name, blocks, threads, parameters, stream)

    def launch_threads(
        self, name: str, threads: int | tuple[int, ...], *arguments: Any, stream: int = 0
    ) -> None:
        """`launch` over so many threads, or, given a tuple, on that grid of blocks."""
        if type(threads) is int and name in self._kernels:
            self.launch(name, blocks_for(threads, self._kernels[name].block_size), *arguments, stream=stream)
        else:
            self.launch(name, threads, *arguments, stream=stream)


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
        self.block_size = signature.block
        self.default_block = (signature.block, 1, 1)
        self._place = place
        # What an argument's type must be for the short way; None for arrays and records.
        self._kinds = tuple(
            None if p.pointer or p.dtype is None else PLAIN[p.dtype.kind] for p in self.parameters
        )
        self._packers = tuple(
            None if p.record is None else Packer(self.name, p.record, place) for p in self.parameters
        )
        formats, self._starts, at = [], [], 0
        for parameter in self.parameters:
            text = _format(parameter)
            size = struct.calcsize(text)
            padded = -(-size // 16) * 16
            formats.append(text[1:] + f"{padded - size}x" * (padded > size))
            self._starts.append(at)
            at += padded
        self._size = at
        self._packer = struct.Struct("=" + "".join(formats))
        self._buffers = threading.local()

    def marshal(self, arguments: tuple[Any, ...]) -> int:
        """Address of an array of pointers to the arguments, valid until this thread's next call."""
        if len(arguments) != len(self.parameters):
            names = ", ".join(parameter.name for parameter in self.parameters)
            raise LaunchError(
                f"{self.name} takes {len(self.parameters)} arguments ({names}), got {len(arguments)}"
            )
        values: list[Any] = []
        place, sizes = self._place, dict[str, int]()
        for i, kind in enumerate(self._kinds):
            value = arguments[i]
            if kind is not None:
                if type(value) not in kind:
                    parameter = self.parameters[i]
                    value = as_number(f"{self.name}: {parameter.name}", parameter.dtype, value)
                values.append(value)
                continue
            packer = self._packers[i]
            if packer is not None:
                values += packer.values(value, sizes)
                continue
            parameter = self.parameters[i]
            read = DESCRIBERS.get(type(value))
            if read is not None:
                pointer, dtype, contiguous, where = read(value)
                if dtype is parameter.dtype and contiguous and where == place:
                    values.append(pointer)
                    continue
            values.append(
                address_of(
                    f"{self.name}: {parameter.name}", parameter.dtype, parameter.optional, value, place
                )
            )
        try:
            buffer, address = self._buffers.pair
        except AttributeError:
            buffer, address = self._buffers.pair = self._new_buffer()
        try:
            self._packer.pack_into(buffer, self._first, *values)
        except (struct.error, OverflowError):
            raise self._does_not_fit(values) from None
        return address

    @property
    def _first(self) -> int:
        """Where the arguments begin, after the pointers to them: records want 16 bytes' alignment."""
        return -(-8 * len(self.parameters) // 16) * 16

    def _new_buffer(self) -> tuple[Any, int]:
        """The pointers, then the arguments."""
        size = self._first + self._size
        whole = ctypes.create_string_buffer(size + 16)
        skip = -ctypes.addressof(whole) % 16
        buffer = (ctypes.c_char * size).from_buffer(whole, skip)
        address = ctypes.addressof(buffer)
        pointers = [address + self._first + start for start in self._starts]
        struct.pack_into(f"={len(pointers)}Q", buffer, 0, *pointers)
        return buffer, address

    def _does_not_fit(self, values: list[Any]) -> LaunchError:
        leaves = [
            (f"{self.name}: {name}", dtype, letter)
            for parameter in self.parameters
            for name, dtype, letter in _leaves(parameter)
        ]
        return does_not_fit(leaves, values)

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


def _format(parameter: Parameter) -> str:
    if parameter.record:
        return parameter.record.format
    assert parameter.dtype is not None
    return "=" + ("Q" if parameter.pointer else LETTERS[parameter.dtype.name])


def _leaves(parameter: Parameter) -> list[tuple[str, str, str]]:
    """Name, dtype and letter of what a parameter is packed from."""
    if parameter.record:
        return [(f.name, f.dtype, f.letter) for f in parameter.record.fields]
    return [(parameter.name, str(parameter.dtype), _format(parameter)[1:])]


def blocks_for(items: int, per_block: int = 256) -> int:
    """Blocks that cover ``items``."""
    return -(-items // per_block)
