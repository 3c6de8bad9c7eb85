"""The examples as their users run them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(repository: Path) -> Run:
    """``run("script.py", ...)``: in a process of its own."""

    def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, repository / "examples" / script, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)

    return run
