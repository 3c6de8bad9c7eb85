"""The container of glTF 2.0: its JSON document, buffers and accessors."""

from __future__ import annotations

import base64
import json
import struct
import urllib.parse
from binascii import Error as Base64Error
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.readers.source import Source

_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
# An accessor without data is all zeros, so the file's size does not bound it.
_MOST_ZEROS = 2**24


class GltfDocument:
    """Checked access to the arrays and bytes that a glTF file holds or names."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._buffers: dict[int, bytes] = {}
        text, self._binary = self._chunks() if source.data[:4] == b"glTF" else (source.data, None)
        self.json = self._parse(text)

    def fail(self, what: str, line: int | None = None) -> NoReturn:
        self.source.fail(f"{what}; export the file again", line)

    def _chunks(self) -> tuple[bytes, bytes | None]:
        """The JSON and the binary chunk of a .glb."""
        data = self.source.data
        if len(data) < 20:
            self.fail("is cut short")
        version, length = struct.unpack_from("<II", data, 4)
        if version != 2:
            self.fail(f"is glTF {version}, and only version 2 is read")
        if length > len(data):
            self.fail(f"declares {length} bytes and has {len(data)}: it was cut short")
        chunks: dict[bytes, bytes] = {}
        at = 12
        while at + 8 <= length:
            size, kind = struct.unpack_from("<I4s", data, at)
            if size > length - at - 8:
                self.fail("has a chunk that ends past its end")
            chunks.setdefault(kind, data[at + 8 : at + 8 + size])
            at += 8 + size
        return chunks.get(b"JSON", b""), chunks.get(b"BIN\0")

    def _parse(self, text: bytes) -> dict[str, Any]:
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            self.fail(f"is not valid JSON ({error.msg})", error.lineno if text is self.source.data else None)
        except (UnicodeDecodeError, RecursionError, ValueError):
            self.fail("is not valid JSON")
        version = document.get("asset", {}).get("version") if isinstance(document, dict) else None
        if not str(version).startswith("2"):
            self.fail("is not glTF 2: its asset.version does not say so")
        return document

    def item(self, kind: str, index: Any) -> dict[str, Any]:
        """Entry `index` of one of the document's lists."""
        items = self.json.get(kind, [])
        if not isinstance(index, int) or not 0 <= index < len(items):
            self.fail(f"names {kind}[{index}], but has {len(items)}")
        return items[index]

    def accessor(self, index: int) -> NDArray[Any]:  # (count, width)
        """An accessor's values in the type that they are stored in."""
        accessor = self.item("accessors", index)
        values = self._view(accessor, accessor["count"], _WIDTHS[accessor["type"]], accessor["componentType"])
        if "sparse" not in accessor:
            return values
        sparse, values = accessor["sparse"], values.copy()
        rows = self._view(sparse["indices"], sparse["count"], 1, sparse["indices"]["componentType"])[:, 0]
        if rows.size and rows.max() >= len(values):
            self.fail(f"has sparse values past the end of accessors[{index}]")
        width = values.shape[1]
        values[rows] = self._view(sparse["values"], sparse["count"], width, accessor["componentType"])
        return values

    def floats(self, index: int, widths: tuple[int, ...], count: int | None = None) -> NDArray[np.float64]:
        """An accessor of vertex attributes; normalised integers come as [0, 1] or [-1, 1]."""
        return self.as_floats(self.accessor(index), index, widths, count)

    def as_floats(
        self, values: NDArray[Any], index: int, widths: tuple[int, ...], count: int | None = None
    ) -> NDArray[np.float64]:  # (count, width)
        """The values of an accessor, checked and turned to numbers as it says."""
        if values.shape[1] not in widths or count not in (None, len(values)):
            shape = f"({'V' if count is None else count}, {widths[0]})"
            self.fail(f"has accessors[{index}] of shape {values.shape} where {shape} belongs")
        if values.dtype.kind in "iu" and self.item("accessors", index).get("normalized"):
            return np.maximum(values / np.iinfo(values.dtype).max, -1.0)
        return values.astype(np.float64)

    def _view(self, holder: dict[str, Any], count: int, width: int, component: int) -> NDArray[Any]:
        dtype = np.dtype(_COMPONENTS[component])
        if "bufferView" not in holder:
            if not 0 <= count <= _MOST_ZEROS:
                self.fail(f"declares {count} values without data")
            return np.zeros((count, width), dtype)
        data = self.buffer_view(holder["bufferView"])
        offset, row = holder.get("byteOffset", 0), width * dtype.itemsize
        stride = self.item("bufferViews", holder["bufferView"]).get("byteStride", row)
        if (
            count < 0
            or offset < 0
            or stride < row
            or (count and offset + stride * (count - 1) + row > len(data))
        ):
            self.fail(f"has {count} values that end past bufferViews[{holder['bufferView']}]")
        if count == 0:
            return np.zeros((0, width), dtype)
        return np.ndarray((count, width), dtype, data, offset, (stride, dtype.itemsize))

    def buffer_view(self, index: int) -> memoryview:
        view = self.item("bufferViews", index)
        offset, length = view.get("byteOffset", 0), view["byteLength"]
        data = self._buffer(view["buffer"])
        if offset < 0 or length < 0 or offset + length > len(data):
            self.fail(f"has bufferViews[{index}] that ends past its buffer: it was cut short")
        return memoryview(data)[offset : offset + length]

    def _buffer(self, index: int) -> bytes:
        if index not in self._buffers:
            uri = self.item("buffers", index).get("uri")
            if uri is None and (self._binary is None or index != 0):
                self.fail(f"has buffers[{index}] without data")
            self._buffers[index] = self.resource(uri) if uri is not None else self._binary or b""
        return self._buffers[index]

    def resource(self, uri: str) -> bytes:
        """What a URI names: data within it, or a file beside this one."""
        if uri.startswith("data:"):
            head, _, text = uri.partition(",")
            if not head.endswith(";base64"):
                return urllib.parse.unquote_to_bytes(text)
            try:
                return base64.b64decode(urllib.parse.unquote(text))
            except Base64Error as error:
                self.fail(f"has a data URI that is not base64 ({error})")
        name = urllib.parse.unquote(uri)
        path = self.source.find(name)
        if path is None:
            self.source.fail(f"needs '{name[:200]}', which is not in '{self.source.folder}'; put it there")
        return Source.open(path).data
