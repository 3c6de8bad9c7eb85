"""What glTF's extensions add, and files that require extensions which only other renderers need."""

from __future__ import annotations

import base64
import io
import sys

import numpy as np
import pytest
from gltf_builder import TRIANGLE, Builder
from PIL import Image

from r3d_cli.extras import pip_install
from r3d_cli.scene.model import MeshError

UVS = np.array([[0, 0], [1, 0], [0, 1]], np.float32)


@pytest.mark.parametrize(
    "name", ["KHR_lights_punctual", "KHR_materials_clearcoat", "KHR_materials_variants", "KHR_xmp_json_ld"]
)
def test_extensions_that_only_add_looks_are_passed_over(name: str) -> None:
    builder = Builder().mesh()
    builder.json["extensionsUsed"] = builder.json["extensionsRequired"] = [name]
    mesh = builder.read()
    assert len(mesh.faces) == 1
    assert mesh.warnings == []


def test_specular_glossiness() -> None:
    builder = Builder()
    older = {
        "diffuseFactor": [0.25, 0.5, 1, 0.5],
        "diffuseTexture": builder.image((1, 2, 3, 4)),
        "specularFactor": [0.4, 0.2, 0],
        "glossinessFactor": 0.5,
    }
    builder.material(
        alphaMode="BLEND",
        pbrMetallicRoughness={"baseColorFactor": [1, 0, 0, 1]},  # for those who do not know the extension
        extensions={"KHR_materials_pbrSpecularGlossiness": older},
    )
    material = builder.read().materials[0]
    assert material.base_color == (0.25, 0.5, 1, 0.5)
    assert material.base_color_texture is not None
    assert material.base_color_texture.image[0, 0].tolist() == [1, 2, 3, 4]
    assert material.specular == (0.2, 0.1, 0)
    assert material.shininess == 2 / 0.5**4 - 2


def test_the_example_of_the_texture_transform_extension() -> None:
    """Its text: "utilizes only the lower left quadrant of the source image, rotated clockwise 90°"."""
    builder = Builder()
    transform = {"offset": [0, 1], "rotation": 1.57079632679, "scale": [0.5, 0.5]}
    info = builder.image() | {"extensions": {"KHR_texture_transform": transform}}
    builder.json["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": info}}]
    corners = [[0, 0], [1, 0], [0, 1], [1, 1]]  # of the image in glTF: top left, top right, bottom left ...
    verts = np.array([[*corner, 0] for corner in corners], np.float32)
    uvs = builder.mesh(verts, material=0, attributes={"TEXCOORD_0": builder.array(corners)}).read().uvs
    # v goes up here: the top left corner shows the bottom left one, the top right the left side's middle.
    np.testing.assert_allclose(uvs, [[0, 0], [0, 0.5], [0.5, 0], [0.5, 0.5]], atol=1e-6)


def test_a_texture_transform_may_choose_the_texture_coordinates() -> None:
    builder = Builder()
    info = builder.image() | {"texCoord": 0, "extensions": {"KHR_texture_transform": {"texCoord": 1}}}
    builder.json["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": info}}]
    sets = {f"TEXCOORD_{i}": builder.array([[i, i]] * 3) for i in range(2)}
    mesh = builder.mesh(material=0, attributes=sets).read()
    assert mesh.uvs is not None
    assert mesh.uvs.tolist() == [[1, 0]] * 3


def test_an_emissive_texture_that_is_placed_by_itself_is_warned_of() -> None:
    builder = Builder()
    moved = {"extensions": {"KHR_texture_transform": {"offset": [0.5, 0]}}}
    builder.material(
        name="lamp",
        pbrMetallicRoughness={"baseColorTexture": builder.image()},
        emissiveTexture=builder.image() | moved,
    )
    mesh = builder.read()
    assert mesh.warnings == [
        "a.glb: emissive textures' own coordinates are not drawn; the picture does without"
    ]
    np.testing.assert_array_equal(mesh.uvs, UVS * [1, -1] + [0, 1])


def test_images_of_newer_formats() -> None:
    builder = Builder()
    file = io.BytesIO()
    Image.new("RGB", (2, 2), (40, 50, 60)).save(file, "webp", lossless=True)
    builder.material(pbrMetallicRoughness={"baseColorTexture": builder.image()})
    builder.json["images"].append({"bufferView": builder.view(file.getvalue()), "mimeType": "image/webp"})
    builder.json["textures"][0]["extensions"] = {"EXT_texture_webp": {"source": 1}}
    mesh = builder.read()
    texture = mesh.materials[0].base_color_texture
    assert texture is not None
    assert texture.image[0, 0].tolist() == [40, 50, 60]
    # One that Pillow cannot read makes room for the one that every reader must know.
    builder.json["images"][1] = {"bufferView": 0}
    mesh = builder.read()
    texture = mesh.materials[0].base_color_texture
    assert texture is not None
    assert texture.image[0, 0].tolist() == [10, 20, 30]
    assert mesh.warnings == []


