"""`Meshes`: a ragged batch of triangle meshes.

The class holds four parts, none of which is ever changed in place: vertices and topology (`Geometry`), the
user's own vertex normals, and textures. What moves vertices replaces the geometry and shares the rest.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, TypeVar

import torch
from torch import Tensor

from r3d_cli.checks import check_same_device, check_shape
from r3d_cli.internals import honours, tensors_of
from r3d_cli.structures.geometry import Geometry
from r3d_cli.structures.indexing import Index, batch_indices
from r3d_cli.structures.mesh_arguments import (
    check_face_ids,
    read_faces,
    read_normals,
    read_verts,
    scale_factors,
)
from r3d_cli.structures.mesh_internals import INTERNALS
from r3d_cli.structures.mesh_views import MeshViews
from r3d_cli.structures.ragged import Ragged, same_device
from r3d_cli.structures.submeshes import submeshes
from r3d_cli.structures.topology import Topology

M = TypeVar("M", bound="Meshes")


@honours(INTERNALS)
class Meshes(MeshViews):
    """N triangle meshes of different sizes, as lists, packed and padded tensors.

    ============  =======================  ==========================================
    list          N of (V_i, 3)            N of (F_i, 3), ids within each mesh
    packed        (sum V_i, 3)             (sum F_i, 3), ids of packed vertices
    padded        (N, max V_i, 3), 0s      (N, max F_i, 3), -1s pad
    ============  =======================  ==========================================

    Views are computed when first asked for, once, and carry gradients. They share memory: write into none.
    ``torch.compile(fullgraph=True)`` takes code that makes meshes; a trace looks at no values, so that faces
    are not checked there, and padded ones may not end in rows of -1.

    Args:
        verts: List of (V_i, 3) or padded (N, V, 3); float32 or float64.
        faces: List of (F_i, 3) or padded (N, F, 3) with rows of -1 at the end; integers, or floats of whole
            numbers, taken as int64.
        textures: ``TexturesVertex``, ``TexturesUV`` or ``TexturesAtlas`` of these meshes.
        verts_normals: Like verts; used instead of computed ones until vertices are moved, other than all by
            the same offset or factor.

    Attributes:
        textures: May be assigned to.
        device: Where all tensors are.
        equisized: Whether all meshes have as many vertices, and as many faces.
        valid: (N,) bool, whether a mesh has faces.

    Raises:
        ValueError: Wrong shapes, dtypes, devices, lists of different lengths, textures of other sizes.
        IndexError: On the CPU, a face that names a vertex its mesh has not. On a GPU that would mean to wait
            for it: ``validate`` looks.

    Example:
        >>> verts, faces = torch.rand(4, 3), torch.tensor([[0, 1, 2], [0, 2, 3]])
        >>> meshes = Meshes([verts, verts[:3]], [faces, faces[:1]])
        >>> meshes.verts_packed().shape, meshes.verts_padded().shape
        (torch.Size([7, 3]), torch.Size([2, 4, 3]))
        >>> meshes.faces_packed().tolist()
        [[0, 1, 2], [0, 2, 3], [4, 5, 6]]
    """

    #: PyTorch3D's list of its underscored tensors, of which client code makes copies.
    _INTERNAL_TENSORS = tensors_of(INTERNALS)

    #: False once client code has written to vertices or faces that the textures may not fit.
    _textures_fit = True

    def __init__(
        self,
        verts: Sequence[Tensor] | Tensor,
        faces: Sequence[Tensor] | Tensor,
        textures: Any = None,
        verts_normals: Sequence[Tensor] | Tensor | None = None,
    ) -> None:
        for name, value in (("verts", verts), ("faces", faces)):
            if not isinstance(value, Tensor | list | tuple):
                kind = type(value).__name__
                raise ValueError(f"Meshes: {name} must be a list of tensors or a padded tensor, got {kind}")
        vertices = read_verts(verts)
        topology = Topology(vertices.layout, read_faces(faces, vertices))
        self._geometry = Geometry(vertices, topology)
        self._given_normals = None if verts_normals is None else read_normals(verts_normals, vertices)
        self.textures = textures

    def __repr__(self) -> str:
        kind = str(self._verts.dtype).removeprefix("torch.")
        texture = "" if self.textures is None else f", {type(self.textures).__name__}"
        return (
            f"{type(self).__name__}(N={len(self)}, verts={self._verts.layout.total}, "
            f"faces={self._topology.faces_layout.total}, {kind}, {self.device}{texture})"
        )

    @property
    def textures(self) -> Any:
        return self._textures

    @textures.setter
    def textures(self, textures: Any) -> None:
        if textures is not None:
            if not hasattr(textures, "bind"):
                kind = type(textures).__name__
                raise ValueError(
                    f"Meshes: textures must be TexturesVertex, TexturesUV or TexturesAtlas, got {kind}"
                )
            if not self._geometry.pending:
                textures.bind(self._verts.layout, self._topology.faces_layout)
        self._textures, self._textures_fit = textures, not self._geometry.pending

    def fitting_textures(self) -> Any:
        """``textures``, held against the vertices and faces where client code has written to any of them.

        Raises:
            ValueError: They do not fit.
        """
        textures = self._textures
        if textures is not None and not (self._textures_fit and getattr(textures, "bound", True)):
            textures.bind(self._verts.layout, self._topology.faces_layout)
            self._textures_fit = True
        return textures

    def validate(self: M) -> M:
        """Look at values, which waits for a GPU.

        Returns:
            These meshes.

        Raises:
            ValueError: A vertex is NaN or infinite; mesh and vertex are named.
            IndexError: A face names a vertex that its mesh has not.
        """
        bad = ~torch.isfinite(self.verts_packed()).all(1)
        if bad.any():
            vertex = int(bad.nonzero()[0])
            mesh = int(self.verts_packed_to_mesh_idx()[vertex])
            row = vertex - self._verts.layout.offsets[mesh]
            value = self.verts_packed()[vertex].tolist()
            raise ValueError(
                f"Meshes: verts[{mesh}][{row}] is {value}; {int(bad.sum())} vertices are not finite"
            )
        check_face_ids(self._topology.faces, self._verts.layout)
        return self

    def _with(self: M, geometry: Geometry, textures: Any = None, normals: Ragged | None = None) -> M:
        """Meshes of this class, and with its attributes, made of other parts."""
        new = copy.copy(self)
        new._geometry, new._given_normals = geometry, normals
        new.textures = textures
        return new

    def _twin(self: M) -> M:
        """These meshes in an object of its own, and textures in one too."""
        new = copy.copy(self)
        new._textures = self._twin_textures()
        return new

    def _twin_textures(self) -> Any:
        twin = getattr(self._textures, "twin", None)
        return self._textures if twin is None else twin()

    def _map(self: M, geometry: Geometry, function: Callable[[Any], Any]) -> M:
        """Meshes of another geometry; normals and textures become what a function makes of them."""
        textures = None if self.textures is None else function(self.textures)
        return self._with(geometry, textures, self._given_normals and function(self._given_normals))

    def clone(self: M) -> M:
        """With memory of their own."""
        return self._map(self._geometry.clone(), lambda part: part.clone())

    def detach(self: M) -> M:
        """Without gradients."""
        return self._map(self._geometry.moved(self._verts.detach()), lambda part: part.detach())

    def to(self: M, device: torch.device | str, copy: bool = False) -> M:
        """On another device: these very meshes where they are on it already, unless ``copy``."""
        device = same_device(device)
        if device == self.device:
            return self.clone() if copy else self
        return self._map(self._geometry.to(device), lambda part: part.to(device))

    def cpu(self: M) -> M:
        """On the CPU."""
        return self.to("cpu")

    def cuda(self: M) -> M:
        """On the current CUDA device."""
        return self.to("cuda")

    def __getitem__(self: M, index: Index) -> M:
        """Some of the meshes, with vertices and faces of their own, and textures as ``textures[index]``.

        Args:
            index: Integer, slice, list of integers, tensor of integers, or mask of N booleans.

        Raises:
            IndexError: There is no such mesh, or the index is of another kind.
        """
        chosen = batch_indices("Meshes", index, len(self))
        geometry = self._geometry.select(chosen)
        normals = self._given_normals and self._given_normals.select_copies(chosen, geometry.verts.layout)
        return self._with(geometry, None if self.textures is None else self.textures[chosen], normals)

    def split(self: M, split_sizes: Sequence[int]) -> list[M]:
        """Batches of so many meshes each, from the first on.

        Raises:
            ValueError: Sizes that are no integers, negative, or more than there are meshes.
        """
        if not all(isinstance(size, int) and size >= 0 for size in split_sizes):
            raise ValueError(f"Meshes.split: split_sizes must be integers of at least 0, got {split_sizes}")
        if sum(split_sizes) > len(self):
            raise ValueError(
                f"Meshes.split: split_sizes sums to {sum(split_sizes)}, there are {len(self)} meshes"
            )
        ends = list(accumulate(split_sizes))
        return [self[end - size : end] for size, end in zip(split_sizes, ends, strict=True)]

    def extend(self: M, N: int) -> M:
        """Every mesh N times in a row (a a b b c c), sharing geometry, topology and textures.

        Nothing is copied until a packed view is asked for; the padded view of one mesh is not either.

        Raises:
            ValueError: N is no integer of at least 1.
        """
        if not isinstance(N, int) or N < 1:
            raise ValueError(f"Meshes.extend: N must be an integer of at least 1, got {N}")
        geometry = self._geometry.repeat(N)
        normals = self._given_normals and self._given_normals.repeat(N, geometry.verts.layout)
        return self._with(geometry, None if self.textures is None else self.textures.extend(N), normals)

    def update_padded(self: M, new_verts_padded: Tensor) -> M:
        """With other vertices (N, max V_i, 3), and the same faces, edges and textures.

        Raises:
            ValueError: Of another shape, dtype or device.
        """
        layout = self._verts.layout
        sizes = {"N": len(layout), "V": layout.max_length}
        check_shape("Meshes.update_padded", "new_verts_padded", new_verts_padded, "N V 3", **sizes)
        check_same_device("Meshes.update_padded", new_verts_padded=new_verts_padded, verts=self._verts)
        moved = Ragged(layout, padded=new_verts_padded)
        return self._with(self._geometry.moved(moved), self._twin_textures())

    def _update_packed(self: M, new_verts_packed: Tensor) -> M:  # (V, 3)
        """`update_padded` with packed vertices."""
        moved = Ragged(self._verts.layout, packed=new_verts_packed)
        return self._with(self._geometry.moved(moved), self._twin_textures())

    def offset_verts_(self: M, vert_offsets_packed: Tensor) -> M:
        """``offset_verts`` that replaces the vertices of these very meshes; other meshes keep theirs."""
        offsets = vert_offsets_packed
        check_same_device("Meshes.offset_verts", vert_offsets_packed=offsets, verts=self._verts)
        if offsets.shape == (3,):
            return self._move_to(self._verts.map(lambda verts: verts + offsets), self._given_normals)
        total = self._verts.layout.total
        check_shape("Meshes.offset_verts", "vert_offsets_packed", offsets, "V 3", V=total)
        return self._move_to(Ragged(self._verts.layout, packed=self.verts_packed() + offsets))

    def offset_verts(self: M, vert_offsets_packed: Tensor) -> M:
        """With vertices moved by (sum V_i, 3), or all by (3,); faces, edges and texels are shared.

        Normals that were given stay under the same offset for all vertices; others are computed anew.

        Raises:
            ValueError: Of another shape, or on another device.
        """
        return self._twin().offset_verts_(vert_offsets_packed)

    def scale_verts_(self: M, scale: float | Tensor) -> M:
        """``scale_verts`` that replaces the vertices of these very meshes; other meshes keep theirs."""
        if not isinstance(scale, Tensor) or scale.dim() == 0:
            return self._move_to(self._verts.map(lambda verts: verts * scale), self._given_normals)
        check_same_device("Meshes.scale_verts", scale=scale, verts=self._verts)
        layout = self._verts.layout
        factors = scale_factors(scale, layout)
        scaled = Ragged(layout, packed=self.verts_packed() * factors)
        each_one = scale.numel() == len(layout)
        return self._move_to(scaled, self._given_normals if each_one else None)

    def scale_verts(self: M, scale: float | Tensor) -> M:
        """With vertices multiplied; the rest is shared.

        Normals that were given stay where a mesh has one factor; else they are computed anew.

        Args:
            scale: A number; a factor a mesh, (N,) or (N, 1); a factor an axis, (N, 3); or factors a vertex,
                (N, max V_i, 1) or (N, max V_i, 3), whose rows past a mesh's last vertex do not count.

        Raises:
            ValueError: Of another shape, or on another device.

        Example:
            >>> mesh = Meshes([torch.ones(1, 3)], [torch.zeros(0, 3)])
            >>> mesh.scale_verts(torch.tensor([[1.0, 2.0, 3.0]])).verts_packed()
            tensor([[1., 2., 3.]])
        """
        return self._twin().scale_verts_(scale)

    def _move_to(self: M, verts: Ragged, normals: Ragged | None = None) -> M:
        self._geometry, self._given_normals = self._geometry.moved(verts), normals
        return self

    def submeshes(self: M, face_indices: Sequence[Sequence[Tensor]] | Sequence[Tensor]) -> M:
        """Parts of the meshes, each a mesh of some faces and the vertices that they name.

        Args:
            face_indices: For each mesh, its parts: a list of (F_j,) integer tensors, ids of the mesh's faces,
                or a tensor (parts, F_j) in which -1 pads.

        Returns:
            All parts of the first mesh, then of the second, and so on; vertices stay in their order.

        Raises:
            ValueError: Lists for more or fewer than N meshes.
            IndexError: A mesh has no such face.
        """
        geometry, verts_ids, faces_ids = submeshes(self._geometry, face_indices)
        textures = None if self.textures is None else self.textures.submeshes(verts_ids, faces_ids)
        return self._with(geometry, textures)

    def sample_textures(self, fragments: Any) -> Tensor:  # (N, H, W, K, C)
        """The texture at rasterized ``fragments``.

        Raises:
            ValueError: There are no textures.
        """
        textures = self.fitting_textures()
        if textures is None:
            raise ValueError("Meshes.sample_textures: these meshes have no textures; assign meshes.textures")
        return textures.sample_textures(fragments, faces_packed=self.faces_packed())
