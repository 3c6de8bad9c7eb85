"""Small glTF files for tests, made piece by piece."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
from PIL import Image

from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.readers import read_mesh

COMPONENTS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
WIDTHS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)


class Builder:
    """A glTF document in the making: arrays become accessors, each with a buffer view of its own."""

    def __init__(self) -> None:
        self.data = b""
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "accessors": [],
            "bufferViews": [],
        }

    def view(self, data: bytes) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)})
        self.data += data
        return len(self.json["bufferViews"]) - 1

    def array(self, values: Any, kind: str = "f4", **more: Any) -> int:
        array = np.atleast_2d(np.asarray(values, kind).T).T
        accessor = {
            "bufferView": self.view(array.tobytes()),
            "componentType": COMPONENTS[kind],
            "count": len(array),
            "type": WIDTHS[array.shape[1]],
        }
        self.json["accessors"].append(accessor | more)
        return len(self.json["accessors"]) - 1

    def mesh(self, verts: Any = TRIANGLE, **primitive: Any) -> Builder:
        primitive["attributes"] = {"POSITION": self.array(verts), **primitive.get("attributes", {})}
        self.json.setdefault("meshes", []).append({"primitives": [primitive]})
        return self

    def material(self, **material: Any) -> Builder:
        self.json["materials"] = [material]
        return self.mesh(material=0, attributes={"TEXCOORD_0": self.array([[0, 0], [1, 0], [0, 1]])})

    def image(self, pixels: Any = (10, 20, 30), **texture: Any) -> dict[str, int]:
        """A texture of one colour, or of (H, W, 3 or 4) pixels, and what names it."""
        pixels = np.asarray(pixels, np.uint8)
        file = io.BytesIO()
        Image.fromarray(np.full((2, 3, len(pixels)), pixels) if pixels.ndim == 1 else pixels).save(
            file, "png"
        )
        images = self.json.setdefault("images", [])
        images.append({"bufferView": self.view(file.getvalue()), "mimeType": "image/png"})
        self.json.setdefault("textures", []).append({"source": len(images) - 1, **texture})
        return {"index": len(images) - 1}

    def sampler(self, **sampler: Any) -> int:
        self.json.setdefault("samplers", []).append(sampler)
        return len(self.json["samplers"]) - 1

    def glb(self) -> bytes:
        self.json.setdefault("buffers", [{}])[0] = {"byteLength": len(self.data)}
        text = json.dumps(self.json).encode()
        chunks = b""
        for kind, chunk, fill in ((b"JSON", text, b" "), (b"BIN\0", self.data, b"\0")):
            chunk += fill * (-len(chunk) % 4)
            chunks += struct.pack("<I4s", len(chunk), kind) + chunk
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def read(self) -> RawMesh:
        return read_mesh(self.glb(), "glb", name="a.glb")
