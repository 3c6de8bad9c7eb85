"""Films of ``r3d render``, decoded again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TURN = ("--frames", "6", "--seconds", "1.5", "--size", "48x40", "--color", "orange")


def decode(path: Path) -> tuple[list[np.ndarray], float]:
    """The frames, RGBA, and how long they last together, seconds."""
    if path.suffix == ".mp4":
        av = pytest.importorskip("av")
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            frames = [frame.to_ndarray(format="rgba") for frame in container.decode(stream)]
            return frames, len(frames) / float(stream.average_rate)
    with Image.open(path) as film:
        pairs = [(np.asarray(f.convert("RGBA")), f.info["duration"]) for f in ImageSequence.Iterator(film)]
    return [pixels for pixels, _ in pairs], sum(duration for _, duration in pairs) / 1000


@pytest.mark.parametrize("suffix", ["gif", "webp", "mp4"])
def test_a_turntable_shows_the_views_of_one_turn(
    r3d: Run, tmp_path: Path, tetrahedron: Path, suffix: str
) -> None:
    if suffix == "mp4":
        pytest.importorskip("av", reason="MP4 needs PyAV")
    done = r3d("render", tetrahedron, "--turntable", f"film.{suffix}", *TURN)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "6 frames, 1.5 s long" in done.stderr
    frames, seconds = decode(tmp_path / f"film.{suffix}")
    assert len(frames) == 6
    assert seconds == pytest.approx(1.5, abs=0.02)
    stills = r3d("render", tetrahedron, "--views", "6", *TURN[4:], "-o", "still{view}.png")
    assert stills.returncode == 0
    for i, frame in enumerate(frames):
        still = np.asarray(Image.open(tmp_path / f"still{i}.png")).astype(int)
        assert np.abs(frame[..., :3] - still).mean() < 6  # lossy, or of 256 colours
    assert np.abs(frames[0].astype(int) - frames[3]).mean() > 6


def test_how_long_and_how_many_by_default(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    options = ("--size", "16", "--json", "--azimuth", "10", "--elevation", "40")
    (record,) = map(
        json.loads, r3d("render", tetrahedron, "--turntable", "a.gif", *options).stdout.splitlines()
    )
    assert (record["frames"], record["fps"], record["path"], record["faces"]) == (36, 12, "a.gif", 4)
    frames, seconds = decode(tmp_path / "a.gif")
    assert (len(frames), seconds) == (36, pytest.approx(3, abs=0.01))


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_transparency(r3d: Run, tmp_path: Path, tetrahedron: Path, suffix: str) -> None:
    options = ("--background", "transparent", "--frames", "3", "--size", "32")
    assert r3d("render", tetrahedron, "--turntable", f"a.{suffix}", *options).returncode == 0
    for frame in decode(tmp_path / f"a.{suffix}")[0]:
        assert frame[0, 0, 3] == 0
        assert frame[16, 16, 3] == 255


def test_films_of_many_files(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    (tmp_path / "broken.obj").write_text("nonsense")
    (tmp_path / "second.obj").write_bytes(tetrahedron.read_bytes())
    run = ("render", ".", "--turntable", "films/{stem}.gif", "--frames", "2", "--size", "16")
    done = r3d(*run, "--jobs", "2")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("2 films of 2 files, 1 failed; ")
    films = sorted((tmp_path / "films").iterdir())
    assert [film.name for film in films] == ["second.gif", "tetrahedron.gif"]
    assert films[0].read_bytes() == films[1].read_bytes()
    done = r3d(*run, "--resume")
    assert "2 done before" in done.stderr


def test_cameras_of_a_film(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    options = ("--frames", "4", "--size", "16", "--cameras-out", "c.json")
    assert r3d("render", tetrahedron, "--turntable", "a.gif", *options).returncode == 0
    assert len(json.loads((tmp_path / "c.json").read_text())["cameras"]) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--turntable", "a.avi"), "must end in .gif"),
        (("--turntable", "a.gif", "-o", "b.png"), "--output"),
        (("--turntable", "a.gif", "--pass", "depth"), "--pass"),
        (("--turntable", "a.gif", "--bits", "16"), "--bits"),
        (("--turntable", "a.gif", "--views", "3"), "--views"),
        (("--turntable", "a.gif", "--show"), "--show"),
        (("--turntable", "a.gif", "--frames", "1"), "--frames"),
        (("--turntable", "a.gif", "--seconds", "0"), "--seconds"),
        (("--turntable", "a.gif", "--frames", "90", "--seconds", "1"), "90 frames a second"),
        (("--seconds", "2"), "--seconds"),
    ],
)
def test_wrong_values_are_named(
    r3d: Run, tmp_path: Path, tetrahedron: Path, options: tuple[str, ...], words: str
) -> None:
    done = r3d("render", tetrahedron, *options)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert words in line
    assert [path.name for path in tmp_path.iterdir()] == [tetrahedron.name]


def test_an_mp4_has_no_transparency(r3d: Run, tetrahedron: Path) -> None:
    pytest.importorskip("av", reason="MP4 needs PyAV")
    done = r3d("render", tetrahedron, "--turntable", "a.mp4", "--background", "transparent")
    assert done.returncode == 2
    assert "--background" in done.stderr
