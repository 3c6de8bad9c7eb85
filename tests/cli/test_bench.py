"""``r3d bench`` as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from r3d_cli.bench.results import Results
from r3d_cli.bench.suite import suites

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_list_names_suites_and_peers(r3d: Run) -> None:
    done = r3d("bench", "--list")
    assert done.returncode == 0
    for suite in suites().values():
        assert f"  {suite.name} " in done.stdout
    assert "  trimesh            trimesh, installed" in done.stdout
    assert re.search(r"nvdiffrast, (installed|missing: .*pip install)", done.stdout)


@pytest.mark.slow
def test_a_run_prints_a_table_and_writes_what_was_asked(r3d: Run, tmp_path: Path) -> None:
    names = {"json": "r.json", "csv": "r.csv", "markdown": "r.md", "plot": "r.svg", "html": "r.html"}
    options = [part for option, name in names.items() for part in (f"--{option}", name)]
    done = r3d("bench", "io", "--sizes", "80", "--quick", "--against", "trimesh", "--device", "cpu", *options)
    assert done.returncode == 0, done.stderr
    assert "trimesh" in done.stdout
    assert "\x1b" not in done.stdout  # plain text for a pipe
    rows = json.loads((tmp_path / "r.json").read_text())["rows"]
    assert {row["contestant"] for row in rows} == {"r3d", "trimesh"}
    assert all((tmp_path / name).stat().st_size > 100 for name in names.values())


@pytest.mark.slow
def test_comparing_with_itself_finds_nothing_and_with_a_faster_past_fails(r3d: Run, tmp_path: Path) -> None:
    # A noisy machine may be slower by chance, so the past is made far slower, and far faster.
    arguments = ["bench", "io", "--sizes", "80", "--quick", "--against", "none"]
    assert r3d(*arguments, "--json", "new.json").returncode == 0
    document = json.loads((tmp_path / "new.json").read_text())
    for factor, status in ((1000.0, 0), (0.001, 1)):
        for row in document["rows"]:
            row["times_ms"] = [time * factor for time in row["times_ms"]]
        (tmp_path / "old.json").write_text(json.dumps(document))
        for row in document["rows"]:
            row["times_ms"] = [time / factor for time in row["times_ms"]]
        done = r3d(*arguments, "--compare", "old.json", XDG_CACHE_HOME=str(tmp_path))
        assert done.returncode == status, done.stdout + done.stderr


PEER = """
import time
from r3d_cli.bench.cases import rasterize_meshes as case

def rasterize_meshes(inputs):
    rasterize = case.ours(inputs)
    return lambda: time.sleep(0.1) or rasterize()
"""


@pytest.mark.slow
def test_an_interrupt_leaves_what_was_done_and_resume_goes_on(command: Path, tmp_path: Path) -> None:
    slow, saved = tmp_path / "slow.py", tmp_path / "results.json"
    slow.write_text(PEER)
    arguments = [command, "bench", "rasterize-meshes", "--sizes", "80,320,720", "--quick", "--device", "cpu"]
    arguments += ["--against", slow, "--json", saved]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not saved.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "--resume goes on" in errors
    assert "Traceback" not in errors
    interrupted = Results.load(saved)
    done = len(interrupted.rows)
    assert done in (2, 4)

    finished = subprocess.run(
        [*arguments, "--resume"], capture_output=True, text=True, timeout=120, check=True
    )
    results = Results.load(saved)
    assert {row.contestant for row in results.rows} == {"r3d", "slow"}
    assert len(results.rows) == 6
    assert results.rows[:done] == interrupted.rows
    assert finished.stderr.count("] rasterize-meshes cpu") == 3 - done // 2


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["no-such"], 1, "there is no suite 'no-such'"),
        (["io", "--against", "no-such"], 1, "there is no peer 'no-such'"),
        (["io", "--quick", "--full"], 2, "not both"),
        (["io", "--sizes", "1,x"], 2, "'1,x' is not a list"),
        (["io", "--sizes", "0"], 2, "'0' is not a list"),
        (["io", "--device", "tpu"], 2, "'tpu' is not auto, cpu, cuda"),
        (["io", "--plot", "p.gif"], 2, "must end in .png or .svg"),
        (["io", "--json", "absent/r.json"], 1, "absent/r.json: cannot be written"),
        (["io", "--data", "absent"], 1, "absent: no such folder"),
        (["io", "--compare", "absent.json"], 1, "absent.json: No such file"),
        (["io", "--json", "absent.json", "--resume"], 1, "no results to resume"),
    ],
)
def test_bad_usage_is_one_line(r3d: Run, arguments: list[str], status: int, words: str) -> None:
    done = r3d("bench", *arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
