"""What must not change pictures or gradients: threads, repetition, batches, the faces' order, autocast."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from rendered_scenes import SHADERS, Leaves, draw, gradients, leaves_of, required, weights_of

from r3d_cli import _native

LEVELS = (1, 2)  # of spheres: two meshes of different sizes


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    _native.set_num_threads(0)


def backward(shader: str, values: Leaves, faces: list[torch.Tensor], **options: object) -> Leaves:
    leaves = required(values)
    picture = draw(shader, leaves, faces, **options)
    found = gradients((picture * weights_of(picture)).sum(), leaves)
    return {"picture": picture.detach(), **found}


@pytest.mark.parametrize("shader", SHADERS)
@pytest.mark.usefixtures("threads")
def test_twenty_backward_passes_are_bitwise_equal_whatever_the_threads(shader: str) -> None:
    values, faces = leaves_of(LEVELS, torch.float32)
    runs = []
    for count in (1, 2, 7, 2) * 5:
        _native.set_num_threads(count)
        torch.set_num_threads(count)
        found = backward(shader, values, faces, side=48)
        runs.append({name: value.numpy().tobytes() for name, value in found.items()})
    for name in runs[0]:
        assert len({run[name] for run in runs}) == 1, name


@pytest.mark.parametrize("shader", SHADERS)
def test_a_batch_is_its_meshes_one_by_one(shader: str) -> None:
    values, faces = leaves_of(LEVELS)
    together = backward(shader, values, faces)
    apart = [backward(shader, values, faces, mesh_ids=[n]) for n in range(len(faces))]
    torch.testing.assert_close(
        together["picture"], torch.cat([part["picture"] for part in apart]), rtol=0, atol=1e-13
    )
    assert together["picture"].std() > 0.1
    for name in values:
        sum_of_parts = sum(part[name] for part in apart)
        scale = float(together[name].abs().max())
        torch.testing.assert_close(together[name], sum_of_parts, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize("shader", SHADERS)
def test_the_order_of_faces_changes_nothing(shader: str) -> None:
    values, faces = leaves_of(LEVELS)
    generator = torch.Generator().manual_seed(5)
    shuffled = [each[torch.randperm(len(each), generator=generator)] for each in faces]
    one, other = backward(shader, values, faces), backward(shader, values, shuffled)
    for name in one:
        scale = float(one[name].abs().max())
        torch.testing.assert_close(one[name], other[name], rtol=1e-8, atol=1e-10 * scale)


@pytest.mark.parametrize("shader", SHADERS)
def test_autocast_changes_nothing(shader: str) -> None:
    values, faces = leaves_of(LEVELS, torch.float32)
    want = backward(shader, values, faces)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.bfloat16  # it is on
        got = backward(shader, values, faces)
    for name in want:
        assert got[name].dtype == torch.float32
        assert torch.equal(got[name], want[name]), name
