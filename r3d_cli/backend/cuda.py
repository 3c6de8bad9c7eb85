"""CUDA devices: kernels compiled at run time by NVRTC through CuPy, launched on the caller's stream."""

from __future__ import annotations

import threading
import time
from functools import cache, lru_cache
from typing import Any

from r3d_cli.backend.cuda_state import cuda_state
from r3d_cli.backend.launch import Kernels, Place
from r3d_cli.backend.signatures import parse_kernels
from r3d_cli.backend.sources import kernel_source, stems
from r3d_cli.constants import DEFINES
from r3d_cli.errors import R3dError

#: dtype name -> what R3D_REAL is defined as.
REALS = {"float32": "float", "float64": "double"}


class CudaUnavailable(R3dError, RuntimeError):
    """CUDA cannot be used here: one line with the cause and the mend."""


def compile_options(real: str) -> tuple[str, ...]:
    """NVRTC's options for a kernel file."""
    return (
        "-std=c++17",
        f"-DR3D_REAL={REALS[real]}",
        *(f"-D{name}={value}" for name, value in DEFINES.items()),
    )


@lru_cache(maxsize=1)
def require_cuda() -> Any:
    """CuPy, with a driver, a device and an NVRTC that it can use.

    Raises:
        CudaUnavailable: what is missing or broken, and the mend.
    """
    state = cuda_state()
    if state.fault:
        raise CudaUnavailable(f"{state.fault}; {state.mend}")
    import cupy

    return cupy


class CudaDevice:
    """One GPU. ``CudaDevice.at(index)`` is the same object each time, so kernels are loaded once."""

    def __init__(self, index: int) -> None:
        self.place: Place = ("cuda", index)
        self._kernels: dict[tuple[str, str], Kernels] = {}

    @staticmethod
    @cache
    def at(index: int) -> CudaDevice:
        count = require_cuda().cuda.runtime.getDeviceCount()
        if not 0 <= index < count:
            raise CudaUnavailable(f"there is no cuda:{index}; this machine has cuda:0 to cuda:{count - 1}")
        return CudaDevice(index)

    def kernels(self, stem: str, real: str) -> Kernels:
        """The kernels of ``stem``.cu with ``real`` (a dtype's name) for ``R3D_REAL``."""
        if (stem, real) not in self._kernels:
            source = kernel_source(stem)
            program = _Program(source, compile_options(real), self.place)
            self._kernels[stem, real] = Kernels(parse_kernels(source, real, f"{stem}.cu"), program)
        return self._kernels[stem, real]


class _Program:
    """A RawModule on one device."""

    def __init__(self, source: str, options: tuple[str, ...], place: Place) -> None:
        cupy = require_cuda()
        self.place = place
        self._device = cupy.cuda.Device(place[1])
        self._current = cupy.cuda.runtime.getDevice
        self._launch = cupy.cuda.driver.launchKernel
        self._module = cupy.RawModule(code=source, options=options)
        self._functions: dict[str, Any] = {}
        # A thread that CUDA has not met (PyTorch's backward has one of its own) must first take the context.
        self._bind = cupy.cuda.runtime.setDevice
        self._thread = threading.local()
        try:
            with self._device:
                self._module.compile()
        except cupy.cuda.compiler.CompileException as error:
            raise CudaUnavailable(
                f"NVRTC refuses a kernel: {_first_line(error)}; please report it"
            ) from error

    def start(
        self, name: str, grid: tuple[int, int, int], block: tuple[int, int, int], parameters: int, stream: int
    ) -> None:
        if self._current() != self.place[1]:
            with self._device:
                self.start(name, grid, block, parameters, stream)
            return
        if not hasattr(self._thread, "bound"):
            self._bind(self.place[1])
            self._thread.bound = True
        if name not in self._functions:
            self._functions[name] = self._module.get_function(name).kernel
        self._launch(self._functions[name].ptr, *grid, *block, 0, stream, parameters, 0)


def warmup(index: int = 0) -> float:
    """Compile every kernel for a device, into CuPy's disk cache and this process; returns the seconds taken.

    Raises:
        CudaUnavailable: CUDA cannot be used here.
    """
    start = time.perf_counter()
    device = CudaDevice.at(index)
    for stem in stems():
        for real in REALS:
            device.kernels(stem, real)
    return time.perf_counter() - start


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
