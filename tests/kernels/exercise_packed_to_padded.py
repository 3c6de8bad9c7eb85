"""A run of both kernels."""

from __future__ import annotations

import numpy as np
from machines import Machine

from r3d_cli.backend.packed_to_padded import packed_to_padded_bwd, packed_to_padded_fwd


def exercise(on: Machine) -> None:
    """Rows before the first element, an empty element, several blocks; words of both sizes."""
    first, max_size = np.array([2, 70, 70]), 70
    for name in ("float32", "int64"):
        packed = np.random.default_rng(0).integers(1, 9, (100, 3)).astype(name)
        want = packed_to_padded_fwd(packed, first, max_size, -1)
        got = on(packed_to_padded_fwd, packed, first, max_size, -1)
        np.testing.assert_array_equal(got, want)
        want = packed_to_padded_bwd(want, first, len(packed))
        np.testing.assert_array_equal(on(packed_to_padded_bwd, got, first, len(packed)), want)
