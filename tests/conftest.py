"""Shared fixtures. The real meshes and recorded answers lie beside the checkout; tests that need them skip
where they are missing (``R3D_TEST_DATA`` names another folder)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Test processes side by side (pytest -n) share the CPUs: PyTorch's idle threads would spin on them.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


# A shell that starts the tests in the background has them ignore SIGINT, and every process that they start
# inherits it: the tests of interrupts would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(os.environ.get("R3D_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}; R3D_TEST_DATA names its folder")
    return folder
