#include "cpu/bind.h"

namespace r3d {
namespace {

template <class Real>
PackedMesh<Real> packed_mesh(const Array<const Real>& verts, const Array<const i64>& faces) {
  return {verts.data(), faces.data(), rows(verts), rows(faces)};
}

template <class Real>
void bind(nb::module_& m) {
  using Reals = Array<const Real>;
  using Ids = Array<const i64>;
  using Corners = Array<const i32>;
  m.def(
      "mesh_normals_faces_fwd",
      [](Reals verts, Ids faces, Array<Real> areas, Array<Real> normals) {
        const FaceNormalsArgs<Real> args = {packed_mesh(verts, faces), areas.data(), normals.data()};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(mesh_normals_faces_fwd, args);
      },
      "verts"_a.noconvert(), "faces"_a.noconvert(), "areas"_a.noconvert(), "normals"_a.noconvert());
  m.def(
      "mesh_normals_faces_bwd",
      [](Reals verts, Ids faces, Corners first, Corners corners, Reals areas, Reals normals,
         std::optional<Reals> grad_areas, std::optional<Reals> grad_normals, Array<Real> grad_corners,
         Array<Real> grad_verts) {
        const FaceNormalsBwdArgs<Real> args = {packed_mesh(verts, faces),
                                               {first.data(), corners.data()},
                                               areas.data(),
                                               normals.data(),
                                               optional_data(grad_areas),
                                               optional_data(grad_normals),
                                               grad_corners.data(),
                                               grad_verts.data()};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(mesh_normals_faces_bwd, args);
      },
      "verts"_a.noconvert(), "faces"_a.noconvert(), "first"_a.noconvert(), "corners"_a.noconvert(),
      "areas"_a.noconvert(), "normals"_a.noconvert(), "grad_areas"_a.noconvert().none(),
      "grad_normals"_a.noconvert().none(), "grad_corners"_a.noconvert(), "grad_verts"_a.noconvert());
  m.def(
      "mesh_normals_verts_fwd",
      [](Reals verts, Ids faces, Corners first, Corners corners, Array<Real> crosses, Array<Real> normals,
         Array<Real> lengths) {
        const VertexNormalsArgs<Real> args = {packed_mesh(verts, faces),
                                              {first.data(), corners.data()},
                                              crosses.data(),
                                              normals.data(),
                                              lengths.data()};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(mesh_normals_verts_fwd, args);
      },
      "verts"_a.noconvert(), "faces"_a.noconvert(), "first"_a.noconvert(), "corners"_a.noconvert(),
      "crosses"_a.noconvert(), "normals"_a.noconvert(), "lengths"_a.noconvert());
  m.def(
      "mesh_normals_verts_bwd",
      [](Reals verts, Ids faces, Corners first, Corners corners, Reals normals, Reals lengths,
         Reals grad_normals, Array<Real> grad_sums, Array<Real> grad_corners, Array<Real> grad_verts) {
        const VertexNormalsBwdArgs<Real> args = {packed_mesh(verts, faces),
                                                 {first.data(), corners.data()},
                                                 normals.data(),
                                                 lengths.data(),
                                                 grad_normals.data(),
                                                 grad_sums.data(),
                                                 grad_corners.data(),
                                                 grad_verts.data()};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(mesh_normals_verts_bwd, args);
      },
      "verts"_a.noconvert(), "faces"_a.noconvert(), "first"_a.noconvert(), "corners"_a.noconvert(),
      "normals"_a.noconvert(), "lengths"_a.noconvert(), "grad_normals"_a.noconvert(),
      "grad_sums"_a.noconvert(), "grad_corners"_a.noconvert(), "grad_verts"_a.noconvert());
}

}  // namespace

void bind_mesh_normals(nb::module_& m) {
  bind<float>(m);
  bind<double>(m);
}

}  // namespace r3d
