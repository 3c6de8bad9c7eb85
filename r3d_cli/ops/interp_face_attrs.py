"""Attributes of faces' corners, interpolated at the pixels that the faces cover."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.checks import check_same_device, check_shape
from r3d_cli.ops.covered_slots import CoveredSlots
from r3d_cli.ops.weighted_rows import weighted_rows


def interpolate_face_attributes(
    pix_to_face: Tensor,  # (N, H, W, K)
    barycentric_coords: Tensor,  # (N, H, W, K, 3)
    face_attributes: Tensor,  # (F, 3, D)
) -> Tensor:  # (N, H, W, K, D)
    """Interpolate attributes of the corners of faces with barycentric coordinates.

    Args:
        pix_to_face: Ids of packed faces, (N, H, W, K) int64; -1 where a slot is empty.
        barycentric_coords: The weights of the face's corners, (N, H, W, K, 3).
        face_attributes: D values for each corner of each face, (F, 3, D).

    Returns:
        (N, H, W, K, D); zeros in empty slots. Gradients go to ``barycentric_coords`` (zeros in empty slots)
        and ``face_attributes``. ``torch.compile(fullgraph=True)`` keeps it whole; ids are not checked there.

    Raises:
        ValueError: Shapes or devices do not fit each other.
        IndexError: ``pix_to_face`` names a face past the last.

    Example:
        >>> red_green_blue = torch.eye(3)[None]  # (1, 3, 3): a colour a corner
        >>> middle = torch.full((1, 1, 1, 1, 3), 1 / 3)
        >>> interpolate_face_attributes(torch.zeros(1, 1, 1, 1).long(), middle, red_green_blue).flatten()
        tensor([0.3333, 0.3333, 0.3333])
    """
    where = "interpolate_face_attributes"
    check_shape(where, "face_attributes", face_attributes, "F 3 D")
    check_same_device(where, pix_to_face=pix_to_face, face_attributes=face_attributes)
    if torch.compiler.is_compiling():  # a graph cannot depend on how many slots are covered
        return _in_all_slots(where, pix_to_face, barycentric_coords, face_attributes)
    slots = CoveredSlots(where, pix_to_face, barycentric_coords, len(face_attributes))
    corners = 3 * slots.faces[:, None] + torch.arange(3, device=pix_to_face.device)
    return slots.spread(weighted_rows(face_attributes.flatten(0, 1), corners, slots.bary))


def _in_all_slots(where: str, pix_to_face: Tensor, bary_coords: Tensor, face_attributes: Tensor) -> Tensor:
    """The same, with the work for empty slots done and thrown away; ids are not looked at."""
    sizes = check_shape(where, "pix_to_face", pix_to_face, "N H W K")
    check_shape(where, "bary_coords", bary_coords, "N H W K 3", **sizes)
    if not len(face_attributes):
        face_attributes = face_attributes.new_zeros(1, *face_attributes.shape[1:])
    weights = torch.where(pix_to_face[..., None] < 0, 0, bary_coords)
    corners = 3 * pix_to_face.clamp(min=0).reshape(-1, 1) + torch.arange(3, device=pix_to_face.device)
    values = weighted_rows(face_attributes.flatten(0, 1), corners, weights.reshape(-1, 3))
    return values.reshape(*pix_to_face.shape, -1)
