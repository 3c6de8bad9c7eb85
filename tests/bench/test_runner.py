"""Who is refused, who fails, what is left after an interrupt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from r3d_cli.bench.measure import Method
from r3d_cli.bench.results import Results, Row
from r3d_cli.bench.runner import Plan, run
from r3d_cli.bench.suite import suites
from r3d_cli.errors import R3dError
from r3d_cli.extras import pip_install

Statuses = Callable[[Any], dict[str, str]]
FAST = Method(seconds=0.05, least=2, most=5, timeout=60.0)


def run_one(*peers: str, method: Method = FAST, **options: Any) -> list[Row]:
    """The rows of one case, in processes of their own."""
    plan = Plan(("rasterize-meshes",), sizes=(80,), peers=peers, method=method, memory=False)
    return run(plan, **options).rows


def test_a_right_peer_is_timed_and_a_wrong_one_is_not(
    right_peer: Callable[..., str], write_peer: Callable[..., str], statuses: Statuses
) -> None:
    wrong = write_peer(
        "wrong",
        """
        from r3d_cli.bench.cases.rasterize_meshes import ours
        from r3d_cli.bench.suite import Prepared

        def rasterize_meshes(inputs):
            return Prepared(ours(inputs), lambda found: found._replace(zbuf=1.1 * found.zbuf))
        """,
    )
    rows = run_one(right_peer("right"), wrong)
    assert statuses(rows) == {"r3d": "ok", "right": "ok", "wrong": "wrong"}
    by_name = {row.contestant: row for row in rows}
    assert by_name["right"].median_ms is not None
    assert by_name["right"].cold_ms is not None
    assert by_name["wrong"].times_ms == []
    assert by_name["wrong"].cold_ms is None
    assert by_name["wrong"].message.startswith("zbuf differs")


def test_a_wrong_kernel_of_ours_is_refused(
    monkeypatch: pytest.MonkeyPatch, fake_clock: Callable[..., Any], statuses: Statuses
) -> None:
    from r3d_cli.backend import rasterize_meshes as backend

    native = backend.native()

    class Planted:
        def rasterize_meshes_fwd(self, *arguments: Any) -> int:
            bad_face = native.rasterize_meshes_fwd(*arguments)
            pix_to_face = arguments[-4]
            pix_to_face[:, pix_to_face.shape[1] // 2 :] = -1  # forgets the lower half
            return bad_face

    plan = Plan(("rasterize-meshes",), sizes=(980,), peers=("torch_naive",), method=FAST)
    assert statuses(run(plan, clock=fake_clock(1.0)).rows) == {"r3d": "ok", "naive PyTorch": "ok"}
    monkeypatch.setattr(backend, "native", Planted)
    rows = run(plan, clock=fake_clock(1.0)).rows
    assert statuses(rows) == {"r3d": "wrong", "naive PyTorch": "ok"}
    assert re.fullmatch(r"pix_to_face differs at [\d.]+% of \d+ samples", rows[0].message)
    assert rows[0].times_ms == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("raise ValueError('no\\nluck')", "error", "ValueError: no luck"),
        ("import no_such_package", "missing", "No module named 'no_such_package'"),
        ("import os; os.abort()", "error", "the process killed by SIGABRT"),
        ("import time; time.sleep(600)", "timeout", "stopped after 8 s"),
    ],
)
def test_a_failing_peer_is_a_row_and_the_others_go_on(
    right_peer: Callable[..., str], body: str, status: str, message: str, statuses: Statuses
) -> None:
    short = Method(seconds=0.05, least=2, most=2, timeout=8.0)
    rows = run_one(right_peer("failing", body), right_peer("last"), method=short)
    assert statuses(rows) == {"r3d": "ok", "failing": status, "last": "ok"}
    assert rows[1].message == message


def test_a_peer_that_fails_only_later_is_an_error_too(
    right_peer: Callable[..., str], statuses: Statuses
) -> None:
    header = "calls = []"
    body = "calls.append(0); assert len(calls) < 3, 'third call'"
    rows = run_one(right_peer("late", body, header))
    assert statuses(rows) == {"r3d": "ok", "late": "error"}
    assert rows[1].message == "AssertionError: third call"
    assert rows[1].times_ms == []


def test_a_peer_that_is_not_installed_is_named_with_its_install_line(
    right_peer: Callable[..., str], statuses: Statuses
) -> None:
    header = "NAME, REQUIRES, INSTALL = 'Absent', 'no_such.package', 'pip install absent'"
    rows = run_one(right_peer("absent", header=header))
    assert statuses(rows) == {"r3d": "ok", "Absent": "missing"}
    assert rows[1].message == pip_install("absent")


def test_a_peer_that_does_not_do_a_case_has_no_row(
    write_peer: Callable[..., str], statuses: Statuses
) -> None:
    peer = write_peer(
        "choosy",
        """
        from r3d_cli.bench.suite import Unsupported

        def rasterize_meshes(inputs):
            raise Unsupported
        """,
    )
    assert statuses(run_one(peer)) == {"r3d": "ok"}


def test_memory_is_the_peak_above_the_inputs(right_peer: Callable[..., str]) -> None:
    megabytes = 300
    hungry = right_peer("hungry", f"import numpy; numpy.ones({megabytes} * 2**17)")
    plan = Plan(("rasterize-meshes",), sizes=(80,), peers=(hungry,), method=FAST)
    rows = run(plan).rows
    ours, peer = (row.peak_bytes for row in rows)
    assert ours is not None
    assert ours < 20e6
    assert peer == pytest.approx(megabytes * 2**20, rel=0.05)


def test_a_command_s_memory_is_its_own_process_s() -> None:
    import sys

    from r3d_cli.bench.memory import peak_of_command

    ballast = np.ones(50 * 2**17)  # 50 MiB in this process count for nothing
    little = peak_of_command([sys.executable, "-S", "-c", "pass"])
    much = peak_of_command([sys.executable, "-S", "-c", "x = b'1' * (100 * 2**20)"])
    assert little < 30e6
    assert much - little == pytest.approx(100 * 2**20, rel=0.05)
    assert ballast.all()


def test_what_cannot_work_is_said_before_anything_runs(tmp_path: Path) -> None:
    for plan, message in (
        (Plan(("no-such",)), "there is no suite 'no-such'"),
        (Plan(("io",), peers=("no-such",)), "there is no peer 'no-such'"),
        (Plan(("io",), peers=(str(tmp_path / "absent.py"),)), "no such file"),
    ):
        with pytest.raises(R3dError, match=message):
            run(plan, on_case=lambda *_: pytest.fail("a case was run"))


def test_a_peer_s_file_that_does_not_load_is_one_line(write_peer: Callable[..., str]) -> None:
    for source, place in (
        ("x = 1\ny = 1 / 0\n", ":2: .*ZeroDivisionError"),
        ("def (\n", ":1: .*SyntaxError"),
    ):
        with pytest.raises(R3dError, match=place):
            run_one(write_peer(f"bad{len(source)}", source))


@pytest.mark.slow
def test_resuming_runs_only_what_is_missing(tmp_path: Path) -> None:
    plan = Plan(("io",), sizes=(80,), peers=(), method=FAST, memory=False)
    saved = tmp_path / "results.json"
    complete = run(plan, save=saved)
    assert Results.load(saved) == complete
    assert len(complete.rows) == 5

    half = Results.load(saved)
    half.rows = half.rows[:1]
    kept = [list(row.times_ms) for row in half.rows]
    cases: list[Any] = []
    resumed = run(plan, previous=half, on_case=lambda job, *_: cases.append(job.case))
    assert len(cases) == 4
    assert [row.times_ms for row in resumed.rows[:1]] == kept
    assert {row.key for row in resumed.rows} == {row.key for row in complete.rows}

    # A contestant who was not there is a reason to run a case again, with everyone.
    more = Plan(("io",), sizes=(80,), peers=("trimesh",), method=FAST, memory=False)
    assert sum(row.contestant == "trimesh" for row in run(more, previous=resumed).rows) == 5

    with pytest.raises(R3dError, match="resume them as they were begun"):
        run(Plan(("io",), level="full"), previous=resumed)


@pytest.mark.slow
def test_the_saved_file_is_the_schema_s(tmp_path: Path) -> None:
    saved = tmp_path / "results.json"
    run(Plan(("io",), sizes=(80,), peers=("trimesh",), method=FAST), save=saved)
    document = json.loads(saved.read_text())
    assert document["schema"] == 1
    assert document["method"]["level"] == "default"
    assert document["method"]["contestants"] == ["r3d", "trimesh"]
    for row in document["rows"]:
        assert row["suite"] == "io"
        assert row["times_ms"]
        assert row["peak_bytes"] >= 0


def test_every_suite_names_peers_that_exist_and_cases_that_differ() -> None:
    from r3d_cli.bench.contestants import peer_stems
    from r3d_cli.bench.suite import Selection

    for suite in suites().values():
        assert set(suite.peers) <= set(peer_stems())
        for level in ("quick", "default", "full"):
            for device in suite.devices:
                cases = list(suite.cases(Selection(level, device)))
                assert cases
                assert all(set(case) == set(cases[0]) for case in cases)
