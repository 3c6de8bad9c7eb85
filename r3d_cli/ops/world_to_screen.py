"""Vertices of the world in NDC, as cameras see them: one op from pose and lens to what a rasterizer takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from r3d_cli.backend import world_to_screen as backend
from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import Op, declare
from r3d_cli.reference.world_to_screen import world_to_screen as by_definition

_KINDS = {name: number for number, name in enumerate(backend.LENSES)}


class ScreenVerts(NamedTuple):
    """What `world_to_screen` returns.

    Attributes:
        verts: (S, 3) NDC x (left) and y (up), and view depth z.
        not_finite: (1,) int32, in how many rows a coordinate is not finite.
    """

    verts: Tensor
    not_finite: Tensor


def world_to_screen(
    verts: Tensor,  # (V, 3)
    R: Tensor,  # (C, 3, 3)
    T: Tensor,  # (C, 3)
    lens: Tensor,  # (C, L)
    kind: str,
    first: Tensor | None = None,  # (C + 1,) int64
) -> ScreenVerts:
    """Vertices in NDC x and y, with the view depth z, and gradients to vertices, poses and lenses.

    ``view = vertex @ R + T``; then the lens. A view depth is kept from zero by a millionth of the vertex's
    distance from the optical axis, so that x and y stay finite; gradients pass as if it had not been.

    Args:
        verts: (V, 3) packed vertices in the world, float32 or float64.
        R: (C, 3, 3) rotations of cameras, for row vectors, in the dtype of ``verts``.
        T: (C, 3) translations.
        lens: (C, L) what ``kind`` says.

            - "perspective": focal lengths x and y, principal point x and y, in NDC; or these in pixels, and
              the height and width of the picture, which have no gradient.
            - "orthographic": the same; nothing is divided by the depth.
            - "fov_degrees", "fov_radians": the field of view, and width by height of a pixel.
            - "box": largest and smallest x, largest and smallest y, in view space; scales of x and y.
            - "matrix": a 4x4 projection for column vectors, row by row.
        kind: What the numbers of the lenses are.
        first: (C + 1,) where the vertices begin that each camera sees, and V. None: each camera sees all.

    Returns:
        `ScreenVerts`: S is V, or C V where each camera sees all vertices, camera by camera. Gradients of
        cameras add rows in one order, so they repeat bit by bit.

    Raises:
        ValueError: A wrong shape, dtype or device, or no such kind.
        IndexError: ``first`` does not rise from 0 to V. On a GPU, which would have to be waited for, vertices
            go to some camera instead.

    Example:
        >>> import torch
        >>> R, T = torch.eye(3)[None], torch.zeros(1, 3)
        >>> lens = torch.tensor([[2.0, 2.0, 0.0, 0.0]])
        >>> world_to_screen(torch.tensor([[1.0, 3.0, 4.0]]), R, T, lens, "perspective").verts
        tensor([[0.5000, 1.5000, 4.0000]])
    """
    where = "world_to_screen"
    verts, R, T, lens, first = prepare(where, verts=verts, R=R, T=T, lens=lens, first=first)
    check_shape(where, "verts", verts, "V 3")
    check_dtype(where, "verts", verts, "float32", "float64")
    cameras = check_shape(where, "T", T, "C 3")
    check_shape(where, "R", R, "C 3 3", **cameras)
    check_shape(where, "lens", lens, "C L", **cameras)
    if kind not in _KINDS:
        raise ValueError(f"{where}: kind must be one of {', '.join(_KINDS)}, got {kind!r}")
    if lens.shape[1] not in backend.LENSES[kind]:
        sizes = " or ".join(map(str, backend.LENSES[kind]))
        raise ValueError(f"{where}: a lens of kind {kind} has {sizes} numbers, got {lens.shape[1]}")
    if not verts.dtype == R.dtype == T.dtype == lens.dtype:
        raise ValueError(
            f"{where}: verts, R, T and lens must have one dtype, "
            f"got {', '.join(str(x.dtype).removeprefix('torch.') for x in (verts, R, T, lens))}"
        )
    if first is not None:
        check_shape(where, "first", first, "C+1", **{"C+1": T.shape[0] + 1})
        check_dtype(where, "first", first, "int64")
    screen, _, not_finite = _fwd(verts, first, R, T, lens, _KINDS[kind])
    return ScreenVerts(screen, not_finite)


def _fake(
    verts: Tensor, first: Tensor | None, rotations: Tensor, translations: Tensor, lens: Tensor, kind: int
) -> tuple[Tensor, Tensor, Tensor]:
    cameras = translations.shape[0]
    rows = verts.shape[0] * (cameras if first is None else 1)
    counted = verts.new_empty((1,), dtype=torch.int32)
    return verts.new_empty((rows, 3)), verts.new_empty((cameras, 12)), counted


# -- The ops. Second derivatives, which nobody needs often, are those of the definition.


def _grad_verts(
    verts: Tensor,
    first: Any,
    rotations: Tensor,
    translations: Tensor,
    lens: Tensor,
    kind: int,
    matrices: Tensor,
    grad_screen: Tensor,
) -> Tensor:
    return _verts_bwd(verts, first, rotations, translations, lens, kind, matrices, grad_screen)


def _grad_cameras(
    verts: Tensor,
    first: Any,
    rotations: Tensor,
    translations: Tensor,
    lens: Tensor,
    kind: int,
    matrices: Tensor,
    grad_screen: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    return _cameras_bwd(verts, first, rotations, translations, lens, kind, matrices, grad_screen)


def _run_verts_bwd(
    verts: Any, first: Any, rotations: Any, translations: Any, lens: Any, kind: int, matrices: Any, grad: Any
) -> Any:
    return backend.world_to_screen_verts_bwd(verts, first, rotations, translations, matrices, grad)


def _second(
    of_verts: bool,
    verts: Tensor,
    first: Any,
    rotations: Tensor,
    translations: Tensor,
    lens: Tensor,
    kind: int,
    grad: Tensor,
    grads: tuple[Tensor | None, ...],
) -> tuple[Tensor, ...]:
    with torch.enable_grad():
        given = (verts, rotations, translations, lens, grad)
        leaves = [tensor.detach().requires_grad_() for tensor in given]
        verts, rotations, translations, lens, grad = leaves
        screen = by_definition(verts, first, rotations, translations, lens, kind)
        wanted = [verts] if of_verts else [rotations, translations, lens]
        once = torch.autograd.grad(screen, wanted, grad, create_graph=True, materialize_grads=True)
    used = [(value, given) for value, given in zip(once, grads, strict=True) if given is not None]
    values, cotangents = zip(*used, strict=True)
    return torch.autograd.grad(values, leaves, cotangents, materialize_grads=True)


def _second_verts(
    verts: Tensor,
    first: Any,
    rotations: Tensor,
    translations: Tensor,
    lens: Tensor,
    kind: int,
    grad: Tensor,
    grad_out: Tensor,
) -> tuple[Tensor, ...]:
    return _second(True, verts, first, rotations, translations, lens, kind, grad, (grad_out,))


def _second_cameras(
    verts: Tensor,
    first: Any,
    rotations: Tensor,
    translations: Tensor,
    lens: Tensor,
    kind: int,
    grad: Tensor,
    grad_R: Tensor | None,
    grad_T: Tensor | None,
    grad_L: Tensor | None,
) -> tuple[Tensor, ...]:
    grads = grad_R, grad_T, grad_L
    return _second(False, verts, first, rotations, translations, lens, kind, grad, grads)


_INPUTS = (
    "verts: real (V, 3), first: int64? (C + 1,), rotations: real (C, 3, 3), translations: real (C, 3), "
    "lens: real (C, L), kind: int"
)

_fwd: Op = declare(
    f"world_to_screen_fwd({_INPUTS}) -> screen: real (S, 3), matrices: real (C, 12), not_finite: int32 (1,)",
    backend.world_to_screen_fwd,
    {"verts": _grad_verts, "rotations, translations, lens": _grad_cameras},
    fake=_fake,
    constant=("matrices", "not_finite"),
)
_verts_bwd: Op = declare(
    f"world_to_screen_verts_bwd({_INPUTS}, matrices: real (C, 12), grad: real (S, 3)) -> out: real (V, 3)",
    _run_verts_bwd,
    {"verts, rotations, translations, lens, grad": _second_verts},
)
_cameras_bwd: Op = declare(
    f"world_to_screen_cameras_bwd({_INPUTS}, matrices: real (C, 12), grad: real (S, 3))"
    " -> R: real (C, 3, 3), T: real (C, 3), L: real (C, L)",
    backend.world_to_screen_cameras_bwd,
    {"verts, rotations, translations, lens, grad": _second_cameras},
)
