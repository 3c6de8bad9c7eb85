// Square root, exponential and logarithms of SIMD lanes. Float lanes by polynomials, to a few units in the
// last place; double lanes, which serve checks of gradients, one by one through the C library.
#ifndef R3D_CPU_SIMD_MATH_H_
#define R3D_CPU_SIMD_MATH_H_

#include "cpu/simd.h"

#include "math/geometry.h"

namespace r3d {
namespace R3D_ISA {

template <class Function>
R3D_FN Lanes<double> each_lane(Lanes<double> a, const Function& function) {
  for (int i = 0; i < Simd<double>::width; ++i) a[i] = function(a[i]);
  return a;
}

}  // namespace R3D_ISA
}  // namespace r3d

// At the top level, like the scalar functions in math/kernel.h, so that templates find them.
R3D_FN r3d::R3D_ISA::Lanes<float> sqrt_of(r3d::R3D_ISA::Lanes<float> a) {
#if defined(__AVX512F__)
  return (r3d::R3D_ISA::Lanes<float>)_mm512_maskz_sqrt_ps((__mmask16)~0, (__m512)a);
#elif defined(__AVX2__)
  return (r3d::R3D_ISA::Lanes<float>)_mm256_sqrt_ps((__m256)a);
#elif defined(__SSE2__)
  return (r3d::R3D_ISA::Lanes<float>)_mm_sqrt_ps((__m128)a);
#else
  for (int i = 0; i < r3d::R3D_ISA::Simd<float>::width; ++i) a[i] = sqrtf(a[i]);
  return a;
#endif
}
R3D_FN r3d::R3D_ISA::Lanes<double> sqrt_of(r3d::R3D_ISA::Lanes<double> a) {
  return r3d::R3D_ISA::each_lane(a, [](double x) { return sqrt(x); });
}

// 2^n e^r with |r| <= ln 2 / 2, ln 2 in two parts; r's series to the 7th power is off by 2e-8. For numbers
// from -87 to 88, whose exponential is a normal number.
R3D_FN r3d::R3D_ISA::Lanes<float> exp_of_moderate(r3d::R3D_ISA::Lanes<float> x) {
  typedef r3d::R3D_ISA::Lanes<float> L;
  typedef r3d::R3D_ISA::Ints<float> I;
  const L round = splat<L>(12582912.0f);  // 1.5 * 2^23: adding it leaves no fraction
  const L n = (x * 1.44269504f + round) - round;
  const L r = x - n * 0.693145752f - n * 1.42860677e-6f;
  const L r2 = r * r;
  const L p =
      (1.0f + r) + r2 * ((0.5f + r * 1.66666667e-1f) + r2 * ((4.16666667e-2f + r * 8.33333333e-3f) +
                                                             r2 * (1.38888889e-3f + r * 1.98412698e-4f)));
  return (L)((I)p + (__builtin_convertvector(n, I) << 23));
}
R3D_FN r3d::R3D_ISA::Lanes<double> exp_of_moderate(r3d::R3D_ISA::Lanes<double> a) {
  return r3d::R3D_ISA::each_lane(a, [](double x) { return exp(x); });
}
// Below the normal range the result is 0.
R3D_FN r3d::R3D_ISA::Lanes<float> exp_of(r3d::R3D_ISA::Lanes<float> a) {
  typedef r3d::R3D_ISA::Lanes<float> L;
  const L value = exp_of_moderate(max_of(min_of(a, splat<L>(88.0f)), splat<L>(-87.0f)));
  return select(a < -87.0f, splat<L>(0), value);
}
R3D_FN r3d::R3D_ISA::Lanes<double> exp_of(r3d::R3D_ISA::Lanes<double> a) {
  return r3d::R3D_ISA::each_lane(a, [](double x) { return exp(x); });
}

// 2 artanh(s) for |s| <= 0.18, or 1/3 at the cost of the last digit: log((1 + s) / (1 - s)).
R3D_FN r3d::R3D_ISA::Lanes<float> log_of_ratio(r3d::R3D_ISA::Lanes<float> s) {
  const auto s2 = s * s;
  const auto tail =
      0.333333333f +
      s2 * (0.2f +
            s2 * (0.142857143f +
                  s2 * (0.111111111f + s2 * (0.0909090909f + s2 * (0.0769230769f + s2 * 0.0769230769f)))));
  return 2.0f * (s + s * s2 * tail);
}

