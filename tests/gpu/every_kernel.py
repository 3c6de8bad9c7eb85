"""Runs the exercises of tests/kernels on a card: every kernel once over a small shape, held against the CPU.

For compute-sanitizer as well, which slows kernels a hundredfold.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "kernels"))

from exercises import exercise_of
from machines import Card

from r3d_cli.backend import cuda
from r3d_cli.backend.sources import stems


def main() -> None:
    card = Card()
    launched: set[str] = set()
    start = cuda._Program.start

    def recording_start(self: cuda._Program, name: str, *arguments: object) -> None:
        launched.add(name)
        start(self, name, *arguments)

    cuda._Program.start = recording_start  # type: ignore[method-assign, assignment]
    wrong = []
    for stem in stems():
        try:
            exercise_of(stem)(card)
            print(f"{stem}: as on the CPU", flush=True)
        except AssertionError as error:
            wrong.append(stem)
            print(f"{stem}: {error}", flush=True)
    device = cuda.CudaDevice.at(0)
    missed = {name for stem in stems() for name in device.kernels(stem, "float32").signatures} - launched
    if missed or wrong:
        raise SystemExit(f"never launched: {sorted(missed)}; not as on the CPU: {wrong}")
    print(f"{len(launched)} kernels ran")


if __name__ == "__main__":
    main()
