"""The slow and obvious packed_to_padded: one element after the other."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor


def packed_to_padded(
    inputs: Tensor,  # (R, ...)
    first_idxs: Tensor,  # (N,)
    max_size: int,
    pad_value: float = 0.0,
) -> Tensor:  # (N, max_size, ...)
    padded = inputs.new_full((len(first_idxs), max_size, *inputs.shape[1:]), pad_value)
    for element, (begin, end) in enumerate(pairwise([*first_idxs.tolist(), len(inputs)])):
        padded[element, : end - begin] = inputs[begin:end]
    return padded


def padded_to_packed(
    inputs: Tensor,  # (N, max_size, ...)
    first_idxs: Tensor,  # (N,)
    num_inputs: int,
) -> Tensor:  # (num_inputs, ...)
    packed = inputs.new_zeros((num_inputs, *inputs.shape[2:]))
    for element, (begin, end) in enumerate(pairwise([*first_idxs.tolist(), num_inputs])):
        packed[begin:end] = inputs[element, : end - begin]
    return packed
