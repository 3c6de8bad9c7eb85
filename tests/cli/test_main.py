"""What every command shares: help, version, and how a failure leaves the process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

import r3d_cli.app
import r3d_cli.main
from r3d_cli.constants import VERSION
from r3d_cli.errors import R3dError

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_version(r3d: Run) -> None:
    done = r3d("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"r3d {VERSION}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_names_every_command(r3d: Run, arguments: list[str]) -> None:
    done = r3d(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("render", "doctor", "warmup"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize("command", ["render", "doctor", "warmup"])
def test_help_gives_every_option_a_text(r3d: Run, command: str) -> None:
    done = r3d(command, "--help", COLUMNS="200", TERMINAL_WIDTH="200")
    assert done.returncode == 0
    options = [line for line in done.stdout.splitlines() if line.startswith("  -")]
    assert options
    for line in options:
        assert len(line.split("  ")) >= 2, line


@pytest.mark.parametrize(
    ("arguments", "mention"),
    [
        (["rendre"], "rendre"),
        (["--nope"], "--nope"),
        (["render"], "FILE"),
        (["render", "a.obj", "--sise", "3"], "--size"),
        (["render", "a.obj", "--size", "0"], "--size"),
        (["doctor", "surplus"], "surplus"),
        (["warmup", "--device", "cpu"], "--device"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(r3d: Run, arguments: list[str], mention: str) -> None:
    done = r3d(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("r3d: error: ")
    assert mention in line


def failing_app(error: Exception) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "line", "status"),
    [
        (R3dError("a.obj:3: what is wrong;\nwhat to do"), "a.obj:3: what is wrong; what to do", 1),
        (typer.BadParameter("too big."), "Invalid value: too big; see 'r3d --help'", 2),
        (PermissionError(13, "Permission denied", "out.png"), "out.png: Permission denied", 1),
        (MemoryError(), "out of memory", 1),
        (KeyError("surprise"), f"bug in r3d {VERSION}: KeyError at test_main.py:", 1),
    ],
)
def test_an_error_becomes_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    line: str,
    status: int,
) -> None:
    monkeypatch.setattr(r3d_cli.app, "app", failing_app(error))
    monkeypatch.delenv("R3D_DEBUG", raising=False)
    assert r3d_cli.main.run([]) == status
    (printed,) = capsys.readouterr().err.splitlines()
    assert printed.startswith(f"r3d: error: {line}")


def test_debug_shows_the_traceback_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(r3d_cli.app, "app", failing_app(KeyError("surprise")))
    monkeypatch.setenv("R3D_DEBUG", "1")
    assert r3d_cli.main.run([]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_one_line(command: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [command, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "r3d: error: standard output: No space left on device\n"


def test_a_closed_pipe_is_quiet(command: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{command}' render --help | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert int(done.stdout) in (0, 128 + signal.SIGPIPE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_quiet(command: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Interrupted while it waits for a mesh on a pipe that says nothing."""
    pipe = tmp_path / "mesh.obj"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [command, "render", pipe], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    with open(pipe, "wb"):  # returns once r3d reads
        time.sleep(0.1)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (128 + number, b"", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.obj"]


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("--version 2>&-", 0, ""),
        ("--version >&- 2>&-", 1, ""),
        ("--version >&-", 1, "r3d: error: standard output: Bad file descriptor\n"),
        ("render mesh.obj -o a.png --size 8 <&- >&- 2>&-", 0, ""),
        (
            "render mesh.obj -o - --size 8 >&-",
            1,
            "r3d: error: mesh.obj: standard output: Bad file descriptor\n",
        ),
        (
            "info - <&-",
            1,
            "r3d: error: <stdin>: cannot be read (Bad file descriptor); pipe a mesh into it\n",
        ),
    ],
)
def test_closed_standard_streams(command: Path, tmp_path: Path, line: str, code: int, message: str) -> None:
    (tmp_path / "mesh.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    done = subprocess.run(
        ["bash", "-c", f"'{command}' {line}"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, message)
    assert (tmp_path / "a.png").exists() == ("a.png" in line)
