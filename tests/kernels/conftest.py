"""Devices and inputs for the kernels' tests."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import pytest

from r3d_cli.backend.emulation import Emulation

sys.path.insert(0, str(Path(__file__).parent))  # for exercises.py, which the child processes import as well


@pytest.fixture(autouse=True, scope="session")
def _needs_emulation() -> None:
    if shutil.which("g++") is None or platform.machine() != "x86_64":
        pytest.skip("the emulation needs g++ on x86-64")


@pytest.fixture(params=["forward", "reverse", "random"])
def emulation(request: pytest.FixtureRequest) -> Emulation:
    """An emulated device, once for each order of threads and blocks."""
    return Emulation(order=request.param)
