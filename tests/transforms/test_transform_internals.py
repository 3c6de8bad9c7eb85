"""The underscored names of PyTorch3D's transforms, read and written to as client code does; kept classes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch

from r3d_cli.transforms import Rotate, RotateAxisAngle, Scale, Transform3d, Translate, random_rotations

POINTS = torch.rand(5, 3)

KINDS: list[Any] = [
    Translate(torch.rand(3, 3)),
    Rotate(random_rotations(3)),
    Scale(1 + torch.rand(3, 3)),
    RotateAxisAngle(torch.rand(3), "Y"),
    Transform3d(matrix=torch.rand(3, 4, 4)),
]


@pytest.mark.parametrize("transform", KINDS, ids=lambda kind: type(kind).__name__)
def test_a_part_of_a_batch_and_a_copy_keep_their_class(transform: Any) -> None:
    same = [copy.deepcopy(transform), pickle.loads(pickle.dumps(transform)), transform.clone(), transform[:]]
    same += [transform.to("cpu", copy=True), transform.cpu()]
    for made in same:
        assert type(made) is type(transform)
        assert torch.equal(made.get_matrix(), transform.get_matrix())
    for index, rows in ((1, [1]), (-1, [2]), ([2, 0], [2, 0]), (torch.tensor([True, False, True]), [0, 2])):
        assert type(transform[index]) is type(transform)
        assert torch.equal(transform[index].get_matrix(), transform.get_matrix()[rows])
        inverse = transform[index].compose(transform[index].inverse()).get_matrix()
        torch.testing.assert_close(inverse, torch.eye(4).expand(len(rows), 4, 4), atol=1e-3, rtol=0)


@pytest.mark.parametrize("transform", KINDS, ids=lambda kind: type(kind).__name__)
def test_a_written_matrix_takes_the_place_of_the_transform_s_own(transform: Any) -> None:
    matrix = torch.rand(2, 4, 4, dtype=torch.float64, requires_grad=True)
    written = transform.clone()
    before = written.compose(Scale(2.0)).get_matrix()  # computed
    written._matrix = matrix
    want = Transform3d(matrix=matrix)
    for made in (written, written.clone(), copy.copy(written), written[:]):
        assert len(made) == 2
        assert made.dtype == torch.float64
        assert torch.equal(made.get_matrix(), matrix)
        assert torch.equal(made.transform_points(POINTS), want.transform_points(POINTS))
        assert torch.equal(made.inverse().get_matrix(), want.inverse().get_matrix())
    assert not torch.equal(before[0], written.compose(Scale(2.0)).get_matrix()[0].float())
    written.transform_points(POINTS).sum().backward()
    assert matrix.grad is not None
    assert matrix.grad.abs().sum() > 0


@pytest.mark.parametrize("transform", KINDS, ids=lambda kind: type(kind).__name__)
def test_a_matrix_may_be_written_into(transform: Any) -> None:
    transform = transform.clone()
    chain = transform.compose(Scale(2.0))
    for written in (transform, chain):
        written.get_matrix()  # computed
        assert torch.equal(written._matrix, transform.get_matrix())
        written._matrix[:, 3, :3] = 5.0
        written._matrix[:, 0, 3] = 0.25
    own = torch.cat([transform._matrix[:, :3], transform._matrix[:, 3:]], 1)
    assert (own[:, 3, :3] == 5).all()
    torch.testing.assert_close(chain.get_matrix(), own @ torch.diag(torch.tensor([2.0, 2, 2, 1])))
    for written in (transform, chain):
        back = written.inverse().transform_points(written.transform_points(POINTS))
        torch.testing.assert_close(back, POINTS.expand(3, 5, 3), atol=1e-3, rtol=1e-3)


def test_what_is_composed_may_be_read_and_written() -> None:
    chain = Translate(1.0, 2.0, 3.0).scale(2.0).rotate_axis_angle(90.0, "Z")
    assert len(chain._transforms) == 2
    product = chain._matrix[0]
    for part in chain._transforms:
        product = product @ part.get_matrix()[0]
    torch.testing.assert_close(product, chain.get_matrix()[0])
    chain._transforms = [Scale(3.0)]
    assert chain.get_matrix()[0, 3].tolist() == [3.0, 6.0, 9.0, 1.0]
    chain._transforms.append(Translate(1.0, 1.0, 1.0))
    assert chain.get_matrix()[0, 3].tolist() == [4.0, 7.0, 10.0, 1.0]
    chain._transforms[0] = Scale(1.0)
    assert chain.get_matrix()[0, 3].tolist() == [2.0, 3.0, 4.0, 1.0]
    chain._transforms[0].get_matrix()
    with pytest.raises(AttributeError, match=r"write _transforms\[i\], a Transform3d"):
        chain._transforms[0]._matrix = torch.eye(4)


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("_matrix", torch.rand(3, 3), ValueError, r"Rotate: _matrix must have shape \(4, 4\), got \(3, 3\)"),
        ("_matrix", None, ValueError, "Rotate: _matrix must be an array of shape"),
        ("_transforms", [3], ValueError, "Rotate: _transforms must be a list of Transform3d"),
        ("device", "cuda", AttributeError, r"Rotate.device follows from other values: use \.to\("),
        ("dtype", torch.float64, AttributeError, r"Rotate.dtype follows from other values: use \.to\("),
    ],
)
def test_what_cannot_be_written_is_named(name: str, value: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        setattr(Rotate(torch.eye(3)), name, value)


def test_the_device_is_the_object_that_was_given() -> None:
    device = torch.device("cpu")
    assert Transform3d(device=device).device is device
    for transform in KINDS:
        assert transform.device is transform.device
