"""torch.compile takes transforms whole, without breaks, and for every batch size."""

from __future__ import annotations

import pytest
import torch

from r3d_cli import transforms
from r3d_cli.transforms import Rotate, RotateAxisAngle, Transform3d

RIGID = RotateAxisAngle(torch.tensor([10.0, 20.0])).translate(1, 2, 3)
PROJECTION = Transform3d(matrix=torch.eye(4) + 0.1 * torch.arange(16.0).reshape(4, 4) / 16)


def rotate_by(x: torch.Tensor) -> torch.Tensor:
    rotation = Rotate(transforms.axis_angle_to_matrix(x))
    return rotation.translate(x).inverse().transform_points(x)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x: RIGID.compose(PROJECTION).transform_points(x, eps=1e-4), [(2, 5, 3), (2, 7, 3)]),
        (lambda x: RIGID.transform_normals(x), [(2, 5, 3), (2, 7, 3)]),
        (rotate_by, [(5, 3), (7, 3)]),
        (lambda x: transforms.matrix_to_euler_angles(transforms.so3_exp_map(x), "ZYZ"), [(5, 3), (7, 3)]),
        (lambda x: transforms.so3_rotation_angle(transforms.rotation_6d_to_matrix(x)), [(5, 6), (7, 6)]),
    ],
)
def test_one_graph_for_all_sizes(function, shapes: list[tuple[int, ...]]) -> None:
    torch.compiler.reset()
    compiled = torch.compile(function, fullgraph=True, dynamic=True, backend="eager")
    for count, shape in enumerate(shapes):
        x = torch.rand(shape)
        with torch._dynamo.config.patch(error_on_recompile=count > 0):
            answer = compiled(x)
        torch.testing.assert_close(answer, function(x))
