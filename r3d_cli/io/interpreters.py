"""What a format must know to be registered with :class:`r3d_cli.io.IO`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from r3d_cli.structures import Meshes, Pointclouds


def endswith(path: Any, suffixes: Iterable[str]) -> bool:
    """Whether a path's name, in any case, ends with one of the suffixes.

    True of what is no path: open files are told by their content.

    Example:
        >>> endswith("shapes/Cow.OBJ", (".obj",))
        True
    """
    if not isinstance(path, str | os.PathLike):
        return True
    return os.fspath(path).lower().endswith(tuple(suffixes))


class MeshFormatInterpreter:
    """A file format of meshes. Subclasses define either method, or both.

    Attributes:
        known_suffixes: What names of such files end with; for messages.
    """

    known_suffixes: tuple[str, ...] = ()

    def read(
        self,
        path: Any,
        include_textures: bool,
        device: torch.device | str,
        path_manager: Any,
        **kwargs: Any,
    ) -> Meshes | None:
        """Read a mesh, or return None where the path is of another format.

        Args:
            path: What ``IO.load_mesh`` was called with.
            include_textures: Whether to read textures.
            device: Where the mesh goes.
            path_manager: Opens paths, if not None.
            **kwargs: What else ``IO.load_mesh`` was called with.
        """
        return None

    def save(
        self,
        data: Meshes,
        path: Any,
        path_manager: Any,
        include_textures: bool,
        binary: bool | None,
        **kwargs: Any,
    ) -> bool:
        """Write a mesh and return True, or return False where the path is of another format.

        Args:
            data: What to write.
            path: What ``IO.save_mesh`` was called with.
            path_manager: Opens paths, if not None.
            include_textures: Whether to write textures.
            binary: Binary or text; None: as the format is mostly met.
            **kwargs: What else ``IO.save_mesh`` was called with.
        """
        return False


class PointcloudFormatInterpreter:
    """A file format of point clouds, as :class:`MeshFormatInterpreter` of meshes."""

    known_suffixes: tuple[str, ...] = ()

    def read(
        self, path: Any, device: torch.device | str, path_manager: Any, **kwargs: Any
    ) -> Pointclouds | None:
        """Read a point cloud, or return None where the path is of another format."""
        return None

    def save(
        self, data: Pointclouds, path: Any, path_manager: Any, binary: bool | None, **kwargs: Any
    ) -> bool:
        """Write a point cloud and return True, or return False where the path is of another format."""
        return False
