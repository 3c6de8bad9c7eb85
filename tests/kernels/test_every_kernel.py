"""What holds for every kernel file there is: launched, free of races, every barrier needed, memory-safe."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from pathlib import Path

import pytest
from exercises import count_barriers, exercise_of
from machines import Emulated
from test_emulation import sanitized

from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.signatures import parse_kernels
from r3d_cli.backend.sources import kernel_source, stems

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("exercises.py")


@pytest.mark.parametrize("stem", stems())
def test_every_kernel_is_launched(stem: str) -> None:
    """Kernels of other files may take part; those of this one all must."""
    device = Emulation()
    exercise_of(stem)(Emulated(device))
    kernels = parse_kernels(kernel_source(stem), "float32")
    assert kernels
    assert set(kernels) <= device.launched, f"never launched: {set(kernels) - device.launched}"


@pytest.mark.parametrize("order", ["forward", "random"])
@pytest.mark.parametrize("stem", stems())
def test_no_races(stem: str, order: str) -> None:
    exercise_of(stem)(Emulated(Emulation(order, build="races")))


def test_every_barrier_is_needed() -> None:
    """With any one barrier deleted the race build, or the result, tells; with none deleted all is well."""

    def passes(mutant: tuple[str, str]) -> bool:
        stem, barrier = mutant
        command = [sys.executable, str(SCRIPT), stem, "races", "random", barrier]
        try:
            return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode == 0
        except subprocess.TimeoutExpired:  # a lost update can make a loop endless
            return False

    counts = {stem: count_barriers(stem) for stem in stems()}
    assert sum(counts.values())
    whole = [(stem, "-1") for stem in stems() if counts[stem]]
    mutants = [(stem, str(number)) for stem in stems() for number in range(counts[stem])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        passed = set(compress(whole + mutants, pool.map(passes, whole + mutants)))
    assert passed == set(whole), f"no run misses these barriers (file, number): {sorted(passed - set(whole))}"


@pytest.mark.parametrize("stem", stems())
def test_memory_and_undefined_behaviour(stem: str) -> None:
    done = sanitized(str(SCRIPT), stem, "sanitized", "random")
    assert done.returncode == 0, done.stderr[-3000:]
