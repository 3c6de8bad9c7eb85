"""Batches of named parameters; and images sampled at NDC points."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from r3d_cli.renderer import (
    FoVPerspectiveCameras,
    TensorProperties,
    convert_to_tensors_and_broadcast,
    ndc_grid_sample,
    ndc_to_grid_sample_coords,
)


def lamps() -> TensorProperties:
    return TensorProperties(
        power=(1.0, 2.0, 3.0), color=((0.5, 0.6, 0.7),), shape="round", on=True, mask=None
    )


def test_values_of_a_batch() -> None:
    batch = lamps()
    assert len(batch) == 3
    assert batch.color.shape == (3, 3)
    assert (batch.shape, batch.on, batch.mask) == ("round", True, None)
    assert not batch.isempty()
    assert TensorProperties().isempty()
    assert TensorProperties(x=torch.zeros(0, 2), y=1.0).y.shape == (0,)


def test_dtypes() -> None:
    assert TensorProperties(x=1, y=np.float64(2)).x.dtype == torch.float32
    mixed = TensorProperties(
        x=torch.zeros(1, dtype=torch.float64), y=1.0, z=torch.zeros(1), i=torch.tensor([3])
    )
    assert (mixed.dtype, mixed.y.dtype, mixed.z.dtype, mixed.i.dtype) == (*[torch.float64] * 3, torch.int64)
    assert TensorProperties(x=torch.zeros(1).half()).x.dtype == torch.float32


def test_a_list_of_tensors_keeps_its_gradients() -> None:
    parts = [torch.tensor(1.0, requires_grad=True), torch.tensor(2.0)]
    TensorProperties(x=parts).x.sum().backward()
    assert parts[0].grad == 1.0


def test_elements_are_read_and_set() -> None:
    batch = lamps()
    assert batch[1].power == 2.0
    assert batch[1:].power.tolist() == [2.0, 3.0]
    assert batch[0].shape == "round"
    batch[1].power = 5.0
    batch[-1].color = (1.0, 1.0, 1.0)
    assert batch.power.tolist() == [1.0, 5.0, 3.0]
    assert batch.color.tolist()[2] == [1.0, 1.0, 1.0]
    assert batch.color[0, 0] == 0.5  # the expanded row was shared
    with pytest.raises(IndexError, match=r"TensorProperties\[3\]: there are 3"):
        batch[3]
    with pytest.raises(ValueError, match=r"TensorProperties\[…\]: an int or a slice, got list"):
        batch[[0]]
    with pytest.raises(AttributeError, match=r"TensorProperties\.shape is no tensor"):
        batch[0].shape = "square"


def test_gather_props_clone_and_to() -> None:
    batch = lamps()
    copy = batch.clone(TensorProperties())
    gathered = batch.gather_props(torch.tensor([2, 0, 2, 1]))
    assert gathered is batch
    assert batch.power.tolist() == [3.0, 1.0, 3.0, 2.0]
    assert len(batch) == 4
    assert copy.power.tolist() == [1.0, 2.0, 3.0]
    assert copy.shape == "round"
    assert copy.to("meta").power.device.type == "meta"
    assert copy.device.type == "meta"


def test_a_parameter_can_be_assigned_and_learned() -> None:
    cameras = FoVPerspectiveCameras()
    cameras.T = torch.nn.Parameter(torch.tensor([[0.0, 0.0, 3.0]]))
    assert [name for name, _ in cameras.named_parameters()] == ["T"]
    cameras.transform_points(torch.ones(1, 3)).sum().backward()
    assert cameras.T.grad is not None
    assert len(cameras[0].T) == 1


def test_broadcasting() -> None:
    a, b, c = convert_to_tensors_and_broadcast(1, np.zeros((1, 2)), torch.zeros(4, 3))
    assert [x.shape for x in (a, b, c)] == [(4,), (4, 2), (4, 3)]
    with pytest.raises(
        ValueError, match=r"argument 0 has shape \(2,\) and argument 1 \(3,\); the first sizes must"
    ):
        convert_to_tensors_and_broadcast([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"TensorProperties: x has shape \(2,\) and y \(3, 2\)"):
        TensorProperties(x=[1, 2], y=torch.zeros(3, 2))


@pytest.mark.parametrize("size", [(4, 6), (6, 4), (5, 5)])
def test_sampling_at_pixel_centres_gives_the_pixels(size: tuple[int, int]) -> None:
    height, width = size
    image = torch.arange(2.0 * height * width).reshape(1, 2, height, width)
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    half = min(size) / 2
    grid = torch.stack(((width / 2 - x) / half, (height / 2 - y) / half), dim=-1)[None]
    torch.testing.assert_close(ndc_grid_sample(image, grid), image)
    corner = ndc_to_grid_sample_coords(torch.tensor([width / min(size), height / min(size)]), size)
    torch.testing.assert_close(corner, torch.tensor([-1.0, -1.0]))


def test_sampling_errors() -> None:
    image = torch.zeros(2, 3, 4, 4)
    with pytest.raises(
        ValueError, match=r"ndc_grid_sample: input must have shape \(N, C, H, W\), got \(3, 4, 4\)"
    ):
        ndc_grid_sample(image[0], torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"grid_ndc must have shape \(..., 2\), got \(2, 3\)"):
        ndc_grid_sample(image, torch.zeros(2, 3))
    with pytest.raises(ValueError, match="their batches must be of one size"):
        ndc_grid_sample(image, torch.zeros(1, 5, 2))
    with pytest.raises(ValueError, match=r"image_size_hw must be \(height, width\), got \(4,\)"):
        ndc_to_grid_sample_coords(torch.zeros(1, 2), (4,))  # type: ignore[arg-type]
