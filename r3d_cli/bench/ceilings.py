"""What a device can do at best, measured, and how near to it a benchmark's row comes.

Two ceilings, as in the roofline model (Williams et al. 2009, "Roofline"): the bandwidth of copying memory,
and the rate of float32 fused multiply-adds on registers. They are this machine's on this day, turbo and
neighbours included.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from r3d_cli.bench.results import Row

#: Names of the ceilings in ``Results.ceilings[device]``.
COPY, FMA = "copy_gb_s", "fma_gflop_s"

_COPY_BYTES = 256 * 2**20  # of each array: past the last-level cache of what people own
_MEMORY_SHARE = 16  # but each array takes at most this fraction of the memory
_ROUNDS = 20_000  # FMAs in a row in each register
_CHUNKS_PER_THREAD = 16  # so that a thread that wakes late costs little
_SECONDS = 0.5  # that a ceiling is looked for
_GPU_ELEMENTS = 1 << 22
_GPU_ROUNDS = 2048
_GPU_CHAINS = 4


def measure_ceilings(device: str = "cpu", *, seconds: float = _SECONDS) -> dict[str, float]:
    """Measure a device's ceilings.

    Args:
        device: ``cpu`` (the threads and the instruction set in use) or ``cuda:N``.
        seconds: Time given to each ceiling; the best repetition counts, since a ceiling is a maximum.

    Returns:
        ``copy_gb_s``: 1e9 bytes a second, read plus written, of a copy larger than the caches.
        ``fma_gflop_s``: 1e9 float32 operations a second, a fused multiply-add being two.

    Raises:
        R3dError: The device cannot be used here.

    Example:
        >>> sorted(measure_ceilings("cpu", seconds=0.01))
        ['copy_gb_s', 'fma_gflop_s']
    """
    if device == "cpu":
        return {COPY: _cpu_copy(seconds), FMA: _cpu_fma(seconds)}
    return _gpu_ceilings(int(device.removeprefix("cuda:")), seconds)


class Shares(NamedTuple):
    """What part of each ceiling a row reaches; None where the row's work or the ceiling is unknown.

    Above 1 for work that stays in the caches, which are faster than the memory that the ceiling measures.
    """

    copy: float | None
    fma: float | None

    @property
    def nearest(self) -> tuple[str, float] | None:
        """The ceiling that limits first, and the share of it."""
        known = [(name, share) for name, share in zip(self._fields, self, strict=True) if share is not None]
        return max(known, key=lambda entry: entry[1], default=None)


def shares(row: Row, ceilings: dict[str, dict[str, float]]) -> Shares:
    """The shares of its device's ceilings that ``row`` reaches, from its least work and its median.

    Example:
        >>> row = Row("io", {}, "cpu", "r3d", "ok", times_ms=[2.0], work={"bytes": 1e7})
        >>> shares(row, {"cpu": {"copy_gb_s": 10.0}}).nearest
        ('copy', 0.5)
    """
    device = ceilings.get(row.device, {})

    def share(work: str, ceiling: str) -> float | None:
        if not row.median_ms or not device.get(ceiling) or work not in row.work:
            return None
        return row.work[work] / (row.median_ms * 1e-3) / (device[ceiling] * 1e9)

    return Shares(share("bytes", COPY), share("flops", FMA))


def _best_seconds(call: Callable[[], object], seconds: float) -> float:
    """The shortest of the calls that fit into ``seconds``, after one to warm up."""
    call()
    best = float("inf")
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        call()
        now = time.perf_counter()
        best = min(best, now - start)
        if now >= end:
            return best


def _cpu_copy(seconds: float) -> float:
    import os

    from r3d_cli.backend.cpu import native

    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    size = min(_COPY_BYTES, memory // _MEMORY_SHARE)
    source, target = (_aligned_floats(size // 4) for _ in range(2))
    source.fill(1)
    best = _best_seconds(lambda: native().ceiling_copy(source, target), seconds)
    return 2 * source.nbytes / best / 1e9


def _aligned_floats(count: int) -> Any:
    """Uninitialised float32 at a multiple of 64 bytes, which streaming stores need."""
    import numpy as np

    block = np.empty(4 * count + 64, np.uint8)
    start = -block.ctypes.data % 64
    return block[start : start + 4 * count].view(np.float32)


def _cpu_fma(seconds: float) -> float:
    import numpy as np

    from r3d_cli.backend.cpu import native, num_threads

    start = np.ones(_CHUNKS_PER_THREAD * num_threads(), np.float32)
    out = np.empty_like(start)
    operations = 0

    def call() -> None:
        nonlocal operations
        operations = native().ceiling_fma(start, 0.5, 0.5, _ROUNDS, out)

    best = _best_seconds(call, seconds)
    return operations / best / 1e9


def _gpu_ceilings(index: int, seconds: float) -> dict[str, float]:
    from r3d_cli.backend.cuda import CudaDevice, require_cuda

    CudaDevice.at(index)  # names a device that is not there
    cupy = require_cuda()
    with cupy.cuda.Device(index):
        source = cupy.ones(_COPY_BYTES, cupy.float32)  # 1 GiB: past any L2
        target = cupy.empty_like(source)
        copy = _best_gpu_seconds(cupy, lambda: cupy.copyto(target, source), seconds)
        chain = cupy.ElementwiseKernel(
            "float32 x, float32 a, float32 b, int32 rounds",
            "float32 y",
            f"""
            float chain[{_GPU_CHAINS}];
            for (int i = 0; i < {_GPU_CHAINS}; ++i) chain[i] = x + i;
            for (int round = 0; round < rounds; ++round)
              for (int i = 0; i < {_GPU_CHAINS}; ++i) chain[i] = fmaf(chain[i], a, b);
            y = 0;
            for (int i = 0; i < {_GPU_CHAINS}; ++i) y += chain[i];
            """,
            "r3d_fma_ceiling",
        )
        start, out = source[:_GPU_ELEMENTS], target[:_GPU_ELEMENTS]
        one_half = cupy.float32(0.5)
        fma = _best_gpu_seconds(
            cupy, lambda: chain(start, one_half, one_half, cupy.int32(_GPU_ROUNDS), out), seconds
        )
    operations = 2 * _GPU_ELEMENTS * _GPU_ROUNDS * _GPU_CHAINS
    return {COPY: 2 * source.nbytes / copy / 1e9, FMA: operations / fma / 1e9}


def _best_gpu_seconds(cupy: Any, call: Callable[[], object], seconds: float) -> float:
    """:func:`_best_seconds`, timed between events on the GPU."""
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    best = float("inf")

    def timed() -> None:
        nonlocal best
        begin.record()
        call()
        end.record()
        end.synchronize()
        best = min(best, cupy.cuda.get_elapsed_time(begin, end) * 1e-3)

    _best_seconds(timed, seconds)
    return best
