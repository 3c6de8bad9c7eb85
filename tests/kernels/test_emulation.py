"""The emulation finds the faults it is there for: each is seeded here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from r3d_cli.backend.emulation import Emulation, EmulationError, build_library
from r3d_cli.backend.signatures import parse_kernels

FAULTS = r"""
#include "math/kernel.h"

// Each thread reads its neighbour's value.
extern "C" __global__ void __launch_bounds__(64) neighbour(const i32* in, i32* out, bool wait) {
  __shared__ i32 values[64];
  values[threadIdx.x] = in[threadIdx.x];
  if (wait) __syncthreads();
  out[threadIdx.x] = values[(threadIdx.x + 1) % 64];
}

// All threads write the same value, as an update that is lost on a GPU does.
extern "C" __global__ void __launch_bounds__(64) same_value(i32* out, bool one) {
  if (!one || threadIdx.x == 0) out[0] = 1;
}

// The whole grid counts itself.
extern "C" __global__ void __launch_bounds__(64) count(i32* out, bool atomic) {
  if (atomic)
    atomicAdd(out, 1);
  else if (threadIdx.x == 0)
    out[0] += 1;
}

// A plain read of what another thread of the same stretch updates.
extern "C" __global__ void __launch_bounds__(64) peek(i32* out, bool wait) {
  __shared__ i32 total;
  if (threadIdx.x == 0) total = 0;
  __syncthreads();
  atomicAdd(&total, 1);
  if (wait) __syncthreads();
  out[threadIdx.x] = total;
}

// Half of the threads wait elsewhere, or not at all.
extern "C" __global__ void __launch_bounds__(64) diverge(i32* out, int fault) {
  if (fault == 1 && threadIdx.x % 2) return;
  if (fault == 2 && threadIdx.x % 2) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1;
}

// Shared memory that nobody wrote.
extern "C" __global__ void __launch_bounds__(64) unwritten(i32* out) {
  __shared__ i32 values[64];
  if (threadIdx.x < 63) values[threadIdx.x] = 0;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}

extern "C" __global__ void __launch_bounds__(64) past_the_end(i32* out, int at) { out[at] = 1; }

extern "C" __global__ void __launch_bounds__(64) past_shared(i32* out, int at) {
  __shared__ i32 values[64];
  values[threadIdx.x] = 0;
  __syncthreads();
  if (threadIdx.x == 0) values[at] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}

// Sums of a warp in every lane, by exchange, and the votes of its even lanes.
extern "C" __global__ void __launch_bounds__(64) warp(const R3D_REAL* in, R3D_REAL* sums, u32* votes,
                                                       bool lonely) {
  R3D_REAL sum = in[threadIdx.x];
  for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  sums[threadIdx.x] = sum + __shfl_down_sync(0xffffffffu, sum, 1) - __shfl_sync(0xffffffffu, sum, 3);
  if (!lonely || threadIdx.x) votes[threadIdx.x] = __ballot_sync(0xffffffffu, threadIdx.x % 2 == 0);
}

