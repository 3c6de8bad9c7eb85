"""glTF 2.0 (Khronos, ISO/IEC 12113), .gltf and .glb: the scene.

Read here and not through trimesh, whose import takes longer than a whole picture, and which drops samplers
and rounds base colours to 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.model import MeshError, RawMesh
from r3d_cli.scene.readers.gltf_document import GltfDocument
from r3d_cli.scene.readers.gltf_materials import GltfMaterials
from r3d_cli.scene.readers.merge import Part, merge
from r3d_cli.scene.readers.source import Source

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_LINES = 1, 2, 3
# Extensions that a file may require: those read here, and those that matter only to other renderers.
_EXTENSIONS = {
    "EXT_texture_webp",
    "KHR_materials_emissive_strength",
    "KHR_materials_ior",
    "KHR_materials_specular",
    "KHR_materials_unlit",
    "KHR_mesh_quantization",
    "KHR_texture_transform",
}


def read_gltf(source: Source) -> RawMesh:
    """All nodes of the default scene, transformed, with their materials; y is up.

    Skins, morph targets and animations are left in the pose that the nodes give; lines are passed over;
    points become vertices without faces.
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
        self.meshes: dict[int, list[Part]] = {}

    def read(self) -> RawMesh:
        unknown = set(self.document.json.get("extensionsRequired", [])) - _EXTENSIONS
        if unknown:
            self.document.fail(f"requires the extension {min(unknown)}, which is not read")
        mesh = merge(list(self.parts()))
        mesh.up = "y"
        mesh.warnings += self.materials.warnings
        return mesh

    def parts(self) -> Iterator[Part]:
        seen: set[int] = set()
        pending = [(root, np.eye(4)) for root in reversed(self.roots())]
        while pending:
            index, parent = pending.pop()
            node = self.document.item("nodes", index)
            if index in seen:
                self.document.fail(f"reaches nodes[{index}] by two ways")
            seen.add(index)
            transform = parent @ _local_transform(node)
            if "mesh" in node:
                yield from (replace(part, transform=transform) for part in self.mesh(node["mesh"]))
            pending += [(child, transform) for child in reversed(node.get("children", []))]

    def roots(self) -> list[int]:
        if self.document.json.get("scenes"):
            return self.document.item("scenes", self.document.json.get("scene", 0)).get("nodes", [])
        nodes = self.document.json.get("nodes", [])
        children = {child for node in nodes for child in node.get("children", [])}
        return [index for index in range(len(nodes)) if index not in children]

    def mesh(self, index: int) -> list[Part]:
        if index not in self.meshes:
            primitives = self.document.item("meshes", index)["primitives"]
            parts = [self.primitive(primitive) for primitive in primitives]
            self.meshes[index] = [part for part in parts if part is not None]
        return self.meshes[index]

    def primitive(self, primitive: dict[str, Any]) -> Part | None:
        attributes, material = primitive["attributes"], primitive.get("material")
        mode = primitive.get("mode", _TRIANGLES)
        if mode in _LINES or "POSITION" not in attributes:
            return None
        verts = self.document.floats(attributes["POSITION"], (3,))
        part = Part(verts, self.faces(primitive.get("indices"), mode, len(verts)))
        if material is not None:
            part.material = self.materials.material(material)
        if "NORMAL" in attributes:
            part.normals = self.document.floats(attributes["NORMAL"], (3,), len(verts)).astype(np.float32)
        part.uvs = self.materials.uvs(material, attributes, len(verts))
        if "COLOR_0" in attributes:  # linear light, unlike other formats' colours
            colors = self.document.floats(attributes["COLOR_0"], (4, 3), len(verts)).astype(np.float32)
            part.colors = np.hstack([colors, np.ones((len(verts), 4 - colors.shape[1]), np.float32)])
        return part

    def faces(self, indices: int | None, mode: int, num_verts: int) -> NDArray[np.int64]:  # (F, 3)
        corners = np.arange(num_verts)
        if indices is not None:
            corners = self.document.accessor(indices)[:, 0].astype(np.int64)
            if corners.size and not 0 <= corners.min() <= corners.max() < num_verts:
                self.document.fail(f"has a face that names vertex {corners.max()} of {num_verts}")
        return _triangles(corners, mode)


def _triangles(corners: NDArray[np.int64], mode: int) -> NDArray[np.int64]:  # (F, 3)
    if mode == _TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if mode == _STRIP and len(corners) > 2:
        faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
        faces[1::2] = faces[1::2, [0, 2, 1]]
        return faces
    if mode == _FAN and len(corners) > 2:
        return np.stack([corners[1:-1], corners[2:], np.full(len(corners) - 2, corners[0])], axis=1)
    return np.zeros((0, 3), np.int64)


def _local_transform(node: dict[str, Any]) -> NDArray[np.float64]:  # (4, 4)
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T  # stored by columns
    transform = np.eye(4)
    x, y, z, w = map(float, node.get("rotation", (0, 0, 0, 1)))
    transform[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    transform[:3, :3] *= np.array(node.get("scale", (1, 1, 1)), np.float64)
    transform[:3, 3] = node.get("translation", (0, 0, 0))
    return transform
