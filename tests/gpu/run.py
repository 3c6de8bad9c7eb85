"""Build, test and measure r3d on a machine with an NVIDIA GPU, without network.

Needs there: Python 3.10 or later with PyTorch and CuPy, and a C++ compiler. Missing packages come from the
wheels in the folder ``R3D_WHEELS``. ``R3D_TEST_DATA`` names the folder of test meshes.

A lent card may be gone after a quarter of an hour: all of it takes less than ten minutes, in the order of
what is worth knowing first (is every kernel right, then safe, then fast), and each step is told as it ends,
with what it measured. Steps for which no time is left are skipped.

Leaves in the output folder: ``gpu.json`` (machine, outcome of every step, measurements) and ``summary.txt``,
both written after each step, and a log for each step. A failed step does not stop those that can do without
it. The exit status is 1 when a step has failed; what the machine lacks, compute-sanitizer say, is no failure.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

#: What building, testing and measuring import; pip skips what is there already.
REQUIREMENTS = [
    "cmake",
    "hypothesis",
    "imageio",
    "nanobind",
    "ninja",
    "numpy",
    "pandas",
    "pillow",
    "pytest",
    "rich",
    "scikit-build-core",
    "scipy",
    "trimesh",
    "typer",
]

#: Seconds for all steps together.
DEADLINE = 590

#: compute-sanitizer's words for a machine on which it cannot work, as opposed to an error that it found.
UNSUPPORTED = ("Device not supported", "Unable to find injection library", "not supported on this")


@dataclass
class Step:
    name: str
    command: list[str | Path]
    seconds: int  # time limit
    needs: tuple[str, ...] = ()  # steps without which this one is pointless
    lacks: str = ""  # why the machine cannot run this step
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    name: str
    status: str  # ok | failed | timeout | skipped | unavailable
    seconds: float
    note: str = ""


def steps(output: Path) -> list[Step]:
    environment = output / "environment"
    python = environment / "bin" / "python"
    r3d = environment / "bin" / "r3d"
    pip = [python, "-m", "pip", "install", "--no-index", "--disable-pip-version-check"]
    wheels = ["--find-links", os.environ["R3D_WHEELS"]] if os.environ.get("R3D_WHEELS") else []
    cache = {"CUPY_CACHE_DIR": str(output / "kernel-cache")}
    # CuPy looks for NVRTC among the environment's own packages, and ours are borrowed.
    libraries = {
        str(path.parent) for site in sys.path for path in Path(site).glob("nvidia/*/lib/libnvrtc.so*")
    }
    cache["LD_LIBRARY_PATH"] = ":".join([*sorted(libraries), os.environ.get("LD_LIBRARY_PATH", "")]).strip(
        ":"
    )
    sanitizer = shutil.which("compute-sanitizer") or shutil.which(
        "compute-sanitizer", path="/usr/local/cuda/bin"
    )
    sanitize = [sanitizer or "compute-sanitizer", "--error-exitcode", "86"]
    no_sanitizer = "" if sanitizer else "compute-sanitizer is not installed"
    query = "--query-gpu=name,driver_version,memory.total,compute_cap"
    pytest = [python, "-m", "pytest", "-c", REPOSITORY / "pyproject.toml", "--rootdir", REPOSITORY]

    def sanitizer_step(tool: str, seconds: int) -> Step:
        command = [*sanitize, "--tool", tool, python, HERE / "every_kernel.py"]
        return Step(tool, command, seconds, ("kernels",), no_sanitizer, cache)

    return [
        Step("machine", ["nvidia-smi", query, "--format=csv"], 20),
        Step("environment", [sys.executable, HERE / "environment.py", environment], 60),
        Step("requirements", [*pip, *wheels, *REQUIREMENTS], 60, ("environment",)),
        Step(
            "install",
            [*pip, "--no-deps", "--no-build-isolation", "--force-reinstall", REPOSITORY],
            240,
            ("requirements",),
        ),
        Step("doctor", [r3d, "doctor", "--json"], 30, ("install",), environment=cache),
        Step("compile-cold", [r3d, "warmup"], 120, ("install",), environment=cache),
        Step("kernels", [python, HERE / "every_kernel.py"], 60, ("install",), environment=cache),
        Step(
            "tests",
            [*pytest, "-m", "gpu", "-rs", "--junitxml", output / "tests.xml", REPOSITORY / "tests"],
            180,
            ("install",),
            environment={**cache, "R3D_REQUIRE_GPU": "1"},
        ),
        sanitizer_step("memcheck", 100),
        sanitizer_step("racecheck", 100),
        Step(
            "measure",
            [python, HERE / "measure.py", "--json", output / "measurements.json"],
            180,
            ("install",),
            environment=cache,
        ),
        Step("compile-warm", [r3d, "warmup"], 60, ("compile-cold",), environment=cache),
    ]


def run_step(step: Step, output: Path, done: Sequence[Outcome], left: float = math.inf) -> Outcome:
    """Run a step within its own time and the ``left`` seconds of all."""
    unmet = [name for name in step.needs if any(o.name == name and o.status != "ok" for o in done)]
    if unmet:
        return Outcome(step.name, "skipped", 0.0, f"needs {', '.join(unmet)}")
    if step.lacks:
        return Outcome(step.name, "unavailable", 0.0, step.lacks)
    if left < 1:
        return Outcome(step.name, "skipped", 0.0, "no time was left")
    limit = min(step.seconds, left)
    log = output / f"{step.name}.log"
    start = time.monotonic()
    with open(log, "wb") as stream:
        try:
            # Not from the repository: there Python would import the sources, which have no native module.
            status = subprocess.run(
                step.command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=output,
                env={**os.environ, **step.environment},
                timeout=limit,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return Outcome(step.name, "timeout", round(limit, 1), _last_line(log))
        except OSError as error:
            return Outcome(step.name, "failed", 0.0, str(error))
    seconds = round(time.monotonic() - start, 2)
    text = log.read_text(errors="replace")
    if "sanitizer" in str(step.command[0]) and any(words in text for words in UNSUPPORTED):
        return Outcome(step.name, "unavailable", seconds, "compute-sanitizer does not support this machine")
    return Outcome(step.name, "ok" if status == 0 else "failed", seconds, _last_line(log))


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def report(output: Path, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Everything known so far, for ``gpu.json``."""
    measurements = output / "measurements.json"
    machine = output / "machine.log"
    return {
        "machine": machine.read_text(errors="replace").splitlines() if machine.exists() else [],
        "steps": [asdict(outcome) for outcome in outcomes],
        "measurements": json.loads(measurements.read_text()) if measurements.exists() else None,
    }


