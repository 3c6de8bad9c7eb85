"""OFF: colours of vertices and of faces, as integers and as floats, reach IO and are written."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch

from r3d_cli.io import IO
from r3d_cli.renderer import TexturesAtlas, TexturesVertex
from r3d_cli.scene.color import linear_to_srgb
from r3d_cli.structures import Meshes

#: A square and a triangle.
VERTS = ["0 0 0", "1 0 0", "1 1 0", "0 1 0", "2 0 0"]
FACES = ["4 0 1 2 3", "3 1 4 2"]
RED, BLUE = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]


def off(verts: list[str], faces: list[str], magic: str = "OFF") -> io.StringIO:
    return io.StringIO(f"{magic}\n# a comment\n\n5 2 0\n" + "\n".join([*verts, "", *faces]) + "\n")


def coloured(colors: tuple[str, str]) -> io.StringIO:
    return off(VERTS, [f"{face} {color}" for face, color in zip(FACES, colors, strict=True)])


@pytest.mark.parametrize(
    "colors",
    [
        ("255 0 0", "0 0 255"),
        ("1.0 0.0 0.0", "0 0 1.0"),
        ("255 0 0 255", "0 0 255 255"),
        ("1 0 0 1", "0 0 1"),
        ("255 0 0 # red", "  0 0 255 255"),
    ],
)
def test_colours_of_faces_are_an_atlas_of_one_texel(colors: tuple[str, str]) -> None:
    textures = IO().load_mesh(coloured(colors)).textures
    assert isinstance(textures, TexturesAtlas)
    # The square is two triangles.
    assert textures.atlas_packed().tolist() == [[[RED]], [[RED]], [[BLUE]]]


def test_alpha_of_faces_on_request() -> None:
    textures = IO().load_mesh(coloured(("255 0 0 51", "0 0 255")), alpha=True).textures
    torch.testing.assert_close(
        textures.atlas_packed()[:, 0, 0], torch.tensor([[*RED, 0.2], [*RED, 0.2], [*BLUE, 1.0]])
    )


def test_faces_without_a_colour_are_grey_among_others() -> None:
    textures = IO().load_mesh(coloured(("", "0 0 255"))).textures
    grey = [pytest.approx(float(linear_to_srgb(0.64)))] * 3
    assert textures.atlas_packed()[:, 0, 0].tolist() == [grey, grey, BLUE]


@pytest.mark.parametrize("colors", [("", ""), ("# red", "# blue")])
def test_no_colours_are_no_textures(colors: tuple[str, str]) -> None:
    assert IO().load_mesh(coloured(colors)).textures is None


def test_textures_that_are_not_asked_for() -> None:
    assert IO().load_mesh(coloured(("255 0 0", "0 0 255")), include_textures=False).textures is None


def test_indices_into_a_palette_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="faces have colours by their number in a colour map"):
        assert IO().load_mesh(coloured(("7", "8"))).textures is None


@pytest.mark.parametrize("color", ["255 0 0", "1.0 0.0 0.0", "255 0 0 255"])
def test_colours_of_vertices_are_features(color: str) -> None:
    mesh = IO().load_mesh(off([f"{vertex} {color}" for vertex in VERTS], FACES, "COFF"))
    assert isinstance(mesh.textures, TexturesVertex)
    assert mesh.textures.verts_features_packed().tolist() == [RED] * 5


@pytest.mark.parametrize("magic", ["OFF", "OFF5 2 0"])
def test_triangles_alone(tmp_path: Path, magic: str) -> None:
    path = tmp_path / "a.off"
    counts = "" if "5" in magic else "5 2 0\n"
    path.write_text(f"{magic}\n{counts}" + "\n".join([*VERTS, "3 0 1 2 255 0 0", "3 1 4 2 0 0 255"]))
    assert IO().load_mesh(path).textures.atlas_packed().tolist() == [[[RED]], [[BLUE]]]
    path.write_text(f"{magic}\n{counts}" + "\n".join([*VERTS, "3 0 1 2", "3 1 4 2"]))
    assert IO().load_mesh(path).textures is None


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("bytes_", [True, False])
def test_an_atlas_of_one_texel_is_written_as_colours_of_faces(
    tmp_path: Path, channels: int, bytes_: bool
) -> None:
    values = torch.from_numpy(np.random.default_rng(0).random((2, 1, 1, channels))).float()
    values = (values * 255).round() / 255 if bytes_ else values
    verts = torch.rand(4, 3)
    mesh = Meshes([verts], [torch.tensor([[0, 1, 2], [0, 2, 3]])], textures=TexturesAtlas([values]))
    IO().save_mesh(mesh, tmp_path / "a.off")
    again = IO().load_mesh(tmp_path / "a.off", alpha=channels == 4)
    torch.testing.assert_close(again.textures.atlas_packed(), values)
    if bytes_:
        faces = (tmp_path / "a.off").read_text().splitlines()[-2:]
        numbers = [[int(word) for word in face.split()[4:]] for face in faces]
        assert numbers == (values[:, 0, 0] * 255).round().int().tolist()


def test_an_atlas_of_more_texels_is_warned_of() -> None:
    atlas = TexturesAtlas([torch.rand(1, 2, 2, 3)])
    mesh = Meshes([torch.rand(3, 3)], [torch.tensor([[0, 1, 2]])], textures=atlas)
    with pytest.warns(UserWarning, match="files of this format hold one colour a face, not 2 x 2 texels"):
        IO().save_mesh(mesh, io.StringIO(), format="off")
