"""`IO`: meshes and point clouds of any registered format."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, TypeAlias

import torch

from r3d_cli.io.file_format import FileFormat
from r3d_cli.io.interpreters import MeshFormatInterpreter, PointcloudFormatInterpreter
from r3d_cli.io.mesh_formats import MESH_FORMATS
from r3d_cli.io.pointcloud_formats import POINTCLOUD_FORMATS
from r3d_cli.io.streams import is_path, shown, suffix_of_read, suffix_of_saved
from r3d_cli.structures import Meshes, Pointclouds

Interpreter: TypeAlias = MeshFormatInterpreter | PointcloudFormatInterpreter


class IO:
    """Reads and writes meshes and point clouds in the format that a path's suffix names.

    ============  ==============================  =====================================================
    meshes        .obj .ply .off .stl .glb .gltf  with the textures and normals that each can hold
    point clouds  .ply .xyz .obj .off             the vertices of files that may also have faces
    ============  ==============================  =====================================================

    The latest registered format is asked first, so that one's own can replace one of these.

    Open files, of bytes or text, serve as paths do. What is read is told from ``format``, the file's name or
    its content; what is written from ``format`` or the name, and is PLY otherwise.

    Args:
        include_default_formats: Register these formats.
        path_manager: Opens all paths, if given: anything with iopath's ``open(path, mode)``.

    Attributes:
        mesh_interpreters: The formats of meshes, in the order in which they are asked.
        pointcloud_interpreters: The formats of point clouds.
        path_manager: As given.

    Example:
        >>> import tempfile
        >>> from r3d_cli.utils import ico_sphere
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     IO().save_mesh(ico_sphere(1), f"{folder}/sphere.glb")
        ...     mesh = IO().load_mesh(f"{folder}/sphere.glb")
        >>> mesh.verts_packed().shape
        torch.Size([42, 3])
    """

    def __init__(self, include_default_formats: bool = True, path_manager: Any = None) -> None:
        self.path_manager = path_manager
        self.mesh_interpreters: deque[MeshFormatInterpreter] = deque()
        self.pointcloud_interpreters: deque[PointcloudFormatInterpreter] = deque()
        if include_default_formats:
            self.register_default_formats()

    def register_default_formats(self) -> None:
        """Register the formats of the table above."""
        for mesh_format in MESH_FORMATS:
            self.register_meshes_format(mesh_format())
        for pointcloud_format in POINTCLOUD_FORMATS:
            self.register_pointcloud_format(pointcloud_format())

    def register_meshes_format(self, interpreter: MeshFormatInterpreter) -> None:
        """Register a format of meshes, to be asked before those registered already.

        Raises:
            ValueError: It is no MeshFormatInterpreter.
        """
        _check("register_meshes_format", interpreter, MeshFormatInterpreter)
        self.mesh_interpreters.appendleft(interpreter)

    def register_pointcloud_format(self, interpreter: PointcloudFormatInterpreter) -> None:
        """Register a format of point clouds, to be asked before those registered already.

        Raises:
            ValueError: It is no PointcloudFormatInterpreter.
        """
        _check("register_pointcloud_format", interpreter, PointcloudFormatInterpreter)
        self.pointcloud_interpreters.appendleft(interpreter)

    def load_mesh(
        self,
        path: Any,
        include_textures: bool = True,
        device: torch.device | str = "cpu",
        *,
        format: str | None = None,
        **kwargs: Any,
    ) -> Meshes:
        """Read a mesh.

        Textures are those of the file: :class:`TexturesUV` of images and materials,
        :class:`TexturesVertex` of vertex colours, three channels as stored (bytes / 255), and
        :class:`TexturesAtlas` of one texel a face of an OFF file's colours of faces. Vertex normals are
        kept where a PLY, OFF or glTF file has them. glTF's vertex colours are linear light by its standard
        and stay it; its base colour factors become display values, as images are.

        Args:
            path: A path or an open file.
            include_textures: Read textures and materials.
            device: Where the mesh goes.
            format: Of an open file, such as "ply".
            **kwargs: To the format: ``dtype`` (float64 keeps what float32 would lose of coordinates far from
                the origin) and ``alpha`` (keep a fourth channel of vertex colours) for all;
                ``create_texture_atlas``, ``texture_atlas_size`` and ``texture_wrap`` (as ``load_obj``) for
                .obj and .glb; ``merge_vertices`` (join equal ones, by default) for .stl.

        Returns:
            A batch of one mesh.

        Raises:
            MeshError: The file cannot be read; a ValueError that names file, line and mend. A file that is
                not there is also a FileNotFoundError, and so on.
            ValueError: No format is registered for the path.
        """
        path, suffix = suffix_of_read("load_mesh", path, format, _known(self.mesh_interpreters))
        for interpreter in _asked(self.mesh_interpreters, path, suffix):
            mesh = interpreter.read(
                path,
                include_textures=include_textures,
                device=device,
                path_manager=self.path_manager,
                **kwargs,
            )
            if mesh is not None:
                return mesh
        raise _unknown("load_mesh", path, self.mesh_interpreters)

    def save_mesh(
        self,
        data: Meshes,
        path: Any,
        binary: bool | None = None,
        include_textures: bool = True,
        *,
        format: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Write a mesh, whole or not at all.

        What a format cannot hold is left out, with a warning: textures in STL, maps in PLY and OFF.
        :class:`TexturesAtlas` is written as a picture to .obj, .glb and .gltf, and as colours of faces to
        .off where it has one texel a face.

        Args:
            data: A batch of one mesh.
            path: A path or an open file.
            binary: PLY and STL as binary (by default, but not to a file that is open for text) or as text.
            include_textures: Write textures.
            format: Of an open file, such as "obj".
            **kwargs: To the format: ``decimal_places`` for text (by default the fewest digits that read back
                the same), ``colors_as_uint8`` for .ply (by default they are floats).

        Raises:
            ValueError: Not one mesh, no format registered for the path, or one that is never (or always)
                binary.
            OSError: It cannot be written; an older file stays as it was.
        """
        suffix = suffix_of_saved("save_mesh", path, format, _known(self.mesh_interpreters))
        for interpreter in _asked(self.mesh_interpreters, path, suffix):
            if interpreter.save(
                data,
                path,
                path_manager=self.path_manager,
                include_textures=include_textures,
                binary=binary,
                **kwargs,
            ):
                return
        raise _unknown("save_mesh", path, self.mesh_interpreters)

    def load_pointcloud(
        self,
        path: Any,
        device: torch.device | str = "cpu",
        *,
        format: str | None = None,
        **kwargs: Any,
    ) -> Pointclouds:
        """Read a point cloud: the vertices of a file, with normals, and colours as features.

        Args:
            path: A path or an open file.
            device: Where the cloud goes.
            format: Of an open file, such as "xyz".
            **kwargs: To the format: ``dtype`` and ``alpha`` as for :meth:`load_mesh`.

        Returns:
            A batch of one cloud; features (P, 3) in [0, 1], or None.

        Raises:
            MeshError: The file cannot be read; a ValueError that names file, line and mend. A file that is
                not there is also a FileNotFoundError, and so on.
            ValueError: No format is registered for the path.
        """
        path, suffix = suffix_of_read("load_pointcloud", path, format, _known(self.pointcloud_interpreters))
        for interpreter in _asked(self.pointcloud_interpreters, path, suffix):
            cloud = interpreter.read(path, device=device, path_manager=self.path_manager, **kwargs)
            if cloud is not None:
                return cloud
        raise _unknown("load_pointcloud", path, self.pointcloud_interpreters)

    def save_pointcloud(
        self,
        data: Pointclouds,
        path: Any,
        binary: bool | None = None,
        *,
        format: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Write a point cloud, whole or not at all.

        Features of three or four channels are written as colours. What else there is, and normals where the
        format is not PLY, is left out, with a warning.

        Args:
            data: A batch of one cloud.
            path: A path or an open file.
            binary: PLY as binary (by default, but not to a file that is open for text) or as text.
            format: Of an open file, such as "xyz".
            **kwargs: ``decimal_places`` and ``colors_as_uint8`` as for :meth:`save_mesh`.

        Raises:
            ValueError: Not one cloud, or no format registered for the path.
            OSError: It cannot be written; an older file stays as it was.
        """
        suffix = suffix_of_saved("save_pointcloud", path, format, _known(self.pointcloud_interpreters))
        for interpreter in _asked(self.pointcloud_interpreters, path, suffix):
            if interpreter.save(data, path, path_manager=self.path_manager, binary=binary, **kwargs):
                return
        raise _unknown("save_pointcloud", path, self.pointcloud_interpreters)


def _check(where: str, interpreter: object, kind: type) -> None:
    if not isinstance(interpreter, kind):
        got = type(interpreter).__name__
        raise ValueError(f"{where}: interpreter must be a {kind.__name__}, got {got}")


def _known(interpreters: Iterable[Interpreter]) -> set[str]:
    return {suffix for interpreter in interpreters for suffix in interpreter.known_suffixes}


def _asked(interpreters: Iterable[Interpreter], path: Any, suffix: str | None) -> list[Any]:
    """The formats to ask: of a path all; of an open file those of its format, or all that are not r3d's own
    where nothing tells it."""
    if suffix is not None:
        return [interpreter for interpreter in interpreters if suffix in interpreter.known_suffixes]
    return [one for one in interpreters if is_path(path) or not isinstance(one, FileFormat)]


def _unknown(where: str, path: Any, interpreters: Iterable[Interpreter]) -> ValueError:
    known = sorted(_known(interpreters))
    names = ", ".join(known) if known else "none"
    if not is_path(path) and hasattr(path, "read"):
        return ValueError(
            f"{where}: neither name nor content of {shown(path)} tells a registered format; give format=, "
            f"one of {names}"
        )
    return ValueError(f"{where}: no registered format takes {_quoted(path)}; known are {names}")


def _quoted(path: Any) -> str:
    return repr(str(path)) if is_path(path) else f"a {type(path).__name__}"
