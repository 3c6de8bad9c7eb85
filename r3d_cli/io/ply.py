"""PLY files as tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.io.files import (
    File,
    check_decimals,
    check_faces,
    check_verts,
    read_raw,
    to_tensor,
    verts_tensor,
    write,
)
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.writers.tabular import encode_ply


def load_ply(
    f: File,
    path_manager: Any = None,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """Read the vertices and faces of a PLY file, ASCII or binary of either byte order.

    Polygons and triangle strips are triangulated. ``IO().load_mesh`` reads normals and colours too.

    Args:
        f: A path or an open file.
        path_manager: Opens paths, if given.
        device: Where the tensors go.
        dtype: Of the vertices. float64 keeps what float32 would lose of coordinates far from the origin.

    Returns:
        Vertices (V, 3), and faces (F, 3) int64, (0, 3) of a point cloud.

    Raises:
        MeshError: The file cannot be read; a ValueError that names file, line and mend.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> save_ply(file, torch.eye(3), torch.tensor([[0, 1, 2]]))
        >>> load_ply(io.BytesIO(file.getvalue()))[1]
        tensor([[0, 1, 2]])
    """
    raw = read_raw("load_ply", "f", f, "ply", path_manager, textures=False)
    return verts_tensor("load_ply", raw, device, dtype), to_tensor(raw.faces, device)


def save_ply(
    f: File,
    verts: Tensor,  # (V, 3)
    faces: Tensor | None = None,  # (F, 3)
    verts_normals: Tensor | None = None,  # (V, 3)
    ascii: bool = False,
    decimal_places: int | None = None,
    path_manager: Any = None,
) -> None:
    """Write a mesh or a point cloud to a PLY file.

    Args:
        f: A path, which appears whole or not at all, or an open file.
        verts: (V, 3), written as float or, of float64, as double.
        faces: (F, 3) ids into ``verts``, integers.
        verts_normals: (V, 3).
        ascii: Write text instead of little-endian binary.
        decimal_places: Digits after the point in text; by default the fewest that read back the same.
        path_manager: Opens paths, if given.

    Raises:
        ValueError: A shape or dtype does not fit.
        IndexError: A face names a vertex that is not there.
        OSError: The file cannot be written; an older one stays as it was.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> save_ply(file, torch.zeros(2, 3), ascii=True)
        >>> file.getvalue().decode().splitlines()[-2:]
        ['0 0 0', '0 0 0']
    """
    check_decimals("save_ply", decimal_places)
    raw = mesh_arrays("save_ply", verts, faces)
    if verts_normals is not None:
        raw.normals = check_verts("save_ply", "verts_normals", verts_normals)
        check_shape("save_ply", "verts_normals", raw.normals, "V 3", V=len(raw.verts))
    data = encode_ply(raw, binary=not ascii, decimals=decimal_places)
    write("save_ply", f, {"": data}, path_manager, binary=not ascii)


def mesh_arrays(where: str, verts: Tensor, faces: Tensor | None) -> RawMesh:
    """Vertices and faces that are to be saved, checked."""
    array = check_verts(where, "verts", verts)
    if faces is None or getattr(faces, "shape", ())[:1] == (0,):  # without faces it may be of any dtype
        faces = torch.zeros(0, 3, dtype=torch.int64)
    return RawMesh(array, check_faces(where, "faces", faces, len(array), "verts"))
