"""A run of both scan kernels."""

from __future__ import annotations

import numpy as np
from machines import Machine

from r3d_cli.backend.scan import exclusive_scan


def exercise(on: Machine) -> None:
    """Three levels of chunks are not needed to reach both kernels: two are."""
    values = np.random.default_rng(0).integers(0, 100, 2500)
    want = np.concatenate([[0], np.cumsum(values)[:-1]])
    np.testing.assert_array_equal(on.changed(exclusive_scan, values)[0], want)