def test_textures_of_basis_universal_are_warned_of() -> None:
    builder = Builder().material()
    builder.json["materials"][0]["pbrMetallicRoughness"] = {"baseColorTexture": {"index": 0}}
    builder.json["textures"] = [{"extensions": {"KHR_texture_basisu": {"source": 0}}}]
    builder.json["extensionsRequired"] = ["KHR_texture_basisu"]
    mesh = builder.read()
    assert mesh.materials[0].base_color_texture is None
    assert mesh.warnings == [
        "a.glb: textures[0] is compressed by Basis Universal (KTX2), which is not read; drawn without it"
    ]


def test_data_uris_of_images() -> None:
    builder = Builder()
    builder.material(pbrMetallicRoughness={"baseColorTexture": builder.image()})
    file = io.BytesIO()
    Image.new("RGB", (1, 1), (7, 8, 9)).save(file, "png")
    for head, text in (
        (";base64", base64.b64encode(file.getvalue()).decode()),
        ("", "".join(f"%{byte:02x}" for byte in file.getvalue())),
    ):
        builder.json["images"] = [{"uri": f"data:image/png{head},{text}"}]
        texture = builder.read().materials[0].base_color_texture
        assert texture is not None
        assert texture.image.tolist() == [[[7, 8, 9]]]
    builder.json["images"] = [{"uri": "data:image/png;base64,A"}]  # broken: the mesh is read without it
    mesh = builder.read()
    assert mesh.materials[0].base_color_texture is None
    assert mesh.warnings[0].startswith("a.glb: the texture images[0] cannot be read (")


def test_instances() -> None:
    builder = Builder().mesh()
    half = np.sqrt(0.5)
    builder.json["nodes"][0] |= {
        "translation": [0, 0, 1],
        "extensions": {
            "EXT_mesh_gpu_instancing": {
                "attributes": {
                    "TRANSLATION": builder.array([[0, 0, 0], [5, 6, 7]]),
                    "ROTATION": builder.array([[0, 0, 0, 1], [0, 0, half, half]]),
                }
            }
        },
    }
    builder.json["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]
    mesh = builder.read()
    expected = [[0, 0, 1], [1, 0, 1], [0, 1, 1], [5, 6, 8], [5, 7, 8], [4, 6, 8]]
    np.testing.assert_allclose(mesh.verts, expected, atol=1e-6)
    assert mesh.faces.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_integer_colours_are_normalised_even_where_the_file_does_not_say_so() -> None:
    builder = Builder()
    mesh = builder.mesh(attributes={"COLOR_0": builder.array([[255, 51, 0]] * 3, "u1")}).read()
    np.testing.assert_allclose(mesh.colors, [[1, 0.2, 0, 1]] * 3, rtol=1e-6)


def draco_file(data: bytes, attributes: dict[str, int]) -> Builder:
    """A file of which the extension holds everything: no accessor has data of its own."""
    builder = Builder().mesh(attributes={"COLOR_0": 1}, indices=2)
    shapes = ((5126, "VEC3", 3), (5121, "VEC4", 3), (5125, "SCALAR", 3))
    builder.json["accessors"] = [{"componentType": c, "type": t, "count": n} for c, t, n in shapes]
    primitive = builder.json["meshes"][0]["primitives"][0]
    packed = {"bufferView": builder.view(data), "attributes": attributes}
    primitive["extensions"] = {"KHR_draco_mesh_compression": packed}
    builder.json["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    return builder


def test_draco() -> None:
    draco = pytest.importorskip("DracoPy", reason="DracoPy decompresses Draco, and is not installed")
    colors = np.array([[255, 51, 0, 255]] * 3, np.uint8)
    data = draco.encode(
        TRIANGLE.astype(np.float64), faces=np.array([[0, 1, 2]]), colors=colors, preserve_order=True
    )
    ids = {found["attribute_type"]: found["unique_id"] for found in draco.decode(data).attributes}
    mesh = draco_file(data, {"POSITION": ids[0], "COLOR_0": ids[2]}).read()
    np.testing.assert_allclose(mesh.verts, TRIANGLE, atol=1e-3)  # it quantizes
    assert mesh.faces.tolist() == [[0, 1, 2]]
    np.testing.assert_allclose(mesh.colors, [[1, 0.2, 0, 1]] * 3, rtol=1e-6)
    for broken in (data[:30], b"nothing"):
        with pytest.raises(MeshError, match=r"^a\.glb: has a mesh that Draco cannot decompress \("):
            draco_file(broken, {"POSITION": 0}).read()
    with pytest.raises(MeshError, match=r"^a\.glb: has a mesh whose POSITION is not in its Draco data"):
        draco_file(data, {"POSITION": 99}).read()


def test_draco_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    with pytest.raises(MeshError) as caught:
        draco_file(b"", {"POSITION": 0}).read()
    assert str(caught.value) == (
        "a.glb: its meshes are compressed by Draco, which needs the package DracoPy; "
        f"{pip_install(extra='draco')}, or export the file again without compression"
    )


def test_a_copy_that_is_not_compressed_is_read_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    builder = Builder().mesh()
    builder.json["meshes"][0]["primitives"][0]["extensions"] = {
        "KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}
    }
    np.testing.assert_array_equal(builder.read().verts, TRIANGLE)
