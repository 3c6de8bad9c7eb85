// The CUDA kernels of packed_to_padded, on the index arithmetic of packed_to_padded.h: a thread a word of the
// result, so that a warp writes and, within an element, reads consecutive words.
#include "ragged/packed_to_padded.h"

extern "C" __global__ void __launch_bounds__(256)
    packed_to_padded_fwd(const R3D_REAL* packed,                        // (num_rows, width)
                         const i64* first_idxs,                         // (N,)
                         i64 num_elements, i64 num_rows, i64 max_size,  // N
                         i64 width,                                     // words a row
                         i64 pad_bits,                                  // the word past an element's end
                         R3D_REAL* padded) {                            // (N, max_size, width)
  using namespace r3d;
  const RaggedRows rows = {first_idxs, num_elements, num_rows, max_size};
  const i64 word = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (word >= num_elements * max_size * width) return;
  const i64 at = divide(word, width), element = divide(at, max_size);
  const i64 row = packed_row(rows, element, at - element * max_size);
  padded[word] = row < 0 ? word_of(pad_bits, R3D_REAL()) : packed[row * width + word - at * width];
}

extern "C" __global__ void __launch_bounds__(256)
    packed_to_padded_bwd(const R3D_REAL* padded,                        // (N, max_size, width)
                         const i64* first_idxs,                         // (N,)
                         i64 num_elements, i64 num_rows, i64 max_size,  // N
                         i64 width,                                     // words a row
                         R3D_REAL* packed) {                            // (num_rows, width)
  using namespace r3d;
  const RaggedRows rows = {first_idxs, num_elements, num_rows, max_size};
  const i64 word = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (word >= num_rows * width) return;
  const i64 row = divide(word, width), element = element_of(rows, row);
  const i64 slot = element < 0 ? max_size : row - first_idxs[element];
  packed[word] = slot < max_size ? padded[(element * max_size + slot) * width + word - row * width] : 0;
}
