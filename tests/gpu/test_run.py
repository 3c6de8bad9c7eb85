"""The script for machines with a GPU, as far as it goes without one."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("gpu_run", HERE / "run.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["gpu_run"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


def test_a_dry_run_prints_the_steps_and_does_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [HERE / "run.sh", "--dry-run", tmp_path / "out"], capture_output=True, text=True, check=True
    )
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == [
        "machine",
        "environment",
        "requirements",
        "install",
        "doctor",
        "compile-cold",
        "kernels",
        "tests",
        "memcheck",
        "racecheck",
        "measure",
        "compile-warm",
    ]
    assert not (tmp_path / "out").exists()


def test_every_file_of_the_steps_is_there(script: ModuleType, tmp_path: Path) -> None:
    for step in script.steps(tmp_path / "out"):
        for part in step.command:
            if isinstance(part, Path) and script.REPOSITORY in part.parents:
                assert part.exists(), part


def test_steps_that_fail_end_in_time_or_cannot_run_are_told_apart(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = sys.executable
    steps = [
        script.Step("good", [python, "-c", "print('done')"], 60),
        script.Step("bad", [python, "-c", "raise SystemExit('broken')"], 60),
        script.Step("slow", [python, "-c", "import time; time.sleep(60)"], 1),
        script.Step("after", [python, "-c", ""], 60, needs=("bad",)),
        script.Step("impossible", [python, "-c", ""], 60, lacks="there is no such tool"),
        script.Step("gone", ["/no/such/program"], 60),
    ]
    monkeypatch.setattr(script, "steps", lambda output: steps)
    assert script.main([str(tmp_path / "out")]) == 1
    result = json.loads((tmp_path / "out" / "gpu.json").read_text())
    outcomes = {step["name"]: (step["status"], step["note"]) for step in result["steps"]}
    assert outcomes["good"] == ("ok", "done")
    assert outcomes["bad"] == ("failed", "broken")
    assert outcomes["slow"][0] == "timeout"
    assert outcomes["after"] == ("skipped", "needs bad")
    assert outcomes["impossible"] == ("unavailable", "there is no such tool")
    assert outcomes["gone"][0] == "failed"
    assert "broken" in (tmp_path / "out" / "summary.txt").read_text()


def test_a_machine_that_lacks_a_tool_has_not_failed(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [script.Step("sanitizer", ["true"], 60, lacks="not installed")]
    monkeypatch.setattr(script, "steps", lambda output: steps)
    assert script.main([str(tmp_path / "out")]) == 0


def test_the_environment_borrows_packages(tmp_path: Path) -> None:
    subprocess.run([sys.executable, HERE / "environment.py", tmp_path / "env"], check=True)
    code = "import numpy, sys; print(sys.prefix)"
    done = subprocess.run(
        [tmp_path / "env" / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == tmp_path / "env"


def test_a_cut_off_run_has_told_what_it_knows(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step is told, and in the summary, before the next begins."""
    said_before = f"print('known:' in open({str(tmp_path / 'out' / 'summary.txt')!r}).read())"
    steps = [
        script.Step("first", [sys.executable, "-c", "print('known: 42')"], 60),
        script.Step("second", [sys.executable, "-c", said_before], 60),
    ]
    monkeypatch.setattr(script, "steps", lambda output: steps)
    assert script.main([str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [(line.split()[0], line.split()[-1]) for line in lines[:2]] == [
        ("first", "42"),
        ("second", "True"),
    ]
    assert lines[2].endswith("all is well")


def test_all_steps_share_one_deadline(script: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    long = script.Step("long", command, 60)
    assert script.run_step(long, tmp_path, [], left=0.5).note == "no time was left"
    outcome = script.run_step(long, tmp_path, [], left=1.5)
    assert (outcome.status, outcome.seconds) == ("timeout", 1.5)
    assert script.DEADLINE < 600
    named = {step.name for step in script.steps(tmp_path)}
    assert all(set(step.needs) <= named for step in script.steps(tmp_path))
