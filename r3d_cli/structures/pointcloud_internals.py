"""PyTorch3D's underscored names on `Pointclouds`, read and written to: see `r3d_cli.internals`."""

from __future__ import annotations

from typing import Any

from r3d_cli.checks import check_dtype
from r3d_cli.internals import Table, derived, steps, written
from r3d_cli.structures.ragged import Ragged
from r3d_cli.structures.reading import read_view


class _Misfit:
    """Normals or features of clouds of other sizes, until points of these sizes are written too. Who
    looks at them is told."""

    def __init__(self, field: str, rows: Ragged) -> None:
        self.field = field
        self.rows = rows

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copies and pickles ask for
            raise AttributeError(name)
        raise ValueError(
            f"Pointclouds: the {self.field} are of clouds of {list(self.rows.layout.lengths)} points, which "
            f"the clouds do not have: write _points_list or _{self.field}_list"
        )


def _write_points(clouds: Any, name: str, value: Any) -> None:
    points = read_view("Pointclouds", name, value, clouds._points, width=3)
    check_dtype("Pointclouds", name, points, "float32", "float64", "float16", "bfloat16")
    clouds._points = points
    for field in ("normals", "features"):
        rows = getattr(clouds, f"_{field}")
        if rows is not None:
            setattr(clouds, f"_{field}", _fitted(field, _rows_of(rows), points))


def _write_field(clouds: Any, name: str, value: Any) -> None:
    field, _, _ = name[1:].rpartition("_")
    points = clouds._points
    now = _rows_of(getattr(clouds, f"_{field}") or points)
    if now.layout.lengths != points.layout.lengths:
        now = points
    read = read_view("Pointclouds", name, value, now, width=3 if field == "normals" else None)
    setattr(clouds, f"_{field}", _fitted(field, read, points))


def _forget_field(clouds: Any, name: str) -> None:
    """The list is what a batch has; the other views are made of it."""
    if name.endswith("_list"):
        setattr(clouds, name.removesuffix("_list"), None)


def _rows_of(rows: Ragged | _Misfit) -> Ragged:
    return rows.rows if isinstance(rows, _Misfit) else rows


def _fitted(field: str, rows: Ragged, points: Ragged) -> Ragged | _Misfit:
    """Rows in the layout of the points, where they fit it."""
    if rows.layout is points.layout:
        return rows
    if rows.layout.lengths != points.layout.lengths or rows.device != points.device:
        return _Misfit(field, rows)
    return Ragged(points.layout, packed=rows.packed)


def _channels(clouds: Any) -> int:
    return 0 if clouds._features is None else clouds._features.packed.shape[1]


INTERNALS: Table = {
    **written(_write_points, "_points_list", "_points_padded", "_points_packed"),
    **written(
        _write_field,
        *("_normals_list", "_normals_padded", "_normals_packed"),
        *("_features_list", "_features_padded", "_features_packed"),
        forget=_forget_field,
    ),
    **derived(
        "write _points_list",
        (
            "_num_points_per_cloud",
            "_packed_to_cloud_idx",
            "_cloud_to_packed_first_idx",
            "_padded_to_packed_idx",
            "equisized",
            "valid",
        ),
        _N=len,
        _P=lambda clouds: clouds._points.layout.max_length,
    ),
    **derived("write _features_list", _C=_channels),
    **derived("use .to(device)", ("device",)),
    **steps("_compute_packed", "_compute_padded"),
}
