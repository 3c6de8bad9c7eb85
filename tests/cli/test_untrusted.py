"""Files of strangers: what they name, what they claim, and how --untrusted confines them."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SMALL = ("--size", "16")
CORNERS = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"
OBJ = f"mtllib {{}}\n{CORNERS}usemtl a\nf 1/1 2/2 3/3\n"
SECRET = "root-secret-4711"


def gltf(buffer: str = "mesh.bin", image: str | None = None, nodes: list[object] | None = None) -> str:
    """A triangle whose buffer, and image if there is one, lie in files."""
    primitive: dict[str, object] = {"attributes": {"POSITION": 0}}
    document: dict[str, object] = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": nodes or [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 3}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"uri": buffer, "byteLength": 36}],
    }
    if image is not None:
        primitive["material"] = 0
        document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
        document["textures"], document["images"] = [{"source": 0}], [{"uri": image}]
    return json.dumps(document)


def ply(texture: str) -> str:
    return (
        f"ply\nformat ascii 1.0\ncomment TextureFile {texture}\nelement vertex 3\nproperty float x\n"
        "property float y\nproperty float z\nproperty float s\nproperty float t\nelement face 1\n"
        "property list uchar int vertex_indices\nend_header\n0 0 0 0 0\n1 0 0 1 0\n0 1 0 0 1\n3 0 1 2\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Meshes in ``in/`` that name files above it, in it, and by links."""
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    Image.new("RGB", (4, 4), "red").save(tmp_path / "out.png")
    Image.new("RGB", (4, 4), "red").save(inside / "sub" / "own.png")
    (tmp_path / "out.mtl").write_text("newmtl a\nKd 1 0 0\n")
    (tmp_path / "secret").write_text(f"{SECRET}\n" * 9)
    (tmp_path / "out.bin").write_bytes(np.eye(4, 3, dtype="<f4").tobytes())
    (inside / "mesh.bin").write_bytes(np.eye(4, 3, dtype="<f4").tobytes())
    (inside / "link.png").symlink_to(tmp_path / "out.png")
    (inside / "linked").symlink_to(tmp_path)
    (inside / "own.mtl").write_text("newmtl a\nmap_Kd sub/own.png\n")
    (inside / "up.mtl").write_text("newmtl a\nmap_Kd ../out.png\n")
    (inside / "sym.mtl").write_text("newmtl a\nmap_Kd link.png\n")
    (inside / "deep.mtl").write_text("newmtl a\nmap_Kd linked/out.png\n")
    for name in ("own", "up", "sym", "deep"):
        (inside / f"{name}.obj").write_text(OBJ.format(f"{name}.mtl"))
    (inside / "library.obj").write_text(OBJ.format("../out.mtl"))
    (inside / "absolute.obj").write_text(OBJ.format(tmp_path / "out.mtl"))
    (inside / "image.gltf").write_text(gltf(image="../out.png"))
    (inside / "texture.ply").write_text(ply("../out.png"))
    (inside / "buffer.gltf").write_text(gltf("../out.bin"))
    return inside


NAMING = "up.obj", "sym.obj", "deep.obj", "library.obj", "absolute.obj", "image.gltf", "texture.ply"


@pytest.mark.parametrize("name", NAMING)
def test_untrusted_files_name_nothing_outside_of_their_folder(r3d: Run, folder: Path, name: str) -> None:
    path = folder / name
    assert "is not in" not in r3d("render", path, *SMALL).stderr
    done = r3d("render", path, "--untrusted", *SMALL)
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stderr.splitlines() if "is not in" in line]) == 1
    assert "is not in" in r3d("render", path, *SMALL, R3D_UNTRUSTED="1").stderr
    assert "is not in" not in r3d("render", path, "--trusted", *SMALL, R3D_UNTRUSTED="1").stderr  # it wins


def test_untrusted_buffers_lie_in_the_folder(r3d: Run, folder: Path) -> None:
    assert r3d("render", folder / "buffer.gltf", *SMALL).returncode == 0
    for command in ("render", "info"):
        done = r3d(command, folder / "buffer.gltf", "--untrusted")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "needs '../out.bin', which is not in" in done.stderr


