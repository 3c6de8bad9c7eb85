"""Areas and normals of triangles, and normals of vertices, of packed meshes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from r3d_cli.backend import mesh_normals as backend
from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import Op, declare
from r3d_cli.ops.vertex_corners import vertex_corners
from r3d_cli.reference import mesh_normals as reference

#: What `vertex_corners` returns: (V + 1,) and (3 F,) int32.
Corners = tuple[Tensor, Tensor]


def face_areas_normals(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3) int64
    corners: Corners | None = None,
) -> tuple[Tensor, Tensor]:  # (F,), (F, 3)
    """The area and the unit normal of each face, by the right-hand rule.

    Unlike PyTorch3D's, the normals of small faces have unit length too, and zero areas are zero.

    Args:
        verts: (V, 3) vertices, float32 or float64.
        faces: (F, 3) ids into ``verts``.
        corners: What `vertex_corners` makes of the faces, for the gradient; computed where it is None.

    Returns:
        areas (F,) and normals (F, 3). A face without an area has the normal (0, 0, 0), one that is not finite
        NaN; neither passes a gradient on. The gradient sums a vertex's faces in their order, so it repeats
        bitwise.

    Raises:
        ValueError: A wrong shape, dtype or device.
        IndexError: A face names no vertex. On a GPU, which would have to be waited for, its area and normal
            are NaN instead.

    Example:
        >>> import torch
        >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
        >>> face_areas_normals(verts, torch.tensor([[0, 1, 2]]))
        (tensor([0.5000]), tensor([[0., 0., 1.]]))
    """
    verts, faces, first, corner_ids = _checked("face_areas_normals", verts, faces, corners)
    areas, normals = _faces_fwd(verts, faces, first, corner_ids)
    return areas, normals


def vertex_normals(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3) int64
    corners: Corners | None = None,
) -> Tensor:  # (V, 3)
    """The unit normal of each vertex: the direction of its faces' normals, weighted by their areas.

    Unlike PyTorch3D's, the normals of small meshes have unit length too.

    Args:
        verts: (V, 3) vertices, float32 or float64.
        faces: (F, 3) ids into ``verts``.
        corners: What `vertex_corners` makes of the faces; computed where it is None.

    Returns:
        (V, 3). A vertex in no face, and one whose faces cancel, has the normal (0, 0, 0), and passes no
        gradient on. Faces that are not finite do not count. Values and gradient sum a vertex's faces in their
        order, so they repeat bitwise.

    Raises:
        ValueError: A wrong shape, dtype or device.
        IndexError: A face names no vertex. On a GPU, which would have to be waited for, the normals of the
            face's vertices are NaN instead.

    Example:
        >>> import torch
        >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
        >>> vertex_normals(verts, torch.tensor([[0, 1, 2]]))[0]
        tensor([0., 0., 1.])
    """
    verts, faces, first, corner_ids = _checked("vertex_normals", verts, faces, corners)
    if first is None:
        first, corner_ids = vertex_corners(faces, len(verts))
    return _verts_fwd(verts, faces, first, corner_ids)[0]


def _checked(where: str, verts: Tensor, faces: Tensor, corners: Corners | None) -> tuple[Any, ...]:
    first, corner_ids = (None, None) if corners is None else corners
    verts, faces, first, corner_ids = prepare(
        where, verts=verts, faces=faces, first=first, corners=corner_ids
    )
    check_shape(where, "verts", verts, "V 3")
    check_dtype(where, "verts", verts, "float32", "float64")
    check_shape(where, "faces", faces, "F 3")
    check_dtype(where, "faces", faces, "int64")
    if first is not None:
        check_shape(where, "corners[0]", first, "V+1", **{"V+1": len(verts) + 1})
        check_dtype(where, "corners[0]", first, "int32")
        check_shape(where, "corners[1]", corner_ids, "3F", **{"3F": 3 * len(faces)})
        check_dtype(where, "corners[1]", corner_ids, "int32")
    return verts, faces, first, corner_ids


# -- The ops


def _second_order(
    forward: Callable[..., tuple[Tensor, ...]],
    verts: Tensor,
    faces: Tensor,
    grads: list[Tensor | None],
    grad_grad_verts: Tensor,
) -> list[Tensor | None]:
    """Gradients of the vertices' gradient, with respect to them and to those of the outputs. Few ask for
    them, so the reference is differentiated twice."""
    with torch.enable_grad():
        verts = verts.detach().requires_grad_()
        given = [None if grad is None else grad.detach().requires_grad_() for grad in grads]
        outputs = forward(verts, faces)
        used = [output for output, grad in zip(outputs, given, strict=True) if grad is not None]
        kept = [grad for grad in given if grad is not None]
        (grad_verts,) = torch.autograd.grad(used, verts, kept, create_graph=True)
        found = iter(torch.autograd.grad(grad_verts, [verts, *kept], grad_grad_verts, allow_unused=True))
    return [next(found), *(None if grad is None else next(found) for grad in given)]


def _run_faces_fwd(verts: Any, faces: Any, first: Any, corners: Any) -> tuple[Any, Any]:
    return backend.face_areas_normals_fwd(verts, faces)


def _backward_faces(
    verts: Tensor,
    faces: Tensor,
    first: Tensor | None,
    corners: Tensor | None,
    areas: Tensor,
    normals: Tensor,
    grad_areas: Tensor | None,
    grad_normals: Tensor | None,
) -> Tensor:
    lists = vertex_corners(faces, len(verts)) if first is None else (first, corners)
    return _faces_bwd(verts, faces, *lists, areas, normals, grad_areas, grad_normals)


def _backward_faces_bwd(
    verts: Tensor, faces: Tensor, grad_areas: Tensor | None, grad_normals: Tensor | None, grad_out: Tensor
) -> list[Tensor | None]:
    grads = [grad_areas, grad_normals]
    return _second_order(reference.face_areas_normals, verts, faces, grads, grad_out)


def _backward_verts_bwd(
    verts: Tensor, faces: Tensor, grad_normals: Tensor, grad_out: Tensor
) -> list[Tensor | None]:
    def forward(*mesh: Tensor) -> tuple[Tensor, ...]:
        return (reference.vertex_normals(*mesh),)

    return _second_order(forward, verts, faces, [grad_normals], grad_out)


_MESH = "verts: real (V, 3), faces: int64 (F, 3)"
_LISTS = "first: int32 (V + 1,), corners: int32 (3F,)"
_faces_fwd: Op = declare(
    f"face_areas_normals_fwd({_MESH}, first: int32? (V + 1,), corners: int32? (3F,))"
    " -> areas: real (F,), normals: real (F, 3)",
    _run_faces_fwd,
    {"verts": _backward_faces},
)
_faces_bwd: Op = declare(
    f"face_areas_normals_bwd({_MESH}, {_LISTS}, areas: real (F,), normals: real (F, 3),"
    " grad_areas: real? (F,), grad_normals: real? (F, 3)) -> out: real (V, 3)",
    backend.face_areas_normals_bwd,
    {"verts, grad_areas, grad_normals": _backward_faces_bwd},
)
_verts_fwd: Op = declare(
    f"vertex_normals_fwd({_MESH}, {_LISTS}) -> normals: real (V, 3), lengths: real (V,)",
    backend.vertex_normals_fwd,
    {
        "verts": lambda verts, faces, first, corners, normals, lengths, grad_normals: _verts_bwd(
            verts, faces, first, corners, normals, lengths, grad_normals
        )
    },
    constant=("lengths",),
)
_verts_bwd: Op = declare(
    f"vertex_normals_bwd({_MESH}, {_LISTS}, normals: real (V, 3), lengths: real (V,),"
    " grad_normals: real (V, 3)) -> out: real (V, 3)",
    backend.vertex_normals_bwd,
    {"verts, grad_normals": _backward_verts_bwd},
)
