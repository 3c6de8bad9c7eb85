// The CPU schedule of mesh_normals: faces over threads, then vertices with their corners. Compiled once for
// each instruction set: no standard library.
#include "cpu/schedules.h"

#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kFaces = 1 << 13, kVerts = 1 << 13;  // that a thread takes at a time
constexpr i64 kNone = -1;

// The smallest id that threads report.
class Smallest {
 public:
  void report(i64 id) {
    i64 seen = __atomic_load_n(&id_, __ATOMIC_RELAXED);
    while (seen == kNone || id < seen)
      if (__atomic_compare_exchange_n(&id_, &seen, id, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  }
  i64 id() const { return id_; }

 private:
  i64 id_ = kNone;
};

// Calls visit(face) for every face; returns the first that names no vertex, which is left out, or kNone.
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
  return bad_face.id();
}

// Calls visit(vertex, sum of its corners' rows) for every vertex; returns kNone, or num_faces where the lists
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
  return other.id();
}

template <class Real>
i64 sum_corner_grads(const PackedMesh<Real>& mesh, const CornerLists& lists, const Real* grad_corners,
                     Real* grad_verts) {
  return for_each_sum(mesh, lists, grad_corners, 1,
                      [&](i64 vertex, const Vec3<Real>& sum) { store3(grad_verts, vertex, sum); });
}

template <class Real>
i64 faces_fwd(const FaceNormalsArgs<Real>& a) {
  return for_each_face(a.mesh, [&](i64 face) {
    const Polar3<Real> normal = polar(face_cross(a.mesh, face));
    a.areas[face] = normal.length / 2;
    store3(a.normals, face, normal.direction);
  });
}

template <class Real>
i64 faces_bwd(const FaceNormalsBwdArgs<Real>& a) {
  const i64 bad_face = for_each_face(a.mesh, [&](i64 face) {
    const Vec3<Real> grad = face_cross_bwd(face, a.areas, a.normals, a.grad_areas, a.grad_normals);
    store_corner_grads(a.mesh, face, grad, a.grad_corners);
  });
  return bad_face != kNone ? bad_face : sum_corner_grads(a.mesh, a.corners, a.grad_corners, a.grad_verts);
}

template <class Real>
i64 verts_fwd(const VertexNormalsArgs<Real>& a) {
  const i64 bad_face =
      for_each_face(a.mesh, [&](i64 face) { store3(a.crosses, face, face_cross_in_sums(a.mesh, face)); });
  if (bad_face != kNone) return bad_face;
  return for_each_sum(a.mesh, a.corners, a.crosses, 3, [&](i64 vertex, const Vec3<Real>& sum) {
    const Polar3<Real> normal = polar(sum);
    a.lengths[vertex] = normal.length;
    store3(a.normals, vertex, normal.direction);
  });
}

template <class Real>
i64 verts_bwd(const VertexNormalsBwdArgs<Real>& a) {
  parallel(a.mesh.num_verts, kVerts, [&](i64 begin, i64 end, int) {
    for (i64 vertex = begin; vertex < end; ++vertex)
      store3(a.grad_sums, vertex,
             direction_bwd(load3(a.normals, vertex), a.lengths[vertex], load3(a.grad_normals, vertex)));
  });
  const i64 bad_face = for_each_face(a.mesh, [&](i64 face) {
    store_corner_grads(a.mesh, face, sums_cross_bwd(a.mesh, face, a.grad_sums), a.grad_corners);
  });
  return bad_face != kNone ? bad_face : sum_corner_grads(a.mesh, a.corners, a.grad_corners, a.grad_verts);
}

}  // namespace

i64 mesh_normals_faces_fwd(const FaceNormalsArgs<float>& args) { return faces_fwd(args); }
i64 mesh_normals_faces_fwd(const FaceNormalsArgs<double>& args) { return faces_fwd(args); }
i64 mesh_normals_faces_bwd(const FaceNormalsBwdArgs<float>& args) { return faces_bwd(args); }
i64 mesh_normals_faces_bwd(const FaceNormalsBwdArgs<double>& args) { return faces_bwd(args); }
i64 mesh_normals_verts_fwd(const VertexNormalsArgs<float>& args) { return verts_fwd(args); }
i64 mesh_normals_verts_fwd(const VertexNormalsArgs<double>& args) { return verts_fwd(args); }
i64 mesh_normals_verts_bwd(const VertexNormalsBwdArgs<float>& args) { return verts_bwd(args); }
i64 mesh_normals_verts_bwd(const VertexNormalsBwdArgs<double>& args) { return verts_bwd(args); }

}  // namespace R3D_ISA
}  // namespace r3d
