// Plane geometry that rasterizers share. `T` is a scalar, or on the CPU a vector of SIMD lanes; `S` may be a
// scalar that is the same for all lanes. Masks are bool or lanes of integers: combine them with & | and !.
#ifndef R3D_MATH_GEOMETRY_H_
#define R3D_MATH_GEOMETRY_H_

#include "math/kernel.h"

// The same value in every lane.
template <class T>
R3D_FN T splat(float value) {
  return T{} + value;
}

// a x b. Exchanging a and b changes the sign and nothing else, because the products are not contracted.
template <class T, class S>
R3D_FN auto cross2(T ax, T ay, S bx, S by) -> decltype(ax * by) {
  return mul_rn(ax, by) - mul_rn(ay, bx);
}

// Twice the signed area of (p, a, b), from coordinates relative to p: two faces that share an edge see the
// same magnitude with opposite signs, so no pixel falls between them (Woop et al. 2013, "Watertight
// Ray/Triangle Intersection", section 3).
template <class T, class S>
R3D_FN T edge_function(T px, T py, S ax, S ay, S bx, S by) {
  return cross2(ax - px, ay - py, bx - px, by - py);
}

// The sign of a x b for the very numbers given: float products are exact in double, double products are split
// exactly with FMA (Dekker 1971).
R3D_FN int exact_cross_sign(float ax, float ay, float bx, float by) {
  const double left = (double)ax * (double)by, right = (double)ay * (double)bx;
  return (left > right) - (left < right);
}
R3D_FN int exact_cross_sign(double ax, double ay, double bx, double by) {
  const double left = mul_rn(ax, by), right = mul_rn(ay, bx);
  if (left != right) return (left > right) - (left < right);
  const double left_error = fma(ax, by, -left), right_error = fma(ay, bx, -right);
  return (left_error > right_error) - (left_error < right_error);
}

// Keeps a denominator away from zero; its sign stays.
template <class T>
R3D_FN T nonzero(T value) {
  const T tiny = splat<T>(R3D_TINY);
  return select(value >= 0, select(value < tiny, tiny, value), select(value > -tiny, -tiny, value));
}

template <class T>
R3D_FN T min_of(T a, T b) {
  return select(b < a, b, a);
}
template <class T>
R3D_FN T max_of(T a, T b) {
  return select(a < b, b, a);
}
template <class T>
R3D_FN T abs_of(T a) {
  return select(a < 0, -a, a);
}

// Where a segment ab is nearest to p: at a + t (b - a), from which p lies by (nx, ny). A segment of length
// zero is its point.
template <class T>
struct NearestOnSegment {
  T t, nx, ny;
  R3D_FN_MEMBER T distance2() const { return mul_rn(nx, nx) + mul_rn(ny, ny); }
};

template <class T, class S>
R3D_FN NearestOnSegment<T> nearest_on_segment(T px, T py, S ax, S ay, S bx, S by) {
  const auto dx = bx - ax, dy = by - ay;
  const auto inverse_length2 = 1 / nonzero(mul_rn(dx, dx) + mul_rn(dy, dy));
  const T rx = px - ax, ry = py - ay;
  T t = mul_rn(mul_rn(rx, dx) + mul_rn(ry, dy), inverse_length2);
  t = max_of(min_of(t, splat<T>(1)), splat<T>(0));
  NearestOnSegment<T> nearest = {t, rx - mul_rn(t, dx), ry - mul_rn(t, dy)};
  return nearest;
}

// Squared distance from p to the segment ab.
template <class T, class S>
R3D_FN T point_segment_distance2(T px, T py, S ax, S ay, S bx, S by) {
  return nearest_on_segment(px, py, ax, ay, bx, by).distance2();
}

// The gradient of that squared distance: moving the segment's nearest point along the segment changes
// nothing to first order, so a and b share 2 (nearest - p) by t.
template <class T>
R3D_FN void point_segment_distance2_bwd(const NearestOnSegment<T>& nearest, T grad, T* grad_ax, T* grad_ay,
                                        T* grad_bx, T* grad_by) {
  const T gx = -2 * grad * nearest.nx, gy = -2 * grad * nearest.ny;
  const T share = 1 - nearest.t;
  *grad_ax += share * gx;
  *grad_ay += share * gy;
  *grad_bx += nearest.t * gx;
  *grad_by += nearest.t * gy;
}

#endif  // R3D_MATH_GEOMETRY_H_
