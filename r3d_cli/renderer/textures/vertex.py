"""`TexturesVertex`: features at the vertices, interpolated over the faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_ids, check_shape
from r3d_cli.internals import honours
from r3d_cli.ops.covered_slots import CoveredSlots
from r3d_cli.ops.weighted_rows import weighted_rows
from r3d_cli.renderer.textures.base import TextureRows, TexturesBase, check_images, stored_once
from r3d_cli.renderer.textures.internals import VERTEX
from r3d_cli.structures.ragged import Layout


@honours(VERTEX)
class TexturesVertex(TexturesBase):
    """D features a vertex: colours, or anything else to be interpolated.

    Args:
        verts_features: List of (V_i, D), or padded (N, V, D): rows past a mesh's last vertex do not count.
            Any D; floating point.

    Raises:
        ValueError: Wrong shapes, dtypes, or tensors of a list that differ in D, dtype or device.

    Example:
        >>> red_green = TexturesVertex([torch.tensor([[1.0, 0, 0]]).expand(4, 3), torch.eye(3)])
        >>> len(red_green), red_green.verts_features_packed().shape, len(red_green.extend(5))
        (2, torch.Size([7, 3]), 10)
    """

    def __init__(self, verts_features: Sequence[Tensor] | Tensor) -> None:
        self._features = TextureRows.read("TexturesVertex", "verts_features", verts_features, "V D")

    def __len__(self) -> int:
        return len(self._features)

    @property
    def device(self) -> torch.device:
        return self._features.ragged.layout.device

    def verts_features_list(self) -> list[Tensor]:
        """N tensors (V_i, D)."""
        return list(self._features.ragged.list)

    def verts_features_packed(self) -> Tensor:
        """(sum V_i, D)."""
        return self._features.ragged.packed

    def verts_features_padded(self) -> Tensor:
        """(N, max V_i, D)."""
        return self._features.ragged.padded

    def bind(self, verts_layout: Layout, faces_layout: Layout) -> None:
        """Become the textures of meshes with these vertices; what `Meshes` calls.

        Raises:
            ValueError: They do not fit.
        """
        self._features = self._features.bind(verts_layout, "TexturesVertex", "verts_features", "vertices")
        self._bound = True

    def check_shapes(self, batch_size: int, max_num_verts: int, max_num_faces: int) -> bool:
        """Whether the padded view fits meshes of this padded size."""
        layout = self._features.ragged.layout
        return (len(layout), layout.max_length) == (batch_size, max_num_verts)

    def sample_textures(self, fragments: Any, faces_packed: Tensor | None = None) -> Tensor:
        """Interpolate the features at the pixels that faces cover.

        Args:
            fragments: With ``pix_to_face`` (N, H, W, K) and ``bary_coords`` (N, H, W, K, 3).
            faces_packed: Ids of the packed vertices, (F, 3); ``Meshes.sample_textures`` passes its own.

        Returns:
            (N, H, W, K, D); zeros in empty slots. Gradients go to the features and ``bary_coords``.

        Raises:
            ValueError: Shapes do not fit; no ``faces_packed``.
            IndexError: ``pix_to_face`` names a face past the last.

        Example:
            >>> from types import SimpleNamespace
            >>> textures = TexturesVertex([torch.tensor([[0.0], [1.0], [2.0]])])
            >>> middle = torch.full((1, 1, 1, 1, 3), 1 / 3)
            >>> fragments = SimpleNamespace(pix_to_face=torch.zeros(1, 1, 1, 1).long(), bary_coords=middle)
            >>> textures.sample_textures(fragments, torch.tensor([[0, 1, 2]])).flatten()
            tensor([1.])
        """
        where = "TexturesVertex.sample_textures"
        faces = self._checked_faces(where, faces_packed)
        slots = CoveredSlots(where, fragments.pix_to_face, fragments.bary_coords, len(faces))
        (features,), shift = stored_once(self._features.ragged)
        ids = faces[slots.faces]
        if shift is not None:
            check_images(where, slots, len(self))
            ids = ids + shift[slots.images][:, None]
        return slots.spread(weighted_rows(features.packed_anew(), ids, slots.bary))

    def faces_verts_textures_packed(self, faces_packed: Tensor | None = None) -> Tensor:
        """The features of the corners of packed faces (F, 3): (F, 3, D)."""
        faces = self._checked_faces("TexturesVertex.faces_verts_textures_packed", faces_packed)
        return self._features.ragged.packed_anew()[faces]

    def join_scene(self) -> TexturesVertex:
        """The textures of all meshes as those of one."""
        return self._with(_features=self._features.as_scene())

    def submeshes(
        self, vertex_ids_list: list[list[Tensor]], faces_ids_list: list[list[Tensor]]
    ) -> TexturesVertex:
        """Textures of submeshes: of mesh n, one for each tensor of its vertices' ids in vertex_ids_list[n].

        Raises:
            IndexError: There is not a list for each mesh.
        """
        if vertex_ids_list is None or len(vertex_ids_list) != len(self):
            raise IndexError("TexturesVertex.submeshes: vertex_ids_list must hold a list for each mesh")
        return self._with(_features=self._features.pick(vertex_ids_list))

    def _checked_faces(self, where: str, faces: Tensor | None) -> Tensor:
        check_shape(where, "faces_packed", faces, "F 3")
        assert faces is not None
        if faces.device.type == "cpu" and not torch.compiler.is_compiling():  # to look waits for a GPU
            count = self._features.ragged.layout.total
            check_ids(where, "faces_packed", faces, count, "the packed vertices")
        return faces

    def _select(self, indices: Sequence[int]) -> TexturesVertex:
        return self._with(_features=self._features.select(indices))

    def _map(self, function: Callable[[Tensor], Tensor]) -> TexturesVertex:
        return self._with(_features=self._features.map(function))

    def _join(self, textures: Sequence[TexturesVertex]) -> TexturesVertex:
        rows = [batch._features for batch in textures]
        return self._with(_features=TextureRows.join("TexturesVertex.join_batch", "verts_features", rows))
