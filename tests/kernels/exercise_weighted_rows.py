"""A run of the kernels of weighted_rows, forward and backward."""

from __future__ import annotations

import numpy as np
from machines import Machine

from r3d_cli.backend.weighted_rows import (
    weighted_rows_fwd,
    weighted_rows_rows_bwd,
    weighted_rows_weights_bwd,
)


def exercise(on: Machine) -> None:
    """Rows of many terms and of none; both ways of adding; and a term that names no row: NaN."""
    rng = np.random.default_rng(0)
    for channels, terms in ((3, 4), (5, 3)):
        rows, weights = rng.normal(size=(120, channels)), rng.normal(size=(211, terms))
        ids, grad = rng.integers(0, 119, (211, terms)), rng.normal(size=(211, channels))
        ids[:40, 1] = 7
        order = np.argsort(ids.ravel(), kind="stable").astype(np.int32)
        first = np.searchsorted(ids.ravel()[order], np.arange(121)).astype(np.int32)
        want = weighted_rows_rows_bwd(ids, weights, grad, 120)
        for lists in ((), (first, order)):
            got = on(weighted_rows_rows_bwd, ids, weights, grad, 120, *lists)
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
        for run, given in ((weighted_rows_fwd, weights), (weighted_rows_weights_bwd, grad)):
            np.testing.assert_allclose(on(run, rows, ids, given), run(rows, ids, given), rtol=1e-12)
        ids[100, 1], ids[101, 0] = 120, -1
        for run, given in ((weighted_rows_fwd, weights), (weighted_rows_weights_bwd, grad)):
            bad = np.isnan(on(run, rows, ids, given)).any(1)
            np.testing.assert_array_equal(bad.nonzero()[0], [100, 101])
        others = (ids >= 0) & (ids < 120)
        want = weighted_rows_rows_bwd(np.where(others, ids, 0), weights * others, grad, 120)
        got = on(weighted_rows_rows_bwd, ids, weights, grad, 120)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
