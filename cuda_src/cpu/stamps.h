// Stamps: small rectangles of pixels, a SIMD lane a pixel.
#ifndef R3D_CPU_STAMPS_H_
#define R3D_CPU_STAMPS_H_

#include "cpu/simd.h"

namespace r3d {
namespace R3D_ISA {
namespace {

// Lanes go row by row.
template <class Real>
struct Stamp;
template <>
struct Stamp<float> {
  static constexpr int width = 4, height = Simd<float>::width / 4;
};
template <>
struct Stamp<double> {
  static constexpr int width = Simd<double>::width >= 4 ? 4 : 2, height = Simd<double>::width / width;
};

// Put together in registers: a vector loaded from memory to which its parts have just been stored waits for
// those stores.
template <class Real>
R3D_FN Lanes<Real> stamp_columns(const Real* column_x) {
  constexpr int w = Stamp<Real>::width, h = Stamp<Real>::height;
  Lanes<Real> out;
  for (int y = 0; y < h; ++y) __builtin_memcpy((Real*)&out + y * w, column_x, w * sizeof(Real));
  return out;
}
template <class Real>
R3D_FN Lanes<Real> stamp_rows(const Real* row_y) {
  constexpr int w = Stamp<Real>::width, h = Stamp<Real>::height;
  Lanes<Real> out;
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) out[y * w + x] = row_y[y];
  return out;
}
// A stamp of an array with `stride` elements a row.
template <class Real>
R3D_FN Lanes<Real> load_stamp(const Real* from, int stride) {
  constexpr int w = Stamp<Real>::width, h = Stamp<Real>::height;
  Lanes<Real> out;
  for (int y = 0; y < h; ++y) __builtin_memcpy((Real*)&out + y * w, from + y * stride, w * sizeof(Real));
  return out;
}
#if defined(__AVX512F__)
R3D_FN Lanes<float> load_stamp(const float* from, int stride) {
  __m512 out = _mm512_castps128_ps512(_mm_loadu_ps(from));
  out = _mm512_insertf32x4(out, _mm_loadu_ps(from + stride), 1);
  out = _mm512_insertf32x4(out, _mm_loadu_ps(from + 2 * stride), 2);
  return (Lanes<float>)_mm512_insertf32x4(out, _mm_loadu_ps(from + 3 * stride), 3);
}
R3D_FN Lanes<float> stamp_columns(const float* column_x) {
  return (Lanes<float>)_mm512_broadcast_f32x4(_mm_loadu_ps(column_x));
}
R3D_FN Lanes<float> stamp_rows(const float* row_y) {
  const __m512i row = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  return (Lanes<float>)_mm512_permutexvar_ps(row, _mm512_castps128_ps512(_mm_loadu_ps(row_y)));
}
#elif defined(__AVX2__)
R3D_FN Lanes<float> load_stamp(const float* from, int stride) {
  return (Lanes<float>)_mm256_set_m128(_mm_loadu_ps(from + stride), _mm_loadu_ps(from));
}
R3D_FN Lanes<float> stamp_columns(const float* column_x) {
  return (Lanes<float>)_mm256_broadcast_ps((const __m128*)column_x);
}
R3D_FN Lanes<float> stamp_rows(const float* row_y) {
  return (Lanes<float>)_mm256_set_m128(_mm_set1_ps(row_y[1]), _mm_set1_ps(row_y[0]));
}
#endif
R3D_FN Ints<float> load_stamp_ids(const i32* from, int stride) {
  return (Ints<float>)load_stamp((const float*)from, stride);
}
R3D_FN void store_stamp_ids(i32* to, int stride, Ints<float> ids) {
  constexpr int w = Stamp<float>::width, h = Stamp<float>::height;
  for (int y = 0; y < h; ++y) __builtin_memcpy(to + y * stride, (i32*)&ids + y * w, w * sizeof(i32));
}
R3D_FN Ints<float> min_of_ints(Ints<float> a, i32 b) { return a < b ? a : a * 0 + b; }
R3D_FN Ints<float> max_of_ints(Ints<float> a, i32 b) { return a > b ? a : a * 0 + b; }

template <class Real, class L>
R3D_FN void store_stamp(Real* to, int stride, L value) {
  constexpr int w = Stamp<Real>::width, h = Stamp<Real>::height;
  for (int y = 0; y < h; ++y) __builtin_memcpy(to + y * stride, (Real*)&value + y * w, w * sizeof(Real));
}

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_STAMPS_H_
