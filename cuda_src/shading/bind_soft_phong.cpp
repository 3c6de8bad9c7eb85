#include <new>

#include "cpu/bind.h"

namespace r3d {
namespace {

template <class Real>
void bind(nb::module_& m) {
  using Reals = Array<const Real>;
  using Ids = Array<const i64>;
  using Faces = std::tuple<Reals, Ids, Ids>;        // verts, faces, mesh_first_face
  using Surface = std::tuple<Reals, Reals, Reals>;  // positions, normals, looks
  using Texture =
      std::tuple<Reals, std::optional<Ids>, Reals, Ids, std::optional<Ids>>;  // texels, corner_ids,
                                                                              // uvs, maps, faces_source
  using Kinds =
      std::tuple<int, int, i64, int, bool, bool>;  // lights, texture, atlas, padding, align, bilinear
  const auto scene = [](const Surface& surface, const Texture& texture, const Kinds& kinds, double sigma,
                        double gamma) {
    SoftPhongScene<Real> scene = {};
    scene.positions = std::get<0>(surface).data();
    scene.normals = std::get<1>(surface).data();
    scene.looks = std::get<2>(surface).data();
    scene.texels = std::get<0>(texture).data();
    scene.corner_ids = optional_data(std::get<1>(texture));
    scene.uvs = std::get<2>(texture).data();
    scene.maps = std::get<3>(texture).data();
    scene.faces_source = optional_data(std::get<4>(texture));
    std::tie(scene.light_kind, scene.texture_kind, scene.atlas_size, scene.padding, scene.align_corners,
             scene.bilinear) = kinds;
    scene.sigma = sigma;
    scene.gamma = gamma;
    return scene;
  };
  m.def(
      "soft_phong_fwd",
      [scene](Faces mesh, Surface surface, Texture texture, std::tuple<int, int> image_size,
              i64 faces_per_pixel, RasterSettingsTuple settings, Kinds kinds, double sigma, double gamma,
              i64 workspace_budget, Array<Real> image, Array<Real> blend, Array<Real> limit_depth,
              Array<i32> limit_face) {
        SoftPhongArgs<Real> args = {raster_args(std::get<0>(mesh), std::get<1>(mesh), std::get<2>(mesh),
                                                image_size, faces_per_pixel, settings),
                                    scene(surface, texture, kinds, sigma, gamma),
                                    image.data(),
                                    blend.data(),
                                    limit_depth.data(),
                                    limit_face.data()};
        args.raster.workspace_budget = workspace_budget;
        RasterizeMeshesStatus status;
        {
          nb::gil_scoped_release release;
          status = R3D_DISPATCH(soft_phong_fwd, args);
        }
        if (status.out_of_memory) throw std::bad_alloc();
        return status.bad_face;
      },
      "mesh"_a.noconvert(), "surface"_a.noconvert(), "texture"_a.noconvert(), "image_size"_a,
      "faces_per_pixel"_a, "settings"_a, "kinds"_a, "sigma"_a, "gamma"_a, "workspace_budget"_a,
      "image"_a.noconvert(), "blend"_a.noconvert(), "limit_depth"_a.noconvert(), "limit_face"_a.noconvert());
  using Outputs = std::tuple<Reals, Reals, Reals, Array<const i32>>;
  using Gradients = std::tuple<Array<Real>, Array<Real>, Array<Real>, Array<Real>, Array<Real>, Array<Real>>;
  m.def(
      "soft_phong_bwd",
      [scene](Faces mesh, Surface surface, Texture texture, std::tuple<int, int> image_size,
              i64 faces_per_pixel, RasterSettingsTuple settings, Kinds kinds, double sigma, double gamma,
              Outputs outputs, Reals grad_image, Gradients gradients) {
        const SoftPhongBwdArgs<Real> args = {
            {raster_args(std::get<0>(mesh), std::get<1>(mesh), std::get<2>(mesh), image_size, faces_per_pixel,
                         settings),
             scene(surface, texture, kinds, sigma, gamma), const_cast<Real*>(std::get<0>(outputs).data()),
             const_cast<Real*>(std::get<1>(outputs).data()), const_cast<Real*>(std::get<2>(outputs).data()),
             const_cast<i32*>(std::get<3>(outputs).data())},
            rows(std::get<0>(texture)),
            rows(std::get<2>(texture)),
            grad_image.data(),
            std::get<0>(gradients).data(),
            std::get<1>(gradients).data(),
            std::get<2>(gradients).data(),
            std::get<3>(gradients).data(),
            std::get<4>(gradients).data(),
            std::get<5>(gradients).data()};
        bool enough;
        {
          nb::gil_scoped_release release;
          enough = R3D_DISPATCH(soft_phong_bwd, args);
        }
        if (!enough) throw std::bad_alloc();
      },
      "mesh"_a.noconvert(), "surface"_a.noconvert(), "texture"_a.noconvert(), "image_size"_a,
      "faces_per_pixel"_a, "settings"_a, "kinds"_a, "sigma"_a, "gamma"_a, "outputs"_a.noconvert(),
      "grad_image"_a.noconvert(), "gradients"_a.noconvert());
}

}  // namespace

void bind_soft_phong(nb::module_& m) {
  bind<float>(m);
  bind<double>(m);
}

R3D_BIND(bind_soft_phong)

}  // namespace r3d
