// The mathematics of world_to_screen: vertices of the world in NDC, as cameras see them, and its adjoint.
// Shared by the CPU schedule, the CUDA kernels and the emulation.
//
// A vertex goes through two matrices: view = vertex R + T, and the three rows of a projection that give x, y
// and the w that both are divided by. A camera's projection is made of its lens: a row of numbers whose
// meaning its kind tells. z stays the view depth, for the rasterizer cuts and sorts by it.
//
// Rows of the result are the vertices themselves, each seen by the camera of its mesh, or all vertices once
// for each camera. The gradients of the cameras are sums over rows: of `chunk_rows` rows first, then of those
// in their order, so they repeat bit by bit whatever the number of threads.
#ifndef R3D_RASTER_WORLD_TO_SCREEN_H_
#define R3D_RASTER_WORLD_TO_SCREEN_H_

#include "math/kernel.h"

namespace r3d {

constexpr int kCameraSums = 24;  // the gradients of R (9), T (3) and the projection (12)

template <class Real>
struct WorldToScreen {
  const Real* verts;         // (V, 3) world
  const i64* first;          // (C + 1,) where each camera's vertices begin, or null: each sees all of them
  const Real* rotations;     // (C, 3, 3) for row vectors
  const Real* translations;  // (C, 3)
  const Real* lens;          // (C, L) the numbers of a lens, or null
  const Real* grad;          // (S, 3) of the result, or null
  Real* matrices;            // (C, 12) the rows of the projections that give x, y and w
  Real* screen;              // (S, 3) NDC x and y, view depth z, or null
  i32* not_finite;           // (1,) how many rows are not finite, or null
  Real* grad_verts;          // (V, 3), or null
  Real* partial_sums;        // (>= chunks + C, 24) of a chunk's rows that belong to one camera, or null
  Real* camera_sums;         // (C, 24), or null
  Real* grad_rotations;      // (C, 3, 3), or null
  Real* grad_translations;   // (C, 3), or null
  Real* grad_lens;           // (C, L), or null
  i64 num_verts;             // V
  i64 num_rows;              // S: V, or C V where each camera sees all
  i64 num_cameras;           // C
  i64 num_columns;           // L
  i64 chunk_rows;            // rows that are summed before the sums are
  i64 kind;                  // a LensKind
};

// What the numbers of a lens are.
enum LensKind {
  kPerspective,   // focal lengths x and y, principal point x and y; in pixels also height and width
  kOrthographic,  // the same
  kFovDegrees,    // field of view, aspect ratio of a pixel
  kFovRadians,    // the same
  kBox,           // largest and smallest x, largest and smallest y, scales of x and y
  kMatrix,        // a projection (4, 4) for column vectors
};

R3D_FN float tan_of(float a) { return tanf(a); }
R3D_FN double tan_of(double a) { return tan(a); }
R3D_FN float smallest_normal(float) { return 1.17549435e-38f; }
R3D_FN double smallest_normal(double) { return 2.2250738585072014e-308; }

constexpr double kRadians = 3.14159265358979323846 / 180;  // of a degree

// Fills the twelve numbers of a camera's projection.
template <class Real>
R3D_FN void make_matrix(const WorldToScreen<Real>& a, i64 camera) {
  const Real* const lens = a.lens + camera * a.num_columns;
  Real* const m = a.matrices + camera * 12;
  for (int i = 0; i < 12; ++i) m[i] = 0;
  if (a.kind == kMatrix) {
    for (int i = 0; i < 8; ++i) m[i] = lens[i];
    for (int i = 0; i < 4; ++i) m[8 + i] = lens[12 + i];
    return;
  }
  m[a.kind == kOrthographic || a.kind == kBox ? 11 : 10] = 1;  // w is 1, or the depth
  if (a.kind == kBox) {
    const Real width = lens[0] - lens[1], height = lens[2] - lens[3];
    m[0] = 2 * lens[4] / width;
    m[3] = -(lens[0] + lens[1]) / width;
    m[5] = 2 * lens[5] / height;
    m[7] = -(lens[2] + lens[3]) / height;
  } else if (a.kind == kFovDegrees || a.kind == kFovRadians) {
    const Real slope = tan_of((a.kind == kFovDegrees ? lens[0] * (Real)kRadians : lens[0]) / 2);
    m[0] = 1 / (slope * lens[1]);
    m[5] = 1 / slope;
  } else {
    const int at = a.kind == kPerspective ? 2 : 3;
    m[0] = lens[0], m[5] = lens[1];
    m[at] = lens[2], m[4 + at] = lens[3];
    if (a.num_columns == 6) {  // from pixels, x to the right and y down, to NDC
      const Real half = (lens[4] < lens[5] ? lens[4] : lens[5]) / 2;
      m[0] /= half, m[5] /= half;
      m[at] = (lens[5] / 2 - lens[2]) / half;
      m[4 + at] = (lens[4] / 2 - lens[3]) / half;
    }
  }
}

// The gradient of a lens, from that of its projection.
template <class Real>
R3D_FN void lens_grad(const WorldToScreen<Real>& a, i64 camera) {
  const Real* const lens = a.lens + camera * a.num_columns;
  const Real *const m = a.matrices + camera * 12, *const g = a.camera_sums + camera * kCameraSums + 12;
  Real* const to = a.grad_lens + camera * a.num_columns;
  for (i64 i = 0; i < a.num_columns; ++i) to[i] = 0;
  if (a.kind == kMatrix) {
    for (int i = 0; i < 8; ++i) to[i] = g[i];
    for (int i = 0; i < 4; ++i) to[12 + i] = g[8 + i];
  } else if (a.kind == kBox) {
    for (int axis = 0; axis < 2; ++axis) {
      const Real extent = lens[2 * axis] - lens[2 * axis + 1];
      const Real scale = g[5 * axis], shift = g[4 * axis + 3];
      const Real of_extent = -(scale * m[5 * axis] + shift * m[4 * axis + 3]) / extent;
      to[2 * axis] = of_extent - shift / extent;
      to[2 * axis + 1] = -of_extent - shift / extent;
      to[4 + axis] = 2 * scale / extent;
    }
  } else if (a.kind == kFovDegrees || a.kind == kFovRadians) {
    const Real inverse = m[5];  // 1 / slope
    const Real of_slope = -(g[0] * m[0] + g[5] * m[5]) * inverse;
    const Real unit = a.kind == kFovDegrees ? (Real)kRadians : 1;
    to[0] = of_slope * (1 + 1 / (inverse * inverse)) / 2 * unit;
    to[1] = -g[0] * m[0] / lens[1];
  } else {
    const int at = a.kind == kPerspective ? 2 : 3;
    const bool pixels = a.num_columns == 6;
    const Real half = pixels ? (lens[4] < lens[5] ? lens[4] : lens[5]) / 2 : 1;
    to[0] = g[0] / half, to[1] = g[5] / half;
    to[2] = pixels ? -g[at] / half : g[at];
    to[3] = pixels ? -g[4 + at] / half : g[4 + at];
  }
}

// Where a camera's rows begin; of num_cameras, where they end.
template <class Real>
R3D_FN i64 first_row(const WorldToScreen<Real>& a, i64 camera) {
  return a.first ? a.first[camera] : camera * a.num_verts;
}

// The camera of a row; wherever `first` leads to, one that there is.
template <class Real>
R3D_FN i64 camera_of(const WorldToScreen<Real>& a, i64 row) {
  if (!a.first) return row / a.num_verts;
  i64 low = 0, high = a.num_cameras - 1;
  while (low < high) {
    const i64 middle = (low + high + 1) / 2;
    if (a.first[middle] <= row)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

// The vertex of a row of a camera.
template <class Real>
R3D_FN const Real* vertex_of(const WorldToScreen<Real>& a, i64 row, i64 camera) {
  return a.verts + 3 * (a.first ? row : row - camera * a.num_verts);
}

// A vertex in view space. Depths are kept from zero, so that the quotient is finite, and clipping, which
// multiplies x by z again, gets the view coordinate back.
template <class Real>
struct ViewPoint {
  Real x, y, z;
};
template <class Real>
R3D_FN ViewPoint<Real> view_of(const Real* R, const Real* T, const Real* p) {
  ViewPoint<Real> v;
  v.x = p[0] * R[0] + p[1] * R[3] + p[2] * R[6] + T[0];
  v.y = p[0] * R[1] + p[1] * R[4] + p[2] * R[7] + T[1];
  v.z = p[0] * R[2] + p[1] * R[5] + p[2] * R[8] + T[2];
  const Real x = v.x < 0 ? -v.x : v.x, y = v.y < 0 ? -v.y : v.y, z = v.z < 0 ? -v.z : v.z;
  const Real least = (x > y ? x : y) * (Real)1e-6 + smallest_normal(Real());
  v.z = z < least ? (v.z < 0 ? -least : least) : v.z;
  return v;
}

// A row of a matrix times a view point.
template <class Real>
R3D_FN Real times(const Real* m, const ViewPoint<Real>& v) {
  return m[0] * v.x + m[1] * v.y + m[2] * v.z + m[3];
}

// Writes a row of the result. Returns whether it is finite.
template <class Real>
R3D_FN bool project(const Real* R, const Real* T, const Real* m, const Real* p, Real* to) {
  const ViewPoint<Real> v = view_of(R, T, p);
  const Real w = times(m + 8, v);
  to[0] = times(m, v) / w;
  to[1] = times(m + 4, v) / w;
  to[2] = v.z;
  return to[0] - to[0] == 0 && to[1] - to[1] == 0 && to[2] - to[2] == 0;
}

// The gradients of what a row is made of: of its view point and of the products that x, y and w are.
template <class Real>
struct RowGrad {
  ViewPoint<Real> point, grad;
  Real x, y, w;
};
template <class Real>
R3D_FN RowGrad<Real> row_grad(const WorldToScreen<Real>& a, i64 row, i64 camera) {
  const Real *const m = a.matrices + camera * 12, *const g = a.grad + row * 3;
  RowGrad<Real> out;
  const ViewPoint<Real> v =
      view_of(a.rotations + camera * 9, a.translations + camera * 3, vertex_of(a, row, camera));
  const Real w = times(m + 8, v);
  out.point = v;
  out.x = g[0] / w;
  out.y = g[1] / w;
  out.w = -(out.x * times(m, v) + out.y * times(m + 4, v)) / w;
  out.grad.x = out.x * m[0] + out.y * m[4] + out.w * m[8];
  out.grad.y = out.x * m[1] + out.y * m[5] + out.w * m[9];
  out.grad.z = out.x * m[2] + out.y * m[6] + out.w * m[10] + g[2];
  return out;
}

// Writes the gradient of a vertex, over all cameras that see it.
template <class Real>
R3D_FN void vertex_grad(const WorldToScreen<Real>& a, i64 vertex) {
  const i64 only = a.first ? camera_of(a, vertex) : 0;
  Real sum[3] = {0, 0, 0};
  for (i64 camera = only; camera < (a.first ? only + 1 : a.num_cameras); ++camera) {
    const i64 row = a.first ? vertex : camera * a.num_verts + vertex;
    const ViewPoint<Real> g = row_grad(a, row, camera).grad;
    const Real* const R = a.rotations + camera * 9;
    for (int i = 0; i < 3; ++i) sum[i] += g.x * R[3 * i] + g.y * R[3 * i + 1] + g.z * R[3 * i + 2];
  }
  for (int i = 0; i < 3; ++i) a.grad_verts[3 * vertex + i] = sum[i];
}

// Sums the cameras' gradients over the rows of a chunk. Those of camera c are partial sum number chunk + c:
// from one to the next, the chunk or the camera goes up, so no two have one number.
template <class Real>
R3D_FN void sum_chunk(const WorldToScreen<Real>& a, i64 chunk) {
  i64 row = chunk * a.chunk_rows;
  const i64 end = row + a.chunk_rows < a.num_rows ? row + a.chunk_rows : a.num_rows;
  while (row < end) {
    const i64 camera = camera_of(a, row);
    const i64 after = camera + 1 < a.num_cameras ? first_row(a, camera + 1) : end;
    const i64 stop = after < end ? after : end;
    Real sums[kCameraSums];
    for (int i = 0; i < kCameraSums; ++i) sums[i] = 0;
    for (; row < stop; ++row) {
      const RowGrad<Real> g = row_grad(a, row, camera);
      const Real* const p = vertex_of(a, row, camera);
      for (int i = 0; i < 3; ++i) {
        sums[3 * i] += p[i] * g.grad.x;
        sums[3 * i + 1] += p[i] * g.grad.y;
        sums[3 * i + 2] += p[i] * g.grad.z;
      }
      sums[9] += g.grad.x, sums[10] += g.grad.y, sums[11] += g.grad.z;
      const Real factors[3] = {g.x, g.y, g.w};
      for (int i = 0; i < 3; ++i) {
        sums[12 + 4 * i] += factors[i] * g.point.x;
        sums[13 + 4 * i] += factors[i] * g.point.y;
        sums[14 + 4 * i] += factors[i] * g.point.z;
        sums[15 + 4 * i] += factors[i];
      }
    }
    const i64 number = chunk + camera;
    for (int i = 0; i < kCameraSums; ++i) a.partial_sums[number * kCameraSums + i] = sums[i];
  }
}

// One of a camera's sums: of the partial ones, in their order.
template <class Real>
R3D_FN void sum_camera(const WorldToScreen<Real>& a, i64 camera, int which) {
  const i64 begin = first_row(a, camera);
  const i64 end = camera + 1 < a.num_cameras ? first_row(a, camera + 1) : a.num_rows;
  double sum = 0;
  if (begin < end && begin >= 0 && end <= a.num_rows)
    for (i64 chunk = begin / a.chunk_rows; chunk <= (end - 1) / a.chunk_rows; ++chunk)
      sum += (double)a.partial_sums[(chunk + camera) * kCameraSums + which];
  a.camera_sums[camera * kCameraSums + which] = (Real)sum;
  if (which < 9)
    a.grad_rotations[camera * 9 + which] = (Real)sum;
  else if (which < 12)
    a.grad_translations[camera * 3 + which - 9] = (Real)sum;
}

}  // namespace r3d

#endif  // R3D_RASTER_WORLD_TO_SCREEN_H_
