"""glTF 2.0 (Khronos, ISO/IEC 12113), .gltf and .glb: the scene.

Read here and not through trimesh, whose import takes longer than a whole picture, and which drops samplers
and rounds base colours to 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from r3d_cli.scene.model import MeshError, RawMesh
from r3d_cli.scene.readers import gltf_losses
from r3d_cli.scene.readers.gltf_document import GltfDocument
from r3d_cli.scene.readers.gltf_draco import DRACO
from r3d_cli.scene.readers.gltf_materials import GltfMaterials
from r3d_cli.scene.readers.gltf_pose import VISIBILITY, Skins, instances, nodes
from r3d_cli.scene.readers.gltf_primitive import Primitive
from r3d_cli.scene.readers.merge import Part, merge
from r3d_cli.scene.readers.source import Source

# Extensions that a file may require: those read here, and those that only add to what is drawn.
_EXTENSIONS = {
    DRACO,
    "EXT_mesh_gpu_instancing",
    "EXT_texture_avif",
    "EXT_texture_webp",
    "KHR_animation_pointer",
    "KHR_lights_punctual",
    "KHR_mesh_quantization",
    "KHR_node_hoverability",
    "KHR_node_selectability",
    VISIBILITY,
    "KHR_texture_basisu",  # warned of, texture by texture
    "KHR_texture_transform",
    "KHR_xmp_json_ld",
    "MSFT_texture_dds",
}
# All of these are looks; those that are not read leave the material as it is without them.
_MATERIALS = "KHR_materials_"
_POINTS = "points"
_MENDS = {
    "EXT_meshopt_compression": "its meshes are compressed by meshopt, which is not read",
    "KHR_meshopt_compression": "its meshes are compressed by meshopt, which is not read",
}


def read_gltf(source: Source) -> RawMesh:
    """All nodes of the default scene, transformed, with their materials; y is up.

    Skins and morph targets stand in the pose that the nodes and weights of the file give; cameras are left
    aside; points become vertices without faces. One warning names what else is not drawn: animations, lights,
    lines, maps and extensions of materials.
    """
    try:
        return _Scene(GltfDocument(source)).read()
    except MeshError:
        raise
    # A document that is not of the standard's shape: checking each value would cost more than it would tell.
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        source.fail(f"is not valid glTF ({reason}); export the file again")


class _Scene:
    def __init__(self, document: GltfDocument) -> None:
        self.document = document
        self.materials = GltfMaterials(document)
        self.skins = Skins(document)
        self.primitives: dict[int, list[Primitive]] = {}
        self.meshes: dict[tuple[Any, ...], list[Part]] = {}
        self.losses: dict[str, None] = {}  # what is not drawn, in order

    def read(self) -> RawMesh:
        self.check_extensions()
        mesh = merge(list(self.parts()))
        mesh.up = "y"
        mesh.warnings += self.materials.warnings
        losses = self.materials.losses | self.losses
        if self.document.source.textures:
            losses |= dict.fromkeys(gltf_losses.of_document(self.document.json))
        if len(mesh.faces) == 0:  # a cloud of points
            losses.pop(_POINTS, None)
        mesh.warnings += gltf_losses.warning(self.document.source.name, losses)
        return mesh

    def check_extensions(self) -> None:
        required = self.document.json.get("extensionsRequired", [])
        unknown = {name for name in required if not name.startswith(_MATERIALS)} - _EXTENSIONS
        for name in sorted(unknown):
            if name in _MENDS:
                self.document.source.fail(f"{_MENDS[name]}; export the file again without compression")
            self.document.source.fail(
                f"requires the extension {name}, which is not read; export the file again without it"
            )

    def parts(self) -> Iterator[Part]:
        for node, transform in nodes(self.document):
            if "mesh" in node:
                parts = self.mesh(node)
                if "skin" in node:  # its joints place it, not the node
                    yield from parts
                else:
                    for place in instances(self.document, node, transform):
                        yield from (replace(part, transform=place) for part in parts)

    def mesh(self, node: dict[str, Any]) -> list[Part]:
        """The parts of a node's mesh, which other nodes may share."""
        index, skin = node["mesh"], node.get("skin")
        mesh = self.document.item("meshes", index)
        if index not in self.primitives:
            primitives = [Primitive(self.document, found) for found in mesh["primitives"]]
            self.primitives[index] = [primitive for primitive in primitives if primitive.is_drawn]
            for primitive in primitives:
                if primitive.kind != "triangles":
                    self.losses[primitive.kind] = None
        weights = node.get("weights", mesh.get("weights", ()))
        key = index, skin, tuple(weights)
        if key not in self.meshes:
            self.meshes[key] = [self.part(one, weights, skin) for one in self.primitives[index]]
        return self.meshes[key]

    def part(self, primitive: Primitive, weights: Sequence[float], skin: int | None) -> Part:
        verts = primitive.morphed("POSITION", primitive.floats("POSITION", (3,)), weights)
        part = Part(verts, primitive.faces(len(verts)))
        material = primitive.found.get("material")
        if material is not None:
            part.material = self.materials.material(material)
        if "NORMAL" in primitive:
            normals = primitive.morphed("NORMAL", primitive.floats("NORMAL", (3,), len(verts)), weights)
            part.normals = normals.astype(np.float32)
        part.uvs = self.materials.uvs(material, primitive, len(verts))
        if "COLOR_0" in primitive:  # linear light, unlike other formats' colours
            part.colors = primitive.colors(len(verts))
        return part if skin is None else self.skins.pose(skin, primitive, part)
