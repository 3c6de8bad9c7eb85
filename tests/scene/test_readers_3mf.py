"""3MF files: geometry, components, transforms and colours, made here as the specification has them."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from r3d_cli.scene.model import MeshError, RawMesh
from r3d_cli.scene.readers import read_mesh, threemf
from r3d_cli.scene.surface import DEFAULT_MATERIAL

CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
MATERIAL = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"
MODEL = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"

VERTS = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
BASES = (
    '<basematerials id="1"><base name="a" displaycolor="#FF0000"/><base name="b" displaycolor="#0000FF80"/>'
    "</basematerials>"
)
GROUP = '<m:colorgroup id="2"><m:color color="#FF0000"/><m:color color="#00FF00FF"/></m:colorgroup>'


def mesh_object(number: int, *triangles: str, attributes: str = "") -> str:
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in VERTS)
    rows = "".join(f"<triangle {triangle}/>" for triangle in triangles)
    return (
        f'<object id="{number}" type="model" {attributes}><mesh><vertices>{vertices}</vertices>'
        f"<triangles>{rows}</triangles></mesh></object>"
    )


def model(resources: str, build: str = '<item objectid="5"/>') -> str:
    return (
        f'<model unit="millimeter" xmlns="{CORE}" xmlns:m="{MATERIAL}" xmlns:p="{PRODUCTION}">'
        f"<resources>{resources}</resources><build>{build}</build></model>"
    )


def package(start: str, **others: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Type="{MODEL}" Target="/3D/main.model" Id="r"/></Relationships>',
        )
        archive.writestr("3D/main.model", start)
        for name, text in others.items():
            archive.writestr(f"3D/{name}.model", text)
    return file.getvalue()


def read(data: bytes) -> RawMesh:
    return read_mesh(data, "3mf", name="a.3mf", linear_colors=False)


FIRST, SECOND = 'v1="0" v2="2" v3="1"', 'v1="0" v2="1" v3="3"'


def test_a_mesh() -> None:
    data = package(model(mesh_object(5, FIRST, SECOND)))
    mesh = read(data)
    assert mesh.verts.tolist() == [list(vert) for vert in VERTS]
    assert mesh.faces.tolist() == [[0, 2, 1], [0, 1, 3]]
    assert (mesh.up, mesh.colors, mesh.materials, mesh.warnings) == ("z", None, [], [])
    assert read_mesh(data, name="b").format == "3mf"


def test_transforms_of_items_and_components() -> None:
    inner = '<components><component objectid="5" transform="2 0 0 0 2 0 0 0 2 1 0 0"/></components>'
    resources = mesh_object(5, FIRST) + f'<object id="6">{inner}</object>'
    build = '<item objectid="6" transform="0 1 0 -1 0 0 0 0 1 0 0 5"/><item objectid="5"/>'
    mesh = read(package(model(resources, build)))
    # Scaled and shifted along x, then turned by 90 degrees about z, then lifted.
    assert mesh.verts[:4].tolist() == [[0, 1, 5], [0, 3, 5], [-2, 1, 5], [0, 1, 7]]
    assert mesh.verts[4:].tolist() == [list(vert) for vert in VERTS]


def test_objects_of_another_file_of_the_package() -> None:
    part = (
        '<object id="9"><components><component p:path="/3D/other.model" objectid="5"/></components></object>'
    )
    start = model(part, '<item objectid="9"/>')
    mesh = read(package(start, other=model(mesh_object(5, FIRST), "")))
    assert len(mesh.faces) == 1


RED, GREEN, BLUE = (1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 128 / 255)


@pytest.mark.parametrize(
    ("triangles", "attributes", "colors"),
    [
        ((f'{FIRST} pid="1" p1="0"', f'{SECOND} pid="1" p1="1"'), "", [[RED] * 3, [BLUE] * 3]),
        ((FIRST, f'{SECOND} pid="2" p1="1"'), 'pid="1" pindex="1"', [[BLUE] * 3, [GREEN] * 3]),
        ((f'{FIRST} p1="1"', SECOND), 'pid="2" pindex="0"', [[GREEN] * 3, [RED] * 3]),
        ((f'{FIRST} pid="2" p1="0" p2="1" p3="0"', SECOND), "", [[RED, GREEN, RED], None]),
        ((FIRST, SECOND), "", None),
    ],
)
def test_colours(triangles: tuple[str, ...], attributes: str, colors: list | None) -> None:
    mesh = read(package(model(BASES + GROUP + mesh_object(5, *triangles, attributes=attributes))))
    corners = np.array(VERTS)[[[0, 2, 1], [0, 1, 3]]]
    np.testing.assert_array_equal(mesh.verts[mesh.faces], corners)
    if colors is None:
        assert mesh.colors is None
        return
    assert mesh.colors is not None
    for face, expected in zip(mesh.faces, colors, strict=True):
        if expected is not None:
            np.testing.assert_allclose(mesh.colors[face], expected, atol=1e-6)
    linear = read_mesh(package(model(BASES + mesh_object(5, FIRST, f'{SECOND} pid="1" p1="0"'))), "3mf")
    assert linear.colors is not None
    np.testing.assert_allclose(linear.colors[0, :3], DEFAULT_MATERIAL.base_color[:3], atol=1e-5)


def test_what_is_not_read_is_one_warning() -> None:
    texture = '<m:texture2dgroup id="7" texid="8"><m:tex2coord u="0" v="0"/></m:texture2dgroup>'
    mixed = '<m:compositematerials id="8" matid="1" matindices="0 1"/>'
    mesh = read(package(model(BASES + texture + mixed + mesh_object(5, f'{FIRST} pid="7" p1="0"'))))
    assert mesh.colors is None
    assert mesh.warnings == ["a.3mf: has mixed materials, textures, which are not read; drawn without them"]


CIRCLE = '<object id="5"><components><component objectid="5"/></components></object>'
COMPONENT = '<component objectid="{}"/>'
DOUBLING = mesh_object(4, FIRST) + "".join(
    f'<object id="{i}"><components>{2 * COMPONENT.format(i - 1)}</components></object>' for i in range(5, 40)
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04 and no more", "is not valid 3MF"),
        (package(model(mesh_object(5, FIRST)))[:-30], "is not valid 3MF"),
        (package(model(mesh_object(5, FIRST))).replace(b"<build>", b"<b\0ild>"), "is not valid 3MF"),
        (package("<model>"), "is not valid 3MF"),
        (package(model("")), "names the object 5, which it does not have"),
        (
            package(model(mesh_object(5, 'v1="0" v2="2" v3="4"'))),
            "has a triangle with vertex 4, its object has 4",
        ),
        (package(model(mesh_object(5, 'v1="0" v2="2"'))), r"is not valid 3MF \(KeyError: 'v3'\)"),
        (package(model(mesh_object(5, FIRST), '<item objectid="5" transform="1 2"/>')), "is not valid 3MF"),
        (package(model(BASES.replace("#FF0000", "red") + mesh_object(5, FIRST))), "'red' is no colour"),
        (package(model(BASES + mesh_object(5, f'{FIRST} pid="1" p1="9"'))), "is not valid 3MF"),
        (package(model(CIRCLE)), "components within components without end"),
        (package(model(DOUBLING, '<item objectid="39"/>')), "components within components without end"),
    ],
)
def test_broken_files(data: bytes, message: str) -> None:
    with pytest.raises(MeshError, match=message) as caught:
        read(data)
    assert str(caught.value).startswith("a.3mf: ")


def test_a_file_that_unpacks_to_more_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threemf, "available_memory", lambda: 1000)
    with pytest.raises(MeshError, match=r"unpacks to 0 MiB, for which there is no memory; reduce the mesh"):
        read(package(model(mesh_object(5, FIRST))))


def test_a_package_that_is_damaged_anywhere_is_a_line() -> None:
    whole = package(model(BASES + mesh_object(5, f'{FIRST} pid="1" p1="0"', SECOND)))
    random, messages = np.random.default_rng(0), []
    for _ in range(300):
        data = bytearray(whole)
        for at in random.integers(0, len(data), 3):
            data[at] = random.integers(0, 256)
        try:
            read(bytes(data[: len(data) - int(random.integers(0, 60)) * int(random.integers(0, 2))]))
        except MeshError as error:
            messages.append(str(error))
    assert messages
    assert not [message for message in messages if "\n" in message]
