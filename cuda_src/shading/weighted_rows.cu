// The CUDA kernels of weighted_rows, on the mathematics of weighted_rows.h. What names no row becomes NaN,
// for an error would have to be waited for.
#include "shading/weighted_rows.h"

extern "C" __global__ void __launch_bounds__(256) weighted_rows_fwd(const r3d::WeightedRows<R3D_REAL> a) {
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= a.num_sums * a.channels) return;
  const i64 p = at / a.channels;
  bool good = true;
  for (i64 term = p * a.num_terms; term < (p + 1) * a.num_terms; ++term) good = good && is_row(a, term);
  a.sums[at] = good ? weighted_sum(a, p, at - p * a.channels, a.channels) : not_a_number();
}

// In any order, to rows of zeros: a thread a channel of a term.
extern "C" __global__ void __launch_bounds__(256) weighted_rows_add(const r3d::WeightedRows<R3D_REAL> a) {
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= a.num_sums * a.num_terms * a.channels) return;
  const i64 term = at / a.channels, channel = at - term * a.channels;
  if (is_row(a, term))
    atomicAdd(a.grad_rows + a.ids[term] * a.channels + channel,
              a.weights[term] * a.grad[term / a.num_terms * a.channels + channel]);
}

// In the order of each row's terms, which repeats bitwise: a thread a channel of a row.
extern "C" __global__ void __launch_bounds__(256)
    weighted_rows_add_in_order(const r3d::WeightedRows<R3D_REAL> a) {
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= a.num_rows * a.channels) return;
  const i64 row = at / a.channels, channel = at - row * a.channels;
  R3D_REAL sum = 0;
  for (i64 i = a.first[row]; i < a.first[row + 1]; ++i)
    sum += a.weights[a.terms[i]] * a.grad[a.terms[i] / a.num_terms * a.channels + channel];
  a.grad_rows[at] = sum;
}

extern "C" __global__ void __launch_bounds__(256)
    weighted_rows_weights_bwd(const r3d::WeightedRows<R3D_REAL> a) {
  const i64 term = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (term >= a.num_sums * a.num_terms) return;
  a.grad_weights[term] =
      is_row(a, term) ? weight_grad(a, term / a.num_terms, term, a.channels) : not_a_number();
}
