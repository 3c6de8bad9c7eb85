"""glTF, feature by feature."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest
from gltf_builder import TRIANGLE, Builder
from PIL import Image

from r3d_cli.scene.model import MeshError
from r3d_cli.scene.readers import read_mesh


def test_triangle_and_axis() -> None:
    mesh = Builder().mesh().read()
    np.testing.assert_array_equal(mesh.verts, TRIANGLE)
    assert mesh.verts.dtype == np.float32
    assert mesh.faces.tolist() == [[0, 1, 2]]
    assert mesh.up == "y"
    assert mesh.materials == []


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_types_of_indices(kind: str) -> None:
    builder = Builder()
    assert builder.mesh(indices=builder.array([2, 0, 1, 0, 1, 2], kind)).read().faces.tolist() == [
        [2, 0, 1],
        [0, 1, 2],
    ]


@pytest.mark.parametrize(
    ("mode", "faces"),
    [
        (4, [[0, 1, 2]]),
        (5, [[0, 1, 2], [1, 3, 2], [2, 3, 4]]),
        (6, [[1, 2, 0], [2, 3, 0], [3, 4, 0]]),
        (0, []),
    ],
)
def test_modes(mode: int, faces: list[list[int]]) -> None:
    verts = np.arange(15, dtype=np.float32).reshape(5, 3)
    mesh = Builder().mesh(verts, mode=mode).read()
    assert mesh.faces.tolist() == faces
    assert len(mesh.verts) == 5


def test_lines_are_passed_over() -> None:
    assert len(Builder().mesh(mode=1).read().verts) == 0


def test_transforms_of_nodes() -> None:
    builder = Builder().mesh(attributes={})
    half = math.sqrt(0.5)
    builder.json["nodes"] = [
        {"children": [1, 2], "scale": [2, 2, 2], "translation": [0, 0, 5]},
        {"mesh": 0, "rotation": [0, 0, half, half]},  # a quarter turn about z
        {"mesh": 0, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 7, 8, 9, 1]},
    ]
    mesh = builder.read()
    expected = [[0, 0, 5], [0, 2, 5], [-2, 0, 5], [14, 16, 23], [16, 16, 23], [14, 18, 23]]
    np.testing.assert_allclose(mesh.verts, expected, atol=1e-6)
    assert mesh.faces.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_normals_follow_a_transform_by_its_inverse_transpose() -> None:
    builder = Builder()
    normal = np.array([1, 1, 0]) / math.sqrt(2)
    builder.mesh(attributes={"NORMAL": builder.array([normal] * 3)})
    builder.json["nodes"][0]["scale"] = [2, 1, 1]
    mesh = builder.read()
    assert mesh.normals is not None
    np.testing.assert_allclose(mesh.normals[0], np.array([1, 2, 0]) / math.sqrt(5), atol=1e-6)


def test_a_mirrored_node_keeps_its_front() -> None:
    builder = Builder()
    builder.mesh(attributes={"NORMAL": builder.array([[0, 0, 1]] * 3)})
    builder.json["nodes"][0]["scale"] = [-1, 1, 1]
    mesh = builder.read()
    a, b, c = mesh.verts[mesh.faces[0]]
    assert mesh.normals is not None
    np.testing.assert_allclose(mesh.normals, [[0, 0, 1]] * 3)
    assert np.cross(b - a, c - a)[2] > 0


def test_parts_of_different_kinds_become_one_mesh() -> None:
    builder = Builder()
    builder.json["materials"] = [{"name": "one"}, {"name": "two"}]
    builder.mesh(material=1, attributes={"TEXCOORD_0": builder.array([[0, 0], [1, 0], [0, 1]])})
    builder.mesh(
        attributes={"COLOR_0": builder.array([[1, 0, 0]] * 3), "NORMAL": builder.array([[0, 1, 0]] * 3)}
    )
    builder.mesh(material=1)
    builder.json["nodes"] = [{"mesh": 0}, {"mesh": 1}, {"mesh": 2}]
    builder.json["scenes"][0]["nodes"] = [0, 1, 2]
    mesh = builder.read()
    assert [m.name for m in mesh.materials] == ["two"]
    assert mesh.faces_material is not None
    assert mesh.faces_material.tolist() == [0, -1, 0]
    assert mesh.uvs is not None
    assert mesh.faces_uvs is not None
    assert mesh.faces_uvs.tolist() == [[0, 1, 2], [-1, -1, -1], [-1, -1, -1]]
    assert mesh.uvs[:3].tolist() == [[0, 1], [1, 1], [0, 0]]  # v goes up here
    assert mesh.colors is not None
    assert mesh.colors[2:4].tolist() == [[1, 1, 1, 1], [1, 0, 0, 1]]
    assert mesh.normals is not None
    assert mesh.normals[2:4].tolist() == [[0, 0, 1], [0, 1, 0]]


def test_a_part_without_normals_beside_one_with_them_keeps_its_edges() -> None:
    builder = Builder()
    builder.mesh(attributes={"NORMAL": builder.array([[0, 0, 1]] * 3)})
    # Two faces at a right angle over one edge.
    verts = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, -1]], np.float32)
    builder.mesh(verts, indices=builder.array([0, 1, 2, 0, 3, 1], "u2"))
    builder.json["nodes"] = [{"mesh": 0}, {"mesh": 1}]
    builder.json["scenes"][0]["nodes"] = [0, 1]
    mesh = builder.read()
    assert mesh.normals is not None
    corners = mesh.normals[mesh.faces_normals]
    np.testing.assert_allclose(corners, [[[0, 0, 1]] * 3, [[0, 0, 1]] * 3, [[0, -1, 0]] * 3], atol=1e-6)


@pytest.mark.parametrize(("kind", "full"), [("f4", 1), ("u1", 255), ("u2", 65535)])
def test_vertex_colours_are_linear(kind: str, full: int) -> None:
    builder = Builder()
    colors = np.array([[1, 0.2, 0, 0.6]] * 3) * full
    mesh = builder.mesh(attributes={"COLOR_0": builder.array(colors, kind, normalized=kind != "f4")}).read()
    np.testing.assert_allclose(mesh.colors, [[1, 0.2, 0, 0.6]] * 3, rtol=1e-6)


def test_quantized_positions() -> None:
    builder = Builder().mesh()
    builder.json["meshes"][0]["primitives"][0]["attributes"]["POSITION"] = builder.array(
        TRIANGLE * 127, "i1", normalized=True
    )
    builder.json["extensionsRequired"] = ["KHR_mesh_quantization"]
    np.testing.assert_array_equal(builder.read().verts, TRIANGLE)


def test_interleaved_and_sparse_accessors() -> None:
    builder = Builder().mesh()
    rows = np.hstack([TRIANGLE, np.full((3, 2), 9, np.float32)])
    builder.json["bufferViews"][0] |= {"buffer": 0, "byteStride": 20}
    view = builder.view(rows.tobytes())
    builder.json["bufferViews"][view]["byteStride"] = 20
    builder.json["accessors"][0] |= {"bufferView": view}
    builder.json["accessors"][0]["sparse"] = {
        "count": 1,
        "indices": {"bufferView": builder.view(np.array([2], "u2").tobytes()), "componentType": 5123},
        "values": {"bufferView": builder.view(np.array([5, 6, 7], "f4").tobytes())},
    }
    assert builder.read().verts.tolist() == [[0, 0, 0], [1, 0, 0], [5, 6, 7]]


def test_material() -> None:
    builder = Builder()
    texture = builder.image((1, 2, 3, 4), sampler=0)
    builder.json["samplers"] = [{"wrapS": 33071, "wrapT": 33648, "magFilter": 9728}]
    builder.material(
        name="paint",
        pbrMetallicRoughness={
            "baseColorFactor": [0.25, 0.5, 1, 0.5],
            "baseColorTexture": texture,
            "metallicFactor": 0,
            "roughnessFactor": 0.5,
        },
        emissiveFactor=[0.1, 0.2, 0.3],
        emissiveTexture=builder.image(),
        alphaMode="MASK",
        alphaCutoff=0.3,
        doubleSided=True,
        extensions={"KHR_materials_emissive_strength": {"emissiveStrength": 2}},
    )
    material = builder.read().materials[0]
    assert material.name == "paint"
    assert material.base_color == (0.25, 0.5, 1, 0.5)
    assert material.base_color_texture is not None
    assert material.base_color_texture.image[0, 0].tolist() == [1, 2, 3, 4]
    assert material.base_color_texture.wrap == ("clamp", "mirror")
    assert material.base_color_texture.filter == "nearest"
    assert material.emissive == pytest.approx((0.2, 0.4, 0.6))
    assert material.emissive_texture is not None
    assert material.emissive_texture.image[0, 0].tolist() == [10, 20, 30]
    assert material.emissive_texture.wrap == ("repeat", "repeat")
    assert (material.alpha_mode, material.alpha_cutoff) == ("mask", 0.3)
    assert material.double_sided
    assert not material.unlit
    assert material.specular == pytest.approx((0.02, 0.02, 0.02))
    assert material.shininess == pytest.approx(30)


def test_an_unlit_material_is_its_base_colour_alone() -> None:
    builder = Builder()
    builder.material(
        pbrMetallicRoughness={"baseColorFactor": [0.25, 0.5, 1, 1]},
        emissiveFactor=[1, 1, 1],
        emissiveTexture=builder.image(),
        extensions={"KHR_materials_unlit": {}},
    )
    material = builder.read().materials[0]
    assert material.unlit
    assert material.base_color == (0.25, 0.5, 1, 1)
    assert material.emissive == (0, 0, 0)
    assert material.emissive_texture is None


def test_an_opaque_material_has_no_alpha() -> None:
    builder = Builder()
    pbr = {"baseColorFactor": [1, 1, 1, 0.5], "baseColorTexture": builder.image((1, 2, 3, 4))}
    material = builder.material(pbrMetallicRoughness=pbr).read().materials[0]
    assert material.alpha_mode == "opaque"
    assert material.base_color[3] == 1
    assert material.base_color_texture is not None
    assert material.base_color_texture.image.shape[2] == 3
    assert not material.double_sided


def test_transform_of_a_texture() -> None:
    builder = Builder()
    info = builder.image() | {
        "extensions": {
            "KHR_texture_transform": {"offset": [0.5, 0], "scale": [2, 3], "rotation": math.pi / 2}
        }
    }
    uvs = builder.material(pbrMetallicRoughness={"baseColorTexture": info}).read().uvs
    # Counter-clockwise on the image, whose v goes down in glTF: u turns to -v, and v to u.
    np.testing.assert_allclose(uvs, [[0.5, 1], [0.5, 1 + 2], [0.5 + 3, 1]], atol=1e-6)


def test_second_set_of_texture_coordinates() -> None:
    builder = Builder()
    builder.json["materials"] = [
        {"pbrMetallicRoughness": {"baseColorTexture": builder.image() | {"texCoord": 1}}}
    ]
    sets = {f"TEXCOORD_{i}": builder.array([[i, i]] * 3) for i in range(2)}
    mesh = builder.mesh(material=0, attributes=sets).read()
    assert mesh.uvs is not None
    assert mesh.uvs.tolist() == [[1, 0]] * 3


def test_separate_files_and_data_uris(tmp_path: Path) -> None:
    builder = Builder()
    builder.material(pbrMetallicRoughness={"baseColorTexture": builder.image()})
    (tmp_path / "my data.bin").write_bytes(builder.data)
    Image.new("RGB", (1, 1), (7, 8, 9)).save(tmp_path / "t.png")
    builder.json["images"] = [{"uri": "t.png"}]
    inline = "data:application/octet-stream;base64," + base64.b64encode(builder.data).decode()
    for uri in ("my%20data.bin", inline):
        builder.json["buffers"] = [{"byteLength": len(builder.data), "uri": uri}]
        (tmp_path / "a.gltf").write_text(json.dumps(builder.json))
        mesh = read_mesh(tmp_path / "a.gltf")
        np.testing.assert_array_equal(mesh.verts, TRIANGLE)
        assert mesh.materials[0].base_color_texture is not None
        assert mesh.materials[0].base_color_texture.image.tolist() == [[[7, 8, 9]]]
        assert mesh.warnings == []
    builder.json["buffers"][0]["uri"] = "none.bin"
    (tmp_path / "a.gltf").write_text(json.dumps(builder.json))
    with pytest.raises(MeshError, match=r"a\.gltf: needs 'none\.bin', which is not in"):
        read_mesh(tmp_path / "a.gltf")


def test_missing_and_broken_images_are_warnings(tmp_path: Path) -> None:
    builder = Builder()
    builder.material(
        pbrMetallicRoughness={"baseColorTexture": builder.image()}, emissiveTexture=builder.image()
    )
    builder.json["images"][0] = {"uri": "none.png"}
    builder.json["bufferViews"][builder.json["images"][1]["bufferView"]]["byteLength"] = 20
    mesh = builder.read()
    assert mesh.materials[0].base_color_texture is None
    assert mesh.materials[0].emissive_texture is None
    assert len(mesh.warnings) == 2
    for index, warning in enumerate(mesh.warnings):
        assert warning.startswith(f"a.glb: the texture images[{index}] cannot be read (")
        assert "\n" not in warning


def broken(change: str) -> bytes:
    """A good file with one thing wrong."""
    builder = Builder().mesh(indices=1)
    builder.array([0, 1, 2], "u2")
    document = builder.json
    match change:
        case "face":
            document["accessors"][1] |= {"componentType": 5121, "count": 6}
            builder.data = builder.data[:36] + b"\0\1\2\0\1\3"
        case "accessor":
            document["accessors"][0]["count"] = 10**12
        case "zeros":
            del document["accessors"][0]["bufferView"]
            document["accessors"][0]["count"] = 10**12
        case "view":
            document["bufferViews"][0]["byteLength"] = 10**12
        case "shape":
            document["accessors"][0]["type"] = "VEC2"
        case "mesh":
            document["nodes"][0]["mesh"] = 3
        case "cycle":
            document["nodes"][0]["children"] = [0]
        case "extension":
            document["extensionsRequired"] = ["EXT_meshopt_compression"]
        case "unknown":
            document["extensionsRequired"] = ["ACME_torus"]
        case "buffer" | "base64":
            document["bufferViews"][0]["buffer"] = 1
            document["buffers"] = [{}, {"byteLength": 36}]
            if change == "base64":
                document["buffers"][1]["uri"] = "data:application/octet-stream;base64,A"
        case "version":
            document["asset"]["version"] = "1.0"
        case "odd":
            document["meshes"] = 3
        case "missing":
            del document["meshes"][0]["primitives"]
    return builder.glb()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("face", "has a face that names vertex 3 of 3"),
        ("accessor", "has 1000000000000 values that end past bufferViews[0]"),
        ("zeros", "declares 1000000000000 values without data"),
        ("view", "has bufferViews[0] that ends past its buffer"),
        ("shape", "has accessors[0] of shape (3, 2) where (V, 3) belongs"),
        ("mesh", "names meshes[3], but has 1"),
        ("cycle", "reaches nodes[0] by two ways"),
        ("extension", "its meshes are compressed by meshopt, which is not read"),
        ("unknown", "requires the extension ACME_torus, which is not read; export the file again"),
        ("buffer", "has buffers[1] without data"),
        ("base64", "has a data URI that is not base64 ("),
        ("version", "is not glTF 2"),
        ("odd", "is not valid glTF ("),
        ("missing", "is not valid glTF (KeyError: 'primitives')"),
    ],
)
def test_errors(change: str, words: str) -> None:
    with pytest.raises(MeshError) as caught:
        read_mesh(broken(change), "glb", name="a.glb")
    assert str(caught.value).startswith(f"a.glb: {words}")
    assert "\n" not in str(caught.value)


def test_truncated_files() -> None:
    data = Builder().mesh().glb()
    for size in range(4, len(data)):
        with pytest.raises(MeshError, match=r"^a\.glb: .*cut short"):
            read_mesh(data[:size], "glb", name="a.glb")


def test_broken_json_names_its_line() -> None:
    with pytest.raises(MeshError, match=r"^a\.gltf:2: is not valid JSON"):
        read_mesh(b'{"asset":\n nothing}', "gltf", name="a.gltf")
