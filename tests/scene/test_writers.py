"""Files that appear whole or not at all, and numbers as text."""

from __future__ import annotations

import doctest
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli import _native
from r3d_cli.scene.files import replacing, write_files
from r3d_cli.scene.model import Material, RawMesh, Texture
from r3d_cli.scene.readers import read_mesh
from r3d_cli.scene.writers import text
from r3d_cli.scene.writers.gltf import encode_gltf
from r3d_cli.scene.writers.obj import encode_obj
from r3d_cli.scene.writers.text import format_rows

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2], [0, 2, 3]])


def test_examples() -> None:
    assert doctest.testmod(text).failed == 0


@settings(deadline=None)
@given(st.floats(width=32), st.floats(), st.integers(-(2**63), 2**63 - 1))
def test_numbers_read_back_the_same(single: float, double: float, integer: int) -> None:
    columns = np.array([[single]], np.float32), np.array([[double]]), np.array([[integer]])
    found = format_rows("% % %\n", *columns).split()
    np.testing.assert_array_equal(np.float32(found[0].decode()), np.float32(single))
    np.testing.assert_array_equal(float(found[1]), double)
    assert int(found[2]) == integer


def test_text_longer_than_the_buffer() -> None:
    numbers = np.arange(60_000).reshape(-1, 3)
    long = "x" * 70_000
    assert format_rows("%,%,%;", numbers) == "".join(f"{a},{b},{c};" for a, b, c in numbers).encode()
    assert format_rows(f"{long}%\n", numbers[:2, :1]) == f"{long}0\n{long}3\n".encode()


@pytest.mark.parametrize("decimals", [0, 3, 50])
def test_decimals_of_the_largest_number(decimals: int) -> None:
    largest = np.finfo(np.float64).max
    assert format_rows("%", np.array([[largest]]), decimals=decimals).decode() == f"{largest:.{decimals}f}"


def test_strided_and_small_types_are_converted() -> None:
    assert format_rows("% %\n", np.arange(8, dtype=np.uint8).reshape(2, 4)[:, ::2]) == b"0 2\n4 6\n"
    assert format_rows("%\n", np.zeros((0, 1))) == b""


def test_the_door_refuses_what_does_not_fit() -> None:
    row = np.zeros((1, 2))
    with pytest.raises(ValueError, match="the pattern has another number of '%'"):
        _native.format_rows(b"%", [row], -1)
    with pytest.raises(ValueError, match="columns differ in their rows"):
        _native.format_rows(b"% % % %", [row, np.zeros((2, 2))], -1)
    with pytest.raises(ValueError, match="columns must be float32, float64 or int64"):
        _native.format_rows(b"% %", [row.astype(np.int16)], -1)


def test_files_take_their_places_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append(Path(b).name), replace(a, b)))
    write_files({tmp_path / "names.obj": b"1", tmp_path / "named.mtl": b"2"})
    assert order == ["named.mtl", "names.obj"]  # what is named is there first


def test_a_failure_between_files_leaves_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileNotFoundError, match="missing/b"):
        write_files({tmp_path / "a": b"new", tmp_path / "missing" / "b": b"new"})
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_devices_are_written_to() -> None:
    with replacing("/dev/null") as path:
        path.write_bytes(b"gone")
    assert not Path("/dev/null").is_file()


def test_faces_of_all_sorts_keep_their_order() -> None:
    verts, faces = SQUARE
    faces = np.concatenate([faces, faces[:, ::-1]])
    uvs, normals = np.random.default_rng(0).random((2, 3, 3), np.float32)
    mesh = RawMesh(
        verts,
        faces,
        normals=normals,
        faces_normals=np.array([[0, 1, 2], [-1, -1, -1], [2, 2, 2], [-1, -1, -1]]),
        uvs=uvs[:, :2].copy(),
        faces_uvs=np.array([[0, 1, 2], [2, 1, 0], [-1, -1, -1], [-1, -1, -1]]),
        materials=[Material("a b"), Material("a b"), Material("")],
        faces_material=np.array([1, -1, 0, 2], np.int32),
    )
    files = encode_obj(mesh, "s")
    read = read_mesh(files["s.obj"], "obj", name="s.obj", textures=False)
    for attribute in ("verts", "faces", "normals", "faces_normals", "uvs", "faces_uvs"):
        np.testing.assert_array_equal(getattr(read, attribute), getattr(mesh, attribute))
    # Names that would be the same, or none, are told apart.
    assert [read.materials[index].name for index in read.faces_material] == [
        "material_1",
        "none",
        "material_0",
        "material_2",
    ]
    assert files["s.mtl"].decode().split().count("newmtl") == 3


@pytest.mark.parametrize("binary", [True, False])
def test_gltf_keeps_materials(binary: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 5, 4), np.uint8)
    texture = Texture(image, ("repeat", "mirror"), "nearest")
    materials = [
        Material("skin", (1, 1, 1, 1), texture, alpha_mode="mask"),
        Material("red", (0.5, 0, 0, 0.25), alpha_mode="blend", double_sided=False),
    ]
    verts, faces = SQUARE
    uvs = np.random.default_rng(1).random((4, 2), np.float32)
    mesh = RawMesh(verts, faces, uvs=uvs, materials=materials, faces_material=np.array([1, 0], np.int32))
    read = read_mesh(encode_gltf(mesh, binary=binary), "glb" if binary else "gltf")
    skin, red = sorted(read.materials, key=lambda material: material.name, reverse=True)
    assert skin.base_color_texture is not None
    np.testing.assert_array_equal(skin.base_color_texture.image, image)
    assert (skin.base_color_texture.wrap, skin.base_color_texture.filter) == (texture.wrap, texture.filter)
    assert (red.base_color, red.alpha_mode, red.double_sided) == ((0.5, 0, 0, 0.25), "blend", False)
    assert skin.alpha_mode == "mask"
    np.testing.assert_array_equal(np.sort(read.verts[read.faces], 0), np.sort(verts[faces], 0))
