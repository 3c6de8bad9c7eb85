// The CPU schedule of mesh_normals: faces over threads, then vertices with their corners. Compiled once for
// each instruction set: no standard library.
#include "surface/mesh_normals.h"

#include "cpu/schedule.h"
#include "cpu/smallest.h"
#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kFaces = 1 << 13, kVerts = 1 << 13;  // that a thread takes at a time

// Calls visit(face) for every face; returns the first that names no vertex, which is left out, or kGood.
template <class Real, class Visit>
i64 for_each_face(const PackedMesh<Real>& mesh, const Visit& visit) {
  Smallest bad_face;
  parallel(mesh.num_faces, kFaces, [&](i64 begin, i64 end, int) {
    for (i64 face = begin; face < end; ++face) {
      if (is_face(mesh, face))
        visit(face);
      else
        bad_face.report(face);
    }
  });
  return bad_face.number();
}

// Calls visit(vertex, sum of its corners' rows) for every vertex; returns kGood, or num_faces where the lists
// are not of these faces.
template <class Real, class Visit>
i64 for_each_sum(const PackedMesh<Real>& mesh, const CornerLists& lists, const Real* rows,
                 u32 corners_per_row, const Visit& visit) {
  Smallest other;
  parallel(mesh.num_verts, kVerts, [&](i64 begin, i64 end, int) {
    for (i64 vertex = begin; vertex < end; ++vertex) {
      Vec3<Real> sum;
      if (!sum_rows(lists, mesh.num_faces, vertex, rows, corners_per_row, &sum)) other.report(mesh.num_faces);
      visit(vertex, sum);
    }
  });
  return other.number();
}

template <class Real>
i64 sum_corner_grads(const CornerSums<Real>& a) {
  return for_each_sum(a.mesh, a.lists, a.grad_corners, 1,
                      [&](i64 vertex, const Vec3<Real>& sum) { store3(a.grad_verts, vertex, sum); });
}

template <class Real>
i64 faces_fwd(const FaceNormals<Real>& a) {
  return for_each_face(a.mesh, [&](i64 face) {
    const Polar3<Real> normal = polar(face_cross(a.mesh, face));
    a.areas[face] = normal.length / 2;
    store3(a.normals, face, normal.direction);
  });
}

template <class Real>
i64 faces_bwd(const FaceNormalsBwd<Real>& a) {
  const i64 bad_face = for_each_face(a.to.mesh, [&](i64 face) {
    const Vec3<Real> grad = face_cross_bwd(face, a.areas, a.normals, a.grad_areas, a.grad_normals);
    store_corner_grads(a.to.mesh, face, grad, a.to.grad_corners);
  });
  return bad_face != kGood ? bad_face : sum_corner_grads(a.to);
}

template <class Real>
i64 verts_fwd(const VertexNormals<Real>& a) {
  const i64 bad_face =
      for_each_face(a.mesh, [&](i64 face) { store3(a.crosses, face, face_cross_in_sums(a.mesh, face)); });
  if (bad_face != kGood) return bad_face;
  return for_each_sum(a.mesh, a.lists, a.crosses, 3, [&](i64 vertex, const Vec3<Real>& sum) {
    const Polar3<Real> normal = polar(sum);
    a.lengths[vertex] = normal.length;
    store3(a.normals, vertex, normal.direction);
  });
}

template <class Real>
i64 verts_bwd(const VertexNormalsBwd<Real>& a) {
  const PackedMesh<Real>& mesh = a.to.mesh;
  parallel(mesh.num_verts, kVerts, [&](i64 begin, i64 end, int) {
    for (i64 vertex = begin; vertex < end; ++vertex)
      store3(a.grad_sums, vertex,
             direction_bwd(load3(a.normals, vertex), a.lengths[vertex], load3(a.grad_normals, vertex)));
  });
  const i64 bad_face = for_each_face(mesh, [&](i64 face) {
    store_corner_grads(mesh, face, sums_cross_bwd(mesh, face, a.grad_sums), a.to.grad_corners);
  });
  return bad_face != kGood ? bad_face : sum_corner_grads(a.to);
}

}  // namespace

R3D_SCHEDULE(mesh_normals_faces_fwd, FaceNormals, faces_fwd)
R3D_SCHEDULE(mesh_normals_faces_bwd, FaceNormalsBwd, faces_bwd)
R3D_SCHEDULE(mesh_normals_verts_fwd, VertexNormals, verts_fwd)
R3D_SCHEDULE(mesh_normals_verts_bwd, VertexNormalsBwd, verts_bwd)

}  // namespace R3D_ISA
}  // namespace r3d