// For numbers from the normal range; smaller ones, and zero, count as the smallest.
R3D_FN r3d::R3D_ISA::Lanes<float> log_of(r3d::R3D_ISA::Lanes<float> a) {
  typedef r3d::R3D_ISA::Lanes<float> L;
  typedef r3d::R3D_ISA::Ints<float> I;
  const L x = max_of(a, splat<L>(1.17549435e-38f));
  const I bits = (I)x;
  I exponent = (bits >> 23) - 127;
  L mantissa = (L)((bits & 0x007fffff) | 0x3f800000);  // 1 to 2
  const I large = mantissa > 1.41421356f;
  mantissa = select(large, mantissa * 0.5f, mantissa);
  exponent = exponent - large;  // a mask is -1 where true
  const L n = __builtin_convertvector(exponent, L);
  const L low = log_of_ratio((mantissa - 1) / (mantissa + 1));
  return n * 0.693145752f + (n * 1.42860677e-6f + low);
}
R3D_FN r3d::R3D_ISA::Lanes<double> log_of(r3d::R3D_ISA::Lanes<double> a) {
  return r3d::R3D_ISA::each_lane(a, [](double x) { return log(x); });
}

// For 0 <= a <= 1.
R3D_FN r3d::R3D_ISA::Lanes<float> log1p_of(r3d::R3D_ISA::Lanes<float> a) { return log_of_ratio(a / (2 + a)); }
R3D_FN r3d::R3D_ISA::Lanes<double> log1p_of(r3d::R3D_ISA::Lanes<double> a) {
  return r3d::R3D_ISA::each_lane(a, [](double x) { return log1p(x); });
}

R3D_FN r3d::R3D_ISA::Lanes<float> log2_of(r3d::R3D_ISA::Lanes<float> a) { return log_of(a) * 1.44269504f; }
R3D_FN r3d::R3D_ISA::Lanes<double> log2_of(r3d::R3D_ISA::Lanes<double> a) {
  return r3d::R3D_ISA::each_lane(a, [](double x) { return log2(x); });
}

// For 0 < a; of moderate powers, whose logarithm's rounding the exponential magnifies.
R3D_FN r3d::R3D_ISA::Lanes<float> pow_of(r3d::R3D_ISA::Lanes<float> a, r3d::R3D_ISA::Lanes<float> b) {
  return exp_of(b * log_of(a));
}
R3D_FN r3d::R3D_ISA::Lanes<double> pow_of(r3d::R3D_ISA::Lanes<double> a, r3d::R3D_ISA::Lanes<double> b) {
  for (int i = 0; i < r3d::R3D_ISA::Simd<double>::width; ++i) a[i] = pow(a[i], b[i]);
  return a;
}

template <>
struct IntsOfReals<r3d::R3D_ISA::Lanes<float>> {
  typedef r3d::R3D_ISA::Ints<float> type;
};
template <>
struct IntsOfReals<r3d::R3D_ISA::Lanes<double>> {
  typedef r3d::R3D_ISA::Ints<double> type;
};
template <class T>
R3D_FN T reals_of(r3d::R3D_ISA::Ints<float> a) {
  return __builtin_convertvector(a, T);
}
template <class T>
R3D_FN T reals_of(r3d::R3D_ISA::Ints<double> a) {
  return __builtin_convertvector(a, T);
}
// Conversion rounds towards zero; a mask is -1 where true.
R3D_FN r3d::R3D_ISA::Ints<float> floors_of(r3d::R3D_ISA::Lanes<float> a) {
  const r3d::R3D_ISA::Ints<float> near = __builtin_convertvector(a, r3d::R3D_ISA::Ints<float>);
  return near + (reals_of<r3d::R3D_ISA::Lanes<float>>(near) > a);
}
R3D_FN r3d::R3D_ISA::Ints<double> floors_of(r3d::R3D_ISA::Lanes<double> a) {
  const r3d::R3D_ISA::Ints<double> near = __builtin_convertvector(a, r3d::R3D_ISA::Ints<double>);
  return near + (reals_of<r3d::R3D_ISA::Lanes<double>>(near) > a);
}
R3D_FN r3d::R3D_ISA::Ints<float> min_of_ints(r3d::R3D_ISA::Ints<float> a, i32 b) {
  return a < b ? a : a * 0 + b;
}
R3D_FN r3d::R3D_ISA::Ints<double> min_of_ints(r3d::R3D_ISA::Ints<double> a, i32 b) {
  return a < b ? a : a * 0 + b;
}
R3D_FN r3d::R3D_ISA::Ints<float> max_of_ints(r3d::R3D_ISA::Ints<float> a, i32 b) {
  return a > b ? a : a * 0 + b;
}
R3D_FN r3d::R3D_ISA::Ints<double> max_of_ints(r3d::R3D_ISA::Ints<double> a, i32 b) {
  return a > b ? a : a * 0 + b;
}

#endif  // R3D_CPU_SIMD_MATH_H_
