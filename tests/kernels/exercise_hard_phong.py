"""A run of the hard Phong kernels, forward and backward."""

from __future__ import annotations

import numpy as np
from fragment_scenes import fragment_scene
from machines import Machine

from r3d_cli.backend.hard_phong import hard_phong_bwd, hard_phong_fwd


def exercise(on: Machine) -> None:
    """Several blocks a picture; both ways of adding up."""
    for texture, size in (("vertices", (70, 50)), ("maps", (13, 18)), ("atlas", (13, 18))):
        scene = fragment_scene(texture, real="float32", size=size)
        want = hard_phong_fwd(*scene)
        np.testing.assert_allclose(on(hard_phong_fwd, *scene), want, rtol=0, atol=1e-5)
        grad = np.cos(np.arange(want.size)).reshape(want.shape).astype(np.float32)
        want_grads = hard_phong_bwd(*scene, grad)
        for in_order in (False, True):
            grads = on(hard_phong_bwd, *scene, grad, in_order=in_order)
            for name, got in grads._asdict().items():
                wanted = getattr(want_grads, name)
                scale = max(np.abs(wanted).max(initial=0), 1e-12)
                np.testing.assert_allclose(got / scale, wanted / scale, rtol=0, atol=1e-4, err_msg=name)
