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

template <class Real>
struct WeightedRows {
  const i64* ids;       // (P, J) rows
  const Real* rows;     // (T, C), or null: not for their gradient
  const Real* weights;  // (P, J), or null: not for their gradient
  const Real* grad;     // (P, C) of the sums, or null: not for the sums
  const i32* first;     // (T + 1,) where each row's terms begin in `terms`, or null: add in any order
  const i32* terms;     // (>= P J,) J p + j, ascending for each row, or null
  Real* sums;           // (P, C), or null
  Real* grad_rows;      // (T, C), or null
  Real* grad_weights;   // (P, J), or null
  i64 num_rows;         // T
  i64 num_sums;         // P
  i64 num_terms;        // J
  i64 channels;         // C
};

// Whether a term names a row.
template <class Real>
R3D_FN bool is_row(const WeightedRows<Real>& a, i64 term) {
  return (u64)a.ids[term] < (u64)a.num_rows;
}

// Channel c of sum p.
template <class Real>
R3D_FN Real weighted_sum(const WeightedRows<Real>& a, i64 p, i64 channel, i64 channels) {
  Real sum = 0;
  for (i64 term = p * a.num_terms; term < (p + 1) * a.num_terms; ++term)
    sum += a.weights[term] * a.rows[a.ids[term] * channels + channel];
  return sum;
}

// The gradient of the weight of a term of sum p.
template <class Real>
R3D_FN Real weight_grad(const WeightedRows<Real>& a, i64 p, i64 term, i64 channels) {
  const Real *const row = a.rows + a.ids[term] * channels, *const g = a.grad + p * channels;
  Real sum = 0;
  for (i64 c = 0; c < channels; ++c) sum += row[c] * g[c];
  return sum;
}

}  // namespace r3d

#endif  // R3D_SHADING_WEIGHTED_ROWS_H_
