"""PyTorch3D's underscored names on textures, read and written to: see `r3d_cli.internals`."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.internals import Table, derived, written
from r3d_cli.renderer.textures.base import FLOATS, INTEGERS, TextureRows
from r3d_cli.renderer.textures.mesh_maps import MeshMaps
from r3d_cli.structures.ragged import Layout, Ragged

_VIEWS = ("list", "padded")


def _rows(
    attribute: str,
    names: str,
    shape: str,
    dtypes: tuple[str, ...] = FLOATS,
    views: tuple[str, ...] = _VIEWS,
) -> Table:
    """The views of rows that textures hold in an attribute."""

    def replace(textures: Any, name: str, value: Any) -> None:
        now: TextureRows | None = textures.__dict__[attribute]
        if now is None:
            raise AttributeError(
                f"{type(textures).__name__}.{name}: these textures have none; make new ones and assign them "
                "to meshes.textures"
            )
        new = _read(type(textures).__name__, name, value, now, shape, dtypes)
        textures._rewrite(**{attribute: new})
        if new.ragged.layout.lengths != now.ragged.layout.lengths:
            textures._bound = False

    return written(replace, *(f"{names}_{view}" for view in views))


def _read(
    where: str,
    name: str,
    value: Any,
    now: TextureRows,
    shape: str,
    dtypes: tuple[str, ...],
) -> TextureRows:
    layout = now.ragged.layout
    if name.endswith("_packed"):
        found = check_shape(where, name, value, shape)
        check_dtype(where, name, value, *dtypes)
        rows = found[shape.split()[0]]
        if rows == layout.total:
            return TextureRows(Ragged(layout.to(value.device), packed=value), ends_known=now.ends_known)
        if len(layout) != 1:
            raise ValueError(f"{where}: {name} must have {layout.total} rows, got {rows}; write the list")
        return TextureRows(Ragged(Layout([rows], value.device), packed=value), ends_known=True)
    new = TextureRows.read(where, name, value, shape, dtypes)
    if isinstance(value, Tensor) and value.shape[:2] == (len(layout), layout.max_length):
        return TextureRows(Ragged(layout.to(value.device), padded=value), ends_known=now.ends_known)
    return new


def _write_maps(textures: Any, name: str, value: Any) -> None:
    textures._rewrite(_maps=MeshMaps.read(value, several=textures._maps_ids is not None))


def _write_lengths(textures: Any, name: str, value: Any) -> None:
    """How many rows each mesh has, which a padded tensor does not tell."""
    lengths = value.tolist() if isinstance(value, Tensor) else [int(length) for length in value]
    now = _layout_of(textures)
    if len(lengths) != len(now) or max(lengths, default=0) > now.max_length:
        raise ValueError(f"{type(textures).__name__}.{name}: {lengths} do not fit {list(now.lengths)} rows")
    layout = Layout(lengths, now.device, now.max_length)
    textures.bind(layout, layout)


def _layout_of(textures: Any) -> Layout:
    first = next(rows for rows in vars(textures).values() if isinstance(rows, TextureRows))
    return first.ragged.layout


def _lengths(name: str) -> Table:
    def read(textures: Any) -> list[int]:
        return list(_layout_of(textures).lengths)

    return {name: property(read, lambda textures, value: _write_lengths(textures, name, value))}


_EVERY = {**derived("make new textures", _N=len), **derived("use .to(device)", ("device",))}

VERTEX: Table = {
    **_EVERY,
    **_rows("_features", "_verts_features", "V D", views=(*_VIEWS, "packed")),
    **_lengths("_num_verts_per_mesh"),
}

ATLAS: Table = {
    **_EVERY,
    **_rows("_atlas", "_atlas", "F R R D", views=(*_VIEWS, "packed")),
    **_lengths("_num_faces_per_mesh"),
}

UV: Table = {
    **_EVERY,
    **written(_write_maps, "_maps_list", "_maps_padded"),
    **_rows("_faces_uvs", "_faces_uvs", "F 3", INTEGERS),
    **_rows("_verts_uvs", "_verts_uvs", "V 2"),
    **_rows("_maps_ids", "_maps_ids", "F", INTEGERS),
    **_lengths("_num_faces_per_mesh"),
}
