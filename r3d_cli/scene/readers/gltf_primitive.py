"""The arrays of a glTF primitive: a run of triangles with one material."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.readers.gltf_document import GltfDocument
from r3d_cli.scene.readers.gltf_draco import DRACO, decode_draco

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_POINTS = 0
_LINES = 1, 2, 3


class Primitive:
    """Attributes by name, in whichever way they are stored."""

    def __init__(self, document: GltfDocument, primitive: dict[str, Any]) -> None:
        self.document, self.found = document, primitive
        self.attributes: dict[str, int] = primitive["attributes"]
        self.mode = primitive.get("mode", _TRIANGLES)
        self._indices: int | None = primitive.get("indices")
        self._decoded: dict[str, NDArray[Any]] = {}
        self._decoded_faces: NDArray[np.int64] | None = None
        packed = primitive.get("extensions", {}).get(DRACO)
        if packed is not None and self.is_drawn and not self._has_plain_data():
            self._decoded, self._decoded_faces = decode_draco(document, packed)

    def _has_plain_data(self) -> bool:
        """Whether the arrays stand in the file uncompressed too, for those who cannot decompress."""
        return "bufferView" in self.document.item("accessors", self.attributes["POSITION"])

    @property
    def is_drawn(self) -> bool:
        return self.mode not in _LINES and "POSITION" in self.attributes

    @property
    def kind(self) -> str:
        if self.mode in _LINES:
            return "lines"
        return "points" if self.mode == _POINTS else "triangles"

    def __contains__(self, attribute: str) -> bool:
        return attribute in self.attributes

    def raw(self, attribute: str) -> NDArray[Any]:  # (V, width)
        """An attribute in the type that it is stored in."""
        if attribute in self._decoded:
            return self._decoded[attribute]
        return self.document.accessor(self.attributes[attribute])

    def floats(
        self, attribute: str, widths: tuple[int, ...], count: int | None = None
    ) -> NDArray[np.float64]:
        """An attribute; normalised integers come as [0, 1] or [-1, 1]."""
        return self.document.as_floats(self.raw(attribute), self.attributes[attribute], widths, count)

    def colors(self, count: int) -> NDArray[np.float32]:  # (V, 4)
        """COLOR_0. Its integers are normalised whether or not the file remembers to say so."""
        stored = self.raw("COLOR_0")
        if stored.dtype.kind == "u":
            stored = stored / np.iinfo(stored.dtype).max
        colors = self.document.as_floats(stored, self.attributes["COLOR_0"], (4, 3), count)
        opaque = np.ones((count, 4 - colors.shape[1]))
        return np.hstack([colors, opaque]).astype(np.float32)

    def morphed(
        self,
        attribute: str,
        base: NDArray[np.float64],  # (V, 3)
        weights: Sequence[float],
    ) -> NDArray[np.float64]:  # (V, 3)
        """An attribute with the morph targets added that the weights call for."""
        for weight, target in zip(weights, self.found.get("targets", []), strict=False):
            if weight and attribute in target:
                base = base + weight * self.document.floats(target[attribute], (3,), len(base))
        return base

    def faces(self, num_verts: int) -> NDArray[np.int64]:  # (F, 3)
        if self._decoded_faces is not None:
            faces = self._decoded_faces
            self._check(faces, num_verts)
            return faces
        corners = np.arange(num_verts)
        if self._indices is not None:
            corners = self.document.accessor(self._indices)[:, 0].astype(np.int64)
            self._check(corners, num_verts)
        return _triangles(corners, self.mode)

    def _check(self, corners: NDArray[np.int64], num_verts: int) -> None:
        if corners.size and not 0 <= corners.min() <= corners.max() < num_verts:
            self.document.fail(f"has a face that names vertex {corners.max()} of {num_verts}")


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
