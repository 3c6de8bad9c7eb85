"""What `Meshes` is made from, held against what it must be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_ids, check_same_device, check_shape, dtype_name
from r3d_cli.structures.ragged import Layout, Ragged, pack
from r3d_cli.structures.reading import read_rows

Rows = Sequence[Tensor] | Tensor

_INTEGERS = ("int64", "int32", "int16", "int8", "uint8")


def read_verts(verts: Rows) -> Ragged:
    """Vertices of a list of (V_i, 3) or of a padded (N, V, 3)."""
    read = read_rows("Meshes", "verts", verts, width=3)
    check_dtype("Meshes", "verts", read, "float32", "float64")
    return read


def read_normals(normals: Rows, verts: Ragged) -> Ragged:
    """A normal for each vertex."""
    read = read_rows("Meshes", "verts_normals", normals, layout=verts.layout, width=3)
    check_dtype("Meshes", "verts_normals", read, dtype_name(verts))
    check_same_device("Meshes", verts=verts, verts_normals=read)
    return read


def read_faces(faces: Rows, verts: Ragged) -> Ragged:
    """Faces of a list of (F_i, 3) or of a padded (N, F, 3), as int64; rows of -1 are padding."""
    if isinstance(faces, Tensor):
        read = read_rows("Meshes", "faces", _ids("faces", faces), width=3)
    else:
        ids = [_ids(f"faces[{mesh}]", rows) for mesh, rows in enumerate(faces)]
        read = read_rows("Meshes", "faces", ids, width=3)
    if len(read.layout) != len(verts.layout):
        raise ValueError(f"Meshes: verts has {len(verts.layout)} meshes, faces {len(read.layout)}")
    check_same_device("Meshes", verts=verts, faces=read)
    if not len(read.layout):
        return Ragged(read.layout, packed=read.packed.long(), pad_value=-1)
    if isinstance(faces, Tensor):
        read = _without_padding(read.padded)
    else:
        read = Ragged(read.layout, list=read.list, pad_value=-1)
    if read.device.type != "cpu" or torch.compiler.is_compiling():
        return read  # nobody waits for a GPU, nor can a trace look at values
    return _fitting(read, verts.layout)


def scale_factors(scale: Tensor, layout: Layout) -> Tensor:  # (sum V_i, 1) or (sum V_i, 3)
    """What vertices are multiplied by, from a factor or three a mesh or a vertex."""
    meshes = layout.packed_to_batch_idx
    if scale.dim() == 1:
        check_shape("Meshes.scale_verts", "scale", scale, "N", N=len(layout))
        return scale[meshes, None]
    each = "3" if scale.shape[-1:] == (3,) else "1"
    if scale.dim() == 2:
        check_shape("Meshes.scale_verts", "scale", scale, f"N {each}", N=len(layout))
        return scale[meshes]
    if scale.dim() == 3 and scale.shape[1] == 1:
        return scale_factors(scale[:, 0], layout)
    sizes = {"N": len(layout), "V": layout.max_length}
    check_shape("Meshes.scale_verts", "scale", scale, f"N V {each}", **sizes)
    return pack(scale, layout)


def check_face_ids(faces: Ragged, verts_layout: Layout) -> None:
    """Raise an IndexError that names the mesh with an id out of its vertices. Waits for a GPU."""
    _check_extremes(faces, verts_layout, *_extremes(faces))


def _check_extremes(faces: Ragged, verts_layout: Layout, least: np.ndarray, most: np.ndarray) -> None:
    wrong = (least < 0) | (most >= np.array(verts_layout.lengths, dtype=np.int64))
    if wrong.any():
        mesh = int(wrong.argmax())
        count = verts_layout.lengths[mesh]
        check_ids("Meshes", f"faces[{mesh}]", faces.list[mesh], count, f"verts[{mesh}]")


def _ids(name: str, rows: Tensor) -> Tensor:
    if not isinstance(rows, Tensor) or rows.dtype == torch.int64:
        return rows
    if rows.is_floating_point():
        return _whole(name, rows)
    if rows.numel():  # torch.tensor([]) stands for "no faces", whatever its dtype
        check_dtype("Meshes", name, rows, *_INTEGERS)
    return rows.long()


def _whole(name: str, rows: Tensor) -> Tensor:
    """Ids that were given as floats. To look at them waits for a GPU: what is no whole number is no id."""
    ids = rows.long()
    if torch.compiler.is_compiling():
        return ids
    exact = (ids.to(rows.dtype) == rows) & (ids.abs() <= 2 / torch.finfo(rows.dtype).eps)
    if not exact.all():
        wrong = float(rows[~exact][0])
        kind = "too large to be exact" if wrong.is_integer() else "no whole number"
        raise ValueError(
            f"Meshes: {name} holds {wrong}, which in {dtype_name(rows)} is {kind}; give int64 ids"
        )
    return ids


def _without_padding(padded: Tensor) -> Ragged:  # (N, F, 3)
    if torch.compiler.is_compiling():  # how many faces there are cannot depend on values
        message = "Meshes: under torch.compile padded faces may not end in rows of -1; give a list"
        torch._assert_async((padded != -1).all(), message)
        return Ragged(Layout([padded.shape[1]] * len(padded), padded.device), padded=padded, pad_value=-1)
    real = (padded != -1).any(2)
    lengths = real.sum(1)
    if not torch.equal(real, torch.arange(padded.shape[1], device=padded.device) < lengths[:, None]):
        raise ValueError("Meshes: faces has a row of -1 before other rows of its mesh; padding comes last")
    layout = Layout(lengths.tolist(), padded.device, padded.shape[1])
    return Ragged(layout, padded=padded, pad_value=-1)


def _fitting(faces: Ragged, verts_layout: Layout) -> Ragged:
    """Faces whose ids are vertices of their mesh; rows of -1 are left out, as of a list made from a padded
    tensor."""
    least, most = _extremes(faces)
    if (least < 0).any():
        faces = Ragged.from_list([rows[(rows != -1).any(1)] for rows in faces.list], pad_value=-1)
        least, most = _extremes(faces)
    _check_extremes(faces, verts_layout, least, most)
    return faces


def _extremes(faces: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest id of each mesh; 0 and -1 of one without faces."""
    ids = faces.packed.cpu().numpy().ravel()
    filled = np.array(faces.layout.lengths, dtype=np.int64) > 0
    first = 3 * np.array(faces.layout.offsets[:-1], dtype=np.int64)[filled]
    least, most = np.zeros(len(filled), np.int64), np.full(len(filled), -1, np.int64)
    if len(first):
        # One pass over packed ids: PyTorch would need a call for each mesh.
        least[filled] = np.minimum.reduceat(ids, first)
        most[filled] = np.maximum.reduceat(ids, first)
    return least, most
