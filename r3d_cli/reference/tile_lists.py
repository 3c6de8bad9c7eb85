"""The slow and obvious tile_lists: every tile asks every box."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor


def tile_lists(
    boxes: Tensor,  # (E, 4) first and last column and row, pixels
    first: Tensor,  # (N + 1,)
    image_size: tuple[int, int],
    tile: int,
    depths: Tensor | None = None,  # (E,)
) -> list[list[int]]:  # the elements over each tile, by (depth, id) or by id
    height, width = image_size
    x0, y0, x1, y1 = boxes.long().unbind(1)
    lists = []
    for begin, end in pairwise(first.tolist()):
        of_image = torch.zeros(len(boxes), dtype=torch.bool)
        of_image[begin:end] = True
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                over = of_image & (x0 <= x1) & (y0 <= y1)
                over &= (x0 < left + tile) & (x1 >= left) & (y0 < top + tile) & (y1 >= top)
                ids = over.nonzero()[:, 0]
                if depths is not None:
                    ids = ids[depths[ids].argsort(stable=True)]
                lists.append(ids.tolist())
    return lists