// Lanes of a warp hand values on through shared memory.
extern "C" __global__ void __launch_bounds__(64) warp_shared(i32* out, bool wait) {
  __shared__ i32 values[64];
  values[threadIdx.x] = (i32)threadIdx.x;
  if (wait) __syncwarp();
  out[threadIdx.x] = values[threadIdx.x ^ 1];
}
"""


def faults(build: str = "plain", order: str = "forward") -> Emulation:
    return Emulation(order, build=build, texts={"faults": FAULTS})


def launch(device: Emulation, name: str, grid: int, *arguments: object) -> None:
    device.kernels("faults", "float32").launch(name, grid, *arguments)


NUMBERS = np.arange(64, dtype=np.int32)

RACES = {
    "neighbour": (1, NUMBERS, np.zeros(64, np.int32)),
    "same_value": (1, np.zeros(1, np.int32)),
    "count": (2, np.zeros(1, np.int32)),
    "peek": (1, np.zeros(64, np.int32)),
    "warp_shared": (1, np.zeros(64, np.int32)),
}


@pytest.mark.parametrize("order", ["forward", "random"])
@pytest.mark.parametrize("name", RACES)
def test_the_race_build_finds_races_and_nothing_else(name: str, order: str) -> None:
    grid, *arrays = RACES[name]
    with pytest.raises(EmulationError, match=rf"{name}: race at faults.cu:\d+: block \d"):
        launch(faults("races", order), name, grid, *arrays, False)
    launch(faults("races", order), name, grid, *arrays, True)


def test_orders_show_a_missing_barrier() -> None:
    out = np.zeros((2, 64), np.int32)
    launch(faults(order="reverse"), "neighbour", 1, NUMBERS, out[0], True)
    launch(faults(order="reverse"), "neighbour", 1, NUMBERS, out[1], False)
    np.testing.assert_array_equal(out[0], np.roll(NUMBERS, -1))
    assert (out[1] != out[0]).any()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (1, r"diverge: line \d+: thread 62 waits at a barrier, thread 63 has returned"),
        (2, r"diverge: threads 0 and 63 wait at different barriers, lines (\d+) and (?!\1)\d+"),
    ],
)
def test_divergent_barriers(fault: int, message: str) -> None:
    out = np.zeros(64, np.int32)
    launch(faults(), "diverge", 1, out, 0)
    assert out.all()
    with pytest.raises(EmulationError, match=message):
        launch(faults(), "diverge", 1, out, fault)


def test_shared_memory_starts_as_junk() -> None:
    out = np.zeros(64, np.int32)
    launch(faults(), "unwritten", 1, out)
    assert not out[:63].any()
    assert out[63] != 0


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
def test_warps_exchange(order: str) -> None:
    values = np.random.default_rng(0).normal(size=64).astype(np.float32)
    sums, votes = np.empty(64, np.float32), np.empty(64, np.uint32)
    launch(faults(order=order), "warp", 1, values, sums, votes, False)
    np.testing.assert_allclose(sums, values.reshape(2, 32).sum(1).repeat(32), rtol=1e-5, atol=1e-5)
    assert (votes == 0x55555555).all()
    with pytest.raises(EmulationError, match="waits for lanes of its warp that never come"):
        launch(faults(order=order), "warp", 1, values, sums, votes, True)


def test_kernels_that_do_not_compile_say_why() -> None:
    text = 'extern "C" __global__ void broken(i32* out) { out[0] = nothing; }'
    with pytest.raises(EmulationError, match=r"broken.cu does not compile[\s\S]*broken.cu:1:.*nothing"):
        Emulation(texts={"broken": text}).kernels("broken", "float32")


def test_a_misread_signature_does_not_compile() -> None:
    """Each launch stands on the parse, so the compiler holds it against the declaration."""
    text = 'extern "C" __global__ void f(float* x, int n) {}'
    misread = parse_kernels(text.replace("int n", "u32 n"), "float32")
    with pytest.raises(EmulationError, match="f: the launch door parsed another signature"):
        build_library("f", text, misread, "float32", "plain")


CHILD = """
import sys, numpy as np
sys.path.insert(0, {folder!r})
from test_emulation import faults, launch
launch(faults("sanitized"), sys.argv[1], 1, np.zeros(1024, np.int32), int(sys.argv[2]))
"""


def sanitized(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the address sanitizer's runtime, which must be the first library of a process."""
    runtime = subprocess.run(
        ["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
    }
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [("past_the_end", 1024, "heap-buffer-overflow"), ("past_shared", 64, "index 64 out of bounds")],
)
def test_the_sanitizer_finds_an_overflow(name: str, size: int, message: str) -> None:
    child = CHILD.format(folder=str(Path(__file__).parent))
    inside = sanitized("-c", child, name, str(size - 1))
    assert inside.returncode == 0, inside.stderr
    outside = sanitized("-c", child, name, str(size))
    assert outside.returncode != 0
    assert message in outside.stderr
