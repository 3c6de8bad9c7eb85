"""The one door to every kernel: checks a launch against the kernel's C signature, then starts it.

Neither CUDA nor CuPy checks anything: a strided array, a float64 where the kernel reads float, a missing
argument are read as garbage. This door refuses them in a line that names kernel and argument. The emulated
kernels pass it too. It imports no array library: NumPy, CuPy and PyTorch arrays differ in what they offer.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any, Protocol

import numpy as np

from r3d_cli.backend.signatures import Parameter, Signature

#: What a GPU takes as a grid and a block.
MAX_GRID = (2**31 - 1, 65535, 65535)
MAX_BLOCK = 1024

#: ("cpu", 0), ("cuda", 1), …
Place = tuple[str, int]


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
        # Argument addresses first, then the arguments: one buffer, filled by one call.
        self._packers = {
            name: (signature, struct.Struct("=" + "Q" * len(signature.parameters) + signature.slots))
            for name, signature in signatures.items()
        }

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
        if name not in self._packers:
            raise LaunchError(f"there is no kernel {name}; this file has {', '.join(self._packers)}")
        signature, packer = self._packers[name]
        count = len(signature.parameters)
        if len(arguments) != count:
            names = ", ".join(parameter.name for parameter in signature.parameters)
            raise LaunchError(f"{name} takes {count} arguments ({names}), got {len(arguments)}")
        values = [
            self._address(name, parameter, argument)
            if parameter.pointer
            else _scalar(name, parameter, argument)
            for parameter, argument in zip(signature.parameters, arguments, strict=True)
        ]
        blocks = _dimensions(name, "grid", grid, MAX_GRID)
        threads = _dimensions(name, "block", block or signature.block, (signature.block,) * 3)
        if not 0 < threads[0] * threads[1] * threads[2] <= min(signature.block, MAX_BLOCK):
            raise LaunchError(f"{name} runs with 1..{signature.block} threads a block, got {block}")
        if 0 in blocks:
            return
        buffer = ctypes.create_string_buffer(packer.size)
        address = ctypes.addressof(buffer)
        first = address + 8 * count
        try:
            packer.pack_into(buffer, 0, *range(first, first + 8 * count, 8), *values)
        except (struct.error, OverflowError):
            raise _does_not_fit(signature, values) from None
        self._program.start(name, blocks, threads, address, stream)

    def _address(self, kernel: str, parameter: Parameter, array: Any) -> int:
        if array is None:
            if parameter.optional:
                return 0
            raise LaunchError(f"{kernel}: {parameter.name} must be an array, got None")
        pointer, dtype, contiguous, place = describe(array, kernel, parameter.name)
        if dtype != parameter.dtype:
            raise LaunchError(f"{kernel}: {parameter.name} must be {parameter.dtype}, got {dtype}")
        if not contiguous:
            raise LaunchError(f"{kernel}: {parameter.name} must be C-contiguous; make a contiguous copy")
        if place != self._program.place:
            raise LaunchError(
                f"{kernel}: {parameter.name} is on {show(place)}, not on {show(self._program.place)}"
            )
        return pointer


def describe(array: Any, kernel: str = "array", name: str = "it") -> tuple[int, Any, bool, Place]:
    """Address, dtype, contiguity and place of a NumPy, CuPy or PyTorch array."""
    if isinstance(array, np.ndarray):
        return array.__array_interface__["data"][0], array.dtype, array.flags.c_contiguous, ("cpu", 0)
    if hasattr(array, "data_ptr"):  # a torch.Tensor
        device = array.device
        return (
            array.data_ptr(),
            _torch_dtype(array.dtype),
            array.is_contiguous(),
            (device.type, device.index or 0),
        )
    if hasattr(array, "__cuda_array_interface__"):  # a cupy.ndarray
        return array.data.ptr, array.dtype, array.flags.c_contiguous, ("cuda", array.device.id)
    raise LaunchError(f"{kernel}: {name} must be a NumPy, CuPy or PyTorch array, got {type(array).__name__}")


def show(place: Place) -> str:
    return "the CPU" if place[0] == "cpu" else f"{place[0]}:{place[1]}"


def blocks_for(items: int, per_block: int = 256) -> int:
    """Blocks that cover ``items``."""
    return -(-items // per_block)


_TORCH_DTYPES: dict[Any, Any] = {}


def _torch_dtype(dtype: Any) -> Any:
    if dtype not in _TORCH_DTYPES:
        try:
            _TORCH_DTYPES[dtype] = np.dtype(str(dtype).removeprefix("torch."))
        except TypeError:  # bfloat16 and others that NumPy lacks match no parameter
            _TORCH_DTYPES[dtype] = str(dtype)
    return _TORCH_DTYPES[dtype]


def _scalar(kernel: str, parameter: Parameter, value: Any) -> Any:
    kind = parameter.dtype.kind
    if kind == "b":
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
    elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return float(value) if kind == "f" else int(value)
    elif kind == "f" and isinstance(value, (float, np.floating)):
        return float(value)
    raise LaunchError(
        f"{kernel}: {parameter.name} must be a {parameter.dtype} number, got {type(value).__name__}"
    )


def _does_not_fit(signature: Signature, values: list[Any]) -> LaunchError:
    for parameter, value in zip(signature.parameters, values, strict=True):
        try:
            struct.pack("=" + parameter.slot, value)
        except (struct.error, OverflowError):
            return LaunchError(f"{signature.name}: {parameter.name} = {value} does not fit {parameter.dtype}")
    return LaunchError(f"{signature.name}: arguments do not fit")


def _dimensions(
    kernel: str, what: str, given: int | tuple[int, ...], limits: tuple[int, int, int]
) -> tuple[int, int, int]:
    sizes = (given, 1, 1) if isinstance(given, int) else (*given, 1, 1)[: max(3, len(given))]
    if len(sizes) != 3 or not all(
        isinstance(s, int) and 0 <= s <= m for s, m in zip(sizes, limits, strict=True)
    ):
        raise LaunchError(f"{kernel}: {what} must be one to three numbers up to {limits}, got {given}")
    return sizes
