#include <new>

#include "cpu/bind.h"

namespace r3d {
namespace {

template <class Real>
void bind(nb::module_& m) {
  using Reals = Array<const Real>;
  using Ids = Array<const i64>;
  m.def(
      "soft_silhouette_fwd",
      [](Reals verts, Ids faces, Ids mesh_first_face, std::tuple<int, int> image_size, i64 faces_per_pixel,
         RasterSettingsTuple settings, double sigma, i64 workspace_budget, Array<Real> uncovered,
         Array<Real> limit_depth, Array<i32> limit_face) {
        SoftSilhouetteArgs<Real> args = {
            raster_args(verts, faces, mesh_first_face, image_size, faces_per_pixel, settings), sigma,
            uncovered.data(), limit_depth.data(), limit_face.data()};
        args.raster.workspace_budget = workspace_budget;
        RasterizeMeshesStatus status;
        {
          nb::gil_scoped_release release;
          status = R3D_DISPATCH(soft_silhouette_fwd, args);
        }
        if (status.out_of_memory) throw std::bad_alloc();
        return status.bad_face;
      },
      "verts"_a.noconvert(), "faces"_a.noconvert(), "mesh_first_face"_a.noconvert(), "image_size"_a,
      "faces_per_pixel"_a, "settings"_a, "sigma"_a, "workspace_budget"_a, "uncovered"_a.noconvert(),
      "limit_depth"_a.noconvert(), "limit_face"_a.noconvert());
  m.def(
      "soft_silhouette_bwd",
      [](Reals verts, Ids faces, Ids mesh_first_face, std::tuple<int, int> image_size, i64 faces_per_pixel,
         RasterSettingsTuple settings, double sigma, Reals uncovered, Reals limit_depth,
         Array<const i32> limit_face, Reals grad_uncovered, Array<Real> grad_verts) {
        const SoftSilhouetteBwdArgs<Real> args = {
            {raster_args(verts, faces, mesh_first_face, image_size, faces_per_pixel, settings), sigma,
             const_cast<Real*>(uncovered.data()), const_cast<Real*>(limit_depth.data()),
             const_cast<i32*>(limit_face.data())},
            grad_uncovered.data(),
            grad_verts.data()};
        bool enough;
        {
          nb::gil_scoped_release release;
          enough = R3D_DISPATCH(soft_silhouette_bwd, args);
        }
        if (!enough) throw std::bad_alloc();
      },
      "verts"_a.noconvert(), "faces"_a.noconvert(), "mesh_first_face"_a.noconvert(), "image_size"_a,
      "faces_per_pixel"_a, "settings"_a, "sigma"_a, "uncovered"_a.noconvert(), "limit_depth"_a.noconvert(),
      "limit_face"_a.noconvert(), "grad_uncovered"_a.noconvert(), "grad_verts"_a.noconvert());
}

}  // namespace

void bind_soft_silhouette(nb::module_& m) {
  bind<float>(m);
  bind<double>(m);
}

R3D_BIND(bind_soft_silhouette)

}  // namespace r3d
