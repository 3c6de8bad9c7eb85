// The mathematics of weighted sums of a few rows: out[p] = sum_j weights[p, j] rows[ids[p, j]], of which
// barycentric interpolation has three and bilinear filtering four. Shared by the CPU schedule, the CUDA
// kernels and the emulation.
//
// The sum has two gradients. That of the rows adds up what each of them gave, that of the weights is a dot
// product; both are again sums of this kind, so derivatives of any order are made of these three.
#ifndef R3D_SHADING_WEIGHTED_ROWS_H_
#define R3D_SHADING_WEIGHTED_ROWS_H_

#include "math/kernel.h"

namespace r3d {

struct RowIds {
  const i64* ids;  // (P, J) rows
  i64 num_sums;    // P
  i64 num_terms;   // J
  i64 num_rows;    // T
};

// Whether a term names a row.
R3D_FN bool is_row(const RowIds& terms, i64 term) { return (u64)terms.ids[term] < (u64)terms.num_rows; }

// Channel c of sum p.
template <class Real>
R3D_FN Real weighted_sum(const RowIds& terms, i64 p, i64 channel, i64 channels, const Real* rows,
                         const Real* weights) {
  Real sum = 0;
  for (i64 term = p * terms.num_terms; term < (p + 1) * terms.num_terms; ++term)
    sum += weights[term] * rows[terms.ids[term] * channels + channel];
  return sum;
}

// The gradient of a term's weight.
template <class Real>
R3D_FN Real weight_grad(const RowIds& terms, i64 p, i64 term, i64 channels, const Real* rows,
                        const Real* grad) {
  const Real *const row = rows + terms.ids[term] * channels, *const g = grad + p * channels;
  Real sum = 0;
  for (i64 c = 0; c < channels; ++c) sum += row[c] * g[c];
  return sum;
}

}  // namespace r3d

#endif  // R3D_SHADING_WEIGHTED_ROWS_H_
