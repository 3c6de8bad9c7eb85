"""`TexturesUV`: texture maps, and where on them the corners of faces lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from r3d_cli.internals import honours
from r3d_cli.ops.covered_slots import CoveredSlots
from r3d_cli.ops.weighted_rows import weighted_rows
from r3d_cli.renderer.screen import screen_of
from r3d_cli.renderer.textures.base import INTEGERS, TextureRows, TexturesBase, check_images, stored_once
from r3d_cli.renderer.textures.filtering import (
    PADDING_MODES,
    SAMPLING_MODES,
    sample_mip_maps,
    sample_texels,
    texel_position,
)
from r3d_cli.renderer.textures.internals import UV
from r3d_cli.renderer.textures.mesh_maps import MeshMaps
from r3d_cli.renderer.textures.texel_maps import TexelMaps
from r3d_cli.renderer.textures.uv_faces import StoredFaces, check_arguments, packed_ids
from r3d_cli.structures.ragged import Layout, Ragged, lasting


@honours(UV)
class TexturesUV(TexturesBase):
    """Texture maps of C channels, sampled at (u, v) coordinates of the faces' corners.

    u points right and v up: v = 0 is the bottom row of a map. A mesh wears one map, or several with
    ``maps_ids``; maps may differ in size, and each is sampled at its own. A map that several meshes wear (the
    same tensor in the list, or after ``extend``) is stored once.

    Args:
        maps: One map a mesh: padded (N, H, W, C), or a list of (H, W, C) of any sizes. With ``maps_ids``, M
            maps a mesh: padded (N, M, H, W, C), or a list of (M_i, H, W, C), or of lists of (H, W, C) of any
            sizes: ``maps=[[map_a, map_b], [map_c]]``.
        faces_uvs: Ids into the mesh's ``verts_uvs``: list of (F_i, 3), or padded (N, F, 3). A negative id
            counts from the end, as in indexing.
        verts_uvs: Coordinates, not only in [0, 1]: list of (V_i, 2), or padded (N, V, 2).
        maps_ids: Which of the mesh's maps each face wears: list of (F_i,), or padded (N, F).
        padding_mode: What lies outside of [0, 1]: "border", "zeros" or "reflection", as in
            ``torch.nn.functional.grid_sample``, or "repeat", the wrapping of OBJ and glTF files.
        align_corners: Whether coordinates 0 and 1 are the centres of the outermost texels, or (as OpenGL,
            glTF and OBJ mean them) the map's edges.
        sampling_mode: "bilinear", "nearest", or "trilinear": bilinear on mip maps, which keeps far and
            slanted textures from flickering. A pixel then reads means of as many texels as it covers, along
            the longer of its two sides. Works in every shader: the fragments of `MeshRasterizer` know their
            `Screen`; others must be given one.

    Raises:
        ValueError: Wrong shapes, dtypes, devices or modes, lists of different lengths.
        IndexError: On the CPU, an id that the mesh's coordinates or maps lack.

    Example:
        >>> black_white = torch.tensor([0.0, 1.0]).reshape(1, 1, 2, 1)  # (N, H, W, C)
        >>> corners = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]])
        >>> textures = TexturesUV(black_white, torch.tensor([[[0, 1, 2]]]), corners)
        >>> textures.faces_verts_textures_packed().flatten()
        tensor([0.0000, 1.0000, 0.5000])
    """

    #: Whether client code has written values that are still to be held against the others.
    _unchecked = False

    def __init__(
        self,
        maps: Tensor | Sequence[Tensor] | Sequence[Sequence[Tensor]],
        faces_uvs: Tensor | Sequence[Tensor],
        verts_uvs: Tensor | Sequence[Tensor],
        maps_ids: Tensor | Sequence[Tensor] | None = None,
        padding_mode: str = "border",
        align_corners: bool = True,
        sampling_mode: str = "bilinear",
    ) -> None:
        for name, mode, modes in (
            ("padding_mode", padding_mode, PADDING_MODES),
            ("sampling_mode", sampling_mode, SAMPLING_MODES),
        ):
            if mode not in modes:
                known = ", ".join(modes)
                raise ValueError(f"TexturesUV: {name} must be one of {known}, got {mode!r}")
        self.padding_mode = padding_mode
        self.align_corners = align_corners
        self.sampling_mode = sampling_mode
        self._faces_uvs = TextureRows.read("TexturesUV", "faces_uvs", faces_uvs, "F 3", INTEGERS)
        self._verts_uvs = TextureRows.read("TexturesUV", "verts_uvs", verts_uvs, "V 2")
        self._maps_ids = None
        if maps_ids is not None:
            self._maps_ids = TextureRows.read("TexturesUV", "maps_ids", maps_ids, "F", INTEGERS)
        self._maps = MeshMaps.read(maps, several=maps_ids is not None)
        check_arguments(self._faces_uvs, self._verts_uvs, self._maps_ids, self._maps)

    def __len__(self) -> int:
        return len(self._faces_uvs)

    @property
    def device(self) -> torch.device:
        return self._faces_uvs.ragged.layout.device

    # -- views -------------------------------------------------------------------------------------------

    @property
    def texel_maps(self) -> TexelMaps:
        """All maps of the batch, packed, each once."""
        return self._maps.store

    @property
    def maps_of_meshes(self) -> tuple[tuple[int, ...], ...]:
        """For each mesh, which of ``texel_maps`` are its maps."""
        return self._maps.of_meshes

    def maps_list(self) -> list[Any]:
        """N tensors (H_i, W_i, C). With ``maps_ids``, (M_i, H_i, W_i, C), or a list of (H, W, C) for a mesh
        whose maps differ in size."""
        images = [[self._maps.store.image(index) for index in of_mesh] for of_mesh in self._maps.of_meshes]
        if self._maps_ids is None:
            return [image for of_mesh in images for image in of_mesh]
        sizes = [{image.shape for image in of_mesh} for of_mesh in images]
        return [
            torch.stack(of_mesh) if len(size) == 1 else of_mesh
            for of_mesh, size in zip(images, sizes, strict=True)
        ]

    def maps_padded(self) -> Tensor:
        """(N, H, W, C), or with ``maps_ids`` (N, max M_i, H, W, C), zeros where a mesh has fewer maps.

        Maps smaller than the largest height and width are resized to them, bilinearly. Sampling does not use
        this view.
        """
        padded = self._maps.padded(self.align_corners)
        return padded[:, 0] if self._maps_ids is None and len(self) else padded

    def maps_ids_list(self) -> list[Tensor] | None:
        """N tensors (F_i,), or None where each mesh has one map."""
        return None if self._maps_ids is None else list(self._maps_ids.ragged.list)

    def maps_ids_padded(self) -> Tensor | None:
        """(N, max F_i), zeros past a mesh's last face, or None where each mesh has one map."""
        return None if self._maps_ids is None else self._maps_ids.ragged.padded

    def faces_uvs_list(self) -> list[Tensor]:
        """N tensors (F_i, 3)."""
        return list(self._faces_uvs.ragged.list)

    def faces_uvs_padded(self) -> Tensor:
        """(N, max F_i, 3), zeros past a mesh's last face."""
        return self._faces_uvs.ragged.padded

    def verts_uvs_list(self) -> list[Tensor]:
        """N tensors (V_i, 2)."""
        return list(self._verts_uvs.ragged.list)

    def verts_uvs_padded(self) -> Tensor:
        """(N, max V_i, 2)."""
        return self._verts_uvs.ragged.padded

    # -- meshes ------------------------------------------------------------------------------------------

    def bind(self, verts_layout: Layout, faces_layout: Layout) -> None:
        """Become the textures of meshes with these faces; what `Meshes` calls.

        Raises:
            ValueError: They do not fit.
        """
        faces_uvs = self._faces_uvs.bind(faces_layout, "TexturesUV", "faces_uvs", "faces")
        if self._maps_ids is not None:
            self._maps_ids = self._maps_ids.bind(faces_layout, "TexturesUV", "maps_ids", "faces")
        self._faces_uvs = faces_uvs
        self._bound = True
        self.__dict__.pop("_stored", None)

    def check_shapes(self, batch_size: int, max_num_verts: int, max_num_faces: int) -> bool:
        """Whether the padded view fits meshes of this padded size."""
        layout = self._faces_uvs.ragged.layout
        return (len(layout), layout.max_length) == (batch_size, max_num_faces)

    # -- sampling ----------------------------------------------------------------------------------------

    def sample_textures(self, fragments: Any, faces_packed: Tensor | None = None) -> Tensor:
        """Sample the maps at the pixels that faces cover.

        Args:
            fragments: With ``pix_to_face`` (N, H, W, K) and ``bary_coords`` (N, H, W, K, 3).
            faces_packed: Ignored; faces have their own ids of coordinates.

        Returns:
            (N, H, W, K, C). Gradients go to the maps and, unless ``sampling_mode`` is "nearest", to
            ``verts_uvs`` and ``bary_coords``; where it is "trilinear", also through the level of detail to
            these and to the screen's vertices. Empty slots hold the mesh's (first) map at u = v = 0, as
            PyTorch3D's do; shaders leave them out.

        Raises:
            ValueError: Shapes do not fit; ``sampling_mode`` is "trilinear" and the fragments have no screen.
            IndexError: ``pix_to_face`` names a face past the last.

        Example:
            >>> from types import SimpleNamespace
            >>> rows = torch.tensor([3.0, 2.0, 1.0]).reshape(1, 3, 1, 1)  # from the top
            >>> corners = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
            >>> textures = TexturesUV(rows, torch.tensor([[[0, 1, 2]]]), corners)
            >>> top = torch.tensor([0.0, 0.0, 1.0]).reshape(1, 1, 1, 1, 3)
            >>> fragments = SimpleNamespace(pix_to_face=torch.zeros(1, 1, 1, 1).long(), bary_coords=top)
            >>> textures.sample_textures(fragments).item()
            3.0
        """
        where = "TexturesUV.sample_textures"
        layout = self._faces_uvs.ragged.layout
        slots = CoveredSlots(where, fragments.pix_to_face, fragments.bary_coords, layout.total)
        check_images(where, slots, len(self))
        if not len(self._maps.store):
            return slots.spread(self._maps.store.texels)
        rows = self._stored.rows(slots.faces, slots.images)
        uv = self._uv(rows, slots.bary)
        which = self._map_of(slots.images, rows)
        if self.sampling_mode == "trilinear":
            along = screen_of(where, fragments).barycentric_derivatives(slots)
            texels = self._sample_mip_maps(uv, which, self._footprint(rows, along))
        else:
            texels = self._sample(uv, which)
        first_maps = torch.tensor([first for first, *_ in self._maps.of_meshes], device=self.device)
        empty = self._sample(uv.new_zeros(len(self), 2), None if self._maps.only_one else first_maps)
        return slots.spread(texels, empty)

    def faces_verts_textures_packed(self) -> Tensor:
        """The maps at the corners of packed faces: (F, 3, C)."""
        layout = self._faces_uvs.ragged.layout
        if not layout.total:
            return self._maps.store.texels.new_zeros(0, 3, self._maps.store.texels.shape[1])
        meshes = layout.packed_to_batch_idx.repeat_interleave(3)
        faces = torch.arange(layout.total, device=self.device).repeat_interleave(3)
        corners = torch.eye(3, dtype=self._verts_uvs.ragged.dtype, device=self.device)
        rows = self._stored.rows(faces, meshes)
        uv = self._uv(rows, corners.repeat(layout.total, 1))
        return self._sample(uv, self._map_of(meshes, rows)).unflatten(0, (-1, 3))

    def centers_for_image(self, index: int, map_index: int = 0) -> Tensor:
        """Where the coordinates of a mesh lie on its map, as pixels: for drawing them over it.

        Args:
            index: Which mesh.
            map_index: Which of its maps.

        Returns:
            (V, 2) x to the right and y down, 0 is the centre of the first texel; on the CPU, without
            gradients.
        """
        textures = self[index]
        height, width = textures._maps.store.sizes[textures._maps.of_meshes[0][map_index]]
        uv = textures._verts_uvs.ragged.packed.detach().cpu()
        padding_mode = "border" if self.padding_mode == "zeros" else self.padding_mode
        centers = texel_position(uv, torch.tensor([width, height]), padding_mode, self.align_corners)
        return torch.stack([centers[:, 0], height - 1 - centers[:, 1]], dim=1)

    def _sample(self, uv: Tensor, which: Tensor | None) -> Tensor:  # (P, 2), (P,) -> (P, C)
        return sample_texels(
            self._maps.store.texels,
            uv,
            *self._maps.store.placement(which),
            sampling_mode=self.sampling_mode,
            padding_mode=self.padding_mode,
            align_corners=self.align_corners,
        )

    def _sample_mip_maps(self, uv: Tensor, which: Tensor | None, footprint: Tensor) -> Tensor:
        return sample_mip_maps(
            self._maps.store.mip_maps(),
            uv,
            which,
            footprint,
            padding_mode=self.padding_mode,
            align_corners=self.align_corners,
        )

    def _uv(self, rows: Tensor, bary: Tensor) -> Tensor:  # (P,), (P, 3) -> (P, 2)
        """Coordinates at points of stored faces."""
        return weighted_rows(self._stored.verts_uvs.packed_anew(), self._stored.corners[rows], bary)

    def _footprint(self, rows: Tensor, along: Tensor) -> Tensor:  # (P,), (P, 3, 2) -> (P, 2, 2)
        """Derivatives of u and v, from those of the barycentric coordinates."""
        corners, verts_uvs = self._stored.corners[rows], self._stored.verts_uvs.packed_anew()
        return torch.stack([weighted_rows(verts_uvs, corners, step) for step in along.unbind(-1)], -1)

    def _map_of(self, meshes: Tensor, rows: Tensor) -> Tensor | None:  # (P,), (P,) -> (P,)
        """Which of the packed maps stored faces of meshes wear; None where there is one only."""
        if self._maps.only_one:
            return None
        maps_ids = self._stored.maps_ids
        return self._maps.which(meshes, 0 if maps_ids is None else maps_ids[rows].clamp(min=0))

    @lasting
    def _stored(self) -> StoredFaces:
        if self._unchecked:
            check_arguments(self._faces_uvs, self._verts_uvs, self._maps_ids, self._maps)
            self._unchecked = False
        batches = [self._faces_uvs.ragged, self._verts_uvs.ragged]
        if self._maps_ids is not None:
            batches.append(self._maps_ids.ragged)
        (faces, verts, *maps_ids), shift = stored_once(*batches)
        return StoredFaces(packed_ids(faces, verts), verts, maps_ids[0].packed if maps_ids else None, shift)

    # -- batches -----------------------------------------------------------------------------------------

    def join_scene(self) -> TexturesUV:
        """The textures of all meshes as those of one, which wears all their maps.

        PyTorch3D packs the maps into one image and moves the coordinates, which bleeds at the maps' borders
        and ends wrapping. Here the maps stay as they are, with ``maps_ids`` where there are several: samples
        are the same as the batch's.
        """
        faces, verts = self._faces_uvs.ragged, self._verts_uvs.ragged
        meshes = faces.layout.packed_to_batch_idx
        every_face = torch.arange(faces.layout.total, device=self.device)
        which = self._map_of(meshes, self._stored.rows(every_face, meshes))
        return self._with(
            _faces_uvs=TextureRows(Ragged.from_list([packed_ids(faces, verts)]), ends_known=True),
            _verts_uvs=self._verts_uvs.as_scene(),
            _maps_ids=None if which is None else TextureRows(Ragged.from_list([which]), ends_known=True),
            _maps=MeshMaps(self._maps.store, (tuple(range(len(self._maps.store))),)),
        )

    def submeshes(
        self, vertex_ids_list: list[list[Tensor]], faces_ids_list: list[list[Tensor]]
    ) -> TexturesUV:
        """Textures of submeshes: of mesh n, one for each tensor of its faces' ids in faces_ids_list[n]. They
        share maps and coordinates with the mesh.

        Raises:
            IndexError: There is not a list for each mesh.
        """
        if faces_ids_list is None or len(faces_ids_list) != len(self):
            raise IndexError("TexturesUV.submeshes: faces_ids_list must hold a list for each mesh")
        meshes = [index for index, of_mesh in enumerate(faces_ids_list) for _ in of_mesh]
        picked = {"_faces_uvs": self._faces_uvs.pick(faces_ids_list)}
        if self._maps_ids is not None:
            picked["_maps_ids"] = self._maps_ids.pick(faces_ids_list)
        return self._select(meshes)._with(**picked)

    def _select(self, indices: Sequence[int]) -> TexturesUV:
        return self._with(
            _faces_uvs=self._faces_uvs.select(indices),
            _verts_uvs=self._verts_uvs.select(indices),
            _maps_ids=None if self._maps_ids is None else self._maps_ids.select(indices),
            _maps=self._maps.select(indices),
        )

    def _map(self, function: Callable[[Tensor], Tensor]) -> TexturesUV:
        return self._with(
            _faces_uvs=self._faces_uvs.map(function),
            _verts_uvs=self._verts_uvs.map(function),
            _maps_ids=None if self._maps_ids is None else self._maps_ids.map(function),
            _maps=self._maps.map(function),
        )

    def _join(self, textures: Sequence[TexturesUV]) -> TexturesUV:
        where = "TexturesUV.join_batch"
        for name in ("padding_mode", "align_corners", "sampling_mode"):
            ways = sorted({str(getattr(batch, name)) for batch in textures})
            if len(ways) > 1:
                raise ValueError(f"{where}: {name} must be the same in all, got {' and '.join(ways)}")
        maps_ids = None
        if any(batch._maps_ids is not None for batch in textures):
            maps_ids = TextureRows.join(where, "maps_ids", [batch._some_maps_ids() for batch in textures])
        return self._with(
            _faces_uvs=TextureRows.join(where, "faces_uvs", [batch._faces_uvs for batch in textures]),
            _verts_uvs=TextureRows.join(where, "verts_uvs", [batch._verts_uvs for batch in textures]),
            _maps_ids=maps_ids,
            _maps=MeshMaps.join(where, [batch._maps for batch in textures]),
        )

    def _some_maps_ids(self) -> TextureRows:
        """``maps_ids``: all the first map where each mesh has one."""
        if self._maps_ids is not None:
            return self._maps_ids
        none = [faces_uvs.new_zeros(len(faces_uvs)) for faces_uvs in self._faces_uvs.ragged.list]
        return TextureRows(Ragged.from_list(none), ends_known=self._faces_uvs.ends_known)

    def _rewrite(self, **attributes: Any) -> None:
        super()._rewrite(**attributes)
        self.__dict__.pop("_stored", None)
        self._unchecked = True

    def _with(self, **attributes: Any) -> TexturesUV:
        new = super()._with(**attributes)
        new.__dict__.pop("_stored", None)
        return new
