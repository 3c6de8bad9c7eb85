// Sorts each run of packed values, in place: a thread a short run, a block a long one.
#include "gpu/block_sort.h"
#include "surface/vertex_corners.h"

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

extern "C" __global__ void __launch_bounds__(256) sort_runs_long(const i32* first,      // (R + 1,)
                                                                 const i32* long_runs,  // (R,)
                                                                 const i32* num_long,   // (1,)
                                                                 i32* values) {         // (first[R],)
  for (i32 i = blockIdx.x; i < *num_long; i += gridDim.x) {
    const i32 begin = first[long_runs[i]];
    sort_by_block(values + begin, first[long_runs[i] + 1] - begin);
  }
}
