"""Files that appear whole or not at all, and what killed processes leave of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from r3d_cli.scene.files import remove_partials, replacing

KILLED = """
import os, signal, sys
from r3d_cli.scene.files import replacing

for path in sys.argv[2:]:
    file = replacing(path).__enter__()
    file.write_text("half")
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_while_writing(*paths: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, "x", *paths], check=False)
    assert done.returncode == -9


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.png").symlink_to("real/c.png")
    mine = [tmp_path / "a.png", tmp_path / "ü b.1-2", tmp_path / "link.png"]
    kill_while_writing(*mine, tmp_path / "others.png")
    assert len(names(tmp_path)) == 5
    assert len(names(tmp_path / "real")) == 1
    remove_partials([*mine, tmp_path / "gone" / "x.png"])
    left = names(tmp_path)
    assert left[1:] == ["link.png", "real"]
    assert left[0].startswith(".others.png.")
    assert names(tmp_path / "real") == []


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    (tmp_path / ".a.png").touch()
    (tmp_path / ".a.png.bak").touch()
    with replacing(tmp_path / "a.png") as file:
        file.write_text("whole")
        remove_partials([tmp_path / "a.png"])
    assert names(tmp_path) == [".a.png", ".a.png.bak", "a.png"]
    assert (tmp_path / "a.png").read_text() == "whole"


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("before")

    def write(path: Path, times: int) -> None:
        with replacing(path) as file:
            file.write_text("half" * (1 // times))

    with pytest.raises(ZeroDivisionError):
        write(tmp_path / "a.txt", 0)
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"
    with pytest.raises(OSError, match="directory") as caught:
        write(tmp_path / "gone" / "a.txt", 1)
    assert caught.value.filename == os.fspath(tmp_path / "gone" / "a.txt")


def test_a_pipe_behind_a_link_is_written_to_directly() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as read, open(writer, "wb"):
        with replacing(f"/dev/fd/{writer}") as file:
            file.write_bytes(b"abc")
        assert read.read(3) == b"abc"