def test_untrusted_files_name_what_lies_in_their_folder(r3d: Run, folder: Path) -> None:
    done = r3d("render", folder / "own.obj", "--untrusted", "--shading", "unlit", "--view", "front", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert (255, 0, 0) in {color for _, color in Image.open("own.png").getcolors()}
    linked = folder / "trusted.obj"  # what the command line names may itself be a link
    linked.symlink_to(folder / "own.obj")
    assert "warning" not in r3d("render", linked, "--untrusted", *SMALL).stderr


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_untrusted_streams_name_nothing(r3d: Run, tmp_path: Path) -> None:
    mesh = OBJ.format("out.mtl").encode()
    (tmp_path / "out.mtl").write_text("newmtl a\nKd 1 0 0\n")
    assert "warning" not in r3d("render", "-", "-o", "a.png", *SMALL, stdin=mesh).stderr
    assert (
        "'out.mtl' is not in" in r3d("render", "-", "-o", "a.png", "--untrusted", *SMALL, stdin=mesh).stderr
    )


def test_untrusted_holds_in_processes_of_their_own(r3d: Run, folder: Path) -> None:
    done = r3d("render", folder, "-o", "made/", "--jobs", "2", "--untrusted", *SMALL)
    assert done.stderr.count("is not in") == len(NAMING) + 1


@pytest.mark.parametrize("untrusted", [(), ("--untrusted",)])
def test_no_content_of_other_files_gets_into_messages(
    r3d: Run, folder: Path, untrusted: tuple[str, ...]
) -> None:
    (folder / "s.mtl").write_text("newmtl a\nmap_Kd ../secret\n")
    (folder / "s1.obj").write_text(OBJ.format("s.mtl"))
    (folder / "s2.obj").write_text(OBJ.format("../secret"))
    (folder / "s3.gltf").write_text(gltf("../secret"))
    (folder / "s4.gltf").write_text(gltf(image="../secret"))
    (folder / "s5.ply").write_text(ply("../secret"))
    for name in ("s1.obj", "s2.obj", "s3.gltf", "s4.gltf", "s5.ply"):
        for command in ("render", "info"):
            done = r3d(command, folder / name, *untrusted)
            assert SECRET not in done.stdout + done.stderr
            assert " at 0x" not in done.stderr


def test_pictures_and_faces_have_limits(r3d: Run, folder: Path) -> None:
    Image.new("RGB", (9, 9)).save(folder / "sub" / "own.png")
    done = r3d("render", folder / "own.obj", "--max-pixels", "80", "--size", "8")
    assert "own.png' cannot be read (9 x 9 are 81 pixels, more than the 80 of --max-pixels" in done.stderr
    done = r3d("render", folder / "own.obj", "--max-pixels", "80", "--size", "9")
    assert done.returncode == 2
    assert "9x9 are more than the 80 pixels of --max-pixels" in done.stderr
    (folder / "two.obj").write_text(CORNERS + "f 1 2 3\nf 3 2 1\n")
    for command in ("render", "info"):
        done = r3d(command, folder / "two.obj", "--max-faces", "1")
        assert done.returncode == 1
        assert "has 2 faces, more than the 1 of --max-faces" in done.stderr
        assert r3d(command, folder / "two.obj", "--max-faces", "2").returncode == 0


def test_copies_of_instances_count_before_they_are_made(r3d: Run, folder: Path) -> None:
    """Two thousand nodes of one mesh of 100,000 faces; all together they would take 20 GB."""
    faces = 100_000
    document = json.loads(gltf())
    document["nodes"] = [{"mesh": 0, "translation": [i, 0, 0]} for i in range(2000)]
    document["scenes"] = [{"nodes": list(range(2000))}]
    document["accessors"][0] |= {"count": 3 * faces}
    document["bufferViews"][0]["byteLength"] = document["buffers"][0]["byteLength"] = 36 * faces
    (folder / "mesh.bin").write_bytes(np.random.default_rng(0).random(9 * faces, dtype="<f4").tobytes())
    (folder / "many.gltf").write_text(json.dumps(document))
    started = time.monotonic()
    done = r3d("render", folder / "many.gltf", "--untrusted", *SMALL)
    assert done.returncode == 1
    assert "has 200,000,000 faces, more than the 20,000,000 of --max-faces" in done.stderr
    assert time.monotonic() - started < 10


def test_memory_has_a_limit(r3d: Run, folder: Path) -> None:
    verts = "".join(f"v {i} {i % 7} 0\n" for i in range(1_500_000))
    (folder / "big.obj").write_text(verts + "f 1 2 3\n" * 3_000_000)
    done = r3d("render", folder / "big.obj", "--max-memory", "256", *SMALL)
    assert done.returncode == 1
    assert "needs more memory than there is" in done.stderr


def test_untrusted_images_are_never_given_to_ghostscript(r3d: Run, folder: Path, tmp_path: Path) -> None:
    """Pillow hands an EPS, whatever its name, to the program gs."""
    (folder / "sub" / "own.png").write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n%%EOF\n"
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gs").write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\nexit 1\n")
    (tools / "gs").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    r3d("render", folder / "own.obj", *SMALL, PATH=path)
    assert (tmp_path / "ran").exists()  # the danger is real
    (tmp_path / "ran").unlink()
    done = r3d("render", folder / "own.obj", "--untrusted", *SMALL, PATH=path)
    assert "it is no image of a known format" in done.stderr
    assert not (tmp_path / "ran").exists()


