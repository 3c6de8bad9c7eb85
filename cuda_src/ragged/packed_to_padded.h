// Where a row of a ragged batch stands in the packed and in the padded view. Shared by the CPU schedule, the
// CUDA kernels and the emulation. Forward is packed to padded; backward, which is also the forward of
// padded_to_packed, goes the other way.
//
// Rows are copied, never computed with, so integers travel as the reals of their size.
#ifndef R3D_RAGGED_PACKED_TO_PADDED_H_
#define R3D_RAGGED_PACKED_TO_PADDED_H_

#include "math/kernel.h"

namespace r3d {

struct RaggedRows {
  const i64* first_idxs;  // (N,) the packed row with which each element begins, ascending
  i64 num_elements;       // N
  i64 num_rows;           // R, of the packed view; the last element ends there
  i64 max_size;           // M, rows of an element in the padded view
};

template <class Real>
struct PackedToPadded {
  RaggedRows rows;
  i64 width;     // words a row
  i64 pad_bits;  // the word past an element's end, forward
  Real* packed;  // (num_rows, width)
  Real* padded;  // (N, max_size, width)
};

R3D_FN i64 end_of(const RaggedRows& rows, i64 element) {
  return element + 1 < rows.num_elements ? rows.first_idxs[element + 1] : rows.num_rows;
}

// The packed row in a slot of the padded view; -1: padding.
R3D_FN i64 packed_row(const RaggedRows& rows, i64 element, i64 slot) {
  const i64 row = rows.first_idxs[element] + slot;
  return row >= 0 && row < end_of(rows, element) && row < rows.num_rows ? row : -1;
}

// The element that owns a packed row: the last that begins at it or before; -1: none.
R3D_FN i64 element_of(const RaggedRows& rows, i64 row) {
  i64 below = 0, above = rows.num_elements;
  while (below < above) {
    const i64 middle = below + (above - below) / 2;
    if (rows.first_idxs[middle] <= row)
      below = middle + 1;
    else
      above = middle;
  }
  return below - 1;
}

// a / b of numbers that are not negative. A GPU divides 32 bits several times as fast as 64.
R3D_FN i64 divide(i64 a, i64 b) { return ((u64)a | (u64)b) >> 32 ? a / b : (i64)((u32)a / (u32)b); }

// A word from its bits, in the low half of `bits` where it is a float.
R3D_FN float word_of(i64 bits, float) { return __builtin_bit_cast(float, (u32)bits); }
R3D_FN double word_of(i64 bits, double) { return __builtin_bit_cast(double, bits); }

}  // namespace r3d

#endif  // R3D_RAGGED_PACKED_TO_PADDED_H_
