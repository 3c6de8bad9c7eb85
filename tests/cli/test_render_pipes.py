"""``r3d render`` in pipes and on terminals: what goes where, and nothing that garbles."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer.main
from PIL import Image

from r3d_cli.app import app

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def shell(script: str, command: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which r3d is on the path."""
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )


def test_from_a_pipe_into_a_file(command: Path, tmp_path: Path, tetrahedron: Path) -> None:
    options = "--size 20 --format obj -o -"
    done = shell(f"cat {tetrahedron.name} | r3d render - {options} > x.png", command, tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("standard output: 20x20 pixels, 4 faces, cpu (")
    assert Image.open(tmp_path / "x.png").size == (20, 20)
    subprocess.run([command, "render", tetrahedron, "--size", "20", "-o", tmp_path / "y.png"], check=True)
    assert (tmp_path / "x.png").read_bytes() == (tmp_path / "y.png").read_bytes()


def test_a_pass_into_a_pipe(command: Path, tmp_path: Path, tetrahedron: Path) -> None:
    script = f"r3d render {tetrahedron.name} --pass depth --bits 16 --size 20 -o - | cat > d.png"
    assert shell(script, command, tmp_path).returncode == 0
    assert np.asarray(Image.open(tmp_path / "d.png")).dtype == np.uint16


@pytest.mark.parametrize("more", ["", "--timeout 30"])
def test_a_pipe_that_closes_is_quiet(command: Path, tmp_path: Path, tetrahedron: Path, more: str) -> None:
    """The picture is more than a pipe holds."""
    image = "--size 500 --pass position --bits 16"
    script = f"r3d render {tetrahedron.name} {image} -o - {more} | head -c 8; echo ${{PIPESTATUS[0]}}"
    done = shell(script, command, tmp_path)
    assert done.stderr == ""
    assert done.stdout.endswith(f"{128 + signal.SIGPIPE}\n")


def test_json_lines_into_a_pipe_that_closes(command: Path, tmp_path: Path, tetrahedron: Path) -> None:
    script = "r3d render tetrahedron.obj --views 200 --size 8 --json -o 'out/{view}.png' | head -1"
    done = shell(script, command, tmp_path)
    assert json.loads(done.stdout)["view"] == 0
    assert "Traceback" not in done.stderr


def on_terminal(arguments: list[object], folder: Path, **environment: str) -> tuple[int, str]:
    """The exit code of a command whose standard output and error are one terminal, and what that shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    with subprocess.Popen(
        list(map(str, arguments)),
        cwd=folder,
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how a terminal tells that nobody writes any more
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
    return process.returncode, shown.decode()


def test_a_terminal_gets_no_png(command: Path, tmp_path: Path, tetrahedron: Path) -> None:
    status, shown = on_terminal([command, "render", tetrahedron, "-o", "-"], tmp_path)
    assert status == 1
    (line,) = shown.splitlines()
    assert "standard output is a terminal" in line
    assert "PNG\r" not in shown


def test_show_and_json_would_mix(r3d: Run, tetrahedron: Path) -> None:
    done = r3d("render", tetrahedron, "--show", "--json")
    assert done.returncode == 2
    assert "'--json': and --show both go to standard output" in done.stderr


def test_show_draws_in_the_terminal(command: Path, tmp_path: Path, tetrahedron: Path) -> None:
    arguments = [command, "render", tetrahedron, "--show", "--size", "40", "--background", "#102030"]
    status, shown = on_terminal(arguments, tmp_path, TERM="xterm-256color", COLORTERM="truecolor")
    assert status == 0
    assert "48;2;16;32;48" in shown  # the background
    assert shown.count("▀") > 300  # 40 columns of 20 half blocks
    assert "terminal: 40x40 pixels, 4 faces" in shown
    assert [path.name for path in tmp_path.iterdir()] == [tetrahedron.name]
    status, shown = on_terminal([*arguments, "-o", "too.png", "--pass", "mask"], tmp_path, TERM="xterm-kitty")
    assert status == 0
    assert "\x1b_G" in shown
    assert np.asarray(Image.open(tmp_path / "too.png")).shape == (40, 40)


def test_a_bar_on_the_terminal_leaves_the_summary(command: Path, tmp_path: Path, tetrahedron: Path) -> None:
    (tmp_path / "b.obj").write_text("nonsense")
    arguments = [command, "render", tetrahedron, "b.obj", "--size", "8", "-o", "out/"]
    status, shown = on_terminal(arguments, tmp_path, TERM="xterm")
    assert status == 1
    assert "0/2 files" in shown
    assert "2/2 files" in shown
    assert "r3d: error: b.obj: " in shown
    assert "\x1b[2K1 picture of 1 file, 1 failed; " in shown.splitlines()[-1]  # where the bar was


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--show",), 1, "--show: standard output is no terminal"),
        (("-o", "-", "--json"), 2, "--json"),
        (("-o", "-", "--views", "2"), 2, "--output"),
        (("-o", "-", "--pass", "rgb,depth"), 2, "--output"),
        (("--show", "--jobs", "2"), 2, "--show"),
        (("--format", "wavefront"), 2, "--format"),
    ],
)
def test_what_cannot_go_to_standard_output(
    r3d: Run, tmp_path: Path, tetrahedron: Path, options: tuple[str, ...], status: int, words: str
) -> None:
    done = r3d("render", tetrahedron, *options)
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert words in line
    assert [path.name for path in tmp_path.iterdir()] == [tetrahedron.name]


def test_standard_input_has_a_name_in_messages_and_templates(r3d: Run, tmp_path: Path) -> None:
    broken = r3d("render", "-", "--format", "obj", stdin=b"f 1 2 3\n")
    assert broken.returncode == 1
    assert broken.stderr.startswith("r3d: error: <stdin>:")
    good = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    done = r3d("render", "-", "--size", "8", "-o", "{stem}.png", "--json", "--timeout", "30", stdin=good)
    assert json.loads(done.stdout)["file"] == "<stdin>"
    assert (tmp_path / "mesh.png").is_file()
    assert r3d("render", "-", "-").returncode == 1


GRAPHICS = re.compile(r"/lib(GL|GLX|EGL|GLES|GLdispatch|OpenGL|OSMesa|X11|xcb|wayland|vulkan)\b[^/]*\.so")


def test_no_graphics_library_is_loaded(command: Path, tmp_path: Path, tetrahedron: Path) -> None:
    """Nothing in the environment: no display, no home, no path. The loader tells every file it opens."""
    done = subprocess.run(
        [command, "render", tetrahedron, "--size", "16", "--pass", "rgb,depth", "-o", "{pass}.png"],
        env={"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(tmp_path / "loaded")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = "".join(path.read_text(errors="replace") for path in tmp_path.glob("loaded.*"))
    assert "_native" in loaded  # the loader does tell
    assert not GRAPHICS.search(loaded)
    assert GRAPHICS.search("calling init: /usr/lib/x86_64-linux-gnu/libGL.so.1")
    assert Image.open(tmp_path / "rgb.png").size == (16, 16)


def test_output_to_memory_and_devices(r3d: Run, tetrahedron: Path) -> None:
    done = r3d("render", tetrahedron, "--size", "16", "-o", "/dev/null")
    assert done.returncode == 0
    done = r3d("render", tetrahedron, "--size", "16", "--manifest", "/dev/stdout")
    assert json.loads(done.stdout)["width"] == 16


def test_every_option_is_used_by_a_test(repository: Path) -> None:
    render = typer.main.get_command(app).commands["render"]  # type: ignore[attr-defined]
    options = [name for one in render.params for name in one.opts if name.startswith("--")]
    assert len(options) > 40
    files = [
        *(repository / "tests" / "cli").glob("test_render*.py"),
        Path(__file__).with_name("test_bad_input.py"),
        Path(__file__).with_name("test_untrusted.py"),
    ]
    sources = "".join(path.read_text() for path in files)
    assert not [name for name in options if f'"{name}"' not in sources]


#: Options that do nothing unless they are given.
NO_DEFAULT = {"camera", "cameras_out", "manifest", "turntable", "view", "wireframe"}


def test_help_tells_what_every_option_is_and_its_default() -> None:
    render = typer.main.get_command(app).commands["render"]  # type: ignore[attr-defined]
    for one in render.params:
        assert one.help, one.name
        if one.param_type_name == "option" and not one.is_flag and one.name not in NO_DEFAULT:
            assert one.show_default, one.name
            assert isinstance(one.show_default, str) or one.default is not None, one.name


def test_standard_output_is_the_picture_alone(command: Path, tetrahedron: Path) -> None:
    tetrahedron.write_text("mtllib gone.mtl\n" + tetrahedron.read_text())  # a warning
    done = subprocess.run(
        [command, "render", tetrahedron, "-o", "-", "--size", "9"], capture_output=True, check=True
    )
    picture = Image.open(io.BytesIO(done.stdout))
    picture.load()
    assert done.stdout.endswith(b"IEND\xaeB`\x82")
    assert done.stderr.count(b"\n") == 2
