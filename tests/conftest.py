"""Shared fixtures. The real meshes and recorded answers lie beside the checkout; tests that need them skip
where they are missing (``R3D_TEST_DATA`` names another folder)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(os.environ.get("R3D_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}; R3D_TEST_DATA names its folder")
    return folder
