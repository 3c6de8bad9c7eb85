"""Fixtures of the operators' tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from r3d_cli import _native

sys.path.insert(0, str(Path(__file__).parent))  # for rules.py


@pytest.fixture(params=_native.isas(), scope="module")
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a module's tests once on each instruction set of this machine."""
    before = _native.isa()
    _native.set_isa(request.param)
    yield request.param
    _native.set_isa(before)


@pytest.fixture
def restore_native() -> Iterator[None]:
    """For tests that choose threads or instruction sets themselves."""
    before = _native.isa()
    yield
    _native.set_isa(before)
    _native.set_num_threads(0)
