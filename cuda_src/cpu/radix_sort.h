// Sorts keys by their upper 32 bits.
#ifndef R3D_CPU_RADIX_SORT_H_
#define R3D_CPU_RADIX_SORT_H_

#include "math/kernel.h"

namespace r3d {
namespace R3D_ISA {

// Least significant byte first, between two buffers (size,). Bytes in which all keys agree cost a count only.
static void radix_sort_upper(u64* keys, u64* spare, i64 size) {
  u64 *from = keys, *to = spare;
  for (int shift = 32; shift < 64; shift += 8) {
    i64 cursor[256] = {0};
    for (i64 i = 0; i < size; ++i) ++cursor[from[i] >> shift & 255];
    if (cursor[from[0] >> shift & 255] == size) continue;
    i64 before = 0;
    for (i64& at : cursor) {
      const i64 count = at;
      at = before;
      before += count;
    }
    for (i64 i = 0; i < size; ++i) to[cursor[from[i] >> shift & 255]++] = from[i];
    u64* const swap = from;
    from = to;
    to = swap;
  }
  if (from != keys) __builtin_memcpy(keys, from, (size_t)size * sizeof(u64));
}

}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_RADIX_SORT_H_
