"""A run of both sorting kernels."""

from __future__ import annotations

import numpy as np
from machines import Machine

from r3d_cli.backend.sort_runs import sort_runs


def exercise(on: Machine) -> None:
    """Runs for a thread and for a block, longer than the block; more long ones than one."""
    lengths = [20, 600, 0, 7, 50, 40]
    values = np.random.default_rng(0).integers(0, 500, sum(lengths)).astype(np.int32)
    want = np.concatenate([np.sort(run) for run in np.split(values, np.cumsum(lengths)[:-1])])
    ends = np.cumsum(lengths)
    np.testing.assert_array_equal(on.changed(sort_runs, ends, values)[1], want)
    np.testing.assert_array_equal(on(sort_runs, ends, values), [0, *ends])
