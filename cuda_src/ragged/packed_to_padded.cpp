// The CPU schedule of packed_to_padded: rows that lie side by side in both views are one copy. Compiled once
// for each instruction set: no standard library.
#include "ragged/packed_to_padded.h"

#include "cpu/schedule.h"
#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kGrain = 1 << 18;  // bytes that a thread takes at a time

R3D_FN i64 least(i64 a, i64 b) { return a < b ? a : b; }

i64 first_misfit(const RaggedRows& rows) {
  for (i64 element = 0; element < rows.num_elements; ++element) {
    const i64 begin = rows.first_idxs[element], end = end_of(rows, element);
    if (begin < 0 || end < begin || end > rows.num_rows || end - begin > rows.max_size) return element;
  }
  return kGood;
}

template <class Real>
i64 grain_of(i64 width) {
  const i64 rows = kGrain / (i64)sizeof(Real) / (width > 0 ? width : 1);
  return rows > 0 ? rows : 1;
}

template <class Real>
i64 pad(const PackedToPadded<Real>& a) {
  const Real padding = word_of(a.pad_bits, Real());
  const RaggedRows& rows = a.rows;
  const i64 misfit = first_misfit(rows);
  if (misfit >= 0) return misfit;
  parallel(rows.num_elements * rows.max_size, grain_of<Real>(a.width), [&](i64 begin, i64 end, int) {
    for (i64 at = begin; at < end;) {
      const i64 element = at / rows.max_size, stop = least((element + 1) * rows.max_size, end);
      const i64 row = rows.first_idxs[element] + at - element * rows.max_size;
      const i64 left = end_of(rows, element) - row, copied = left > 0 ? least(left, stop - at) : 0;
      if (copied)
        __builtin_memcpy(a.padded + at * a.width, a.packed + row * a.width, copied * a.width * sizeof(Real));
      for (i64 i = (at + copied) * a.width; i < stop * a.width; ++i) a.padded[i] = padding;
      at = stop;
    }
  });
  return kGood;
}

template <class Real>
i64 pack(const PackedToPadded<Real>& a) {
  const RaggedRows& rows = a.rows;
  const i64 misfit = first_misfit(rows);
  if (misfit >= 0) return misfit;
  parallel(rows.num_rows, grain_of<Real>(a.width), [&](i64 begin, i64 end, int) {
    i64 element = element_of(rows, begin);
    for (i64 row = begin; row < end; ++element) {
      const i64 stop =
          least(element < 0 && rows.num_elements ? rows.first_idxs[0] : end_of(rows, element), end);
      const size_t bytes = (stop - row) * a.width * sizeof(Real);
      if (element < 0) {
        __builtin_memset(a.packed + row * a.width, 0, bytes);
      } else if (bytes) {
        const i64 at = element * rows.max_size + row - rows.first_idxs[element];
        __builtin_memcpy(a.packed + row * a.width, a.padded + at * a.width, bytes);
      }
      row = stop;
    }
  });
  return kGood;
}

}  // namespace

R3D_SCHEDULE(packed_to_padded_fwd, PackedToPadded, pad)
R3D_SCHEDULE(packed_to_padded_bwd, PackedToPadded, pack)

}  // namespace R3D_ISA
}  // namespace r3d
