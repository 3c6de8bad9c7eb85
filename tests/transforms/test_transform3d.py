"""Batches of transforms: values against 4x4 matrices, composition, inverses, indexing, devices and errors."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from r3d_cli.transforms import (
    Rotate,
    RotateAxisAngle,
    Scale,
    Transform3d,
    Translate,
    random_rotations,
    se3_exp_map,
)

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def close(answer: Tensor, expected, tolerance: float | None = None) -> None:
    expected = torch.as_tensor(expected, dtype=answer.dtype)
    tolerance = tolerance or (2e-6 if answer.dtype == torch.float32 else 1e-13)
    torch.testing.assert_close(answer, expected, atol=tolerance, rtol=tolerance)


def homogeneous(points: Tensor, matrices: Tensor) -> Tensor:
    """The definition: (x, y, z, 1) @ M, divided by the last coordinate."""
    moved = torch.nn.functional.pad(points, (0, 1), value=1.0) @ matrices
    return moved[..., :3] / moved[..., 3:]


def chain(count: int = 3, dtype: torch.dtype = torch.float64) -> Transform3d:
    generator = torch.Generator().manual_seed(0)
    xyz = torch.randn(count, 3, dtype=dtype, generator=generator)
    return (
        Rotate(random_rotations(count, dtype=dtype), dtype=dtype)
        .scale(xyz.abs() + 0.5)
        .translate(xyz)
        .rotate_axis_angle(30.0, "Y")
    )


def projections(count: int = 2, dtype: torch.dtype = torch.float64) -> Transform3d:
    matrix = torch.eye(4, dtype=dtype).repeat(count, 1, 1)
    matrix[:, :, 3] = torch.tensor([0.1, -0.2, 0.3, 4.0], dtype=dtype)
    return Transform3d(matrix=matrix + 0.01 * torch.arange(count, dtype=dtype)[:, None, None])


KINDS = [chain(), projections(), chain().compose(projections(1)), Transform3d()]


# Kinds of transforms.


@DTYPES
def test_translate_in_all_its_forms(dtype) -> None:
    tensor = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    expected = torch.eye(4, dtype=dtype).repeat(2, 1, 1)
    expected[:, 3, :3] = tensor
    for transform in (
        Translate(tensor, dtype=dtype),
        Translate(tensor.tolist(), dtype=dtype),
        Translate(tensor.numpy(), dtype=dtype),
        Translate(*tensor.T, dtype=dtype),
        Transform3d(dtype=dtype).translate(tensor),
    ):
        assert transform.get_matrix().equal(expected)
        assert transform.get_matrix().dtype == transform.dtype == dtype
    mixed = Translate(1.0, torch.tensor([2.0, 5.0]), torch.tensor(3.0), dtype=dtype)
    assert mixed.get_matrix()[:, 3].tolist() == [[1, 2, 3, 1], [1, 5, 3, 1]]
    assert Translate(1, 2, 3).get_matrix()[0, 3].tolist() == [1, 2, 3, 1]


@DTYPES
def test_scale_in_all_its_forms(dtype) -> None:
    def diagonals(*args) -> list:
        return Scale(*args, dtype=dtype).get_matrix().diagonal(dim1=1, dim2=2).tolist()

    assert diagonals(2.0) == [[2, 2, 2, 1]]
    assert diagonals(torch.tensor([2.0, 3.0])) == [[2, 2, 2, 1], [3, 3, 3, 1]]
    assert diagonals(torch.tensor([[2.0, 3.0, 4.0]])) == [[2, 3, 4, 1]]
    assert diagonals(2.0, torch.tensor([3.0, 5.0]), 4.0) == [[2, 3, 4, 1], [2, 5, 4, 1]]
    off_diagonal = Scale(2.0).get_matrix() - Scale(2.0).get_matrix().diagonal(dim1=1, dim2=2).diag_embed()
    assert not off_diagonal.any()


@DTYPES
@pytest.mark.parametrize(
    ("axis", "to"),
    [("X", [[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
     ("Y", [[0, 0, -1], [0, 1, 0], [1, 0, 0]]),
     ("Z", [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])],
)  # fmt: skip
def test_rotate_axis_angle_turns_counterclockwise(axis: str, to: list, dtype) -> None:
    basis = torch.eye(3, dtype=dtype)
    close(RotateAxisAngle(90, axis, dtype=dtype).transform_points(basis), to)
    close(RotateAxisAngle(torch.pi / 2, axis.lower(), degrees=False, dtype=dtype).transform_points(basis), to)
    angles = torch.tensor([0.0, 90.0, 450.0], dtype=dtype)
    moved = RotateAxisAngle(angles, axis, dtype=dtype).transform_points(basis)
    close(moved, torch.stack([basis, *2 * [torch.tensor(to, dtype=dtype)]]))


def test_rotate_takes_one_or_many_and_multiplies_from_the_right() -> None:
    R = random_rotations(4, dtype=torch.float64)
    points = torch.randn(4, 7, 3, dtype=torch.float64)
    close(Rotate(R, dtype=torch.float64).transform_points(points), points @ R)
    close(Rotate(R[0], dtype=torch.float64).transform_points(points), points @ R[0])


def test_default_dtype_and_device() -> None:
    assert Translate(torch.zeros(1, 3, dtype=torch.float64)).dtype == torch.float32
    assert Rotate(torch.eye(3, dtype=torch.float64)).dtype == torch.float32
    assert Transform3d().device == torch.device("cpu")
    assert Transform3d(matrix=torch.eye(4, dtype=torch.float64)).dtype == torch.float64
    assert Transform3d(dtype=torch.float64).scale(2.0).translate(1, 2, 3).dtype == torch.float64
    assert Translate(torch.zeros(1, 3, device="meta")).device == torch.device("meta")
    assert Translate(0.0, 0.0, torch.zeros(2, device="meta")).device == torch.device("meta")
    assert RotateAxisAngle(torch.zeros(2, device="meta")).device == torch.device("meta")


@pytest.mark.parametrize(
    "R",
    [
        2 * torch.eye(3),
        torch.diag(torch.tensor([1.0, 1.0, -1.0])),
        torch.eye(3) + 1e-3,
        torch.full((3, 3), float("nan")),
        torch.stack([torch.eye(3), torch.zeros(3, 3)]),
    ],
)
def test_rotate_warns_of_matrices_that_do_not_rotate(R: Tensor) -> None:
    with pytest.warns(UserWarning, match=r"Rotate: R is no rotation matrix: off by .*orthogonal_tol = 1e-05"):
        Rotate(R)


def test_rotate_warns_within_its_tolerance_only() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Rotate(random_rotations(100))
        Rotate(torch.zeros(0, 3, 3))
        Rotate(torch.eye(3) + 1e-3, orthogonal_tol=0.01)
        RotateAxisAngle(torch.linspace(0, 1e4, 50))
    with pytest.warns(UserWarning, match=r"off by 0\.003, more than orthogonal_tol = 0\.001") as caught:
        Rotate(torch.eye(3) + 1e-3, orthogonal_tol=1e-3)
    assert caught[0].filename == __file__


# Points and normals.


@pytest.mark.parametrize(
    "transform", [chain(), projections(), chain().compose(projections(1)), Transform3d()]
)
@pytest.mark.parametrize("points_batch", [None, 1, 3])
def test_points_are_multiplied_and_divided(transform: Transform3d, points_batch: int | None) -> None:
    if points_batch == 3 and len(transform) == 2:
        transform = transform[[0, 1, 0]]
    shape = (5, 3) if points_batch is None else (points_batch, 5, 3)
    points = torch.randn(shape, dtype=torch.float64)
    answer = transform.transform_points(points)
    expected = homogeneous(points, transform.get_matrix().double())
    if points_batch is None and len(transform) == 1:
        expected = expected[0]
    close(answer, expected)


def test_affine_chains_and_their_product_agree_bit_for_bit() -> None:
    transform = chain(dtype=torch.float32)
    points = torch.randn(3, 100, 3)
    product = Transform3d(matrix=transform.get_matrix())
    assert transform.transform_points(points).equal(product.transform_points(points))


def test_eps_bounds_the_homogeneous_coordinate_and_keeps_its_sign() -> None:
    matrix = torch.eye(4)
    matrix[:, 3] = torch.tensor([0.0, 0.0, 1.0, 0.0])  # w = z
    points = torch.tensor([[1.0, 2, z] for z in (2.0, 1e-3, 0.0, -1e-3, -2.0)])
    moved = Transform3d(matrix=matrix).transform_points(points, eps=0.1)
    w = torch.tensor([2.0, 0.1, 0.1, -0.1, -2.0])
    close(moved, points / w[:, None])
    assert Transform3d(matrix=matrix).transform_points(points)[2, 0].isinf()
    points.requires_grad_()
    moved = Transform3d(matrix=matrix).transform_points(points, eps=0.1)
    (gradient,) = torch.autograd.grad(moved.sum(), points)
    assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("transform", [chain(), projections(3)])
def test_normals_stay_perpendicular(transform: Transform3d) -> None:
    """To tangents that the linear part moves; of the inverse transpose they have the length too."""
    normals, helper = torch.randn(2, 3, 9, 3, dtype=torch.float64)
    tangents = torch.linalg.cross(normals, helper)
    linear = transform.get_matrix()[:, :3, :3]
    moved = transform.transform_normals(normals)
    close(((tangents @ linear) * moved).sum(-1), torch.zeros(3, 9), tolerance=1e-10)
    close(moved, normals @ torch.linalg.inv(linear).mT, tolerance=1e-10)
    assert transform[0].transform_normals(normals[0]).shape == (9, 3)
    assert transform.transform_normals(normals[0]).shape == (3, 9, 3)


def test_normals_of_a_rotation_turn_as_points_do() -> None:
    rotation = Rotate(random_rotations(2))
    normals = torch.randn(2, 5, 3)
    assert rotation.transform_normals(normals).equal(normals @ rotation.get_matrix()[:, :3, :3])


@pytest.mark.parametrize(
    ("given", "made", "expected"),
    [
        (torch.float64, torch.float32, torch.float64),
        (torch.float32, torch.float64, torch.float64),
        (torch.float16, torch.float32, torch.float32),
        (torch.bfloat16, torch.float32, torch.float32),
        (torch.int64, torch.float32, torch.float32),
    ],
)
def test_mixed_precision_takes_the_wider(given, made, expected) -> None:
    transform = Translate(1.0, 2.0, 3.0, dtype=made)
    points = torch.ones(4, 3).to(given)
    assert transform.transform_points(points).dtype == expected
    assert transform.transform_normals(points).dtype == expected
    assert transform.transform_points(points)[0].tolist() == [2, 3, 4]


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast_does_not_reach_transforms(half) -> None:
    plain = chain(dtype=torch.float32)
    points = torch.randn(3, 50, 3)
    with torch.autocast("cpu", dtype=half):
        assert torch.matmul(points, points.mT).dtype == half  # autocast is on
        moved = Transform3d._of(plain._links).transform_points(points)
        turned = plain.inverse().transform_normals(points)
        exponential = se3_exp_map(torch.ones(1, 6))
    assert moved.equal(plain.transform_points(points))
    assert turned.equal(plain.inverse().transform_normals(points))
    assert exponential.equal(se3_exp_map(torch.ones(1, 6)))


# Chains.


def test_compose_goes_from_left_to_right() -> None:
    point = torch.tensor([[1.0, 0.0, 0.0]])
    assert Transform3d().scale(2.0).translate(1, 0, 0).transform_points(point).tolist() == [[3, 0, 0]]
    assert Transform3d().translate(1, 0, 0).scale(2.0).transform_points(point).tolist() == [[4, 0, 0]]
    a, b, c = chain(3), projections(1), chain(1)
    close(a.compose(b, c).get_matrix(), a.get_matrix() @ b.get_matrix() @ c.get_matrix())
    assert a.compose().get_matrix().equal(a.get_matrix())


def test_compose_leaves_its_parts_alone_and_widens_dtypes() -> None:
    translation = Translate(1.0, 2.0, 3.0)
    before = translation.get_matrix()
    wide = translation.compose(Scale(2.0, dtype=torch.float64))
    assert wide.dtype == wide.get_matrix().dtype == torch.float64
    assert translation.dtype == torch.float32
    assert translation.get_matrix().equal(before)


@pytest.mark.parametrize(
    "transform", [chain(), projections(), chain().compose(projections(1)), Transform3d()]
)
@pytest.mark.parametrize("invert_composed", [False, True])
def test_inverse(transform: Transform3d, invert_composed: bool) -> None:
    inverse = transform.inverse(invert_composed)
    identity = torch.eye(4).expand(len(transform), 4, 4)
    close(transform.compose(inverse).get_matrix(), identity)
    close(inverse.get_matrix() @ transform.get_matrix(), identity)
    close(inverse.inverse().get_matrix(), transform.get_matrix())


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (Translate(0.1, 0.2, 0.3), Translate(-0.1, -0.2, -0.3)),
        (Scale(2.0, 4.0, 8.0), Scale(0.5, 0.25, 0.125)),
        (RotateAxisAngle(40.0), RotateAxisAngle(-40.0)),
        (
            RotateAxisAngle(40.0).translate(0.1, 0.2, 0.3),
            Translate(-0.1, -0.2, -0.3).rotate_axis_angle(-40.0),
        ),
    ],
)
def test_closed_inverses_are_exact(transform: Transform3d, expected: Transform3d) -> None:
    assert transform.inverse().get_matrix().equal(expected.get_matrix())
    assert transform.inverse().inverse().get_matrix().equal(transform.get_matrix())
    assert transform.compose(Scale(1.0)).inverse().get_matrix().equal(expected.get_matrix())


def test_a_singular_matrix_has_no_inverse() -> None:
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        Transform3d(matrix=torch.zeros(4, 4)).inverse()


def test_stack() -> None:
    a, b = chain(2), projections(3)
    stacked = a.stack(b, a)
    assert len(stacked) == 7
    assert stacked.get_matrix().equal(torch.cat([a.get_matrix(), b.get_matrix(), a.get_matrix()]))
    points = torch.randn(7, 4, 3, dtype=torch.float64)
    close(stacked.transform_points(points), homogeneous(points, stacked.get_matrix()))
    close(stacked.inverse().transform_points(stacked.transform_points(points)), points, tolerance=1e-10)
    affine = a.stack(a)
    close(affine.transform_points(points[:4]), homogeneous(points[:4], affine.get_matrix()))


def test_the_matrix_is_a_copy() -> None:
    for transform in (chain(), projections(), Translate(1.0, 2.0, 3.0)):
        expected = transform.get_matrix()
        transform.get_matrix().zero_()
        assert transform.get_matrix().equal(expected)


def test_the_product_is_taken_once(monkeypatch) -> None:
    from r3d_cli.transforms import transform3d

    products = []
    matmul = transform3d.matmul
    monkeypatch.setattr(transform3d, "matmul", lambda *args, **kw: products.append(1) or matmul(*args, **kw))
    transform = chain()
    first = transform.get_matrix()
    taken = len(products)
    assert taken == 3
    assert transform.get_matrix().equal(first)
    assert len(products) == taken


def test_writing_to_the_matrix_given_shows() -> None:
    """A parameter that an optimizer moves in place."""
    matrix = torch.eye(4)
    single = Transform3d(matrix=matrix)
    composed = single.translate(1.0, 0.0, 0.0)
    points = torch.ones(1, 3)
    assert composed.transform_points(points).tolist() == [[2, 1, 1]]
    matrix[0, 0] = 5.0
    assert single.transform_points(points).tolist() == [[5, 1, 1]]
    assert composed.transform_points(points).tolist() == [[6, 1, 1]]


def test_gradients_flow_through_chains() -> None:
    def function(
        R: Tensor, xyz: Tensor, scale: Tensor, angle: Tensor, matrix: Tensor, points: Tensor
    ) -> Tensor:
        double = {"dtype": torch.float64}
        transform = Rotate(R, **double, orthogonal_tol=100).translate(xyz).scale(scale)
        transform = transform.rotate_axis_angle(angle, "Z").compose(Transform3d(matrix=matrix))
        both = transform.inverse().compose(transform[[1, 0]])
        return both.transform_points(points, eps=1e-3) + transform.transform_normals(points)

    torch.manual_seed(0)
    projection = torch.eye(4, dtype=torch.float64) + 0.1 * torch.rand(2, 4, 4, dtype=torch.float64)
    rest = [torch.rand(*shape, dtype=torch.float64) + 0.5 for shape in ((2, 3), (2,), (2,))]
    inputs = (random_rotations(2, dtype=torch.float64), *rest, projection, torch.rand(2, 3, 3).double())
    for tensor in inputs:
        tensor.requires_grad_()
    assert torch.autograd.gradcheck(function, inputs)


def test_one_transform_can_be_used_in_many_backward_passes() -> None:
    xyz = torch.zeros(1, 3, requires_grad=True)
    transform = Translate(xyz).rotate_axis_angle(30.0).scale(2.0)
    for _ in range(2):
        transform.transform_points(torch.ones(4, 3)).sum().backward()
    assert xyz.grad is not None
    close(transform.get_matrix()[:, :3, :3].sum(-1).detach() * 8, xyz.grad)


def test_no_grad_and_inference_mode_leave_no_trace() -> None:
    xyz = torch.zeros(1, 3, requires_grad=True)
    transform = Translate(xyz).scale(2.0)
    constant = Translate(1.0, 2.0, 3.0).scale(2.0)
    points = torch.ones(1, 3, requires_grad=True)
    with torch.no_grad():
        transform.get_matrix()
    assert transform.get_matrix().requires_grad
    with torch.inference_mode():
        constant.get_matrix()
        Translate(1.0, 2.0, 3.0).scale(2.0).transform_points(torch.ones(1, 3))
    constant.transform_points(points).sum().backward()
    assert points.grad is not None


# A batch as a container.


def test_indexing() -> None:
    transform = chain(4)
    matrix = transform.get_matrix()
    mask = torch.tensor([True, False, False, True])
    for index in (
        slice(1, 3),
        slice(None, None, 2),
        [0, -1, 2],
        torch.tensor([3, 1]),
        mask,
        mask.tolist(),
        [],
    ):
        assert transform[index].get_matrix().equal(matrix[index])
    assert transform[2].get_matrix().equal(matrix[2:3])
    assert transform[-1].get_matrix().equal(matrix[3:])
    assert len(transform[[]]) == 0
    close(transform[1].inverse().get_matrix(), transform.inverse().get_matrix()[1:2])
    assert [len(one) for one in transform] == [1, 1, 1, 1]
    for index, wrong in ((4, 4), (-5, -5), ([0, 7], 7), (torch.tensor([-6]), -6)):
        with pytest.raises(IndexError) as error:
            transform[index]
        expected = f"Transform3d: index holds {wrong}, outside [-4, 4), the ids of the batch"
        assert str(error.value) == expected
    with pytest.raises(IndexError, match="mask"):
        transform[[True, False]]


def test_empty_batches() -> None:
    transform = Translate(torch.zeros(0, 3)).scale(2.0).compose(Rotate(torch.zeros(0, 3, 3)))
    assert len(transform) == 0
    assert transform.get_matrix().shape == (0, 4, 4)
    assert transform.transform_points(torch.zeros(0, 5, 3)).shape == (0, 5, 3)
    assert transform.transform_points(torch.zeros(5, 3)).shape == (0, 5, 3)
    assert transform.inverse().transform_normals(torch.zeros(5, 3)).shape == (0, 5, 3)
    assert Translate(1.0, 2.0, 3.0).transform_points(torch.zeros(0, 3)).shape == (0, 3)
    assert chain(2).transform_points(torch.zeros(2, 0, 3)).shape == (2, 0, 3)
    assert Transform3d(matrix=torch.zeros(0, 4, 4)).inverse().get_matrix().shape == (0, 4, 4)


def test_clone_has_memory_of_its_own() -> None:
    matrix = torch.eye(4, requires_grad=True)
    transform = Transform3d(matrix=matrix)
    clone = transform.clone()
    with torch.no_grad():
        matrix[0, 0] = 3.0
    assert transform.get_matrix()[0, 0, 0] == 3.0
    assert clone.get_matrix()[0, 0, 0] == 1.0
    assert clone.get_matrix().requires_grad


def test_to() -> None:
    transform = chain()
    assert transform.to("cpu") is transform
    assert transform.cpu() is transform
    copied = transform.to("cpu", copy=True)
    assert copied is not transform
    assert copied.get_matrix().equal(transform.get_matrix())
    narrow = transform.to(torch.device("cpu"), dtype=torch.float32)
    assert narrow.dtype == narrow.get_matrix().dtype == torch.float32
    assert transform.to("meta").device == torch.device("meta")


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_and_pickles(duplicate) -> None:
    for transform in (chain(), Scale(2.0), projections()):
        transform.get_matrix()
        twin = duplicate(transform)
        assert twin.get_matrix().equal(transform.get_matrix())
        assert twin.inverse().get_matrix().equal(transform.inverse().get_matrix())
    buffer = io.BytesIO()
    torch.save(chain().get_matrix(), buffer)


def test_repr() -> None:
    assert repr(Translate(torch.zeros(2, 3))) == "Translate(N=2, dtype=torch.float32, device=cpu)"


def test_rigid_logarithm_of_a_transform() -> None:
    twist = torch.tensor([[0.1, 0.2, 0.3, 0.4, -0.5, 0.6]], dtype=torch.float64)
    close(Transform3d(matrix=se3_exp_map(twist)).get_se3_log(), twist)


LINKS = {
    "translate": lambda n: Translate(torch.randn(n, 3)),
    "scale": lambda n: Scale(torch.rand(n, 3) + 0.5),
    "rotate": lambda n: Rotate(random_rotations(n, torch.float64), torch.float64),
    "turn": lambda n: RotateAxisAngle(100 * torch.randn(n), "Y"),
    "matrix": lambda n: Transform3d(matrix=torch.eye(4).double() + 0.1 * torch.rand(n, 4, 4)),
}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(list(LINKS)), max_size=6), st.data())
def test_any_chain_is_the_product_of_its_links(kinds: list[str], data: st.DataObject) -> None:
    torch.manual_seed(data.draw(st.integers(0, 1000)))
    transform, product = Transform3d(dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    for kind in kinds:
        count = data.draw(st.sampled_from([1, 3]))
        link = LINKS[kind](count)
        transform, product = transform.compose(link), product @ link.get_matrix().double()
    points = torch.randn(len(transform), 4, 3, dtype=torch.float64)
    moved = transform.transform_points(points)
    close(moved, homogeneous(points, product), tolerance=1e-9)
    close(transform.inverse().transform_points(moved), points, tolerance=1e-6)


# Bad input.


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Transform3d(matrix=torch.eye(3)),
         "Transform3d: matrix must have shape (4, 4), got (3, 3)"),
        (lambda: Transform3d(matrix=torch.zeros(4)),
         "Transform3d: matrix must have shape (N, 4, 4), got (4,)"),
        (lambda: Transform3d(matrix=torch.eye(4, dtype=torch.int64)),
         "Transform3d: matrix must be float32 or float64 or float16 or bfloat16, got int64"),
        (lambda: Transform3d(matrix=[[1.0]]),
         "Transform3d: matrix must be an array of shape (N, 4, 4), got list"),
        (lambda: Translate(torch.zeros(3)),
         "Translate: x (without y and z) must have shape (N, 3), got (3,)"),
        (lambda: Translate(1.0), "Translate: x (without y and z) must have shape (N, 3), got ()"),
        (lambda: Translate(1.0, 2.0), "Translate: z is missing; give x, y and z, or one tensor (N, 3)"),
        (lambda: Translate(torch.zeros(2, 3), 1.0, 1.0), "Translate: x must have shape (N,), got (2, 3)"),
        (lambda: Translate(torch.zeros(2), torch.zeros(3), 1.0),
         "Translate: batch sizes must be equal or 1, got 2 and 3 and 1"),
        (lambda: Scale(torch.zeros(2, 4)), "Scale: x (without y and z) must have shape (N, 3), got (2, 4)"),
        (lambda: Rotate(torch.eye(4)), "Rotate: R must have shape (3, 3), got (4, 4)"),
        (lambda: Rotate(torch.zeros(1, 2, 3, 3)), "Rotate: R must have shape (N, 3, 3), got (1, 2, 3, 3)"),
        (lambda: RotateAxisAngle(10.0, "W"), "RotateAxisAngle: axis must be 'X', 'Y' or 'Z', got 'W'"),
        (lambda: RotateAxisAngle(torch.zeros(2, 1)),
         "RotateAxisAngle: angle must have shape (N,), got (2, 1)"),
        (lambda: chain(2).compose(chain(3)),
         "Transform3d.compose: batch sizes must be equal or 1, got 2 and 3"),
        (lambda: Scale(1.0).compose(torch.eye(4)),
         "Transform3d.compose: others must be Transform3d, got Tensor"),
        (lambda: Scale(1.0).stack(None), "Transform3d.stack: others must be Transform3d, got NoneType"),
        (lambda: Scale(1.0).compose(Scale(1.0, device="meta")),
         "Transform3d.compose: self is on cpu, other is on meta; move them to one device with .to()"),
        (lambda: Scale(1.0).transform_points(torch.zeros(3)),
         "Transform3d.transform_points: points must have shape (N, P, 3), got (3,)"),
        (lambda: Scale(1.0).transform_points(torch.zeros(5, 4)),
         "Transform3d.transform_points: points must have shape (P, 3), got (5, 4)"),
        (lambda: chain(2).transform_points(torch.zeros(3, 5, 3)),
         "Transform3d.transform_points: batch sizes must be equal or 1, got 3 and 2"),
        (lambda: Scale(1.0).transform_normals(torch.zeros(5, 3, device="meta")),
         "Transform3d.transform_normals: normals is on meta, transform is on cpu; move them to one device "
         "with .to()"),
    ],
)  # fmt: skip
def test_bad_input(call, text: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared whole
        call()
    assert str(error.value) == text


def test_numpy_numbers_are_numbers() -> None:
    assert Scale(np.float64(2.0)).get_matrix()[0, 0, 0] == 2.0
    assert Translate(np.int64(1), 2, np.float32(3.0)).get_matrix()[0, 3].tolist() == [1, 2, 3, 1]
    assert len(chain(4)[np.int64(2)]) == 1
    assert len(chain(4)[np.array([True, False, True, True])]) == 3
    assert len(chain(4)[torch.tensor(-1)]) == 1