def line_of(step: dict[str, Any]) -> str:
    return f"{step['name']:14}{step['status']:12}{step['seconds']:8.1f} s  {step['note']}"


def summary(result: dict[str, Any]) -> str:
    lines = [*result["machine"], ""]
    lines += [line_of(step) for step in result["steps"]]
    for row in (result["measurements"] or {}).get("rows", []):
        lines.append("  ".join(f"{key} {value}" for key, value in row.items()))
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "output", nargs="?", type=Path, default=Path("gpu-results"), help="folder for the results"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the steps and run none")
    options = parser.parse_args(arguments)
    output = options.output.resolve()
    if options.dry_run:
        for step in steps(output):
            print(f"{step.name:14}{shlex.join(map(str, step.command))}")
        return 0
    output.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    start, told = time.monotonic(), 0
    for step in steps(output):
        outcomes.append(run_step(step, output, outcomes, DEADLINE - (time.monotonic() - start)))
        result = report(output, outcomes)
        (output / "gpu.json").write_text(json.dumps(result, indent=2))
        text = summary(result)
        (output / "summary.txt").write_text(text)
        # The step, and what it measured.
        print(line_of(asdict(outcomes[-1])), flush=True)
        rows = (result["measurements"] or {}).get("rows", [])
        for row in rows[told:]:
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        told = len(rows)
    failed = [outcome.name for outcome in outcomes if outcome.status in ("failed", "timeout")]
    print(
        f"{time.monotonic() - start:.0f} s; " + (f"failed: {', '.join(failed)}" if failed else "all is well")
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
