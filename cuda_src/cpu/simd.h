// SIMD lanes for the CPU schedules: GCC's vector types, as wide as the instruction set that the file is
// compiled for, so that the headers' templates work on them as they do on scalars. Include this before those
// headers.
#ifndef R3D_CPU_SIMD_H_
#define R3D_CPU_SIMD_H_

#include "math/kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define R3D_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define R3D_VECTOR_BYTES 32
#else
#define R3D_VECTOR_BYTES 16
#endif

// A member function that is always inlined, so that no copy for one instruction set is linked into another.
#define R3D_MEMBER inline __attribute__((always_inline))

namespace r3d {
namespace R3D_ISA {

template <class Real>
struct Simd;

template <>
struct Simd<float> {
  static constexpr int width = R3D_VECTOR_BYTES / 4;
  typedef float lanes __attribute__((vector_size(R3D_VECTOR_BYTES)));
  typedef i32 ints __attribute__((vector_size(R3D_VECTOR_BYTES)));  // masks too
  typedef i32 index;                                                // a lane of those
};

template <>
struct Simd<double> {
  static constexpr int width = R3D_VECTOR_BYTES / 8;
  typedef double lanes __attribute__((vector_size(R3D_VECTOR_BYTES)));
  typedef long ints __attribute__((vector_size(R3D_VECTOR_BYTES)));
  typedef long index;
};

template <class Real>
using Lanes = typename Simd<Real>::lanes;
template <class Real>
using Ints = typename Simd<Real>::ints;

// A bit for each lane of a mask.
R3D_FN u32 mask_bits(Ints<float> mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi32_mask((__m512i)mask);
#elif defined(__AVX2__)
  return (u32)_mm256_movemask_ps((__m256)mask);
#elif defined(__SSE2__)
  return (u32)_mm_movemask_ps((__m128)mask);
#else
  u32 bits = 0;
  for (int i = 0; i < Simd<float>::width; ++i) bits |= (u32)(mask[i] != 0) << i;
  return bits;
#endif
}
R3D_FN u32 mask_bits(Ints<double> mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi64_mask((__m512i)mask);
#elif defined(__AVX2__)
  return (u32)_mm256_movemask_pd((__m256d)mask);
#elif defined(__SSE2__)
  return (u32)_mm_movemask_pd((__m128d)mask);
#else
  u32 bits = 0;
  for (int i = 0; i < Simd<double>::width; ++i) bits |= (u32)(mask[i] != 0) << i;
  return bits;
#endif
}

template <class Real>
R3D_FN Lanes<Real> load(const Real* from) {
  Lanes<Real> value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}
template <class Real>
R3D_FN void store(Real* to, Lanes<Real> value) {
  __builtin_memcpy(to, &value, sizeof(value));
}

// A store past the caches, to an address of whole lanes: for what will not be read before it has left them.
template <class Real>
R3D_FN void stream(Real* to, Lanes<Real> value) {
#if defined(__AVX512F__)
  _mm512_stream_ps((float*)to, (__m512)value);
#elif defined(__AVX2__)
  _mm256_stream_ps((float*)to, (__m256)value);
#elif defined(__SSE2__)
  _mm_stream_ps((float*)to, (__m128)value);
#else
  store(to, value);
#endif
}
// Before other threads may read what was streamed.
R3D_FN void finish_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}
template <class Real>
R3D_FN Ints<Real> load_indices(const typename Simd<Real>::index* from) {
  Ints<Real> value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}
template <class Real>
R3D_FN void store_indices(typename Simd<Real>::index* to, Ints<Real> value) {
  __builtin_memcpy(to, &value, sizeof(value));
}

}  // namespace R3D_ISA
}  // namespace r3d

// The lanes' part of what math/kernel.h does for scalars. Vector types have no namespace of their own, so
// the templates find these by ordinary lookup: they must be declared first.
R3D_FN r3d::R3D_ISA::Lanes<float> select(r3d::R3D_ISA::Ints<float> mask, r3d::R3D_ISA::Lanes<float> a,
                                         r3d::R3D_ISA::Lanes<float> b) {
  return mask ? a : b;
}
R3D_FN r3d::R3D_ISA::Lanes<double> select(r3d::R3D_ISA::Ints<double> mask, r3d::R3D_ISA::Lanes<double> a,
                                          r3d::R3D_ISA::Lanes<double> b) {
  return mask ? a : b;
}
R3D_FN bool any_of(r3d::R3D_ISA::Ints<float> mask) { return r3d::R3D_ISA::mask_bits(mask) != 0; }
R3D_FN bool any_of(r3d::R3D_ISA::Ints<double> mask) { return r3d::R3D_ISA::mask_bits(mask) != 0; }
// min_of, max_of and abs_of as math/geometry.h says them, in one instruction each: min and max give their
// second operand where a comparison fails.
#if defined(__AVX512DQ__)
R3D_FN r3d::R3D_ISA::Lanes<float> min_of(r3d::R3D_ISA::Lanes<float> a, r3d::R3D_ISA::Lanes<float> b) {
  return (r3d::R3D_ISA::Lanes<float>)_mm512_maskz_min_ps((__mmask16)~0, (__m512)b, (__m512)a);
}
R3D_FN r3d::R3D_ISA::Lanes<float> max_of(r3d::R3D_ISA::Lanes<float> a, r3d::R3D_ISA::Lanes<float> b) {
  return (r3d::R3D_ISA::Lanes<float>)_mm512_maskz_max_ps((__mmask16)~0, (__m512)b, (__m512)a);
}
#elif defined(__AVX2__)
R3D_FN r3d::R3D_ISA::Lanes<float> min_of(r3d::R3D_ISA::Lanes<float> a, r3d::R3D_ISA::Lanes<float> b) {
  return (r3d::R3D_ISA::Lanes<float>)_mm256_min_ps((__m256)b, (__m256)a);
}
R3D_FN r3d::R3D_ISA::Lanes<float> max_of(r3d::R3D_ISA::Lanes<float> a, r3d::R3D_ISA::Lanes<float> b) {
  return (r3d::R3D_ISA::Lanes<float>)_mm256_max_ps((__m256)b, (__m256)a);
}
#elif defined(__SSE2__)
R3D_FN r3d::R3D_ISA::Lanes<float> min_of(r3d::R3D_ISA::Lanes<float> a, r3d::R3D_ISA::Lanes<float> b) {
  return (r3d::R3D_ISA::Lanes<float>)_mm_min_ps((__m128)b, (__m128)a);
}
R3D_FN r3d::R3D_ISA::Lanes<float> max_of(r3d::R3D_ISA::Lanes<float> a, r3d::R3D_ISA::Lanes<float> b) {
  return (r3d::R3D_ISA::Lanes<float>)_mm_max_ps((__m128)b, (__m128)a);
}
#endif
R3D_FN r3d::R3D_ISA::Lanes<float> abs_of(r3d::R3D_ISA::Lanes<float> a) {
  return (r3d::R3D_ISA::Lanes<float>)((r3d::R3D_ISA::Ints<float>)a & 0x7fffffff);
}
R3D_FN float rounding_unit(r3d::R3D_ISA::Lanes<float>) { return rounding_unit(0.0f); }
R3D_FN double rounding_unit(r3d::R3D_ISA::Lanes<double>) { return rounding_unit(0.0); }

#endif  // R3D_CPU_SIMD_H_
