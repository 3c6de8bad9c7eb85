// Runs the very .cu files on a CPU, for the tests: what CUDA C++ adds to C++, as macros and functions.
//
// How it works. backend/emulation.py compiles this header, a .cu file and a generated tail (an entry for each
// kernel, and static_asserts that hold the parsed signatures against the real ones) into a shared library
// with g++. A launch runs block after block; a block's threads are fibers, switched at barriers. So one
// thread runs at a time, and the order is ours: forward, reverse, or drawn at random anew for each stretch
// between barriers.
//
// What it finds. Barriers that not all threads reach, or that they reach at different places in the source;
// shared memory that is read before it is written (it is filled with junk before each block); results that
// depend on the order of threads or blocks. The race build (races.cpp) checks each access: two threads, one
// of them writing, no barrier between them, not both atomic. Address and undefined-behaviour sanitizers work
// too.
//
// What it needs of kernels. `extern "C"`, not made by macros; `__shared__` declared in the kernel itself and
// passed on; a CPU of the x86-64 kind.
#ifndef R3D_EMULATION_CUDA_H_
#define R3D_EMULATION_CUDA_H_

#include <string.h>

#include "math/kernel.h"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
// The sanitizers do not look at variables in sections of their own; the other builds find shared memory by
// it.
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static
#else
#define __shared__ static __attribute__((section("r3d_shared")))
#endif

#define __syncthreads() ::r3d_emulation::barrier(__COUNTER__, __LINE__)

struct uint3 {
  unsigned x, y, z;
};
typedef uint3 dim3;

// Of the thread that runs now: the scheduler sets them at each switch.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace r3d_emulation {

void barrier(int site, int line);
// Waits for the lanes of `mask`; gives every lane's value, by lane, until the lane's next exchange.
const u64* exchange(u32 mask, u64 value, int line);
void atomic_access(const void* address, int size, const void* caller);

static inline int lane() {
  return (int)((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % warpSize);
}

template <class To, class From>
static inline To bits_as(From from) {
  To to = To();
  memcpy(&to, &from, sizeof(from) < sizeof(to) ? sizeof(from) : sizeof(to));
  return to;
}

template <class T>
struct Same {
  typedef T type;
};

// One thread runs at a time, so a plain update is atomic; the race build must not take it for a plain one.
template <class T, class Update>
__attribute__((noinline, no_sanitize("thread"))) T update(T* address, Update next) {
  atomic_access(address, sizeof(T), __builtin_return_address(0));
  const T old = *address;
  *address = next(old);
  return old;
}

}  // namespace r3d_emulation

#define R3D_ATOMIC(name, expression)                                               \
  template <class T>                                                               \
  R3D_FN T name(T* address, typename r3d_emulation::Same<T>::type v) {             \
    return r3d_emulation::update(address, [v](T old) -> T { return expression; }); \
  }
R3D_ATOMIC(atomicAdd, old + v)
R3D_ATOMIC(atomicSub, old - v)
R3D_ATOMIC(atomicMin, v < old ? v : old)
R3D_ATOMIC(atomicMax, old < v ? v : old)
R3D_ATOMIC(atomicExch, (void(old), v))
R3D_ATOMIC(atomicAnd, old& v)
R3D_ATOMIC(atomicOr, old | v)
R3D_ATOMIC(atomicXor, old ^ v)
#undef R3D_ATOMIC

template <class T>
R3D_FN T atomicCAS(T* address, typename r3d_emulation::Same<T>::type compare,
                   typename r3d_emulation::Same<T>::type value) {
  return r3d_emulation::update(address, [=](T old) -> T { return old == compare ? value : old; });
}

template <class T>
static inline T __shfl_sync(u32 mask, T value, int source, int width = warpSize,
                            int line = __builtin_LINE()) {
  const u64* all = r3d_emulation::exchange(mask, r3d_emulation::bits_as<u64>(value), line);
  const int first = r3d_emulation::lane() / width * width;
  return r3d_emulation::bits_as<T>(all[first + source % width]);
}
template <class T>
static inline T __shfl_up_sync(u32 mask, T value, unsigned delta, int width = warpSize,
                               int line = __builtin_LINE()) {
  const u64* all = r3d_emulation::exchange(mask, r3d_emulation::bits_as<u64>(value), line);
  const int lane = r3d_emulation::lane(), from = lane - (int)delta;
  return r3d_emulation::bits_as<T>(all[from < lane / width * width ? lane : from]);
}
template <class T>
static inline T __shfl_down_sync(u32 mask, T value, unsigned delta, int width = warpSize,
                                 int line = __builtin_LINE()) {
  const u64* all = r3d_emulation::exchange(mask, r3d_emulation::bits_as<u64>(value), line);
  const int lane = r3d_emulation::lane(), from = lane + (int)delta;
  return r3d_emulation::bits_as<T>(all[from >= lane / width * width + width ? lane : from]);
}
template <class T>
static inline T __shfl_xor_sync(u32 mask, T value, int other, int line = __builtin_LINE()) {
  const u64* all = r3d_emulation::exchange(mask, r3d_emulation::bits_as<u64>(value), line);
  return r3d_emulation::bits_as<T>(all[r3d_emulation::lane() ^ other]);
}
static inline u32 __ballot_sync(u32 mask, int predicate, int line = __builtin_LINE()) {
  const u64* all = r3d_emulation::exchange(mask, predicate != 0, line);
  u32 votes = 0;
  for (int i = 0; i < warpSize; ++i)
    if (mask >> i & 1) votes |= (u32)(all[i] << i);
  return votes;
}
static inline int __any_sync(u32 mask, int predicate, int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, line) != 0;
}
static inline int __all_sync(u32 mask, int predicate, int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, line) == mask;
}
static inline void __syncwarp(u32 mask = 0xffffffffu, int line = __builtin_LINE()) {
  r3d_emulation::exchange(mask, 0, line);
}

static inline int __popc(u32 v) { return __builtin_popcount(v); }
static inline int __clz(int v) { return v ? __builtin_clz((u32)v) : 32; }
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline u32 __float_as_uint(float v) { return r3d_emulation::bits_as<u32>(v); }
static inline float __uint_as_float(u32 v) { return r3d_emulation::bits_as<float>(v); }
static inline i32 __float_as_int(float v) { return r3d_emulation::bits_as<i32>(v); }
static inline float __int_as_float(i32 v) { return r3d_emulation::bits_as<float>(v); }
static inline i64 __double_as_longlong(double v) { return r3d_emulation::bits_as<i64>(v); }
static inline double __longlong_as_double(i64 v) { return r3d_emulation::bits_as<double>(v); }

#define R3D_MIN_MAX(T)                                    \
  static inline T min(T a, T b) { return b < a ? b : a; } \
  static inline T max(T a, T b) { return a < b ? b : a; }
R3D_MIN_MAX(int)
R3D_MIN_MAX(u32)
R3D_MIN_MAX(i64)
R3D_MIN_MAX(u64)
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }
#undef R3D_MIN_MAX

#endif  // R3D_EMULATION_CUDA_H_
