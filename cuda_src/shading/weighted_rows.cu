// The CUDA kernels of weighted_rows, on the mathematics of weighted_rows.h. What names no row becomes NaN,
// for an error would have to be waited for.
#include "shading/weighted_rows.h"

extern "C" __global__ void __launch_bounds__(256)
    weighted_rows_fwd(const R3D_REAL* rows,                       // (T, C)
                      const i64* ids,                             // (P, J)
                      const R3D_REAL* weights,                    // (P, J)
                      i64 num_rows, i64 num_sums, i64 num_terms,  // T, P, J
                      i64 channels,                               // C
                      R3D_REAL* out) {                            // (P, C)
  using namespace r3d;
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= num_sums * channels) return;
  const RowIds terms = {ids, num_sums, num_terms, num_rows};
  const i64 p = at / channels;
  bool good = true;
  for (i64 term = p * num_terms; term < (p + 1) * num_terms; ++term) good = good && is_row(terms, term);
  out[at] = good ? weighted_sum(terms, p, at - p * channels, channels, rows, weights) : not_a_number();
}

// In any order: a thread a channel of a term.
extern "C" __global__ void __launch_bounds__(256)
    weighted_rows_add(const i64* ids,                             // (P, J)
                      const R3D_REAL* weights,                    // (P, J)
                      const R3D_REAL* grad,                       // (P, C)
                      i64 num_rows, i64 num_sums, i64 num_terms,  // T, P, J
                      i64 channels,                               // C
                      R3D_REAL* grad_rows) {                      // (T, C) zeros
  using namespace r3d;
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= num_sums * num_terms * channels) return;
  const RowIds terms = {ids, num_sums, num_terms, num_rows};
  const i64 term = at / channels, channel = at - term * channels;
  if (is_row(terms, term))
    atomicAdd(grad_rows + ids[term] * channels + channel,
              weights[term] * grad[term / num_terms * channels + channel]);
}

// In the order of each row's terms, which repeats bitwise: a thread a channel of a row.
extern "C" __global__ void __launch_bounds__(256)
    weighted_rows_add_in_order(const i32* first,             // (T + 1,) where each row's terms begin
                               const i32* terms,             // ascending for each row
                               const R3D_REAL* weights,      // (P, J)
                               const R3D_REAL* grad,         // (P, C)
                               i64 num_rows, i64 num_terms,  // T, J
                               i64 channels,                 // C
                               R3D_REAL* grad_rows) {        // (T, C)
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= num_rows * channels) return;
  const i64 row = at / channels, channel = at - row * channels;
  R3D_REAL sum = 0;
  for (i64 i = first[row]; i < first[row + 1]; ++i)
    sum += weights[terms[i]] * grad[terms[i] / num_terms * channels + channel];
  grad_rows[at] = sum;
}

extern "C" __global__ void __launch_bounds__(256)
    weighted_rows_weights_bwd(const R3D_REAL* rows,                       // (T, C)
                              const i64* ids,                             // (P, J)
                              const R3D_REAL* grad,                       // (P, C)
                              i64 num_rows, i64 num_sums, i64 num_terms,  // T, P, J
                              i64 channels,                               // C
                              R3D_REAL* grad_weights) {                   // (P, J)
  using namespace r3d;
  const i64 term = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (term >= num_sums * num_terms) return;
  const RowIds terms = {ids, num_sums, num_terms, num_rows};
  grad_weights[term] =
      is_row(terms, term) ? weight_grad(terms, term / num_terms, term, channels, rows, grad) : not_a_number();
}
