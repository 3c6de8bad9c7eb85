// Small vectors for shading and geometry in scalars, on every machine.
#ifndef R3D_MATH_VEC_H_
#define R3D_MATH_VEC_H_

#include "math/kernel.h"

// Smallest magnitude of a denominator.
R3D_FN float tiny(float) { return R3D_TINY; }
R3D_FN double tiny(double) { return R3D_TINY_DOUBLE; }

namespace r3d {

template <class Real>
struct Vec3 {
  Real x, y, z;
};

template <class Real>
R3D_FN Vec3<Real> operator+(const Vec3<Real>& a, const Vec3<Real>& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
template <class Real>
R3D_FN Vec3<Real> operator-(const Vec3<Real>& a, const Vec3<Real>& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
template <class Real>
R3D_FN Vec3<Real> operator-(const Vec3<Real>& a) {
  return {-a.x, -a.y, -a.z};
}
// By components: colours.
template <class Real>
R3D_FN Vec3<Real> operator*(const Vec3<Real>& a, const Vec3<Real>& b) {
  return {a.x * b.x, a.y * b.y, a.z * b.z};
}
template <class Real>
R3D_FN Vec3<Real> operator*(Real s, const Vec3<Real>& a) {
  return {s * a.x, s * a.y, s * a.z};
}

template <class Real>
R3D_FN Real dot(const Vec3<Real>& a, const Vec3<Real>& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
// Exactly zero for equal vectors, which contracted products would not be.
template <class Real>
R3D_FN Vec3<Real> cross(const Vec3<Real>& a, const Vec3<Real>& b) {
  return {mul_rn(a.y, b.z) - mul_rn(a.z, b.y), mul_rn(a.z, b.x) - mul_rn(a.x, b.z),
          mul_rn(a.x, b.y) - mul_rn(a.y, b.x)};
}
// The zero vector stays zero.
template <class Real>
R3D_FN Vec3<Real> normalized(const Vec3<Real>& a) {
  const Real length2 = dot(a, a);
  return (length2 > 0 ? 1 / sqrt(length2) : Real(0)) * a;
}

// A vector as its direction, of unit length, and its length; both are zero where it is too short to tell.
template <class Real>
struct Polar3 {
  Vec3<Real> direction;
  Real length;
};

template <class Real>
R3D_FN Polar3<Real> polar(const Vec3<Real>& a) {
  // By the size of the components first: squares of tiny or huge ones would leave the range.
  const Real size = fabs(a.x) + fabs(a.y) + fabs(a.z);
  if (size <= tiny(Real())) return {{0, 0, 0}, 0};
  const Vec3<Real> scaled = (1 / size) * a;
  const Real length = sqrt(dot(scaled, scaled));
  return {(1 / length) * scaled, size * length};
}

// The vector's gradient from its direction's. A vector too short to tell has none.
template <class Real>
R3D_FN Vec3<Real> direction_bwd(const Vec3<Real>& direction, Real length, const Vec3<Real>& grad) {
  if (length == 0) return {0, 0, 0};
  return (1 / length) * (grad - dot(direction, grad) * direction);
}

template <class Real>
R3D_FN Vec3<Real> not_a_number3() {
  const Real nan = not_a_number();
  return {nan, nan, nan};
}

template <class Real>
R3D_FN void store3(Real* p, i64 row, const Vec3<Real>& a) {
  p[3 * row] = a.x;
  p[3 * row + 1] = a.y;
  p[3 * row + 2] = a.z;
}
template <class Real>
R3D_FN Vec3<Real> load3(const Real* p, i64 row) {
  return {p[3 * row], p[3 * row + 1], p[3 * row + 2]};
}

}  // namespace r3d

#endif  // R3D_MATH_VEC_H_
