"""IO for point clouds."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from r3d_cli.io import IO, PointcloudFormatInterpreter
from r3d_cli.structures import Pointclouds


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    warnings.simplefilter("error")


@pytest.mark.parametrize(
    ("suffix", "binary"), [(".ply", None), (".ply", False), (".xyz", None), (".obj", None), (".off", None)]
)
def test_what_is_saved_reads_back_the_same(tmp_path: Path, suffix: str, binary: bool | None) -> None:
    points, colors = torch.randn(9, 3), torch.randint(0, 256, (9, 3)) / 255
    path = tmp_path / f"a{suffix}"
    IO().save_pointcloud(Pointclouds([points], features=[colors]), path, binary=binary)
    cloud = IO().load_pointcloud(path)
    assert torch.equal(cloud.points_packed(), points)
    torch.testing.assert_close(cloud.features_packed(), colors)
    assert cloud.normals_packed() is None
    if suffix in (".ply", ".xyz"):
        np.testing.assert_allclose(trimesh.load(path).vertices, points, rtol=1e-6)


def test_normals(tmp_path: Path) -> None:
    points = torch.randn(9, 3)
    normals = torch.nn.functional.normalize(torch.randn(9, 3), dim=1)
    IO().save_pointcloud(Pointclouds([points], normals=[normals]), tmp_path / "a.ply")
    cloud = IO().load_pointcloud(tmp_path / "a.ply")
    assert torch.equal(cloud.normals_packed(), normals)
    assert cloud.features_packed() is None


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".off"])
def test_no_points(tmp_path: Path, suffix: str) -> None:
    IO().save_pointcloud(Pointclouds([torch.zeros(0, 3)]), tmp_path / f"a{suffix}")
    assert IO().load_pointcloud(tmp_path / f"a{suffix}").points_packed().shape == (0, 3)


def test_what_a_format_cannot_hold_is_told(tmp_path: Path) -> None:
    points = torch.randn(4, 3)
    with pytest.warns(UserWarning, match=r"a.xyz: files of this format hold no normals; left out"):
        IO().save_pointcloud(Pointclouds([points], normals=[points]), tmp_path / "a.xyz")
    with pytest.warns(UserWarning, match=r"features of shape \(5,\) are no colours of 3 or 4 channels"):
        IO().save_pointcloud(Pointclouds([points], features=[torch.rand(4, 5)]), tmp_path / "a.ply")


def test_vertices_of_meshes_are_points() -> None:
    class Fixed(PointcloudFormatInterpreter):
        def read(self, path, device, path_manager, **kwargs):  # type: ignore[no-untyped-def]
            return Pointclouds([torch.ones(2, 3)]) if path == "two" else None

    io = IO()
    io.register_pointcloud_format(Fixed())
    assert len(io.load_pointcloud("two").points_packed()) == 2


def test_errors(tmp_path: Path) -> None:
    cloud = Pointclouds([torch.rand(3, 3)])
    known = r"known are \.obj, \.off, \.ply, \.xyz"
    with pytest.raises(ValueError, match=rf"load_pointcloud: no registered format takes 'a\.las'; {known}"):
        IO().load_pointcloud("a.las")
    with pytest.raises(ValueError, match="data must be one cloud, got 2"):
        IO().save_pointcloud(cloud.extend(2), tmp_path / "a.ply")
    with pytest.raises(ValueError, match="data must be Pointclouds, got Tensor"):
        IO().save_pointcloud(torch.rand(3, 3), tmp_path / "a.ply")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="load_pointcloud: this format has no option 'color'"):
        IO().load_pointcloud("a.ply", color=True)


def test_real_files(shared_data: Path) -> None:
    path = shared_data / "points_agisoft.xyz"
    with pytest.warns(UserWarning, match="float32 loses detail"):
        cloud = IO().load_pointcloud(path)
    expected = trimesh.load(path)
    np.testing.assert_allclose(cloud.features_packed(), expected.colors[:, :3] / 255, atol=1e-6)
    exact = IO().load_pointcloud(path, dtype=torch.float64)
    np.testing.assert_array_equal(exact.points_packed(), expected.vertices)
