"""The results file: what is saved is loaded again, and one line refuses a file that breaks the schema."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from r3d_cli.bench.results import SCHEMA, Results, ResultsError, Row


def some_results() -> Results:
    case = {"mesh": "ico", "faces": 1280, "blur": 1e-6, "ragged": True, "budget": None}
    return Results(
        r3d="0.1.0",
        created="2026-11-22T20:00:00+00:00",
        machine={"cpu": "Imaginary 9000", "packages": {"numpy": "2.4"}},
        ceilings={"cpu": {"copy_gb_s": 20.0, "fma_gflop_s": 100.0}},
        method={"repetitions": 3},
        rows=[
            Row("rasterize-meshes", case, "cpu", "r3d", "ok", times_ms=[3.0, 1.0, 2.0], peak_bytes=4096),
            Row("rasterize-meshes", case, "cpu", "peer", "missing", "pip install peer"),
        ],
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    some_results().save(tmp_path / "bench.json")
    assert Results.load(tmp_path / "bench.json") == some_results()


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bench.json"
    some_results().save(path)
    before = path.read_bytes()

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Results().save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["bench.json"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "bench.json"
    with pytest.raises(OSError, match="No such file") as caught:
        some_results().save(path)
    assert caught.value.filename == str(path)


def test_median_and_spread() -> None:
    row = Row("io", {}, "cpu", "r3d", "ok", times_ms=[5.0, 1.0, 2.0, 4.0, 3.0])
    assert (row.median_ms, row.spread_ms) == (3.0, 2.0)
    row.times_ms = [7.0]
    assert (row.median_ms, row.spread_ms) == (7.0, 0.0)
    row.times_ms = []
    assert (row.median_ms, row.spread_ms) == (None, None)


def test_rows_of_a_case_share_a_key_whatever_the_order_of_its_parameters() -> None:
    one = Row("io", {"a": 1, "b": 2}, "cpu", "r3d", "ok")
    other = Row("io", {"b": 2, "a": 1}, "cpu", "peer", "ok")
    assert one.key == other.key
    assert one.key != Row("io", {"a": 1, "b": 2}, "cuda:0", "r3d", "ok").key
    assert len({one.key, other.key}) == 1  # hashable


def change(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.__setitem__(name, value)


def change_row(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["rows"][0].__setitem__(name, value)


@pytest.mark.parametrize(
    ("breakage", "line"),
    [
        (change("schema", SCHEMA + 1), "schema 2 is newer than this r3d reads (1); update r3d"),
        (change("schema", "1"), "schema must be a whole number, got '1'"),
        (lambda d: d.pop("schema"), "has no schema version"),
        (lambda d: d.pop("rows"), "rows is missing"),
        (change("rows", {}), "rows must be a list, got {}"),
        (change("rows", [3]), "rows[0] must be an object"),
        (change("extra", 1), "extra is no field of schema 1"),
        (change("ceilings", {"cpu": 3.0}), "ceilings must be {device: {name: rate}}, got {'cpu': 3.0}"),
        (lambda d: d["rows"][1].pop("device"), "rows[1].device is missing"),
        (change_row("status", "fine"), "rows[0].status must be one of ok, missing"),
        (
            change_row("times_ms", [1.0, -2.0]),
            "rows[0].times_ms must be a list of numbers ≥ 0, got [1.0, -2.0]",
        ),
        (change_row("times_ms", [float("inf")]), "rows[0].times_ms must be a list"),
        (change_row("cold_ms", True), "rows[0].cold_ms must be a number ≥ 0 or null, got True"),
        (change_row("times_ms", []), "rows[0] is ok and has no times_ms"),
        (change_row("case", {"faces": [1]}), "rows[0].case must be an object of numbers"),
        (change_row("peak_bytes", 1.5), "rows[0].peak_bytes must be a whole number"),
        (change_row("speed", 9), "rows[0].speed is no field"),
        (change_row("contestant", "peer"), "rows[1] repeats rows[0]: peer on the same case"),
    ],
)
def test_a_file_that_breaks_the_schema_is_refused(
    tmp_path: Path, breakage: Callable[[dict[str, Any]], object], line: str
) -> None:
    path = tmp_path / "bench.json"
    some_results().save(path)
    document = json.loads(path.read_text())
    breakage(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError) as caught:
        Results.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert line in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{"schema": 1,\n"rows": [}', ":2: not JSON: "),
        (b"", ":1: not JSON: "),
        (b"\xff\xfe\x00", ": not text; "),
        (b"[1, 2]", ": has no schema version; "),
    ],
)
def test_a_file_that_is_no_results_file_is_refused(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "bench.json"
    path.write_bytes(content)
    with pytest.raises(ResultsError) as caught:
        Results.load(path)
    assert str(caught.value).startswith(f"{path}{line}")


def test_our_own_mistakes_are_not_saved(tmp_path: Path) -> None:
    results = some_results()
    results.rows[0].times_ms = [float("nan")]
    with pytest.raises(ResultsError, match="times_ms must be"):
        results.save(tmp_path / "bench.json")
    assert not os.listdir(tmp_path)
