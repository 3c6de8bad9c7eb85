// The CPU schedule of mesh_normals: faces, or vertices with their corners, over threads. Compiled once for
// each instruction set: no standard library.
#include "cpu/schedules.h"

#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kFaces = 1 << 13, kVerts = 1 << 12;  // that a thread takes at a time

// The smallest bad face that threads report.
class FirstBadFace {
 public:
  void report(i64 face) {
    if (face == kNoBadFace) return;
    i64 seen = __atomic_load_n(&face_, __ATOMIC_RELAXED);
    while (seen == kNoBadFace || face < seen)
      if (__atomic_compare_exchange_n(&face_, &seen, face, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  }
  i64 face() const { return face_; }

 private:
  i64 face_ = kNoBadFace;
};

template <class Real>
i64 faces_fwd(const FaceNormalsArgs<Real>& a) {
  FirstBadFace bad;
  parallel(a.mesh.num_faces, kFaces, [&](i64 begin, i64 end, int) {
    for (i64 face = begin; face < end; ++face) {
      Vec3<Real> product;
      if (!face_cross(a.mesh, face, &product)) return bad.report(face);
      const Polar3<Real> normal = polar(product);
      a.areas[face] = normal.length / 2;
      store3(a.normals, face, normal.direction);
    }
  });
  return bad.face();
}

template <class Real>
i64 faces_bwd(const FaceNormalsBwdArgs<Real>& a) {
  FirstBadFace bad;
  parallel(a.mesh.num_verts, kVerts, [&](i64 begin, i64 end, int) {
    for (i64 vertex = begin; vertex < end; ++vertex) {
      Vec3<Real> grad;
      bad.report(face_areas_normals_bwd(a.mesh, a.corners, vertex, a.areas, a.normals, a.grad_areas,
                                        a.grad_normals, &grad));
      store3(a.grad_verts, vertex, grad);
    }
  });
  return bad.face();
}

template <class Real>
i64 verts_fwd(const VertexNormalsArgs<Real>& a) {
  FirstBadFace bad;
  parallel(a.mesh.num_verts, kVerts, [&](i64 begin, i64 end, int) {
    for (i64 vertex = begin; vertex < end; ++vertex) {
      Vec3<Real> sum;
      bad.report(sum_crosses(a.mesh, a.corners, vertex, &sum));
      const Polar3<Real> normal = polar(sum);
      a.lengths[vertex] = normal.length;
      store3(a.normals, vertex, normal.direction);
    }
  });
  return bad.face();
}

template <class Real>
i64 verts_bwd(const VertexNormalsBwdArgs<Real>& a) {
  parallel(a.mesh.num_verts, 4 * kVerts, [&](i64 begin, i64 end, int) {
    for (i64 vertex = begin; vertex < end; ++vertex)
      store3(a.grad_sums, vertex,
             direction_bwd(load3(a.normals, vertex), a.lengths[vertex], load3(a.grad_normals, vertex)));
  });
  FirstBadFace bad;
  parallel(a.mesh.num_verts, kVerts, [&](i64 begin, i64 end, int) {
    for (i64 vertex = begin; vertex < end; ++vertex) {
      Vec3<Real> grad;
      bad.report(vertex_normals_bwd(a.mesh, a.corners, vertex, a.grad_sums, &grad));
      store3(a.grad_verts, vertex, grad);
    }
  });
  return bad.face();
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
