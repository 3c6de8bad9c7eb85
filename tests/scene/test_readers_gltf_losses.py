"""What of a glTF file is not drawn is said, in one line; what changes nothing is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gltf_builder import Builder

from r3d_cli.scene.readers import read_mesh

UVS = [[0, 0], [1, 0], [0, 1]]
METAL = {"specularFactor": [1, 0.8, 0.3], "diffuseFactor": [0, 0, 0, 1], "glossinessFactor": 0.5}


def lost(builder: Builder) -> list[str]:
    """What the one warning of a file names, [] if it has none."""
    warnings = builder.read().warnings
    assert len(warnings) <= 1
    for warning in warnings:
        assert warning.startswith("a.glb: ")
        assert warning.endswith(" not drawn; the picture does without")
    return [
        name
        for warning in warnings
        for name in warning.removeprefix("a.glb: ").rpartition(" not drawn")[0].rpartition(" ")[0].split(", ")
    ]


def extension(name: str, **values: Any) -> dict[str, Any]:
    return {"extensions": {f"KHR_materials_{name}": values}}


@pytest.mark.parametrize(
    ("material", "names"),
    [
        ({"normalTexture": {"index": 0}}, ["normal textures"]),
        ({"occlusionTexture": {"index": 0}}, ["occlusion textures"]),
        (
            {"pbrMetallicRoughness": {"metallicRoughnessTexture": {"index": 0}}},
            ["metallic-roughness textures"],
        ),
        (
            extension("pbrSpecularGlossiness", specularGlossinessTexture={"index": 0}),
            ["specular-glossiness textures"],
        ),
        (extension("pbrSpecularGlossiness", **METAL), ["reflections of surroundings"]),
        (
            {
                "pbrMetallicRoughness": {
                    "baseColorFactor": [0.003] * 3 + [1],
                    "metallicFactor": 0,
                    "roughnessFactor": 0.5,
                }
            },
            ["reflections of surroundings"],
        ),
        (extension("clearcoat", clearcoatFactor=0.5), ["KHR_materials_clearcoat"]),
        (extension("transmission", transmissionFactor=1), ["KHR_materials_transmission"]),
        (extension("sheen", sheenColorFactor=[0, 0.5, 0]), ["KHR_materials_sheen"]),
        (extension("specular", specularColorFactor=[1, 0, 0]), ["KHR_materials_specular"]),
        (extension("of_the_future", x=1), ["KHR_materials_of_the_future"]),
        ({"extensions": {"VRMC_materials_mtoon": {}}}, ["VRMC_materials_mtoon"]),
        (extension("clearcoat"), []),
        (extension("transmission", transmissionFactor=0), []),
        (extension("sheen", sheenColorFactor=[0, 0, 0]), []),
        (extension("specular", specularFactor=1, specularColorFactor=[1, 1, 1]), []),
        (extension("ior", ior=1.45), []),
        (extension("emissive_strength", emissiveStrength=2), []),
        ({"pbrMetallicRoughness": {"metallicFactor": 1, "roughnessFactor": 0}}, []),
        ({"pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1], "metallicFactor": 0}}, []),  # it is matte
        ({**extension("unlit"), "normalTexture": {"index": 0}}, []),
    ],
)
def test_looks_of_materials(material: dict[str, Any], names: list[str]) -> None:
    builder = Builder()
    builder.image()
    builder.material(**material)
    assert lost(builder) == names


def test_several_are_one_line() -> None:
    builder = Builder()
    image = builder.image()
    builder.material(normalTexture=image, occlusionTexture=image, **extension("clearcoat", clearcoatFactor=1))
    builder.json["animations"] = [{"channels": [], "samplers": []}]
    assert builder.read().warnings == [
        "a.glb: normal textures, occlusion textures, KHR_materials_clearcoat, animations are not drawn; the "
        "picture does without"
    ]


@pytest.mark.parametrize(
    "own", [{"texCoord": 1}, {"extensions": {"KHR_texture_transform": {"scale": [2, 2]}}}]
)
def test_a_second_placement_of_textures(own: dict[str, Any]) -> None:
    builder = Builder()
    builder.json["materials"] = [
        {
            "pbrMetallicRoughness": {"baseColorTexture": builder.image()},
            "emissiveTexture": {**builder.image(), **own},
            "emissiveFactor": [1, 1, 1],
        }
    ]
    builder.mesh(material=0, attributes={f"TEXCOORD_{i}": builder.array(UVS) for i in range(2)})
    assert lost(builder) == ["emissive textures' own coordinates"]


def test_textures_without_coordinates() -> None:
    builder = Builder()
    builder.json["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": builder.image()}}]
    builder.mesh(material=0)
    assert lost(builder) == ["textures of parts without texture coordinates"]


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"animations": [{}]}, ["animations"]),
        ({"extensions": {"KHR_lights_punctual": {"lights": [{}]}}}, ["lights"]),
        ({"scenes": [{"nodes": [0]}, {"nodes": []}]}, ["other scenes"]),
        ({"cameras": [{"type": "perspective"}]}, []),  # --camera takes those
        ({"animations": []}, []),
        ({"extensionsUsed": ["KHR_lights_punctual", "KHR_materials_clearcoat"]}, []),
    ],
)
def test_what_a_document_holds_besides(document: dict[str, Any], names: list[str]) -> None:
    builder = Builder().mesh()
    builder.json |= document
    assert lost(builder) == names


def test_lines_and_points_beside_faces() -> None:
    builder = Builder().mesh()
    primitives = builder.json["meshes"][0]["primitives"]
    primitives += [{**primitives[0], "mode": mode} for mode in (0, 1, 2, 3)]
    assert lost(builder) == ["points", "lines"]
    del primitives[0]
    del primitives[1:]
    assert lost(builder) == []  # a cloud of points
    assert len(builder.read().verts) == 3


def test_what_no_face_uses_is_no_loss() -> None:
    builder = Builder().mesh()
    builder.json["materials"] = [{"normalTexture": {"index": 0}}]
    assert lost(builder) == []


def test_without_textures_nothing_is_said_of_looks() -> None:
    builder = Builder()
    builder.material(normalTexture=builder.image())
    builder.json["animations"] = [{}]
    assert read_mesh(builder.glb(), "glb", textures=False).warnings == []


def test_hidden_nodes_are_not_drawn() -> None:
    builder = Builder().mesh().mesh()
    hidden = {"extensions": {"KHR_node_visibility": {"visible": False}}}
    shown = {"extensions": {"KHR_node_visibility": {"visible": True}}}
    builder.json["nodes"] = [
        {"children": [1, 2]},
        {"mesh": 0, **shown},
        {**hidden, "children": [3]},
        {"mesh": 1},
    ]
    builder.json["extensionsRequired"] = ["KHR_node_visibility"]
    mesh = builder.read()
    assert len(mesh.faces) == 1
    assert mesh.warnings == []


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("field/two_uv_sets.glb", "emissive textures' own coordinates"),
        ("field/specgloss_metal.glb", "reflections of surroundings, specular-glossiness textures"),
        ("field/dark_plastic.glb", "reflections of surroundings"),
        ("Duck.glb", ""),
    ],
)
def test_files(shared_data: Path, file: str, names: str) -> None:
    warnings = read_mesh(shared_data / file, name="a").warnings
    assert warnings == ([f"a: {names} are not drawn; the picture does without"] if names else [])
