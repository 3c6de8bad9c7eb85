// Small vectors for shading and geometry in scalars, on every machine.
#ifndef R3D_COMMON_VEC_H_
#define R3D_COMMON_VEC_H_

#include "common/kernel.h"

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
template <class Real>
R3D_FN Vec3<Real> cross(const Vec3<Real>& a, const Vec3<Real>& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
// The zero vector stays zero.
template <class Real>
R3D_FN Vec3<Real> normalized(const Vec3<Real>& a) {
  const Real length2 = dot(a, a);
  return (length2 > 0 ? 1 / sqrt(length2) : Real(0)) * a;
}

template <class Real>
R3D_FN Vec3<Real> load3(const Real* p, i64 row) {
  return {p[3 * row], p[3 * row + 1], p[3 * row + 2]};
}

}  // namespace r3d

#endif  // R3D_COMMON_VEC_H_
