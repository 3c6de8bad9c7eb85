"""Batches of 3D transforms as 4x4 matrices for row vectors: points @ R + T, translation in the last row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeVar

import torch
from torch import Tensor

from r3d_cli.checks import check_floats, check_ids, check_same_device, check_shape
from r3d_cli.internals import honours
from r3d_cli.transforms import matrices
from r3d_cli.transforms.euler_angles import AXES, axis_rotation
from r3d_cli.transforms.links import INTERNALS, Link
from r3d_cli.transforms.math import matmul
from r3d_cli.transforms.matrices import batch_shape, broadcast_size, numbers
from r3d_cli.transforms.se3 import se3_log_map

T = TypeVar("T", bound="Transform3d")


@honours(INTERNALS)
class Transform3d:
    """A batch of N transforms of 3D space, composed left to right.

    Points are row vectors: ``t.transform_points(p)`` is ``p @ M[:3, :3] + M[3, :3]``, divided by the
    homogeneous coordinate where M has one. Batches of one transform broadcast against batches of N. A
    transform does not change once made; ``compose`` and its relatives return new ones.

    Translations, scalings and rotations stay what they are within a chain, so that its inverse is exact and
    needs no matrix inversion; the product of a chain is taken once and kept, unless it carries gradients.

    Args:
        dtype: Of the identity that is made without ``matrix``.
        device: Of the identity that is made without ``matrix``.
        matrix: (4, 4) or (N, 4, 4) for row vectors; it brings its dtype and device along.

    Raises:
        ValueError: ``matrix`` has another shape, or is not of floats.

    Example:
        >>> t = Transform3d().scale(2.0).translate(1.0, 0.0, 0.0)
        >>> t.transform_points(torch.tensor([[1.0, 1.0, 1.0]]))
        tensor([[3., 2., 2.]])
        >>> t.inverse().transform_points(torch.tensor([[3.0, 2.0, 2.0]]))
        tensor([[1., 1., 1.]])
    """

    _invert: Callable[[Tensor], Tensor] = staticmethod(matrices.invert)
    _affine = False
    _device: torch.device

    def __init__(
        self,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        matrix: Tensor | None = None,
    ) -> None:
        affine = self._affine or matrix is None
        if matrix is None:
            matrix = torch.eye(4, dtype=dtype, device=device)
        else:
            check_floats("Transform3d", "matrix", matrix, batch_shape(matrix, "4 4"))
        self._chain(Link(matrix.reshape(-1, 4, 4), self._invert, affine))
        if isinstance(device, torch.device) and device == self._device:
            self._device = device  # the very object that was given

    @staticmethod
    def _of(links: Sequence[Link]) -> Transform3d:
        transform = Transform3d(matrix=links[0].matrix)
        transform._chain(*links)
        return transform

    def _chain(self, *links: Link) -> None:
        """Be a chain of these."""
        self._links = links
        self._product: tuple[int, Tensor] | None = None
        self._device = links[0].matrix.device
        self._part = False  # one of another's ``_transforms``

    def _map(self: T, function: Callable[[Tensor], Tensor]) -> T:
        """A transform of this class, and with its attributes, of other matrices."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._chain(*(link._replace(matrix=function(link.matrix)) for link in self._links))
        return new

    @property
    def dtype(self) -> torch.dtype:
        return self._links[0].matrix.dtype

    @property
    def device(self) -> torch.device:
        return self._device

    def __len__(self) -> int:
        """N, the number of transforms."""
        return broadcast_size("Transform3d", *(len(link.matrix) for link in self._links))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(N={len(self)}, dtype={self.dtype}, device={self.device})"

    def __getitem__(self: T, index: int | slice | Sequence[int] | Tensor) -> T:
        """The chosen transforms, of this class: by number, slice, list, tensor of indices or mask of bools.

        Raises:
            IndexError: An index is outside the batch, or a mask is not of its size.
        """
        count = len(self)
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.device).reshape(-1)
            index = index if len(index) else index.long()
            if index.dtype != torch.bool:
                check_ids("Transform3d", "index", index, count, "the batch", lowest=-count)
        return self._map(lambda matrix: matrix.expand(count, 4, 4)[index])

    def compose(self, *others: Transform3d) -> Transform3d:
        """This transform, then the others from left to right.

        Args:
            *others: Batches of N transforms, or of one.

        Raises:
            ValueError: The batch sizes do not broadcast, the devices differ, or one is no Transform3d.

        Example:
            >>> t = Translate(1.0, 0.0, 0.0).compose(Scale(2.0))
            >>> t.transform_points(torch.zeros(1, 3))
            tensor([[2., 0., 0.]])
        """
        _check_relatives("Transform3d.compose", self, others)
        broadcast_size("Transform3d.compose", len(self), *(len(other) for other in others))
        links = [link for transform in (self, *others) for link in transform._links]
        dtype = reduce(torch.promote_types, (link.matrix.dtype for link in links))
        return Transform3d._of([link._replace(matrix=link.matrix.to(dtype)) for link in links])

    def stack(self, *others: Transform3d) -> Transform3d:
        """The transforms of this batch followed by those of the others, as one batch.

        Raises:
            ValueError: The devices differ, or one is no Transform3d.

        Example:
            >>> len(Translate(torch.zeros(2, 3)).stack(Scale(2.0)))
            3
        """
        _check_relatives("Transform3d.stack", self, others)
        transforms = (self, *others)
        matrix = torch.cat([transform.get_matrix() for transform in transforms])
        return Transform3d._of([Link(matrix, matrices.invert, all(t._is_affine for t in transforms))])

    @property
    def _is_affine(self) -> bool:
        return all(link.affine for link in self._links)

    def get_matrix(self) -> Tensor:
        """(N, 4, 4) the matrices of the whole chain, the translation in the last row; a copy."""
        return self._composed().clone()

    def _composed(self) -> Tensor:  # (N, 4, 4)
        chain = [link.matrix for link in self._links]
        if len(chain) == 1:
            return chain[0]
        if not all(_keepable(matrix) for matrix in chain):
            return reduce(matmul, chain)
        version = sum(matrix._version for matrix in chain)  # grows when one is written to
        if self._product is None or self._product[0] != version:
            self._product = version, reduce(matmul, chain)
        return self._product[1]

    def get_se3_log(self, eps: float = 1e-4, cos_bound: float = 1e-4) -> Tensor:
        """(N, 6) the logarithms of rigid transforms; see `se3_log_map`."""
        return se3_log_map(self._composed(), eps=eps, cos_bound=cos_bound)

    def inverse(self, invert_composed: bool = False) -> Transform3d:
        """The inverse transforms.

        Args:
            invert_composed: Invert the product of the chain as one matrix, rather than link by link in the
                closed form that each link has.

        Raises:
            torch.linalg.LinAlgError: A matrix without closed form is singular.
        """
        if invert_composed:
            inverse = matrices.invert(self._composed())
            return Transform3d._of([Link(inverse, matrices.invert, self._is_affine)])
        return Transform3d._of(
            [link._replace(matrix=link.invert(link.matrix)) for link in reversed(self._links)]
        )

    def transform_points(self, points: Tensor, eps: float | None = None) -> Tensor:
        """Move points.

        Args:
            points: (P, 3) or (N, P, 3). The result has the wider of their dtype and the transform's.
            eps: Least magnitude of the homogeneous coordinate that is divided by; its sign stays, and that
                of 0 is positive. None divides by it as it is.

        Returns:
            (N, P, 3); (P, 3) if that was given and the batch has one transform.

        Raises:
            ValueError: The shapes do not fit, or the devices differ.
        """
        where = "Transform3d.transform_points"
        batch, matrix = _fitted(where, "points", points, self._composed())
        columns = 3 if self._is_affine else 4
        moved = matmul(batch, matrix[:, :3, :columns], plus=matrix[:, 3:, :columns])  # (N, P, 3 or 4)
        if columns == 4:
            w = moved[..., 3:]
            if eps is not None:
                magnitude = w.abs().clamp(min=eps)
                w = torch.where(w < 0, -magnitude, magnitude)
            moved = moved[..., :3] / w
        return moved.reshape(points.shape) if points.ndim == 2 and len(moved) == 1 else moved

    def transform_normals(self, normals: Tensor) -> Tensor:
        """Turn normals: by the inverse transpose of the linear part. Their lengths may change.

        Args:
            normals: (P, 3) or (N, P, 3). The result has the wider of their dtype and the transform's.

        Returns:
            (N, P, 3); (P, 3) if that was given and the batch has one transform.

        Raises:
            ValueError: The shapes do not fit, or the devices differ.
            torch.linalg.LinAlgError: A matrix without closed inverse is singular.
        """
        if self._is_affine:
            inverse = self.inverse()._composed()[:, :3, :3]
        else:
            inverse = matrices.invert(self._composed()[:, :3, :3])
        batch, inverse = _fitted("Transform3d.transform_normals", "normals", normals, inverse)
        turned = matmul(batch, inverse.mT)
        return turned.reshape(normals.shape) if normals.ndim == 2 and len(turned) == 1 else turned

    def _then(self, kind: Callable[..., Transform3d], *args: Any, **kwargs: Any) -> Transform3d:
        return self.compose(kind(*args, dtype=self.dtype, device=self.device, **kwargs))

    def translate(self, *args: Any, **kwargs: Any) -> Transform3d:
        """This transform, then a `Translate` of the same arguments."""
        return self._then(Translate, *args, **kwargs)

    def scale(self, *args: Any, **kwargs: Any) -> Transform3d:
        """This transform, then a `Scale` of the same arguments."""
        return self._then(Scale, *args, **kwargs)

    def rotate(self, *args: Any, **kwargs: Any) -> Transform3d:
        """This transform, then a `Rotate` of the same arguments."""
        return self._then(Rotate, *args, **kwargs)

    def rotate_axis_angle(self, *args: Any, **kwargs: Any) -> Transform3d:
        """This transform, then a `RotateAxisAngle` of the same arguments."""
        return self._then(RotateAxisAngle, *args, **kwargs)

    def clone(self: T) -> T:
        """A copy with memory of its own; gradients flow through it."""
        return self._map(torch.clone)

    def to(self: T, device: torch.device | str, copy: bool = False, dtype: torch.dtype | None = None) -> T:
        """The transforms on another device or in another dtype; this object itself if nothing changes and no
        copy is asked for."""
        dtype = dtype or self.dtype
        moved = self._map(lambda matrix: matrix.to(device, dtype, copy=copy))
        same = all(a.matrix is b.matrix for a, b in zip(moved._links, self._links, strict=True))
        return self if same else moved

    def cpu(self: T) -> T:
        """On the CPU."""
        return self.to("cpu")

    def cuda(self: T) -> T:
        """On the current CUDA device."""
        return self.to("cuda")


