"""Images of textures: how large they may be, by the memory there is, and how much memory they take."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from r3d_cli.scene import policy
from r3d_cli.scene.memory import available_memory
from r3d_cli.scene.policy import LimitError, Policy, used
from r3d_cli.scene.readers.images import ImageError, read_image
from r3d_cli.scene.texture_sizes import texture_pixels


def png(path: Path, side: int, *, rows: int | None = None) -> Path:
    """A square PNG of one bit a pixel, or the header of one."""
    line = bytes(1 + (side + 7) // 8)
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(line) for _ in range(side if rows is None else rows)) + packer.flush()
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
    )
    return path


READ = """
import resource, sys
from pathlib import Path
from r3d_cli.scene.readers.images import read_image
import PIL.Image, PIL.PngImagePlugin
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(read_image(Path(sys.argv[1]), alpha=False).shape, PIL.Image.MAX_IMAGE_PIXELS)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_an_atlas_beyond_pillows_limit_is_read_in_little_more_memory_than_it_takes(tmp_path: Path) -> None:
    path = png(tmp_path / "atlas.png", 16384)
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True)
    first, peak = done.stdout.splitlines()
    # Pillow's limit is the process's, and other libraries rely on it: it is left as it was.
    assert first == f"(16384, 16384, 3) {Image.MAX_IMAGE_PIXELS}"
    assert Image.MAX_IMAGE_PIXELS is not None
    decoded = 3 * 16384**2
    assert 1024 * int(peak) < 1.7 * decoded  # of one bit a pixel Pillow holds a byte


def test_bands_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (37, 19, 4), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    monkeypatch.setattr("r3d_cli.scene.readers.images._BAND", 100)
    assert np.array_equal(read_image(tmp_path / "a.png", alpha=True), pixels)


def test_a_bomb_is_refused_by_the_memory_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = png(tmp_path / "bomb.png", 400_000, rows=1)
    with pytest.raises(ImageError, match=r"400000 x 400000 pixels need .* GiB of memory and .* --max-pixels"):
        read_image(path, alpha=False)
    atlas = png(tmp_path / "atlas.png", 8192)
    monkeypatch.setattr(policy, "available_memory", lambda: 2.0**29)
    with pytest.raises(ImageError, match=r"8192 x 8192 pixels need 0\.8 GiB of memory and 0\.5 GiB are"):
        read_image(atlas, alpha=False)
    with used(Policy(max_pixels=8192**2)):  # as the message says
        assert read_image(atlas, alpha=False).shape == (8192, 8192, 3)


def test_what_is_no_image_is_said_without_an_address(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^it is no image of a known format$"):
        read_image(b"nothing", alpha=False)


def test_memory_of_a_control_group(tmp_path: Path) -> None:
    """Both versions; the least of what the machine, the group and those around it leave counts."""
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 8000 kB\n")
    assert available_memory(proc, cgroups) == 8_192_000
    (proc / "self" / "cgroup").write_text("0::/jobs/one\n")
    (cgroups / "jobs" / "one").mkdir(parents=True)
    (cgroups / "jobs" / "one" / "memory.max").write_text("max\n")
    (cgroups / "jobs" / "one" / "memory.current").write_text("1000\n")
    assert available_memory(proc, cgroups) == 8_192_000
    (cgroups / "jobs" / "memory.max").write_text("5000\n")
    (cgroups / "jobs" / "memory.current").write_text("3000\n")
    (cgroups / "jobs" / "memory.stat").write_text("anon 1\ninactive_file 500\n")
    assert available_memory(proc, cgroups) == 2500
    (proc / "self" / "cgroup").write_text("7:cpu:/x\n4:memory:/elsewhere\n0::/\n")
    (cgroups / "memory").mkdir()
    (cgroups / "memory" / "memory.limit_in_bytes").write_text("4000\n")
    (cgroups / "memory" / "memory.usage_in_bytes").write_text("3900\n")
    assert available_memory(proc, cgroups) == 100
    assert available_memory(tmp_path / "nowhere", cgroups) == float("inf")


def test_limits_name_the_option() -> None:
    with pytest.raises(LimitError, match="more than the 9 of --max-pixels"):
        Policy(max_pixels=9).check_image(5, 2)
    Policy(max_pixels=10).check_image(5, 2)


def test_textures_count_before_they_are_read(tmp_path: Path) -> None:
    png(tmp_path / "atlas.png", 300)
    (tmp_path / "a.mtl").write_text(
        "newmtl a\nmap_Kd -clamp on atlas.png\nmap_d atlas.png\nmap_Ks gone.png\n"
    )
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nv 0 0 0\n")
    (tmp_path / "b.ply").write_text("ply\ncomment TextureFile atlas.png\nend_header\n")
    (tmp_path / "c.gltf").write_text('{"images": [{"uri": "atlas.png"}, {"uri": "gone.png"}]}')
    for name in ("a.obj", "b.ply", "c.gltf"):
        assert texture_pixels(str(tmp_path / name)) == 300**2


def test_dry_run_tells_the_memory_of_an_atlas(tmp_path: Path) -> None:
    png(tmp_path / "atlas.png", 8192)
    (tmp_path / "a.mtl").write_text("newmtl a\nmap_Kd atlas.png\n")
    (tmp_path / "a.obj").write_text(
        "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl a\nf 1/1 2/2 3/3\n"
    )
    command = [sys.executable, "-m", "r3d_cli", "render", "a.obj", "-o", "a.png", "--size", "64"]
    told = subprocess.run([*command, "--dry-run"], cwd=tmp_path, capture_output=True, text=True, check=True)
    mib = float(told.stderr.split("about ")[1].split(" MiB")[0].replace(",", ""))
    # From a small process: what this one holds would count as the child's until its program starts.
    measure = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    measured = subprocess.run(
        [sys.executable, "-c", measure, *command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    taken = int(measured.stdout) / 1024
    assert 0.95 * taken < mib < 2 * taken
