"""Stop-watches: what a call costs on the device that does its work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol


class Clock(Protocol):
    def time(self, call: Callable[[], Any]) -> tuple[Any, float]:
        """Run ``call``; returns its value and the milliseconds until its work was done."""


class CpuClock:
    def time(self, call: Callable[[], Any]) -> tuple[Any, float]:
        start = time.perf_counter_ns()
        value = call()
        return value, (time.perf_counter_ns() - start) / 1e6


class CudaClock:
    """CUDA events around the call on the default stream, where CuPy and PyTorch both work unless told."""

    def __init__(self, index: int) -> None:
        from r3d_cli.backend.cuda import require_cuda

        self._cupy = require_cuda()
        self._device = self._cupy.cuda.Device(index)

    def time(self, call: Callable[[], Any]) -> tuple[Any, float]:
        with self._device:
            begin, end = self._cupy.cuda.Event(), self._cupy.cuda.Event()
            self._device.synchronize()
            begin.record()
            value = call()
            end.record()
            self._device.synchronize()  # of all streams: a peer may have its own
            return value, self._cupy.cuda.get_elapsed_time(begin, end)


def clock_for(device: str) -> Clock:
    kind, _, index = device.partition(":")
    return CpuClock() if kind == "cpu" else CudaClock(int(index or 0))
