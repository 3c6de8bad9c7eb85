// Exclusive prefix sums of any length, in place: each block scans its chunk and reports the chunk's total,
// the host scans the totals the same way, and a second kernel adds them back.
#include "math/kernel.h"

namespace {

constexpr int kThreads = 256;  // the number in every __launch_bounds__
constexpr int kItems =
    4;  // values a thread; a chunk is kThreads * kItems values: backend/scan.py knows it too

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    scan_chunks(i64* values,  // (size,) replaced by the sum of those before, in the chunk
                i64 size,
                i64* totals) {  // (chunks,)
  __shared__ i64 sums[2][kThreads];
  const int thread = threadIdx.x;
  const i64 first = ((i64)blockIdx.x * kThreads + thread) * kItems;
  i64 own = 0;
  for (int i = 0; i < kItems; ++i)
    if (first + i < size) own += values[first + i];

  // Hillis and Steele 1986, between two buffers: one barrier a step.
  int from = 0;
  sums[from][thread] = own;
  for (int step = 1; step < kThreads; step *= 2) {
    __syncthreads();
    sums[1 - from][thread] = sums[from][thread] + (thread >= step ? sums[from][thread - step] : 0);
    from = 1 - from;
  }

  i64 sum = sums[from][thread] - own;
  for (int i = 0; i < kItems && first + i < size; ++i) {
    const i64 value = values[first + i];
    values[first + i] = sum;
    sum += value;
  }
  if (thread == kThreads - 1) totals[blockIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(256)
    scan_add(i64* values,  // (size,)
             i64 size,
             const i64* before) {  // (chunks,) the sum of all chunks before each
  const i64 first = ((i64)blockIdx.x * kThreads + threadIdx.x) * kItems;
  for (int i = 0; i < kItems && first + i < size; ++i) values[first + i] += before[blockIdx.x];
}
