// A thread pool of our own, or PyTorch's threads where there are as many: dynamic chunks, no spinning of
// ours, safe after fork, the process's affinity honoured. Only plain functions cross this header, so that
// files compiled for a newer instruction set can include it.
#ifndef R3D_CPU_THREADS_H_
#define R3D_CPU_THREADS_H_

#include "math/kernel.h"

namespace r3d {

// Runs body(context, begin, end, worker) over [0, count) in chunks of `grain`, on the caller and the pool.
// `worker` is below num_threads() and unique among bodies running at once. Serial when there is one chunk,
// when called from inside a body, and when another thread of the program holds the pool.
typedef void (*ParallelBody)(void* context, i64 begin, i64 end, int worker);
void parallel_for(i64 count, i64 grain, ParallelBody body, void* context);

// Threads that parallel_for uses: set_num_threads, else R3D_NUM_THREADS, else the CPUs this process may run
// on.
int num_threads();
void set_num_threads(int count);  // below 1: back to the default

// From now on, where the OpenMP runtime `library`, which this process has loaded already, has as many threads
// as num_threads() says, loops of the main thread run on those. False: it is not loaded or not one.
bool share_openmp(const char* library);

// parallel_for with a lambda. The lambda must be trivially usable from several threads at once.
template <class Body>
static inline void parallel(i64 count, i64 grain, const Body& body) {
  parallel_for(
      count, grain,
      [](void* context, i64 begin, i64 end, int worker) {
        (*static_cast<const Body*>(context))(begin, end, worker);
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace r3d

#endif  // R3D_CPU_THREADS_H_