class Translate(Transform3d):
    """Translations.

    Args:
        x: A number or (N,) along x; or (N, 3) along all axes, without ``y`` and ``z``.
        y: A number or (N,) along y.
        z: A number or (N,) along z.
        dtype: Of the matrices.
        device: Of the matrices; None takes that of the first tensor given, or else the CPU.

    Raises:
        ValueError: The shapes are not as above.

    Example:
        >>> Translate(1.0, 2.0, 3.0).get_matrix()[0, 3]
        tensor([1., 2., 3., 1.])
    """

    _invert = staticmethod(matrices.invert_translation)
    _affine = True

    def __init__(
        self,
        x: Any,
        y: Any = None,
        z: Any = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        xyz = matrices.coordinates("Translate", x, y, z, dtype, device)
        super().__init__(matrix=matrices.translation(xyz))


class Scale(Transform3d):
    """Scalings along the axes, about the origin.

    Args:
        x: A number or (N,) along x, or along all axes if ``y`` and ``z`` are None; or (N, 3).
        y: A number or (N,) along y.
        z: A number or (N,) along z.
        dtype: Of the matrices.
        device: Of the matrices; None takes that of the first tensor given, or else the CPU.

    Raises:
        ValueError: The shapes are not as above.

    Example:
        >>> Scale(2.0).transform_points(torch.ones(1, 3))
        tensor([[2., 2., 2.]])
    """

    _invert = staticmethod(matrices.invert_scaling)
    _affine = True

    def __init__(
        self,
        x: Any,
        y: Any = None,
        z: Any = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        xyz = matrices.coordinates("Scale", x, y, z, dtype, device, uniform=True)
        super().__init__(matrix=matrices.scaling(xyz))


class Rotate(Transform3d):
    """Rotations by given matrices for row vectors: points @ R.

    Args:
        R: (3, 3) or (N, 3, 3). Their inverses are taken to be their transposes.
        dtype: Of the matrices.
        device: Of the matrices; None takes that of ``R``.
        orthogonal_tol: Warn when R R^T or the determinant is farther than this from the identity and from 1.
            Checked on the CPU only: a GPU would have to be waited for. math.inf: not checked.

    Raises:
        ValueError: ``R`` has another shape.

    Example:
        >>> quarter = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        >>> Rotate(quarter).transform_points(torch.tensor([[1.0, 0.0, 0.0]]))
        tensor([[0., 1., 0.]])
    """

    _invert = staticmethod(matrices.invert_rotation)
    _affine = True

    def __init__(
        self,
        R: Tensor,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
        orthogonal_tol: float = 1e-5,
    ) -> None:
        R = numbers("Rotate", "R", R, None, None)
        check_shape("Rotate", "R", R, batch_shape(R, "3 3"))
        R = R.to(device or R.device, dtype).reshape(-1, 3, 3)
        if R.device.type == "cpu" and orthogonal_tol < math.inf and not torch.compiler.is_compiling():
            matrices.warn_unless_rotation("Rotate", R.detach(), orthogonal_tol)
        super().__init__(matrix=matrices.rotation(R))


class RotateAxisAngle(Rotate):
    """Counterclockwise rotations about a coordinate axis, seen with the axis pointing at the viewer.

    Args:
        angle: A number or (N,).
        axis: "X", "Y" or "Z".
        degrees: Whether the angles are degrees, or radians.
        dtype: Of the matrices.
        device: Of the matrices; None takes that of ``angle`` if it is a tensor, or else the CPU.

    Raises:
        ValueError: ``angle`` has another shape, or the axis is none of the three.

    Example:
        >>> turned = RotateAxisAngle(90.0, "Z").transform_points(torch.tensor([[1.0, 0.0, 0.0]]))
        >>> torch.testing.assert_close(turned, torch.tensor([[0.0, 1.0, 0.0]]))
    """

    def __init__(
        self,
        angle: Any,
        axis: str = "X",
        degrees: bool = True,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        angle = numbers("RotateAxisAngle", "angle", angle, dtype, device)
        if angle.ndim > 0:
            check_shape("RotateAxisAngle", "angle", angle, "N")
        if not isinstance(axis, str) or axis.upper() not in tuple(AXES):
            raise ValueError(f"RotateAxisAngle: axis must be 'X', 'Y' or 'Z', got {axis!r}")
        radians = angle * (math.pi / 180.0) if degrees else angle
        R = axis_rotation(axis.upper(), radians.reshape(-1)).mT  # of row vectors
        super().__init__(R, dtype=dtype, device=angle.device, orthogonal_tol=math.inf)


def _keepable(matrix: Tensor) -> bool:
    """Whether a product of it may be kept: a graph could be run backward only once, and what inference mode
    or a compiler's trace makes is of no use outside."""
    if torch.compiler.is_compiling() or torch.is_inference_mode_enabled():
        return False
    return not (matrix.requires_grad or matrix.is_inference())


def _check_relatives(where: str, transform: Transform3d, others: Sequence[Any]) -> None:
    for other in others:
        if not isinstance(other, Transform3d):
            raise ValueError(f"{where}: others must be Transform3d, got {type(other).__name__}")
        check_same_device(where, self=transform, other=other)


def _fitted(where: str, name: str, vectors: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors as (N, P, 3) and as many matrices, in the dtype that they have in common."""
    check_shape(where, name, vectors, batch_shape(vectors, "P 3"))
    check_same_device(where, **{name: vectors, "transform": matrix})
    batch = vectors if vectors.ndim == 3 else vectors[None]
    count = broadcast_size(where, len(batch), len(matrix))
    dtype = torch.promote_types(vectors.dtype, matrix.dtype)
    return batch.to(dtype).expand(count, -1, -1), matrix.to(dtype).expand(count, -1, -1)
