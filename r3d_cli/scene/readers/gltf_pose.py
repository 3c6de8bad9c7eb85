"""Where the nodes of glTF put things: local transforms, instances, skins in the pose of the nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.readers.gltf_document import GltfDocument
from r3d_cli.scene.readers.gltf_primitive import Primitive
from r3d_cli.scene.readers.merge import Part

VISIBILITY = "KHR_node_visibility"
_INSTANCING = "EXT_mesh_gpu_instancing"


def nodes(document: GltfDocument) -> Iterator[tuple[dict[str, Any], NDArray[np.float64]]]:
    """The visible nodes of the default scene, each before its children, and their transforms (4, 4) to the
    world."""
    seen: set[int] = set()
    pending = [(root, np.eye(4)) for root in reversed(_roots(document))]
    while pending:
        index, parent = pending.pop()
        node = document.item("nodes", index)
        if index in seen:
            document.fail(f"reaches nodes[{index}] by two ways")
        seen.add(index)
        if node.get("extensions", {}).get(VISIBILITY, {}).get("visible") is False:
            continue  # nor what hangs on it
        transform = parent @ local_transform(node)
        yield node, transform
        pending += [(child, transform) for child in reversed(node.get("children", []))]


def _roots(document: GltfDocument) -> list[int]:
    if document.json.get("scenes"):
        return document.item("scenes", document.json.get("scene", 0)).get("nodes", [])
    nodes = document.json.get("nodes", [])
    children = {child for node in nodes for child in node.get("children", [])}
    return [index for index in range(len(nodes)) if index not in children]


def local_transform(node: dict[str, Any]) -> NDArray[np.float64]:  # (4, 4)
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T  # stored by columns
    transform = np.eye(4)
    if "rotation" in node:
        transform[:3, :3] = _turn(*map(float, node["rotation"]))
    if "scale" in node:
        transform[:3, :3] *= np.array(node["scale"], np.float64)
    if "translation" in node:
        transform[:3, 3] = node["translation"]
    return transform


def _turn(x: Any, y: Any, z: Any, w: Any) -> Any:
    """The matrix of a unit quaternion, as nested lists; of several quaternions, each entry an array."""
    return [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]


def instances(
    document: GltfDocument,
    node: dict[str, Any],
    transform: NDArray[np.float64],  # (4, 4) of the node
) -> NDArray[np.float64]:  # (N, 4, 4)
    """The transforms of the copies that a node shows of its mesh; mostly there is one, its own."""
    extension = node.get("extensions", {}).get(_INSTANCING)
    if extension is None:
        return transform[None]
    attributes = extension["attributes"]
    columns: list[NDArray[np.float64]] = []
    count: int | None = None
    for name, default in (("TRANSLATION", (0, 0, 0)), ("ROTATION", (0, 0, 0, 1)), ("SCALE", (1, 1, 1))):
        if name in attributes:
            columns.append(document.floats(attributes[name], (len(default),), count))
            count = len(columns[-1])
        else:
            columns.append(np.array([default], np.float64))
    translation, rotation, scale = columns
    transforms = np.tile(np.eye(4), (1 if count is None else count, 1, 1))
    transforms[:, :3, :3] = np.moveaxis(np.array(_turn(*rotation.T)), -1, 0) * scale[:, None, :]
    transforms[:, :3, 3] = translation
    return transform @ transforms


class Skins:
    """The skins of a document, posed by its nodes as they stand in the file."""

    def __init__(self, document: GltfDocument) -> None:
        self.document = document
        self._parents = {
            child: index
            for index, node in enumerate(document.json.get("nodes", []))
            for child in node.get("children", [])
        }
        self._worlds: dict[int, NDArray[np.float64]] = {}

    def pose(self, index: int, primitive: Primitive, part: Part) -> Part:
        """The part in world space: each vertex is moved by the joints that it hangs on (linear blending)."""
        skin = self.document.item("skins", index)
        joints = np.stack([self._world(joint) for joint in skin["joints"]])
        if "inverseBindMatrices" in skin:
            inverse = self.document.floats(skin["inverseBindMatrices"], (16,))
            if len(inverse) < len(joints):
                self.document.fail(f"has skins[{index}] with fewer matrices than joints")
            joints = joints @ inverse[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)
        moves, total = np.zeros((len(part.verts), 4, 4)), np.zeros(len(part.verts))
        for number in range(len(primitive.attributes)):
            if f"JOINTS_{number}" not in primitive or f"WEIGHTS_{number}" not in primitive:
                break
            ids = primitive.raw(f"JOINTS_{number}").astype(np.int64)
            weights = primitive.floats(f"WEIGHTS_{number}", (4,), len(part.verts))
            if ids.shape != weights.shape or not 0 <= ids.min(initial=0) <= ids.max(initial=0) < len(joints):
                self.document.fail(f"has a mesh with joints that skins[{index}] does not have")
            for column in range(4):
                moves += weights[:, column, None, None] * joints[ids[:, column]]
            total += weights.sum(axis=1)
        loose = ~(total > 0)
        moves[~loose] /= total[~loose, None, None]
        moves[loose] = joints[0]
        verts = np.einsum("vij,vj->vi", moves[:, :3, :3], part.verts) + moves[:, :3, 3]
        normals, faces = part.normals, part.faces
        if normals is not None:
            turned = np.einsum("vij,vj->vi", moves[:, :3, :3], normals)
            with np.errstate(all="ignore"):
                turned /= np.linalg.norm(turned, axis=1, keepdims=True)
            normals = np.nan_to_num(turned).astype(np.float32)
        if len(verts) and np.median(np.linalg.det(moves[:, :3, :3])) < 0:  # mirrored: keeps its front
            faces = faces[:, ::-1]
        return Part(verts, faces, normals, part.uvs, part.colors, part.material)

    def _world(self, index: int) -> NDArray[np.float64]:  # (4, 4)
        """The transform of a node, its parents' included."""
        if index not in self._worlds:
            transform = local_transform(self.document.item("nodes", index))
            seen, at = {index}, index
            while (parent := self._parents.get(at)) is not None:
                if parent in seen:
                    self.document.fail(f"reaches nodes[{index}] by two ways")
                seen.add(parent)
                transform, at = local_transform(self.document.item("nodes", parent)) @ transform, parent
            self._worlds[index] = transform
        return self._worlds[index]
