// The CUDA kernels of packed_to_padded, on the index arithmetic of packed_to_padded.h: a thread a word of the
// result, so that a warp writes and, within an element, reads consecutive words.
#include "ragged/packed_to_padded.h"

extern "C" __global__ void __launch_bounds__(256)
    packed_to_padded_fwd(const r3d::PackedToPadded<R3D_REAL> a) {
  using namespace r3d;
  const i64 word = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (word >= a.rows.num_elements * a.rows.max_size * a.width) return;
  const i64 at = divide(word, a.width), element = divide(at, a.rows.max_size);
  const i64 row = packed_row(a.rows, element, at - element * a.rows.max_size);
  a.padded[word] = row < 0 ? word_of(a.pad_bits, R3D_REAL()) : a.packed[row * a.width + word - at * a.width];
}

extern "C" __global__ void __launch_bounds__(256)
    packed_to_padded_bwd(const r3d::PackedToPadded<R3D_REAL> a) {
  using namespace r3d;
  const i64 word = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (word >= a.rows.num_rows * a.width) return;
  const i64 row = divide(word, a.width), element = element_of(a.rows, row);
  const i64 slot = element < 0 ? a.rows.max_size : row - a.rows.first_idxs[element];
  a.packed[word] = slot < a.rows.max_size
                       ? a.padded[(element * a.rows.max_size + slot) * a.width + word - row * a.width]
                       : 0;
}
