"""What `CoveredSlots` finds, and that it waits for a GPU once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from r3d_cli.ops import covered_slots
from r3d_cli.ops.covered_slots import CoveredSlots


class Waits(TorchFunctionMode):
    """Counts what makes the host wait for a GPU: reading a tensor, or a result whose size depends on one."""

    READS = frozenset(("tolist", "item", "cpu", "numpy", "__int__", "__bool__", "__float__", "__index__"))
    SIZES = frozenset(("nonzero", "masked_select", "unique"))

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        masked = name == "__getitem__" and isinstance(args[1], Tensor) and args[1].dtype == torch.bool
        if name in self.READS | self.SIZES or masked:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


@pytest.fixture(params=[False, True], ids=["as on the CPU", "as on a GPU"])
def far(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    monkeypatch.setattr(covered_slots, "_must_be_waited_for", lambda _: request.param)
    return request.param


def picture(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randint(-5, 9, shape, generator=generator).clamp(min=-1).to(dtype)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (1, 6, 6, 1), (2, 0, 3, 1), (0, 2, 2, 1)])
def test_finds_the_covered_slots(shape: tuple[int, ...], dtype: torch.dtype, far: bool) -> None:
    ids = picture(*shape, dtype=dtype)
    slots = CoveredSlots("test", ids, torch.zeros(*shape, 3), 9)
    assert torch.equal(slots.ids, (ids.flatten() >= 0).nonzero()[:, 0])
    assert torch.equal(slots.faces, ids.flatten()[slots.ids].long())
    values = torch.arange(2.0 * len(slots)).view(-1, 2)
    assert torch.equal(slots.from_images(slots.by_image(values)), values)


def test_empty_pictures_and_ids_past_the_last(far: bool) -> None:
    nothing = -torch.ones(2, 3, 3, 1).long()
    bary = torch.zeros(2, 3, 3, 1, 3)
    assert len(CoveredSlots("test", nothing, bary, 0)) == 0
    nothing[1, 2, 2, 0] = 4
    assert len(CoveredSlots("test", nothing, bary, 5)) == 1
    with pytest.raises(IndexError, match=r"pix_to_face holds 4, outside \[0, 4\)"):
        CoveredSlots("test", nothing, bary, 4)


def test_a_gpu_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covered_slots, "_must_be_waited_for", lambda _: True)
    ids = picture(3, 8, 8, 2)
    with Waits() as waits:
        slots = CoveredSlots("test", ids, torch.zeros(3, 8, 8, 2, 3), 9)
        slots.from_images(slots.by_image(slots.bary))
        slots.spread(slots.bary)
    assert waits.seen == ["tolist"]
    with Waits() as waits:  # that it counts: the way of the CPU would wait four times
        monkeypatch.setattr(covered_slots, "_must_be_waited_for", lambda _: False)
        CoveredSlots("test", ids, torch.zeros(3, 8, 8, 2, 3), 9).by_image(torch.zeros(len(slots), 1))
    assert len(waits.seen) == 4
