"""A command as a contestant: the whole process is timed, and its own memory counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from r3d_cli.bench.memory import peak_of_command


class Command:
    """Callable; runs the command to its end and returns the file that it wrote."""

    def __init__(self, *arguments: str, keeps: Path, environment: dict[str, str] | None = None) -> None:
        self.arguments, self.keeps = arguments, keeps
        self.environment = {**os.environ, **(environment or {})}

    def __call__(self) -> Path:
        done = subprocess.run(
            self.arguments,
            cwd=self.keeps.parent,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip().splitlines()
            raise RuntimeError(
                f"{self.arguments[0]} exited with {done.returncode}" + (f": {words[-1]}" if words else "")
            )
        return self.keeps

    def peak_bytes(self) -> int:
        return peak_of_command(self.arguments, cwd=self.keeps.parent, environment=self.environment)


def r3d_command() -> list[str]:
    """How this installation's own ``r3d`` is started."""
    script = Path(sys.executable).with_name("r3d")
    return [str(script)] if script.exists() else [sys.executable, "-m", "r3d_cli"]
