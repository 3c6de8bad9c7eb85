"""A run of the kernels of world_to_screen, forward and backward."""

from __future__ import annotations

import numpy as np
from machines import Machine
from shapes import assert_all_close

from r3d_cli.backend.world_to_screen import (
    LENSES,
    world_to_screen_cameras_bwd,
    world_to_screen_fwd,
    world_to_screen_verts_bwd,
)


def exercise(on: Machine) -> None:
    """Every kind of lens; vertices shared by cameras, and split among them with a camera that sees none; a
    vertex that is not finite; and `first` that leads nowhere, which reads nothing out of bounds."""
    rng = np.random.default_rng(0)
    verts = rng.normal(size=(150, 3))
    split = np.array([0, 70, 70, 150])
    for kind, sizes in enumerate(LENSES.values()):
        for columns in sizes:
            cameras = rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3)), rng.uniform(0.5, 1.5, (3, columns))
            for first in (None, split):
                given = verts, first, *cameras, kind
                got, want = on(world_to_screen_fwd, *given), world_to_screen_fwd(*given)
                assert_all_close(got, want)
                grad = rng.normal(size=got[0].shape)
                without_lens = verts, first, *cameras[:2], want[1], grad
                got_verts = on(world_to_screen_verts_bwd, *without_lens)
                np.testing.assert_allclose(got_verts, world_to_screen_verts_bwd(*without_lens), rtol=1e-9)
                with_lens = *given, want[1], grad
                got_cameras = on(world_to_screen_cameras_bwd, *with_lens)
                for x, y in zip(got_cameras, world_to_screen_cameras_bwd(*with_lens), strict=True):
                    np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9)
    verts[60], verts[90, 1] = np.nan, np.inf
    lens, kind = np.ones((3, 4)), list(LENSES).index("orthographic")
    assert on(world_to_screen_fwd, verts, None, *cameras[:2], lens, kind)[2].item() == 6
    for wrong in (np.array([0, 500, 600, 150]), np.array([7, -5, 3, 2])):
        screen, matrices, _ = on(world_to_screen_fwd, verts, wrong, *cameras[:2], lens, kind)
        on(world_to_screen_verts_bwd, verts, wrong, *cameras[:2], matrices, screen)
        on(world_to_screen_cameras_bwd, verts, wrong, *cameras[:2], lens, kind, matrices, screen)
