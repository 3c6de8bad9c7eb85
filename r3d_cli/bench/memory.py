"""Peak memory of what this process does from now on: resident set on the CPU, allocators' peak on a GPU."""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from r3d_cli.errors import R3dError


class Meter(Protocol):
    def peak_bytes(self) -> int:
        """The peak since the meter was made, above what was held then."""


class ResidentMeter:
    """The resident set's high-water mark, which Linux sets back when asked (proc(5), clear_refs)."""

    def __init__(self) -> None:
        gc.collect()
        # Free pages that the allocator keeps would be used first, and hide what is needed.
        ctypes.CDLL(None).malloc_trim(0)
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError as error:
            raise R3dError(f"/proc/self/clear_refs: {error.strerror}; memory is not measured here") from error
        self._before = _status("VmRSS")

    def peak_bytes(self) -> int:
        return max(_status("VmHWM") - self._before, 0)


class CudaMeter:
    """What CuPy's pool has grown by, and PyTorch's own peak."""

    def __init__(self, index: int) -> None:
        from r3d_cli.backend.cuda import require_cuda

        gc.collect()
        self._index = index
        self._pool = require_cuda().get_default_memory_pool()
        self._pool.free_all_blocks()
        self._before = self._pool.total_bytes()
        self._torch = sys.modules.get("torch")
        if self._torch is not None and self._torch.cuda.is_initialized():
            self._torch.cuda.empty_cache()
            self._torch.cuda.reset_peak_memory_stats(index)
            self._before += self._torch.cuda.memory_allocated(index)

    def peak_bytes(self) -> int:
        torch, peak = sys.modules.get("torch"), self._pool.total_bytes()
        if torch is not None and torch.cuda.is_initialized():
            peak += torch.cuda.max_memory_allocated(self._index)
        return max(peak - self._before, 0)


def meter_for(device: str) -> Meter:
    kind, _, index = device.partition(":")
    return ResidentMeter() if kind == "cpu" else CudaMeter(int(index or 0))


def _status(field: str) -> int:  # bytes
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise R3dError(f"/proc/self/status: has no {field}; memory is not measured here")


# The mark of a process counts from before its exec: a large parent would be measured. A small one stands
# between.
_LAUNCHER = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(json.dumps([code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]))
"""


def peak_of_command(
    arguments: Sequence[str], *, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> int:
    """The largest resident set of a command's process, bytes; at least that of a bare Python (10 MB).

    Raises:
        RuntimeError: The command failed.
    """
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *arguments]
    done = subprocess.run(launcher, cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    code, peak = json.loads(done.stdout)
    if code:
        raise RuntimeError(f"{arguments[0]} exited with {code}")
    return peak