# -- With and without --untrusted

HUGE = 4_000_000_000


def glb_claiming(count: int) -> bytes:
    document = json.loads(gltf())
    document["accessors"][0]["count"] = count
    del document["buffers"][0]["uri"]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary = np.eye(4, 3, dtype="<f4").tobytes()
    body = (
        struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def doubling(depth: int) -> str:
    nodes: list[object] = [{"children": [i + 1, i + 1]} for i in range(depth)]
    return gltf(nodes=[*nodes, {"mesh": 0}])


BAD = {
    "claims.ply": ply("x").replace("element vertex 3", f"element vertex {HUGE}").encode(),
    "claims2.ply": (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {HUGE}\nproperty float x\nproperty float y\n"
        f"property float z\nelement face {HUGE}\nproperty list uchar int vertex_indices\nend_header\n"
    ).encode()
    + bytes(100),
    "claims.off": f"OFF\n{HUGE} {HUGE} 0\n0 0 0\n".encode(),
    "claims.stl": bytes(80) + struct.pack("<I", HUGE) + bytes(20),
    "claims.glb": glb_claiming(HUGE),
    "deep.gltf": b"[" * 200_000,
    "deep2.gltf": b'{"asset":' * 200_000,
    "cycle.gltf": gltf(nodes=[{"children": [1]}, {"children": [0], "mesh": 0}]).encode(),
    "self.gltf": gltf(nodes=[{"children": [0], "mesh": 0}]).encode(),
    "doubling.gltf": doubling(40).encode(),
    "zero.gltf": gltf("/dev/zero").encode(),
    "pipe.gltf": gltf("pipe").encode(),
    "url.gltf": gltf("https://example.org/mesh.bin").encode(),
    "file.gltf": gltf("file:///etc/passwd").encode(),
}


@pytest.mark.parametrize("untrusted", [(), ("--untrusted",)])
def test_what_cannot_be_is_an_error_at_once(r3d: Run, tmp_path: Path, untrusted: tuple[str, ...]) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, data in BAD.items():
        (tmp_path / name).write_bytes(data)
        started = time.monotonic()
        # Of memory there is so little that what was claimed cannot be asked for.
        done = r3d("info", name, "--max-memory", "512", *untrusted)
        assert done.returncode == 1, name
        assert done.stderr.startswith(f"r3d: error: {name}"), done.stderr
        assert done.stderr.count("\n") == 1
        assert "needs more memory" not in done.stderr
        assert time.monotonic() - started < 10, name  # of which most is the start of a busy machine


@pytest.mark.parametrize(
    "texture", ["/dev/zero", "pipe", "https://example.org/a.png", "file:///dev/zero", "."]
)
def test_textures_that_are_no_files_are_one_warning(r3d: Run, tmp_path: Path, texture: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.mtl").write_text(f"newmtl a\nmap_Kd {texture}\n")
    (tmp_path / "a.obj").write_text(OBJ.format("a.mtl"))
    (tmp_path / "b.obj").write_text(OBJ.format(texture))
    (tmp_path / "c.ply").write_text(ply(texture))
    (tmp_path / "d.gltf").write_text(gltf(image=texture).replace("mesh.bin", "m.bin"))
    (tmp_path / "m.bin").write_bytes(np.eye(4, 3, dtype="<f4").tobytes())
    for name in ("a.obj", "b.obj", "c.ply", "d.gltf"):
        done = r3d("info", name, "--json")
        assert done.returncode == 0, done.stderr
        (warning,) = json.loads(done.stdout)["warnings"][:1]
        assert "is not in" in warning, name


def test_an_archive_that_unpacks_to_too_much_is_refused(r3d: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.3mf", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", bytes(600 * 2**20))
    done = r3d("info", "bomb.3mf", "--max-memory", "512")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
