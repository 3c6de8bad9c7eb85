// Sorts each run of packed values, in place: a thread a short run, a block a long one.
#include "vertex_corners.h"

namespace {

using namespace r3d;

constexpr i32 kShort = 32;  // values that one thread sorts by insertion

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    sort_runs_short(const i64* ends,  // (R,) where each run ends and the next begins; the first begins at 0
                    i64 num_runs,
                    i32* values,      // (ends[R - 1],)
                    i32* first,       // (R + 1,) where each run begins, and the last ends; first[0] is set
                    i32* long_runs,   // (R,) runs that are left to sort_runs_long
                    i32* num_long) {  // (1,)
  const i64 run = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (run >= num_runs) return;
  const i64 begin = run ? ends[run - 1] : 0, end = ends[run];
  first[run + 1] = (i32)end;
  if (end - begin <= kShort)
    insertion_sort(values + begin, end - begin);
  else
    long_runs[atomicAdd(num_long, 1)] = (i32)run;
}

// Batcher's bitonic sort (1968) with all comparisons ascending, so that values past the end, which would
// never move, can be left out: O(n log^2 n) whatever the run holds.
extern "C" __global__ void __launch_bounds__(256) sort_runs_long(const i32* first,      // (R + 1,)
                                                                 const i32* long_runs,  // (R,)
                                                                 const i32* num_long,   // (1,)
                                                                 i32* values) {         // (first[R],)
  for (i32 i = blockIdx.x; i < *num_long; i += gridDim.x) {
    i32* const run = values + first[long_runs[i]];
    const i64 size = first[long_runs[i] + 1] - first[long_runs[i]];
    i64 half = 1;
    while (2 * half < size) half *= 2;  // pairs of each step
    for (i64 sorted = 1; sorted <= half; sorted *= 2)
      for (i64 stride = sorted; stride > 0; stride /= 2) {
        for (i64 pair = threadIdx.x; pair < half; pair += blockDim.x) {
          const i64 offset = pair & (stride - 1), low = 2 * pair - offset;
          // The first step compares mirrored places: one half then ascends, the other descends.
          const i64 high = stride == sorted ? low - offset + 2 * stride - 1 - offset : low + stride;
          if (high < size && run[high] < run[low]) {
            const i32 value = run[low];
            run[low] = run[high];
            run[high] = value;
          }
        }
        __syncthreads();
      }
  }
}
