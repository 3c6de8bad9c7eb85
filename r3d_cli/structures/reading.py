"""The values that a batch is built from, held against each other: a list of tensors or a padded tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape, dtype_name
from r3d_cli.structures.ragged import Layout, Ragged


def read_rows(
    where: str,
    name: str,
    given: Sequence[Tensor] | Tensor,
    *,
    layout: Layout | None = None,
    width: int | None = None,
) -> Ragged:
    """Rows of D values for each element of a batch, as they were given: nothing is copied.

    Args:
        where: The class that is built, for errors.
        name: The argument.
        given: N tensors (L_n, D), empty ones of any shape among them, or one padded tensor (N, L, D).
        layout: The lengths that they must have; None: their own, and all rows of a padded tensor count.
        width: What D must be.

    Raises:
        ValueError: Another shape or number, or a list of different dtypes or devices.

    Example:
        >>> read_rows("Pointclouds", "points", [torch.ones(2, 3), torch.tensor([])], width=3).layout.lengths
        (2, 0)
    """
    sizes = {} if width is None else {"D": width}
    if isinstance(given, Tensor):
        if layout is not None:
            sizes |= {"N": len(layout), "L": layout.max_length}
        found = check_shape(where, name, given, "N L D", **sizes)
        if not found["N"]:
            return Ragged(layout or Layout([], given.device), packed=given.flatten(0, 1))
        return Ragged(layout or Layout([found["L"]] * found["N"], given.device, found["L"]), padded=given)
    listed = isinstance(given, list | tuple)
    strange = (
        sorted({type(rows).__name__ for rows in given if not isinstance(rows, Tensor)}) if listed else []
    )
    if not listed or strange:
        got = f"a list with {', '.join(sorted(strange))}" if listed else type(given).__name__
        raise ValueError(
            f"{where}: {name} must be a list of tensors (L, {width or 'D'}) or one tensor "
            f"(N, L, {width or 'D'}), got {got}"
        )
    if layout is not None and len(given) != len(layout):
        raise ValueError(f"{where}: {name} must be {len(layout)} tensors, one an element, got {len(given)}")
    if not given:
        return Ragged(layout or Layout([]), packed=torch.zeros(0, width or 0))
    filled = next((index for index, rows in enumerate(given) if rows.numel()), 0)
    for index, rows in enumerate(given):
        if layout is None and index > filled and _alike(rows, given[filled]):
            continue  # the usual case, thousands of times in large batches
        length = {} if layout is None else {"L": layout.lengths[index]}
        if rows.numel() == 0 and not length.get("L"):
            continue
        sizes["D"] = check_shape(where, f"{name}[{index}]", rows, "L D", **sizes, **length)["D"]
        if rows.dtype != given[filled].dtype or rows.device != given[filled].device:
            raise ValueError(
                f"{where}: {name}[{index}] is {dtype_name(rows)} on {rows.device}, "
                f"but {name}[{filled}] is {dtype_name(given[filled])} on {given[filled].device}"
            )
    empty = given[filled].new_zeros(0, sizes.get("D", given[filled].shape[-1]))
    fit = [
        rows if rows.shape[1:] == empty.shape[1:] and rows.dtype == empty.dtype else empty for rows in given
    ]
    return Ragged.from_list(fit, layout=layout)


def read_view(where: str, name: str, value: Any, now: Ragged, *, width: int | None = None) -> Ragged:
    """Rows in the place of others, from any view of a batch.

    Args:
        where: The class of the batch, for errors.
        name: What was written: its end says which view it is.
        value: N tensors (L_n, D), or one padded (N, L, D), of any lengths; or packed rows (sum L_n, D), of
            other lengths than now only where N is 1.
        now: The rows that there are.
        width: What D must be.

    Returns:
        In the very layout of ``now`` where lengths and device are the same.

    Raises:
        ValueError: Another shape.
    """
    sizes = {} if width is None else {"D": width}
    layout = now.layout
    if name.endswith("_packed"):
        check_shape(where, name, value, "L D", **sizes, **({} if len(layout) == 1 else {"L": layout.total}))
        if len(value) != layout.total:
            return Ragged(Layout([len(value)], value.device), packed=value)
        return Ragged(layout if value.device == layout.device else layout.to(value.device), packed=value)
    padded = isinstance(value, Tensor) and value.device == layout.device
    if padded and value.shape[:2] == (len(layout), layout.max_length):
        return read_rows(where, name, value, layout=layout, width=width)
    read = read_rows(where, name, value, width=width)
    if read.layout == layout and read.layout.device == layout.device:
        return Ragged(layout, list=read.list) if len(layout) else Ragged(layout, packed=read.packed)
    return read


def _alike(rows: Tensor, others: Tensor) -> bool:
    return (rows.shape[1:], rows.dtype, rows.device) == (others.shape[1:], others.dtype, others.device)
