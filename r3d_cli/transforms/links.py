"""The matrices of which a `Transform3d` is a chain, and PyTorch3D's underscored names for them.

PyTorch3D keeps a transform's own matrix in ``_matrix`` and those composed to it in ``_transforms``: see
`r3d_cli.internals`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from r3d_cli.checks import check_floats
from r3d_cli.internals import Table, WrittenThrough, derived
from r3d_cli.transforms import matrices
from r3d_cli.transforms.matrices import batch_shape


class Link(NamedTuple):
    """One matrix of a chain, with what its maker knows of it."""

    matrix: Tensor  # (N or 1, 4, 4)
    invert: Callable[[Tensor], Tensor]
    affine: bool  # the last column is (0, 0, 0, 1), so points need no division


def _general(matrix: Tensor) -> Link:
    """Of a matrix of which nothing is known."""
    return Link(matrix.reshape(-1, 4, 4), matrices.invert, affine=False)


def _read_matrix(transform: Any) -> Tensor:
    """The chain's first matrix. Who asks for it may write into it: from then on it counts as any matrix, not
    as a translation, say, whose inverse would leave the rest out."""
    first, *others = transform._links
    transform._links = (_general(first.matrix), *others)
    return first.matrix


def _write_matrix(transform: Any, matrix: Any) -> None:
    if transform._part:
        raise AttributeError("Transform3d._transforms[i]._matrix: write _transforms[i], a Transform3d")
    check_floats(type(transform).__name__, "_matrix", matrix, batch_shape(matrix, "4 4"))
    transform._chain(_general(matrix), *transform._links[1:])


def _read_transforms(transform: Any) -> list[Any]:
    """What was composed to the first matrix; its matrices are handed out too."""
    first, *others = transform._links
    transform._links = (first, *(_general(link.matrix) for link in others))
    parts = [transform._of([link]) for link in transform._links[1:]]
    for part in parts:
        part._part = True
    return WrittenThrough(parts, transform, "_transforms")


def _write_transforms(transform: Any, others: Any) -> None:
    if not all(hasattr(other, "_links") for other in others):
        raise ValueError(
            f"{type(transform).__name__}: _transforms must be a list of Transform3d, got {others!r}"
        )
    transform._chain(transform._links[0], *(link for other in others for link in other._links))


#: Of `Transform3d`.
INTERNALS: Table = {
    "_matrix": property(_read_matrix, _write_matrix),
    "_transforms": property(_read_transforms, _write_transforms),
    **derived("use .to(device, dtype=dtype)", ("device", "dtype")),
}
