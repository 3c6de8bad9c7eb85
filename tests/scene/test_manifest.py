"""Manifests: a line for every picture, whole whatever happens."""

from __future__ import annotations

import doctest
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from r3d_cli.errors import R3dError
from r3d_cli.scene import manifest as module
from r3d_cli.scene.manifest import Manifest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "manifest.jsonl"


def records(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_the_example_holds() -> None:
    assert doctest.testmod(module).failed == 0


def test_lines_are_there_as_soon_as_they_are_written(path: Path) -> None:
    wanted = []
    with Manifest(path) as manifest:
        assert records(path) == []
        for number in range(3):
            wanted.append(
                {"path": f"größe {number}\n.png", "camera": {"R": [[1.5, 0], [0, -2]]}, "none": None}
            )
            manifest.write(wanted[-1])
            assert records(path) == wanted


def test_a_new_run_begins_anew_and_a_resumed_one_goes_on(path: Path) -> None:
    with Manifest(path) as manifest:
        manifest.write({"path": "a.png"})
        assert "a.png" in manifest
    with Manifest(path, resume=True) as manifest:
        assert "a.png" in manifest
        assert "b.png" not in manifest
        manifest.write({"path": "b.png"})
    assert records(path) == [{"path": "a.png"}, {"path": "b.png"}]
    with Manifest(path) as manifest:
        assert "a.png" not in manifest
        manifest.write({"path": "c.png"})
    assert records(path) == [{"path": "c.png"}]


def test_a_torn_last_line_is_removed_wherever_it_is_torn(path: Path) -> None:
    line = b'{"path":"b.png","faces":12}\n'
    for kept in range(2, len(line)):
        path.write_bytes(b'{"path":"a.png"}\n' + line[:kept])
        with Manifest(path, resume=True) as manifest:
            assert "a.png" in manifest
            assert "b.png" not in manifest
            manifest.write({"path": "b.png"})
        assert records(path) == [{"path": "a.png"}, {"path": "b.png"}]


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    "content", [b"v 0 0 0\n", b"\x89PNG\r\n\x1a\n", b"[1]\n", b'{"path":"a.png"}\nv 0 0 0\n', b"x"]
)
def test_a_file_that_is_no_manifest_is_left_alone(path: Path, content: bytes, resume: bool) -> None:
    path.write_bytes(content)
    with pytest.raises(R3dError, match=r"manifest\.jsonl:[12]: is no line of a manifest; remove it, or name"):
        Manifest(path, resume=resume)
    assert path.read_bytes() == content


def test_what_json_cannot_hold_writes_nothing(path: Path) -> None:
    with Manifest(path) as manifest:
        with pytest.raises(ValueError, match="JSON"):
            manifest.write({"path": "a.png", "distance": float("nan")})
        assert "a.png" not in manifest
    assert path.read_bytes() == b""


def test_a_name_that_is_no_text(path: Path) -> None:
    with Manifest(path) as manifest:
        manifest.write({"path": os.fsdecode(b"\xff.png")})
    assert len(path.read_bytes().splitlines()) == 1


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Manifest(tmp_path / "gone" / "m.jsonl")
    assert caught.value.filename == str(tmp_path / "gone" / "m.jsonl")


def test_a_full_disk_leaves_whole_lines(path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Manifest(path) as manifest:
            manifest.write({"path": "a.png"})
            resource.setrlimit(resource.RLIMIT_FSIZE, (40, before[1]))
            with pytest.raises(OSError, match="File too large") as caught:
                manifest.write({"path": "b" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.filename == str(path)
    assert records(path) == [{"path": "a.png"}]


def test_a_pipe() -> None:
    code = (
        "from r3d_cli.scene.manifest import Manifest;"
        "Manifest('/dev/stdout', resume=True).write({'path': 'a'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(done.stdout) == {"path": "a"}
