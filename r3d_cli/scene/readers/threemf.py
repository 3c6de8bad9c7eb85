"""3MF (3MF Consortium, core specification 1.3): meshes, components, the items of the build, and colours.

Read here because trimesh, which reads the rest of what is not ours, leaves the colours out. Those of base
materials and of colour groups are read, by triangle and by corner; textures and mixed materials are one
warning. z is up.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.color import linear_to_srgb
from r3d_cli.scene.creases import compute_corner_normals
from r3d_cli.scene.memory import available_memory
from r3d_cli.scene.model import MeshError, RawMesh
from r3d_cli.scene.readers.merge import Part, merge
from r3d_cli.scene.readers.source import Source
from r3d_cli.scene.surface import DEFAULT_MATERIAL

_ROOT = "_rels/.rels"
_MODEL = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"

#: Components may hold components: deeper than this is a circle.
_DEEPEST = 64
#: Of all instances: components of components multiply.
_MOST_PARTS = 100_000

#: What has no colour beside what has, sRGB.
_GREY = np.array([*linear_to_srgb(np.array(DEFAULT_MATERIAL.base_color[:3])), 1.0], np.float32)

#: The file in the package, and the object's id.
_Key = tuple[str, str]

#: Groups of properties that are not read, and what they are.
_UNREAD = {
    "texture2dgroup": "textures",
    "compositematerials": "mixed materials",
    "multiproperties": "mixed materials",
}


@dataclass
class _Object:
    verts: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    faces: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    colors: NDArray[np.float32] | None = None  # (F, 3, 4) of corners, sRGB
    #: Of components: the key of each, and its transform (4, 4).
    components: list[tuple[_Key, NDArray[np.float64]]] = field(default_factory=list)


def read_3mf(source: Source) -> RawMesh:
    """All items of the build, transformed.

    Raises:
        MeshError: It is no 3MF file, or is broken.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            return _Package(source, archive).read()
    except MeshError:
        raise
    except (zipfile.BadZipFile, ElementTree.ParseError, zlib.error, EOFError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        source.fail(f"is not valid 3MF ({reason}); export the file again")
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        source.fail(f"is not valid 3MF ({type(error).__name__}: {error}); export the file again")


class _Package:
    """The models of a package, read one after the other."""

    def __init__(self, source: Source, archive: zipfile.ZipFile) -> None:
        self.source, self.archive = source, archive
        self.objects: dict[_Key, _Object] = {}
        self.items: list[tuple[_Key, NDArray[np.float64]]] = []
        self.unread: set[str] = set()
        self.parts: list[Part] = []

    def read(self) -> RawMesh:
        start = self.start()
        pending, done = [start], set()
        while pending:
            name = pending.pop()
            done.add(name)
            _Model(self, name).read(is_start=name == start)
            named = {key[0] for item in self.objects.values() for key, _ in item.components}
            named |= {key[0] for key, _ in self.items}
            pending = sorted(named - done)
        for key, transform in self.items:
            self.add(key, transform, 0)
        mesh = merge(self.parts)
        mesh.display_colors, mesh.up = True, "z"
        if self.unread:
            listed = ", ".join(sorted(self.unread))
            mesh.warnings.append(f"{self.source.name}: has {listed}, which are not read; drawn without them")
        return mesh

    def start(self) -> str:
        """The name of the model that the build is in."""
        if _ROOT in self.names:
            for relation in ElementTree.fromstring(self.file(_ROOT)):
                if relation.get("Type") == _MODEL:
                    return _plain(relation.attrib["Target"])
        found = [name for name in self.names if name.lower().endswith(".model")]
        if not found:
            self.source.fail("is a ZIP archive without a 3MF model; is it a 3MF file?")
        return found[0]

    @cached_property
    def colored(self) -> bool:
        """Whether any object has colours; to be asked when all are read."""
        return any(item.colors is not None for item in self.objects.values())

    @cached_property
    def names(self) -> dict[str, zipfile.ZipInfo]:
        return {_plain(info.filename): info for info in self.archive.infolist()}

    def file(self, name: str) -> bytes:
        if name not in self.names:
            self.source.fail(f"names '{name[:200]}', which is not in it; export the file again")
        info = self.names[name]
        if info.file_size > available_memory() / 8:
            self.source.fail(
                f"unpacks to {info.file_size / 2**20:,.0f} MiB, for which there is no memory; reduce the mesh"
            )
        return self.archive.read(info)

    def add(self, key: _Key, transform: NDArray[np.float64], depth: int) -> None:
        """An object, and the components of it."""
        if depth > _DEEPEST or len(self.parts) > _MOST_PARTS:
            self.source.fail("has components within components without end; export the file again")
        if key not in self.objects:
            self.source.fail(f"names the object {key[1]}, which it does not have; export the file again")
        item = self.objects[key]
        if len(item.faces):
            self.parts.append(_part(item, transform, self.colored))
        for other, local in item.components:
            self.add(other, transform @ local, depth + 1)


class _Model:
    """One file of objects, with the colours that their triangles name."""

    def __init__(self, package: _Package, name: str) -> None:
        self.package, self.name = package, name
        self.colors: dict[str, list[tuple[float, ...]]] = {}  # of each group

    def read(self, *, is_start: bool) -> None:
        events = ElementTree.iterparse(io.BytesIO(self.package.file(self.name)))
        for _, element in events:
            kind = element.tag.rpartition("}")[2]
            if kind in ("basematerials", "colorgroup"):
                key = "displaycolor" if kind == "basematerials" else "color"
                self.colors[element.attrib["id"]] = [_color(each.attrib.get(key, "")) for each in element]
            elif kind in _UNREAD:
                self.package.unread.add(_UNREAD[kind])
            elif kind == "object":
                self.object(element)
                element.clear()
            elif kind == "item" and is_start:
                self.package.items.append(self.placed(element))

    def placed(self, element: ElementTree.Element) -> tuple[_Key, NDArray[np.float64]]:
        """What a component or an item names, and its transform."""
        path = next((value for key, value in element.attrib.items() if key.endswith("}path")), None)
        name = self.name if path is None else _plain(path)
        transform = np.eye(4)
        if "transform" in element.attrib:
            values = [float(word) for word in element.attrib["transform"].split()]
            transform[:3] = np.array(values).reshape(4, 3).T
        return (name, element.attrib["objectid"]), transform

    def object(self, element: ElementTree.Element) -> None:
        item = _Object()
        triangles: list[dict[str, str]] = []
        verts = [
            (float(each.attrib["x"]), float(each.attrib["y"]), float(each.attrib["z"]))
            for each in element.iterfind("{*}mesh/{*}vertices/{*}vertex")
        ]
        triangles = [each.attrib for each in element.iterfind("{*}mesh/{*}triangles/{*}triangle")]
        if triangles:
            item.verts = np.array(verts, np.float64).reshape(-1, 3)
            item.faces = np.array([[int(t["v1"]), int(t["v2"]), int(t["v3"])] for t in triangles], np.int64)
            if item.faces.min() < 0 or item.faces.max() >= len(verts):
                self.package.source.fail(
                    f"has a triangle with vertex {item.faces.max()}, its object has {len(verts)}; export the "
                    "file again"
                )
            item.colors = self.corner_colors(triangles, element.get("pid"), element.get("pindex", "0"))
        item.components = [self.placed(each) for each in element.iterfind("{*}components/{*}component")]
        self.package.objects[self.name, element.attrib["id"]] = item

    def corner_colors(
        self, triangles: list[dict[str, str]], pid: str | None, pindex: str
    ) -> NDArray[np.float32] | None:  # (F, 3, 4)
        """Colours of the corners of triangles, by themselves or by their object; None: none has any."""
        if not self.colors:
            return None
        colors = np.empty((len(triangles), 3, 4), np.float32)
        colors[:] = _GREY
        found = False
        for row, triangle in enumerate(triangles):
            group = self.colors.get(triangle.get("pid", pid) or "")
            if not group:
                continue
            first = triangle.get("p1", pindex if triangle.get("pid", pid) == pid else None)
            if first is None:
                continue
            corners = first, triangle.get("p2", first), triangle.get("p3", first)
            colors[row] = [group[int(corner)] for corner in corners]
            found = True
        return colors if found else None


def _part(item: _Object, transform: NDArray[np.float64], colored: bool) -> Part:
    """An object where it stands; beside others that are coloured one without colours is grey."""
    if item.colors is None:
        colors = np.tile(_GREY, (len(item.verts), 1)) if colored else None
        return Part(item.verts, item.faces, colors=colors, transform=transform)
    # Corners of one vertex have colours of their own, and the normals that they have together.
    normals, ids = compute_corner_normals(item.verts, item.faces)
    return Part(
        item.verts[item.faces.ravel()],
        np.arange(item.faces.size).reshape(-1, 3),
        normals[ids.ravel()],
        colors=item.colors.reshape(-1, 4),
        transform=transform,
    )


def _color(text: str) -> tuple[float, ...]:
    """#RRGGBB or #RRGGBBAA."""
    digits = text.strip().removeprefix("#")
    if len(digits) not in (6, 8):
        raise ValueError(f"'{text[:20]}' is no colour")
    values = [int(digits[at : at + 2], 16) / 255 for at in range(0, len(digits), 2)]
    return (*values[:3], values[3] if len(values) > 3 else 1.0)


def _plain(name: str) -> str:
    """The name of a part of the package as the archive has it."""
    return posixpath.normpath(name.replace("\\", "/")).lstrip("/")
