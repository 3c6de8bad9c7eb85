"""One small run of each kernel file that launches all of its kernels and checks what they wrote.

The run of ``knn.cu`` is ``exercise(on)`` of ``exercise_knn.py`` beside this file; ``on`` is where it runs
(machines.py), which may be a card. The race, mutation and sanitizer tests repeat these runs, the last two in
a process of their own: ``python exercises.py STEM BUILD ORDER [BARRIER]`` leaves out the barrier of that
number.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

from machines import Emulated, Machine

from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.signatures import blank_comments_and_strings
from r3d_cli.backend.sources import kernel_source


def exercise_of(stem: str) -> Callable[[Machine], None]:
    """The run of a kernel file.

    Raises:
        LookupError: There is none.
    """
    file = Path(__file__).with_name(f"exercise_{stem}.py")
    if not file.is_file():
        raise LookupError(f"{stem}.cu has no {file.name}: add a run that launches all its kernels")
    return importlib.import_module(file.stem).exercise


def count_barriers(stem: str) -> int:
    """Barriers in a kernel file and the headers that it includes."""
    return len(re.findall(r"__syncthreads\(\);", blank_comments_and_strings(kernel_source(stem))))


def main(stem: str, build: str, order: str, barrier: str = "-1") -> None:
    exercise_of(stem)(Emulated(Emulation(order, build=build, dropped={stem: int(barrier)})))


if __name__ == "__main__":
    main(*sys.argv[1:])
