"""`TexturesAtlas`: a small square of texels for each face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from r3d_cli.internals import honours
from r3d_cli.ops.covered_slots import CoveredSlots
from r3d_cli.renderer.textures.base import TextureRows, TexturesBase, check_images, stored_once
from r3d_cli.renderer.textures.internals import ATLAS
from r3d_cli.structures.ragged import Layout


@honours(ATLAS)
class TexturesAtlas(TexturesBase):
    """R x R texels a face, as in SoftRasterizer (Liu et al. 2019).

    The face is cut into R^2 triangles of equal size, and each shows one texel: x counts along the first
    barycentric coordinate, y along the second. The two triangles of a cell are texel (y, x) and, beyond its
    diagonal, (R - 1 - y, R - 1 - x).

    Args:
        atlas: List of (F_i, R, R, D), or padded (N, F, R, R, D): rows past a mesh's last face do not count.
            Any D; floating point; one R for all.

    Raises:
        ValueError: Wrong shapes, dtypes, or tensors of a list that differ in R, D, dtype or device.

    Example:
        >>> textures = TexturesAtlas([torch.rand(20, 4, 4, 3), torch.rand(6, 4, 4, 3)])
        >>> textures.atlas_packed().shape, textures.atlas_padded().shape
        (torch.Size([26, 4, 4, 3]), torch.Size([2, 20, 4, 4, 3]))
    """

    def __init__(self, atlas: Sequence[Tensor] | Tensor) -> None:
        self._atlas = TextureRows.read("TexturesAtlas", "atlas", atlas, "F R R D")
        if self._size == 0:
            raise ValueError("TexturesAtlas: atlas must have texels, but R is 0")

    def __len__(self) -> int:
        return len(self._atlas)

    @property
    def device(self) -> torch.device:
        return self._atlas.ragged.layout.device

    @property
    def _size(self) -> int:
        """R."""
        return (self._atlas.ragged.list or (self._atlas.ragged.packed,))[0].shape[1]

    def atlas_list(self) -> list[Tensor]:
        """N tensors (F_i, R, R, D)."""
        return list(self._atlas.ragged.list)

    def atlas_packed(self) -> Tensor:
        """(sum F_i, R, R, D)."""
        return self._atlas.ragged.packed

    def atlas_padded(self) -> Tensor:
        """(N, max F_i, R, R, D)."""
        return self._atlas.ragged.padded

    def bind(self, verts_layout: Layout, faces_layout: Layout) -> None:
        """Become the textures of meshes with these faces; what `Meshes` calls.

        Raises:
            ValueError: They do not fit.
        """
        self._atlas = self._atlas.bind(faces_layout, "TexturesAtlas", "atlas", "faces")
        self._bound = True

    def check_shapes(self, batch_size: int, max_num_verts: int, max_num_faces: int) -> bool:
        """Whether the padded view fits meshes of this padded size."""
        layout = self._atlas.ragged.layout
        return (len(layout), layout.max_length) == (batch_size, max_num_faces)

    def sample_textures(self, fragments: Any, faces_packed: Tensor | None = None) -> Tensor:
        """The texel under each covered slot.

        Args:
            fragments: With ``pix_to_face`` (N, H, W, K) and ``bary_coords`` (N, H, W, K, 3). Coordinates
                outside the face (blur) take the nearest texel.
            faces_packed: Ignored; the atlas needs no vertices.

        Returns:
            (N, H, W, K, D); zeros in empty slots. Gradients go to the atlas.

        Raises:
            ValueError: Shapes do not fit.
            IndexError: ``pix_to_face`` names a face past the last.

        Example:
            >>> from types import SimpleNamespace
            >>> atlas = torch.arange(4.0).reshape(1, 2, 2, 1)
            >>> corner = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 1, 1, 1, 3)
            >>> fragments = SimpleNamespace(pix_to_face=torch.zeros(1, 1, 1, 1).long(), bary_coords=corner)
            >>> TexturesAtlas(atlas[None]).sample_textures(fragments).item()
            1.0
        """
        where = "TexturesAtlas.sample_textures"
        layout = self._atlas.ragged.layout
        slots = CoveredSlots(where, fragments.pix_to_face, fragments.bary_coords, layout.total)
        (once,), shift = stored_once(self._atlas.ragged)
        faces = slots.faces
        if shift is not None:
            check_images(where, slots, len(self))
            faces = faces + shift[slots.images]
        y, x = _texel_of(slots.bary.detach(), self._size)
        texels = (faces * self._size + y) * self._size + x
        return slots.spread(once.packed_anew().flatten(0, 2).index_select(0, texels))

    def faces_verts_textures_packed(self) -> Tensor:
        """The texels at the corners of packed faces: (F, 3, D)."""
        atlas = self._atlas.ragged.packed_anew()
        return torch.stack([atlas[:, 0, -1], atlas[:, -1, 0], atlas[:, 0, 0]], dim=1)

    def join_scene(self) -> TexturesAtlas:
        """The textures of all meshes as those of one."""
        return self._with(_atlas=self._atlas.as_scene())

    def submeshes(
        self, vertex_ids_list: list[list[Tensor]], faces_ids_list: list[list[Tensor]]
    ) -> TexturesAtlas:
        """Textures of submeshes: of mesh n, one for each tensor of its faces' ids in faces_ids_list[n].

        Raises:
            IndexError: There is not a list for each mesh.
        """
        if faces_ids_list is None or len(faces_ids_list) != len(self):
            raise IndexError("TexturesAtlas.submeshes: faces_ids_list must hold a list for each mesh")
        return self._with(_atlas=self._atlas.pick(faces_ids_list))

    def _select(self, indices: Sequence[int]) -> TexturesAtlas:
        return self._with(_atlas=self._atlas.select(indices))

    def _map(self, function: Callable[[Tensor], Tensor]) -> TexturesAtlas:
        return self._with(_atlas=self._atlas.map(function))

    def _join(self, textures: Sequence[TexturesAtlas]) -> TexturesAtlas:
        rows = [batch._atlas for batch in textures]
        return self._with(_atlas=TextureRows.join("TexturesAtlas.join_batch", "atlas", rows))


def _texel_of(bary: Tensor, size: int) -> tuple[Tensor, Tensor]:  # (P, 3) -> (P,), (P,)
    """Row and column of the texel at barycentric coordinates."""
    along = bary[:, :2].clamp(0, 1) * size
    cell = along.floor()
    # Beyond the diagonal of the cells along the edge opposite to the third corner lies no part of the
    # face, though rounding may say so.
    beyond = (along - cell).sum(1, keepdim=True) > 1
    upright = ~beyond | (cell.sum(1, keepdim=True) >= size - 1)
    texel = torch.where(upright, cell, size - 1 - cell).clamp(0, size - 1).long()
    return texel[:, 1], texel[:, 0]
