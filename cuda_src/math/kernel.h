// What every kernel stands on: function qualifiers, integer types, limits, and arithmetic that the compiler
// may not contract. Compiled by g++ (CPU schedules, emulation), nvcc and NVRTC; NVRTC has no standard header
// at all.
#ifndef R3D_MATH_KERNEL_H_
#define R3D_MATH_KERNEL_H_

#ifndef __CUDACC_RTC__
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#endif

typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;  // never int64_t: that is `long` for g++ and not what CUDA's atomics take
typedef unsigned long long u64;

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define R3D_FN __host__ __device__ __forceinline__
#else
#define R3D_FN static inline __attribute__((always_inline))
#endif
// The same for member functions.
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define R3D_FN_MEMBER __host__ __device__ __forceinline__
#else
#define R3D_FN_MEMBER inline __attribute__((always_inline))
#endif

// For what is too long to be copied to each place that calls it.
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define R3D_CALL __host__ __device__
#else
#define R3D_CALL static __attribute__((noinline))
#endif

// The floating point type of a kernel: a .cu file is compiled once with -DR3D_REAL=float, once with double.
#ifndef R3D_REAL
#define R3D_REAL float
#endif

// Products that are never contracted to a fused multiply-add, for predicates whose sign must be consistent.
// The CPU's translation units are compiled with -ffp-contract=off.
#if defined(__CUDA_ARCH__)
R3D_FN float mul_rn(float a, float b) { return __fmul_rn(a, b); }
R3D_FN double mul_rn(double a, double b) { return __dmul_rn(a, b); }
#else
template <class A, class B>
R3D_FN auto mul_rn(A a, B b) -> decltype(a * b) {
  return a * b;
}
#endif

// Neither the macros INFINITY and NAN nor __builtin_inff exist for NVRTC.
R3D_FN float infinity() { return __builtin_bit_cast(float, 0x7f800000u); }
R3D_FN float not_a_number() { return __builtin_bit_cast(float, 0x7fc00000u); }

// `mask ? a : b`, for a scalar and, on the CPU, for SIMD lanes alike (cpu/simd.h adds the lanes).
R3D_FN float select(bool mask, float a, float b) { return mask ? a : b; }
R3D_FN double select(bool mask, double a, double b) { return mask ? a : b; }
// Whether a mask is true, in any of the lanes.
R3D_FN bool any_of(bool mask) { return mask; }

// Functions of the standard library under one name for float, double and, on the CPU, SIMD lanes
// (cpu/simd_math.h adds those).
R3D_FN float sqrt_of(float a) { return sqrtf(a); }
R3D_FN double sqrt_of(double a) { return sqrt(a); }
R3D_FN float exp_of(float a) { return expf(a); }
R3D_FN double exp_of(double a) { return exp(a); }
// The same; lanes save what keeps large arguments in range.
R3D_FN float exp_of_moderate(float a) { return expf(a); }
R3D_FN double exp_of_moderate(double a) { return exp(a); }
R3D_FN float log_of(float a) { return logf(a); }
R3D_FN double log_of(double a) { return log(a); }
R3D_FN float log1p_of(float a) { return log1pf(a); }
R3D_FN double log1p_of(double a) { return log1p(a); }
R3D_FN float log2_of(float a) { return log2f(a); }
R3D_FN double log2_of(double a) { return log2(a); }
R3D_FN float pow_of(float a, float b) { return powf(a, b); }
R3D_FN double pow_of(double a, double b) { return pow(a, b); }

// Integers of as many lanes as T has: of a scalar, and on the CPU of SIMD lanes (cpu/simd_math.h adds those).
template <class T>
struct IntsOfReals {
  typedef i32 type;
};
template <class T>
using IntsOf = typename IntsOfReals<T>::type;
// The next lower integer, which must fit, and back.
R3D_FN i32 floors_of(float a) { return (i32)floorf(a); }
R3D_FN i32 floors_of(double a) { return (i32)floor(a); }
template <class T>
R3D_FN T reals_of(i32 a) {
  return (T)a;
}
R3D_FN i32 min_of_ints(i32 a, i32 b) { return a < b ? a : b; }
R3D_FN i32 max_of_ints(i32 a, i32 b) { return a < b ? b : a; }

// Rounding unit of a value's type.
R3D_FN float rounding_unit(float) { return 1.1920929e-7f; }
R3D_FN double rounding_unit(double) { return 2.220446049250313e-16; }

#endif  // R3D_MATH_KERNEL_H_
