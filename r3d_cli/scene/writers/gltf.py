"""glTF 2.0 (Khronos, ISO/IEC 12113): one mesh, a primitive for each material."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.model import Material, RawMesh, Texture
from r3d_cli.scene.writers.obj import encode_png
from r3d_cli.scene.writers.tabular import visible

_FLOAT, _UINT = 5126, 5125
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_WRAPS = {"repeat": 10497, "clamp": 33071, "mirror": 33648}
_FILTERS = {"linear": 9729, "nearest": 9728}


def encode_gltf(mesh: RawMesh, *, binary: bool = True) -> bytes:
    """A .glb, or a .gltf that holds its data within itself.

    glTF knows one index a corner: vertices whose corners differ in texture coordinates or normals are written
    once for each. A primitive of its own holds the faces of each material, in their order.
    """
    return _Encoder(mesh).encode(binary)


class _Encoder:
    def __init__(self, mesh: RawMesh) -> None:
        self.mesh = mesh
        self.data = bytearray()
        self.document: dict[str, Any] = {"asset": {"version": "2.0", "generator": "r3d"}}

    def encode(self, binary: bool) -> bytes:
        primitives = [self.primitive(index, faces) for index, faces in self.by_material()]
        for material in self.mesh.materials:
            self.add("materials", self.material(material))
        if primitives:
            self.add("meshes", {"primitives": primitives})
            self.add("nodes", {"mesh": 0})
        self.document |= {"scene": 0, "scenes": [{"nodes": [0]} if primitives else {}]}
        if self.data:
            self.document["buffers"] = [{"byteLength": len(self.data)}]
            if not binary:
                coded = base64.b64encode(self.data).decode()
                self.document["buffers"][0]["uri"] = f"data:application/octet-stream;base64,{coded}"
        text = json.dumps(self.document, separators=(",", ":")).encode()
        return _container(text, bytes(self.data)) if binary else text

    def add(self, kind: str, item: dict[str, Any]) -> int:
        """Append to one of the document's lists; the item's index there."""
        items = self.document.setdefault(kind, [])
        items.append(item)
        return len(items) - 1

    def by_material(self) -> list[tuple[int, NDArray[np.int64]]]:
        """The faces of each material that has any; all the mesh where there is only one."""
        ids = self.mesh.faces_material
        every = np.arange(len(self.mesh.faces))
        if ids is None or len(ids) == 0:
            return [(-1, every)] if len(self.mesh.verts) else []
        return [(int(index), every[ids == index]) for index in np.unique(ids)]

    def primitive(self, material: int, chosen: NDArray[np.int64]) -> dict[str, Any]:
        mesh = self.mesh
        ids = {"verts": mesh.faces[chosen]}
        if mesh.uvs is not None:
            faces_uvs = (mesh.faces if mesh.faces_uvs is None else mesh.faces_uvs)[chosen]
            if (faces_uvs >= 0).all():
                ids["uvs"] = faces_uvs
        if mesh.normals is not None:
            ids["normals"] = (mesh.faces if mesh.faces_normals is None else mesh.faces_normals)[chosen]
        whole = len(chosen) == len(mesh.faces)
        corners, rows = _one_index(ids, len(mesh.verts) if whole else None)
        attributes = {"POSITION": self.accessor(mesh.verts[rows["verts"]], bounds=True)}
        if "normals" in rows and mesh.normals is not None:
            attributes["NORMAL"] = self.accessor(mesh.normals[rows["normals"]])
        if "uvs" in rows and mesh.uvs is not None:
            u, v = mesh.uvs[rows["uvs"]].T
            attributes["TEXCOORD_0"] = self.accessor(np.stack([u, 1 - v], axis=1))
        if mesh.colors is not None:
            attributes["COLOR_0"] = self.accessor(visible(mesh.colors)[rows["verts"]])
        primitive: dict[str, Any] = {"attributes": attributes}
        if len(corners):
            primitive["indices"] = self.accessor(corners.reshape(-1, 1), np.uint32)
        else:
            primitive["mode"] = 0  # points
        if material >= 0:
            primitive["material"] = material
        return primitive

    def accessor(self, values: NDArray, dtype: type = np.float32, *, bounds: bool = False) -> int:
        values = np.ascontiguousarray(values, dtype)
        accessor = {
            "bufferView": self.buffer_view(values.tobytes()),
            "componentType": _FLOAT if dtype is np.float32 else _UINT,
            "count": len(values),
            "type": _TYPES[values.shape[1]],
        }
        if bounds and np.isfinite(values).all():
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        return self.add("accessors", accessor)

    def buffer_view(self, data: bytes) -> int:
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.data += data + bytes(-len(data) % 4)  # accessors begin at multiples of their numbers' size
        return self.add("bufferViews", view)

    def material(self, material: Material) -> dict[str, Any]:
        pbr: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
        if material.base_color != (1, 1, 1, 1):
            pbr["baseColorFactor"] = list(material.base_color)
        if material.base_color_texture is not None:
            pbr["baseColorTexture"] = {"index": self.texture(material.base_color_texture)}
        found: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": pbr}
        if material.double_sided:
            found["doubleSided"] = True
        if material.alpha_mode != "opaque":
            found["alphaMode"] = material.alpha_mode.upper()
        return found

    def texture(self, texture: Texture) -> int:
        view = self.buffer_view(encode_png(texture.image))
        wrap_u, wrap_v = texture.wrap
        sampler = {
            "magFilter": _FILTERS[texture.filter],
            "wrapS": _WRAPS[wrap_u],
            "wrapT": _WRAPS[wrap_v],
        }
        image = self.add("images", {"bufferView": view, "mimeType": "image/png"})
        return self.add("textures", {"source": image, "sampler": self.add("samplers", sampler)})


def _one_index(
    ids: dict[str, NDArray[np.int64]],  # (F, 3) each, -1 for none
    num_verts: int | None,
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Corners (F, 3) with one id each, and the rows of each attribute that the new ids stand for.

    With ``num_verts``, and where all attributes go by the vertices' ids, these stay as they are.
    """
    verts = ids["verts"]
    if num_verts is not None and all(np.array_equal(verts, other) for other in ids.values()):
        return verts, dict.fromkeys(ids, np.arange(num_verts))
    key = verts.ravel()
    for other in list(ids.values())[1:]:
        # Pairs as one number, and these numbered anew, so that the next pair's fits too.
        key = np.unique(key * (other.max(initial=0) + 1) + other.ravel(), return_inverse=True)[1]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return inverse.reshape(-1, 3), {name: array.ravel()[first] for name, array in ids.items()}


def _container(text: bytes, data: bytes) -> bytes:
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    if data:
        chunks += struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
