// The mathematics of face areas, face normals and vertex normals, forward beside backward. Shared by the CPU
// schedule, the CUDA kernels and the emulation.
//
// A face's cross product is its unit normal times twice its area; a vertex's normal is the direction of the
// sum of its faces' cross products. What faces give to their vertices is first written to a row of its own,
// then summed by vertex in the order of the vertex's corners: no atomics, and results repeat bitwise,
// whatever the number of threads.
#ifndef R3D_SURFACE_MESH_NORMALS_H_
#define R3D_SURFACE_MESH_NORMALS_H_

#include "math/vec.h"

namespace r3d {

template <class Real>
struct PackedMesh {
  const Real* verts;         // (V, 3)
  const i64* faces;          // (F, 3) ids into verts
  i64 num_verts, num_faces;  // V, F
};

// The corners 3 * face + j that name each vertex, ascending: what the op vertex_corners makes.
struct CornerLists {
  const i32* first;    // (V + 1,) where each vertex's corners begin
  const i32* corners;  // (3 F,)
};

// The end of both backwards: the gradient of a vertex is the sum of those of its corners.
template <class Real>
struct CornerSums {
  PackedMesh<Real> mesh;
  CornerLists lists;
  Real* grad_corners;  // (3 F, 3) workspace
  Real* grad_verts;    // (V, 3)
};

template <class Real>
struct FaceNormals {
  PackedMesh<Real> mesh;
  Real* areas;    // (F,)
  Real* normals;  // (F, 3)
};

template <class Real>
struct FaceNormalsBwd {
  CornerSums<Real> to;
  const Real* areas;         // (F,) the forward's
  const Real* normals;       // (F, 3) the forward's
  const Real* grad_areas;    // (F,), or null: zero
  const Real* grad_normals;  // (F, 3), or null: zero
};

template <class Real>
struct VertexNormals {
  PackedMesh<Real> mesh;
  CornerLists lists;
  Real* crosses;  // (F, 3) workspace
  Real* normals;  // (V, 3)
  Real* lengths;  // (V,) of the sums of the faces' cross products
};

template <class Real>
struct VertexNormalsBwd {
  CornerSums<Real> to;
  const Real* normals;       // (V, 3) the forward's
  const Real* lengths;       // (V,) the forward's
  const Real* grad_normals;  // (V, 3)
  Real* grad_sums;           // (V, 3) workspace
};

// -- Faces

// False: the face names a vertex that there is not.
template <class Real>
R3D_FN bool is_face(const PackedMesh<Real>& mesh, i64 face) {
  const i64* const ids = mesh.faces + 3 * face;
  const u64 count = mesh.num_verts;
  return (u64)ids[0] < count && (u64)ids[1] < count && (u64)ids[2] < count;
}

template <class Real>
R3D_FN Vec3<Real> face_cross(const PackedMesh<Real>& mesh, i64 face) {
  const i64* const ids = mesh.faces + 3 * face;
  const Vec3<Real> p = load3(mesh.verts, ids[0]);
  return cross(load3(mesh.verts, ids[1]) - p, load3(mesh.verts, ids[2]) - p);
}

// Not of a vertex that is not finite, nor past the range of numbers: such a face has no part in the normals
// of its vertices, and no gradient, so that it cannot spoil its neighbours.
template <class Real>
R3D_FN bool is_finite(const Vec3<Real>& a) {
  return 0 * (a.x + a.y + a.z) == 0;
}

// What a face adds to the sums of its vertices.
template <class Real>
R3D_FN Vec3<Real> face_cross_in_sums(const PackedMesh<Real>& mesh, i64 face) {
  const Vec3<Real> crossed = face_cross(mesh, face);
  return is_finite(crossed) ? crossed : Vec3<Real>{0, 0, 0};
}

// The gradient of a face's cross product from those of its area and normal, which may be null: zero.
template <class Real>
R3D_FN Vec3<Real> face_cross_bwd(i64 face, const Real* areas, const Real* normals, const Real* grad_areas,
                                 const Real* grad_normals) {
  const Vec3<Real> normal = load3(normals, face);
  Vec3<Real> grad = {0, 0, 0};
  if (grad_areas) grad = (grad_areas[face] / 2) * normal;
  if (grad_normals) grad = grad + direction_bwd(normal, 2 * areas[face], load3(grad_normals, face));
  return grad;
}

// The part of a face's cross product in the sums of its three vertices, backwards.
template <class Real>
R3D_FN Vec3<Real> sums_cross_bwd(const PackedMesh<Real>& mesh, i64 face, const Real* grad_sums) {
  const i64* const ids = mesh.faces + 3 * face;
  return load3(grad_sums, ids[0]) + load3(grad_sums, ids[1]) + load3(grad_sums, ids[2]);
}

// What each corner of a face adds to the gradient of its vertex: for c = (q - p) x (r - p), with gradient g,
// that of p is g x (r - q).
template <class Real>
R3D_FN void store_corner_grads(const PackedMesh<Real>& mesh, i64 face, const Vec3<Real>& grad_cross,
                               Real* grad_corners) {
  const i64* const ids = mesh.faces + 3 * face;
  const Vec3<Real> p = load3(mesh.verts, ids[0]), q = load3(mesh.verts, ids[1]),
                   r = load3(mesh.verts, ids[2]);
  if (!is_finite(cross(q - p, r - p))) {
    for (int j = 0; j < 3; ++j) store3(grad_corners, 3 * face + j, Vec3<Real>{0, 0, 0});
    return;
  }
  store3(grad_corners, 3 * face, cross(grad_cross, r - q));
  store3(grad_corners, 3 * face + 1, cross(grad_cross, p - r));
  store3(grad_corners, 3 * face + 2, cross(grad_cross, q - p));
}

// -- Vertices

// The sum of the rows of a vertex's corners; a row belongs to one corner, or to the three of a face. False:
// the lists are not of these faces.
template <class Real>
R3D_FN bool sum_rows(const CornerLists& lists, i64 num_faces, i64 vertex, const Real* rows,
                     u32 corners_per_row, Vec3<Real>* sum) {
  const i64 begin = lists.first[vertex], end = lists.first[vertex + 1], num_corners = 3 * num_faces;
  *sum = {0, 0, 0};
  if (begin < 0 || end > num_corners) return false;
  for (i64 at = begin; at < end; ++at) {
    const u32 corner = lists.corners[at];
    if (corner >= num_corners) return false;
    *sum = *sum + load3(rows, corner / corners_per_row);
  }
  return true;
}

}  // namespace r3d

#endif  // R3D_SURFACE_MESH_NORMALS_H_
