"""``r3d render`` over many files: what fails, hangs, is interrupted or killed, and what is kept of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from r3d_cli.scene.complete import is_complete

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SMALL = ("--size", "24", "--ssaa", "1")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Six tetrahedra of different heights."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for i in range(1, 7):
        (folder / f"part{i}.obj").write_text(
            f"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 {i}\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
        )
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_folder_goes_into_a_folder(r3d: Run, tmp_path: Path, scans: Path, jobs: str) -> None:
    (scans / "deeper").mkdir()
    (scans / "part6.obj").rename(scans / "deeper" / "part1.obj")
    done = r3d("render", "scans", "-o", "out/", "--jobs", jobs, *SMALL)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.startswith("6 pictures of 6 files; ")
    assert done.stderr.count("\n") == 1
    assert names(tmp_path / "out") == ["deeper/part1.png", *(f"part{i}.png" for i in range(1, 6))]
    assert len(set(contents(tmp_path / "out").values())) == 6
    assert Image.open(tmp_path / "out" / "part2.png").size == (24, 24)


def test_files_of_one_stem_go_by_their_names(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    folder = tmp_path / "same"
    folder.mkdir()
    shutil.copy(tetrahedron, folder / "a.obj")
    (folder / "a.off").write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    assert r3d("render", folder, "-o", "out/", "--size", "8").returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.obj.png", "a.off.png"]
    (tmp_path / "other").mkdir()
    (folder / "a.off").rename(tmp_path / "other" / "a.off")
    listed = r3d("render", "same/a.obj", "other/a.off", "-o", "out/", "--dry-run")
    assert listed.stdout.splitlines() == ["out/a.obj.png", "out/a.off.png"]


def test_jobs_and_threads_do_not_show_in_the_pictures(r3d: Run, tmp_path: Path, scans: Path) -> None:
    assert r3d("render", "scans", "-o", "a/", *SMALL, "--threads", "1").returncode == 0
    assert r3d("render", "scans", "-o", "b/", *SMALL, "--jobs", "3").returncode == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("more", [(), ("--jobs", "2")])
def test_a_broken_file_is_named_and_the_rest_goes_on(
    r3d: Run, tmp_path: Path, scans: Path, more: tuple[str, ...]
) -> None:
    (scans / "part3.obj").write_text("v 0 0 0\nf 1 2 9\n")
    done = r3d("render", "scans/*.obj", "gone.obj", "-o", "out/{stem}.png", *SMALL, *more)
    assert (done.returncode, done.stdout) == (1, "")
    *errors, summary = done.stderr.splitlines()
    assert len(errors) == 2
    assert [line.split(":")[2].strip() for line in sorted(errors)] == ["gone.obj", "scans/part3.obj"]
    assert all(line.startswith("r3d: error: ") for line in errors)
    assert summary.startswith("5 pictures of 5 files, 2 failed; ")
    assert names(tmp_path / "out") == [f"part{i}.png" for i in (1, 2, 4, 5, 6)]


def test_a_file_that_hangs_is_given_up(r3d: Run, tmp_path: Path, scans: Path) -> None:
    (scans / "part2.obj").unlink()
    os.mkfifo(scans / "part2.obj")  # which never delivers
    done = r3d("render", "scans", "-o", "out/", "--timeout", "1.5", *SMALL)
    assert done.returncode == 1
    error, summary = done.stderr.splitlines()
    assert error.startswith("r3d: error: scans/part2.obj: took longer than the 1.5 s of --timeout")
    assert summary.startswith("5 pictures of 5 files, 1 failed; ")
    assert names(tmp_path / "out") == [f"part{i}.png" for i in (1, 3, 4, 5, 6)]


def test_shards_together_are_everything(r3d: Run, tmp_path: Path, scans: Path) -> None:
    arguments = ("scans", *SMALL, "--pass", "mask")
    assert r3d("render", *arguments, "-o", "whole/{index:02}_{name}.png").returncode == 0
    counts = []
    for i in (1, 2, 3, 4):
        done = r3d("render", *arguments, "-o", "parts/{index:02}_{name}.png", "--shard", f"{i}/4")
        assert done.returncode == 0
        counts.append(len(names(tmp_path / "parts")))
    assert counts == [2, 4, 5, 6]
    assert names(tmp_path / "whole")[0] == "00_part1.obj.png"
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_a_shard_of_nothing_is_told(r3d: Run, tetrahedron: Path) -> None:
    done = r3d("render", tetrahedron, "--shard", "2/2")
    assert (done.returncode, done.stdout) == (0, "")
    assert "--shard 2/2" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("scans", "more/part1.ply", "-o", "out/{stem}.png"), "scans/part1.obj and more/part1.ply"),
        (("scans", "-o", "one.png"), "{stem}"),
        (("scans", "-o", "{stem}.png", "--views", "2"), "{view"),
        (("scans", "-o", "{stem}.png", "--pass", "rgb,depth"), "{pass}"),
        (("scans", "-o", "{stem}_{veiw}.png"), "{veiw}"),
        (("scans", "-o", "-"), "standard output takes one picture"),
        (("scans", "--shard", "0/2"), "--shard"),
        (("scans", "--jobs", "0"), "--jobs"),
        (("scans", "--timeout", "-1"), "--timeout"),
        (("scans", "--resume", "--cameras-out", "c.json"), "--cameras-out"),
        (("scans", "--format", "objj"), "--format"),
        (("scans", "--bits", "16"), "--bits"),
        (("scans", "--ssaa", "16", "--size", "4000"), "--ssaa"),
        (("scans", "--frames", "9"), "--frames"),
        (("scans", "--background", "gone.png"), "--background"),
    ],
)
def test_what_cannot_work_is_refused_before_any_work(
    r3d: Run, tmp_path: Path, scans: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "part1.ply").write_bytes((scans / "part1.obj").read_bytes())
    before = names(tmp_path)
    done = r3d("render", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("r3d: error: ")
    assert words in line
    assert names(tmp_path) == before


@pytest.mark.parametrize("option", ["--cameras-out", "--manifest", "--output"])
def test_a_place_that_is_not_there_is_told_before_any_work(
    r3d: Run, tmp_path: Path, tetrahedron: Path, option: str
) -> None:
    done = r3d("render", tetrahedron, option, "gone/file.png")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("r3d: error: gone/file.png: ")
    assert names(tmp_path) == ["tetrahedron.obj"]


@pytest.mark.parametrize(
    "options",
    [
        ("--views", "2", "--pass", "rgb,depth", "-o", "out/{parent}/{stem}_{view}_{pass}.png"),
        ("--pass", "rgb,depth", "-o", "out/{stem}.npz"),
        ("--turntable", "out/{stem}.gif", "--frames", "2"),
    ],
)
def test_a_dry_run_lists_what_a_run_writes(
    r3d: Run, tmp_path: Path, scans: Path, options: tuple[str, ...]
) -> None:
    done = r3d("render", "scans", *options, *SMALL, "--dry-run", "--manifest", "m.jsonl")
    assert done.returncode == 0
    assert "MiB of memory" in done.stderr
    assert names(tmp_path) == [f"scans/part{i}.obj" for i in range(1, 7)]
    listed = {os.path.normpath(line) for line in done.stdout.splitlines()}
    assert r3d("render", "scans", *options, *SMALL).returncode == 0
    assert listed == {f"out/{name}" for name in names(tmp_path / "out")}


def test_a_dry_run_knows_what_is_missing(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    done = r3d("render", tetrahedron, "gone.obj", "--dry-run")
    assert (done.returncode, done.stdout) == (1, "tetrahedron.png\n")
    assert "r3d: error: gone.obj: no such file; check the path\n" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["-o", "a.png", "--size", "2500"],
        ["-o", "a.png", "--size", "2000", "--pass", "faceid"],
        ["-o", "a.exr", "--size", "1600", "--pass", "rgb,depth,normal"],
        ["-o", "a.png", "--size", "400", "--shading", "soft-phong"],
        ["--turntable", "a.gif", "--size", "600", "--ssaa", "1", "--frames", "60"],
    ],
)
def test_a_dry_run_estimates_the_memory(
    command: Path, r3d: Run, tmp_path: Path, tetrahedron: Path, options: list[str]
) -> None:
    told = r3d("render", tetrahedron, *options, "--dry-run").stderr
    estimate = float(told.split(" about ")[1].split(" MiB")[0].replace(",", ""))
    # In between a small process: a child's peak counts what its parent was when it was forked.
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    launched = [sys.executable, "-S", "-c", code, command, "render", tetrahedron, *options]
    done = subprocess.run(launched, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert 0.45 < estimate / (int(done.stdout) / 1024) < 2.2


def test_a_dry_run_knows_what_resume_leaves_out(r3d: Run, tmp_path: Path, scans: Path) -> None:
    run = ("render", "scans", "-o", "out/", *SMALL, "--manifest", "m.jsonl", "--resume")
    assert r3d(*run).returncode == 0
    (tmp_path / "out" / "part2.png").unlink()
    lines = (tmp_path / "m.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "m.jsonl").write_text("".join(line for line in lines if "part5" not in line))
    for arguments, expected in ((run, {"part2", "part5"}), ((*run[:-3], "--resume"), {"part2"})):
        listed = r3d(*arguments, "--dry-run").stdout.splitlines()
        assert {Path(line).stem for line in listed} == expected
    done = r3d(*run, "--json")
    assert {Path(json.loads(line)["path"]).stem for line in done.stdout.splitlines()} == {"part2", "part5"}
    assert "2 pictures of 2 files, 4 done before; " in done.stderr


def test_resume_does_not_take_a_texture_for_a_picture(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "tetrahedron.png")
    done = r3d("render", tetrahedron, *SMALL, "--resume")
    assert done.returncode == 1
    assert "r3d did not write it" in done.stderr


def test_json_and_manifest_have_a_line_for_each_picture(r3d: Run, tmp_path: Path, scans: Path) -> None:
    options = ("--views", "2", "--pass", "mask,depth", "-o", "out/{stem}_{view}_{pass}.png", "--json")
    done = r3d("render", "scans/part[12].obj", *SMALL, *options, "--manifest", "m.jsonl")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == 8
    assert sorted(record["path"] for record in records) == [f"out/{name}" for name in names(tmp_path / "out")]
    for record in records:
        assert record["file"] in ("scans/part1.obj", "scans/part2.obj")
        assert (record["width"], record["height"], record["faces"], record["vertices"]) == (24, 24, 4, 4)
        assert record["device"] == "cpu"
        assert record["pass"] in ("mask", "depth")
        assert record["seconds"] > 0
        assert np.shape(record["camera"]["world_to_camera"]) == (4, 4)
    manifest = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert manifest == records


#: Deep enough that the run takes a while, and that a file is more than one write.
LONG = ("--size", "300", "--pass", "rgb,depth", "-o", "out/{stem}_{pass}.npy")


@pytest.mark.parametrize("more", [(), ("--jobs", "2"), ("--manifest", "m.jsonl")])
def test_killed_and_resumed_is_as_never_killed(
    r3d: Run, command: Path, tmp_path: Path, scans: Path, more: tuple[str, ...]
) -> None:
    assert r3d("render", "scans", *LONG).returncode == 0
    (tmp_path / "out").rename(tmp_path / "whole")
    last = (scans / "part6.obj").rename(tmp_path / "part6.obj")
    os.mkfifo(scans / "part6.obj")  # so that it is never done before it is killed
    killed = subprocess.Popen([command, "render", "scans", *LONG, *more], cwd=tmp_path)
    out = tmp_path / "out"
    wait_for(lambda: out.is_dir() and len(list(out.glob("part*"))) >= 3)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    time.sleep(0.2)  # processes of --jobs end with what they have in hand
    assert all(map(is_complete, out.glob("part*")))
    last.replace(scans / "part6.obj")
    done = r3d("render", "scans", *LONG, *more, "--resume")
    assert done.returncode == 0
    assert " done before" in done.stderr
    assert contents(out) == contents(tmp_path / "whole")
    if "--manifest" in more:
        paths = [json.loads(line)["path"] for line in (tmp_path / "m.jsonl").read_text().splitlines()]
        assert sorted(set(paths)) == [f"out/{name}" for name in names(out)]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_keeps_what_is_done(command: Path, tmp_path: Path, scans: Path, jobs: str) -> None:
    (scans / "part4.obj").unlink()
    os.mkfifo(scans / "part4.obj")
    process = subprocess.Popen(
        [command, "render", "scans", "-o", "out/", *SMALL, "--jobs", jobs, "--manifest", "m.jsonl"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    expected = [f"part{i}.png" for i in ((1, 2, 3) if jobs == "1" else (1, 2, 3, 5, 6))]
    manifest = tmp_path / "m.jsonl"
    wait_for(lambda: manifest.is_file() and manifest.read_bytes().count(b"\n") == len(expected))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (130, b"", b"")
    assert names(tmp_path / "out") == expected
    assert all(map(is_complete, (tmp_path / "out").iterdir()))


ODD = [
    "with space.obj",
    "größe 東京 🐇.obj",
    "-x.obj",
    "line\nfeed.obj",
    "{stem}{.obj",
    "a[1]*.obj",
    "'q\"$HOME.obj",
]


def test_unusual_names(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ODD:
        (tmp_path / "in" / name).write_bytes(tetrahedron.read_bytes())
    done = r3d("render", "in", "-o", "out/", *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "out") == sorted(f"{name[:-4]}.png" for name in ODD)
    assert {json.loads(line)["file"] for line in done.stdout.splitlines()} == {f"in/{name}" for name in ODD}
    one_by_one = r3d("render", *(f"in/{name}" for name in ODD), "-o", "again", *SMALL)
    assert one_by_one.returncode == 2  # a name without an extension is no picture's
    assert r3d("render", *(f"in/{name}" for name in ODD), "-o", "again/", *SMALL).returncode == 0
    assert contents(tmp_path / "again") == contents(tmp_path / "out")


@pytest.mark.parametrize("arguments", [("./-x.obj",), ("--", "-x.obj")])
def test_a_leading_dash(r3d: Run, tmp_path: Path, tetrahedron: Path, arguments: tuple[str, ...]) -> None:
    tetrahedron.rename(tmp_path / "-x.obj")
    assert r3d("render", *SMALL, *arguments).returncode == 0
    assert names(tmp_path) == ["-x.obj", "-x.png"]


def test_an_odd_name_stays_on_one_line_of_an_error(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    (tmp_path / "line\nfeed.obj").write_text("nonsense")
    done = r3d("render", "line\nfeed.obj", tetrahedron, "-o", "out/", *SMALL)
    assert done.returncode == 1
    error, _ = done.stderr.splitlines()
    assert error.startswith("r3d: error: line feed.obj: ")


def mounted(tmp_path: Path, options: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script where ``small`` is a file system of its own; skip where that is not permitted."""
    (tmp_path / "small").mkdir()
    mount = f"mount -t tmpfs -o {options} none small"
    allowed = subprocess.run(["unshare", "-rm", "sh", "-c", mount], cwd=tmp_path, capture_output=True)
    if allowed.returncode:
        pytest.skip("mounting a file system in a name space of one's own is not permitted here")
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} && {script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("suffix", ["npy", "npz", "png"])
def test_a_full_disk_takes_what_fits_and_nothing_half(
    command: Path, tmp_path: Path, scans: Path, suffix: str
) -> None:
    """PNGs are small: they get a disk that is nearly full before."""
    options = "--size 100 --pass position" + " --bits 16" * (suffix == "png")
    full = "head -c 55000 /dev/zero > small/ballast && " if suffix == "png" else ""
    script = f"{full}'{command}' render scans -o 'small/{{stem}}.{suffix}' {options}; echo $?; ls -lA small"
    done = mounted(tmp_path, "size=160k" if not full else "size=64k", script)
    status, _, *listing = done.stdout.splitlines()
    assert status == "1"
    *errors, summary = done.stderr.splitlines()
    assert errors
    assert all("No space left on device" in line and f".{suffix}: " in line for line in errors), errors
    written = [line.split() for line in listing if "ballast" not in line]
    assert all(words[-1].startswith("part") for words in written), listing
    assert len(written) == 6 - len(errors) > 0
    assert summary.startswith(f"{len(written)} picture")


def test_a_folder_that_may_not_be_written(command: Path, tmp_path: Path, scans: Path) -> None:
    done = mounted(tmp_path, "ro", f"'{command}' render scans -o small/ --size 24; echo $?")
    assert done.stdout == "1\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith("r3d: error: small: permission denied; ")


def resident(pid: int) -> int:
    """Bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def test_memory_does_not_grow_with_the_number_of_files(command: Path, tmp_path: Path, scans: Path) -> None:
    """With textures and two passes, so that there is something to leak."""
    Image.effect_noise((256, 256), 80).save(tmp_path / "noise.png")
    (tmp_path / "m.mtl").write_text("newmtl m\nmap_Kd noise.png\n")
    square = "mtllib ../m.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nusemtl m\n"
    for path in scans.iterdir():
        path.unlink()
    last = scans / "last.obj"
    os.mkfifo(last)  # the process waits here to be measured
    for i in range(150):
        (scans / f"{i}.obj").write_text(square + "f 1/1 2/2 3/3\nf 1/1 3/3 4/1\n")
    process = subprocess.Popen(
        [command, "render", "scans", "--size", "96", "--pass", "rgb,depth", "--json", "-o", "out/{stem}.npz"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    sizes = []
    for number, _ in enumerate(process.stdout, 1):
        if number in (30, 150):
            sizes.append(resident(process.pid))
        if number == 150:
            last.write_text(square + "f 1/1 2/2 3/3\n")
    assert process.wait() == 0
    assert number == 151
    assert sizes[1] - sizes[0] < 20e6
