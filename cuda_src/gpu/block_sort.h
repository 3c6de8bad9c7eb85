// Sorting by a block of threads.
#ifndef R3D_GPU_BLOCK_SORT_H_
#define R3D_GPU_BLOCK_SORT_H_

#include "math/kernel.h"

namespace {

// Batcher's bitonic sort (1968) with all comparisons ascending, so that values past the end, which would
// never move, can be left out: O(n log^2 n) whatever the run holds. `before(a, b)`: does a come before b? All
// threads of the block call it.
template <class Before>
__device__ inline void sort_by_block(i32* run, i64 size, const Before& before) {
  i64 half = 1;
  while (2 * half < size) half *= 2;  // pairs of each step
  for (i64 sorted = 1; sorted <= half; sorted *= 2)
    for (i64 stride = sorted; stride > 0; stride /= 2) {
      for (i64 pair = threadIdx.x; pair < half; pair += blockDim.x) {
        const i64 offset = pair & (stride - 1), low = 2 * pair - offset;
        // The first step compares mirrored places: one half then ascends, the other descends.
        const i64 high = stride == sorted ? low - offset + 2 * stride - 1 - offset : low + stride;
        if (high < size && before(run[high], run[low])) {
          const i32 value = run[low];
          run[low] = run[high];
          run[high] = value;
        }
      }
      __syncthreads();
    }
}

__device__ inline void sort_by_block(i32* run, i64 size) {
  sort_by_block(run, size, [](i32 a, i32 b) { return a < b; });
}

}  // namespace

#endif  // R3D_GPU_BLOCK_SORT_H_
