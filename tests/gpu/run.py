"""Build, test and measure r3d on a machine with an NVIDIA GPU, without network.

Needs there: Python 3.10 or later with PyTorch and CuPy, and a C++ compiler. Missing packages come from the
wheels in the folder ``R3D_WHEELS``. ``R3D_TEST_DATA`` names the folder of test meshes.

Leaves in the output folder: ``gpu.json`` (machine, outcome of every step, measurements; written after each
step), ``summary.txt``, and a log for each step. A failed step does not stop those that can do without it. The
exit status is 1 when a step has failed; what the machine lacks (compute-sanitizer, say) is no failure.
"""

from __future__ import annotations

import argparse
import json
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
    "cmake", "hypothesis", "imageio", "nanobind", "ninja", "numpy", "pandas", "pillow", "pytest", "rich",
    "scikit-build-core", "scipy", "trimesh", "typer",
]  # fmt: skip

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
    every_kernel = [python, HERE / "every_kernel.py"]
    return [
        Step("machine", ["nvidia-smi", query, "--format=csv"], 60),
        Step("environment", [sys.executable, HERE / "environment.py", environment], 120),
        Step("requirements", [*pip, *wheels, *REQUIREMENTS], 300, ("environment",)),
        Step("install", [*pip, "--no-deps", "--no-build-isolation", "--force-reinstall", REPOSITORY], 600,
             ("requirements",)),
        Step("doctor", [r3d, "doctor", "--json"], 120, ("install",), environment=cache),
        Step("compile-cold", [r3d, "warmup"], 300, ("install",), environment=cache),
        Step("compile-warm", [r3d, "warmup"], 300, ("compile-cold",), environment=cache),
        Step("tests",
             [*pytest, "-m", "gpu", "-rs", "--junitxml", output / "tests.xml", REPOSITORY / "tests"],
             900, ("install",), environment={**cache, "R3D_REQUIRE_GPU": "1"}),
        *(Step(tool, [*sanitize, "--tool", tool, *every_kernel], 600, ("install",), no_sanitizer, cache)
          for tool in ("memcheck", "racecheck")),
        Step("measure", [python, HERE / "measure.py", "--json", output / "measurements.json"], 900,
             ("install",), environment=cache),
    ]  # fmt: skip


def run_step(step: Step, output: Path, done: Sequence[Outcome]) -> Outcome:
    unmet = [name for name in step.needs if any(o.name == name and o.status != "ok" for o in done)]
    if unmet:
        return Outcome(step.name, "skipped", 0.0, f"needs {', '.join(unmet)}")
    if step.lacks:
        return Outcome(step.name, "unavailable", 0.0, step.lacks)
    log = output / f"{step.name}.log"
    start = time.monotonic()
    with open(log, "wb") as stream:
        try:
            # Not from the repository: there Python would import the sources, which have no native module.
            status = subprocess.run(
                step.command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, cwd=output,
                env={**os.environ, **step.environment}, timeout=step.seconds, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            return Outcome(step.name, "timeout", float(step.seconds))
        except OSError as error:
            return Outcome(step.name, "failed", 0.0, str(error))
    seconds = round(time.monotonic() - start, 2)
    text = log.read_text(errors="replace")
    if "sanitizer" in str(step.command[0]) and any(words in text for words in UNSUPPORTED):
        return Outcome(step.name, "unavailable", seconds, "compute-sanitizer does not support this machine")
    lines = text.strip().splitlines()
    return Outcome(step.name, "ok" if status == 0 else "failed", seconds, lines[-1][:300] if lines else "")


def report(output: Path, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Everything known so far, for ``gpu.json``."""
    measurements = output / "measurements.json"
    machine = output / "machine.log"
    return {
        "machine": machine.read_text(errors="replace").splitlines() if machine.exists() else [],
        "steps": [asdict(outcome) for outcome in outcomes],
        "measurements": json.loads(measurements.read_text()) if measurements.exists() else None,
    }


def summary(result: dict[str, Any]) -> str:
    lines = [*result["machine"], ""]
    lines += [f"{s['name']:14}{s['status']:12}{s['seconds']:8.1f} s  {s['note']}" for s in result["steps"]]
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
    for step in steps(output):
        print(f"{step.name} ...", flush=True)
        outcomes.append(run_step(step, output, outcomes))
        print(f"{step.name}: {outcomes[-1].status}", flush=True)
        (output / "gpu.json").write_text(json.dumps(report(output, outcomes), indent=2))
    text = summary(report(output, outcomes))
    (output / "summary.txt").write_text(text)
    print(text)
    return int(any(outcome.status in ("failed", "timeout") for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
