"""The installed command, run as a user runs it: a process of its own, seen from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

#: The console script beside the interpreter that runs the tests.
COMMAND = Path(sys.executable).with_name("r3d")


@pytest.fixture(scope="session")
def command() -> Path:
    return COMMAND


@pytest.fixture
def r3d(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``r3d(*arguments, **environment)`` runs the command in ``tmp_path``."""

    def run(*arguments: object, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
            timeout=120,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return subprocess.CompletedProcess(
            done.args,
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )

    return run


@pytest.fixture
def tetrahedron(tmp_path: Path) -> Path:
    path = tmp_path / "tetrahedron.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n")
    return path


@pytest.fixture(scope="session")
def drawn() -> Callable[[subprocess.CompletedProcess[str]], list[str]]:
    """``drawn(done)`` holds that one file was drawn, standard output left alone, and returns the warnings."""

    def check(done: subprocess.CompletedProcess[str]) -> list[str]:
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        *warnings, line = done.stderr.splitlines()
        assert re.search(r": \d+x\d+ pixels, [\d,]+ faces?, cpu \(.+\), \d+\.\d\d s$", line), line
        assert all(warning.startswith("r3d: warning: ") for warning in warnings)
        return warnings

    return check
