"""Pictures that show nothing: said in one line, in --json and the manifest, and a failure where asked for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SMALL = ("--size", "32")
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
BLANK = ("--shading", "unlit", "--color", "white", "--background", "white")
#: OpenCV's axes, 5 in front of what lies around the origin, which is then behind it.
BEHIND = {
    "convention": "opencv",
    "fov": 50,
    "world_to_camera": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -5], [0, 0, 0, 1]],
}


@pytest.fixture
def triangle(tmp_path: Path) -> Path:
    path = tmp_path / "triangle.obj"
    path.write_text(TRIANGLE)
    return path


def warnings(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("r3d: warning: ")]


def records(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (BLANK, "the background's colour"),
        ((*BLANK, "--ssaa", "1"), "the background's colour"),
        (("--shading", "silhouette", "--background", "black"), "the background's colour"),
        (("--shading", "unlit", "--color", "white", "--background", "white.png"), "the background's colour"),
        (("--camera", "behind.json"), "behind the camera"),
        (("--camera", "behind.json", "--shading", "silhouette"), "behind the camera"),
        (("--camera", "behind.json", "--shading", "soft-phong"), "behind the camera"),
        (("--camera", "behind.json", "--background", "transparent"), "behind the camera"),
        (("--camera", "behind.json", "--background", "white.png"), "behind the camera"),
        (("--camera", "behind.json", "--pass", "depth"), "behind the camera"),
        (
            (
                "--camera",
                "aside.json",
            ),
            "outside of what the camera sees",
        ),
        (("--cull", "--view", "back"), "--cull"),
        (("--view", "right"), "edge-on"),
        (("--distance", "1e6"), "smaller than a pixel"),
    ],
)
def test_an_empty_picture_is_a_warning_that_tells_the_cause(
    r3d: Run, tmp_path: Path, triangle: Path, arguments: tuple[str, ...], cause: str
) -> None:
    Image.new("RGB", (32, 32), "white").save(tmp_path / "white.png")
    (tmp_path / "behind.json").write_text(json.dumps(BEHIND))
    aside = BEHIND | {"world_to_camera": [[1, 0, 0, 90], [0, 1, 0, 0], [0, 0, 1, 5], [0, 0, 0, 1]]}
    (tmp_path / "aside.json").write_text(json.dumps(aside))
    done = r3d("render", triangle, "-o", "out.png", "--json", *arguments, *SMALL)
    assert done.returncode == 0, done.stderr
    (line,) = warnings(done)
    assert f"{triangle}: the picture is empty: " in line
    assert cause in line
    (record,) = records(done.stdout)
    assert cause in str(record["empty"])
    assert (float(str(record["covered"])) > 0) == ("colour" in cause)
    failed = r3d("render", triangle, "-o", "none.png", "--fail-empty", *arguments, *SMALL)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"r3d: error: {triangle}: the picture is empty: ")
    assert cause in failed.stderr
    assert not (tmp_path / "none.png").exists()


def test_faces_without_area_are_the_cause(r3d: Run, tmp_path: Path) -> None:
    (tmp_path / "line.obj").write_text("v 0 0 0\nv 1 0 0\nv 0.3 0 0\nf 1 2 3\n")
    done = r3d("render", "line.obj", *SMALL)
    assert done.returncode == 0
    (line,) = warnings(done)
    assert "its faces have no area" in line


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--background", "transparent"),
        ("--shading", "silhouette"),
        ("--shading", "soft-phong"),
        ("--color", "white", "--shading", "unlit", "--wireframe", "1"),
        ("--pass", "mask"),
        ("--pass", "rgb,depth", "-o", "{pass}.png"),
    ],
)
def test_what_shows_something_is_not_empty(r3d: Run, triangle: Path, arguments: tuple[str, ...]) -> None:
    done = r3d(
        "render", triangle, "--view", "front", "--fit", "bounds", "--json", "--fail-empty", *SMALL, *arguments
    )
    assert (done.returncode, warnings(done)) == (0, []), done.stderr
    for record in records(done.stdout):
        assert 0.3 < float(str(record["covered"])) < 0.6  # half of the picture
        assert "empty" not in record


def test_several_views_are_told_in_one_line(r3d: Run, triangle: Path) -> None:
    done = r3d(
        "render", triangle, "-o", "{view}.png", "--views", "4", "--azimuth", "0", "--elevation", "0", *SMALL
    )
    (line,) = warnings(done)
    assert ": 2 of its 4 pictures are empty (views 1, 3): " in line
    assert "edge-on" in line


@pytest.mark.parametrize("name", ["film.gif", "film.webp"])
def test_a_film_is_empty_where_all_frames_are(r3d: Run, tmp_path: Path, triangle: Path, name: str) -> None:
    film = ("--turntable", name, "--frames", "4", "--azimuth", "0", "--elevation", "0", *SMALL)
    done = r3d("render", triangle, "--json", *film)
    (record,) = records(done.stdout)
    assert warnings(done) == []
    assert "empty" not in record
    assert 0 < float(str(record["covered"])) < 0.2
    (tmp_path / name).unlink()
    done = r3d("render", triangle, "--json", *film, *BLANK)
    (line,) = warnings(done)
    assert "all frames of the film are empty" in line
    assert "empty" in records(done.stdout)[0]
    (tmp_path / name).unlink()
    done = r3d("render", triangle, "--fail-empty", *film, *BLANK)
    assert done.returncode == 1
    assert not (tmp_path / name).exists()
    assert done.stderr.count("\n") == 1
    assert "all frames of the film are empty" in done.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_batch_counts_empty_files_as_failed_and_resumes_them(r3d: Run, tmp_path: Path, jobs: str) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    (scans / "good.obj").write_text(TRIANGLE)
    (scans / "line.obj").write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")
    batch = ("render", "scans", "-o", "out/", "--jobs", jobs, "--manifest", "m.jsonl", *SMALL)
    done = r3d(*batch)
    assert done.returncode == 0
    assert {r["file"]: r["covered"] for r in records((tmp_path / "m.jsonl").read_text())}[
        "scans/line.obj"
    ] == 0
    # Written before as an empty picture, which --fail-empty takes for not done.
    for _ in range(2):
        done = r3d(*batch, "--resume", "--fail-empty")
        assert done.returncode == 1
        assert "0 pictures of 0 files, 1 done before, 1 failed" in done.stderr
    (tmp_path / "out" / "line.png").unlink()
    done = r3d(*batch, "--fail-empty")
    assert done.returncode == 1
    assert "1 picture of 1 file, 1 failed" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]
