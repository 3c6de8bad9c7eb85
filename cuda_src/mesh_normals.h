// The mathematics of face areas, face normals and vertex normals, forward beside backward. Shared by the CPU
// schedule, the CUDA kernels and the emulation.
//
// A face's cross product is its unit normal times twice its area; a vertex's normal is the direction of the
// sum of its faces' cross products. All sums over the faces of a vertex walk the list of its corners in
// order, so results repeat bitwise, whatever the number of threads; no atomics.
#ifndef R3D_MESH_NORMALS_H_
#define R3D_MESH_NORMALS_H_

#include "common/vec.h"

namespace r3d {

template <class Real>
struct PackedMesh {
  const Real* verts;  // (V, 3)
  const i64* faces;   // (F, 3) ids into verts
  i64 num_verts, num_faces;
};

// The corners 3 * face + j that name each vertex, ascending: what the op vertex_corners makes.
struct CornerLists {
  const i32* first;    // (V + 1,) where each vertex's corners begin
  const i32* corners;  // (3 F,)
};

constexpr i64 kNoBadFace = -1;

// -- Faces

// The cross product of a face; false: it names no vertex.
template <class Real>
R3D_FN bool face_cross(const PackedMesh<Real>& mesh, i64 face, Vec3<Real>* cross_product) {
  const i64* const ids = mesh.faces + 3 * face;
  const u64 count = mesh.num_verts;
  if ((u64)ids[0] >= count || (u64)ids[1] >= count || (u64)ids[2] >= count) return false;
  const Vec3<Real> p = load3(mesh.verts, ids[0]);
  *cross_product = cross(load3(mesh.verts, ids[1]) - p, load3(mesh.verts, ids[2]) - p);
  return true;
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

// -- Corners

// Calls visit(face, next, last) for each corner of a vertex, with the ids of the two vertices that follow it
// around the face. Returns the first face that names no vertex, num_faces where the lists are not of these
// faces, or kNoBadFace; what is bad is left out.
template <class Real, class Visit>
R3D_FN i64 for_each_corner(const PackedMesh<Real>& mesh, const CornerLists& lists, i64 vertex,
                           const Visit& visit) {
  i64 bad_face = kNoBadFace;
  const i64 begin = lists.first[vertex], end = lists.first[vertex + 1], num_corners = 3 * mesh.num_faces;
  if (begin < 0 || end > num_corners) return mesh.num_faces;
  for (i64 at = begin; at < end; ++at) {
    const u32 corner = lists.corners[at], face = corner / 3, j = corner - 3 * face;
    if (corner >= (u64)num_corners) return mesh.num_faces;
    const i64* const ids = mesh.faces + 3 * (i64)face;
    const i64 next = ids[j == 2 ? 0 : j + 1], last = ids[j == 0 ? 2 : j - 1];
    if ((u64)next < (u64)mesh.num_verts && (u64)last < (u64)mesh.num_verts)
      visit((i64)face, next, last);
    else if (bad_face == kNoBadFace)
      bad_face = face;
  }
  return bad_face;
}

// The sum of the cross products of a vertex's faces.
template <class Real>
R3D_FN i64 sum_crosses(const PackedMesh<Real>& mesh, const CornerLists& lists, i64 vertex, Vec3<Real>* sum) {
  const Vec3<Real> p = load3(mesh.verts, vertex);
  *sum = {0, 0, 0};
  return for_each_corner(mesh, lists, vertex, [&](i64, i64 next, i64 last) {
    *sum = *sum + cross(load3(mesh.verts, next) - p, load3(mesh.verts, last) - p);
  });
}

// The gradient of a vertex, from those of its faces' cross products: grad_cross(face, vertex, next, last).
// For c = (q - p) x (r - p) the gradient of p is g x (r - q).
template <class Real, class GradCross>
R3D_FN i64 sum_crosses_bwd(const PackedMesh<Real>& mesh, const CornerLists& lists, i64 vertex,
                           const GradCross& grad_cross, Vec3<Real>* grad) {
  *grad = {0, 0, 0};
  return for_each_corner(mesh, lists, vertex, [&](i64 face, i64 next, i64 last) {
    const Vec3<Real> opposite = load3(mesh.verts, last) - load3(mesh.verts, next);
    *grad = *grad + cross(grad_cross(face, next, last), opposite);
  });
}

// The same for face_areas_normals.
template <class Real>
R3D_FN i64 face_areas_normals_bwd(const PackedMesh<Real>& mesh, const CornerLists& lists, i64 vertex,
                                  const Real* areas, const Real* normals, const Real* grad_areas,
                                  const Real* grad_normals, Vec3<Real>* grad) {
  return sum_crosses_bwd(
      mesh, lists, vertex,
      [&](i64 face, i64, i64) { return face_cross_bwd(face, areas, normals, grad_areas, grad_normals); },
      grad);
}

// The same for vertex_normals: a face's cross product is part of the sums of its three vertices.
template <class Real>
R3D_FN i64 vertex_normals_bwd(const PackedMesh<Real>& mesh, const CornerLists& lists, i64 vertex,
                              const Real* grad_sums, Vec3<Real>* grad) {
  const Vec3<Real> own = load3(grad_sums, vertex);
  return sum_crosses_bwd(
      mesh, lists, vertex,
      [&](i64, i64 next, i64 last) { return own + load3(grad_sums, next) + load3(grad_sums, last); }, grad);
}

}  // namespace r3d

#endif  // R3D_MESH_NORMALS_H_
