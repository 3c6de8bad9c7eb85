"""What `Meshes` is made from, held against what it must be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_ids, check_shape, dtype_name
from r3d_cli.structures.ragged import Layout, Ragged

_FLOATS = ("float32", "float64")
_INTEGERS = ("int64", "int32", "int16", "int8", "uint8")


def read_verts(verts: Sequence[Tensor] | Tensor) -> Ragged:
    """Vertices of a list of (V_i, 3) or of a padded (N, V, 3)."""
    if isinstance(verts, Tensor):
        check_shape("Meshes", "verts", verts, "N V 3")
        check_dtype("Meshes", "verts", verts, *_FLOATS)
        return _padded(verts)
    if not verts:
        return Ragged(Layout([]), packed=torch.zeros(0, 3))
    return Ragged.from_list(_rows("verts", verts, "V 3", _FLOATS, verts[0]))


def read_faces(faces: Sequence[Tensor] | Tensor, verts: Ragged) -> Ragged:
    """Faces of a list of (F_i, 3) or of a padded (N, F, 3), as int64; rows of -1 are padding."""
    count = len(verts.layout)
    if isinstance(faces, Tensor):
        check_shape("Meshes", "faces", faces, "N F 3", N=count)
        check_dtype("Meshes", "faces", faces, *_INTEGERS)
        _check_device("faces", faces, verts)
        read = _without_padding(faces.long())
    else:
        if len(faces) != count:
            raise ValueError(f"Meshes: verts holds {count} meshes, faces {len(faces)}; they must be as many")
        rows = _rows("faces", faces, "F 3", _INTEGERS, None)
        for face_ids in rows:
            _check_device("faces", face_ids, verts)
        if not rows:
            none = torch.zeros(0, 3, dtype=torch.int64, device=verts.device)
            return Ragged(verts.layout, packed=none, pad_value=-1)
        read = Ragged.from_list([row.long() for row in rows], pad_value=-1)
    if read.device.type == "cpu":
        read = _checked(read, verts.layout)
    return read


def read_normals(normals: Sequence[Tensor] | Tensor, verts: Ragged) -> Ragged:
    """Normals of the vertices: a list of (V_i, 3) or a padded (N, V, 3)."""
    layout = verts.layout
    if isinstance(normals, Tensor):
        sizes = {"N": len(layout), "V": layout.max_length}
        check_shape("Meshes", "verts_normals", normals, "N V 3", **sizes)
        check_dtype("Meshes", "verts_normals", normals, dtype_name(verts))
        _check_device("verts_normals", normals, verts)
        return Ragged(layout, padded=normals)
    if len(normals) != len(layout):
        raise ValueError(f"Meshes: verts holds {len(layout)} meshes, verts_normals {len(normals)}")
    for i, (normal, length) in enumerate(zip(normals, layout.lengths, strict=True)):
        check_shape("Meshes", f"verts_normals[{i}]", normal, "V 3", V=length)
        check_dtype("Meshes", f"verts_normals[{i}]", normal, dtype_name(verts))
        _check_device(f"verts_normals[{i}]", normal, verts)
    return Ragged(layout, list=normals) if len(layout) else Ragged(layout, packed=verts.packed)


def check_face_ids(faces: Ragged, verts_layout: Layout) -> None:
    """Raise an IndexError that names the mesh with an id out of its vertices. Waits for a GPU."""
    least, most = _extremes(faces)
    wrong = (least < 0) | (most >= np.array(verts_layout.lengths, dtype=np.int64))
    if wrong.any():
        mesh = int(wrong.argmax())
        count = verts_layout.lengths[mesh]
        check_ids("Meshes", f"faces[{mesh}]", faces.list[mesh], count, f"verts[{mesh}]")


def _extremes(faces: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest id of each mesh; 0 and -1 of one without faces."""
    ids = faces.packed.detach().cpu().numpy().ravel()
    first = 3 * np.array(faces.layout.offsets[:-1], dtype=np.int64)
    filled = np.array(faces.layout.lengths, dtype=np.int64) > 0
    least, most = np.zeros(len(filled), np.int64), np.full(len(filled), -1, np.int64)
    if filled.any():
        least[filled] = np.minimum.reduceat(ids, first[filled])
        most[filled] = np.maximum.reduceat(ids, first[filled])
    return least, most


def _checked(faces: Ragged, verts_layout: Layout) -> Ragged:
    """Faces with ids that fit; rows of -1 are dropped, as of a list made from padded tensors."""
    if (_extremes(faces)[0] < 0).any():
        rows = [ids[(ids != -1).any(1)] for ids in faces.list]
        faces = Ragged.from_list(rows, pad_value=-1)
    check_face_ids(faces, verts_layout)
    return faces


def _padded(padded: Tensor) -> Ragged:
    count, width = padded.shape[:2]
    return Ragged(Layout([width] * count, padded.device, width), padded=padded)


def _without_padding(padded: Tensor) -> Ragged:
    real = (padded != -1).any(2)
    lengths = real.sum(1)
    place = torch.arange(padded.shape[1], device=padded.device)
    if not torch.equal(real, place < lengths[:, None]):
        raise ValueError("Meshes: faces has rows of -1 before other rows; padding must come last")
    layout = Layout(lengths.tolist(), padded.device, padded.shape[1])
    return Ragged(layout, padded=padded, pad_value=-1)


def _rows(
    name: str, tensors: Sequence[Tensor], shape: str, dtypes: tuple[str, ...], like: Tensor | None
) -> list[Tensor]:
    """The tensors of a list; all of the dtype and on the device of ``like``, where there is one."""
    rows = []
    for i, tensor in enumerate(tensors):
        this = f"{name}[{i}]"
        if isinstance(tensor, Tensor) and tensor.numel() == 0 and tensor.dim() <= 2:
            # torch.tensor([]) stands for "none", whatever its dtype.
            dtype = tensor.dtype if dtype_name(tensor) in dtypes else getattr(torch, dtypes[0])
            tensor = tensor.reshape(0, 3).to(dtype)
        check_shape("Meshes", this, tensor, shape)
        check_dtype("Meshes", this, tensor, *dtypes)
        if like is not None and (tensor.dtype, tensor.device) != (like.dtype, like.device):
            raise ValueError(
                f"Meshes: {name}[0] is {dtype_name(like)} on {like.device}, "
                f"{this} {dtype_name(tensor)} on {tensor.device}; they must be alike"
            )
        rows.append(tensor)
    return rows


def _check_device(name: str, tensor: Tensor, verts: Ragged) -> None:
    if tensor.device != verts.device:
        raise ValueError(f"Meshes: verts is on {verts.device}, {name} on {tensor.device}; use .to()")
