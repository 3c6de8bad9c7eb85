// What every binding of raw arrays uses. Arguments were checked in Python (backend/), where messages can name
// them; the bindings refuse every implicit conversion and copy.
#ifndef R3D_CPU_BIND_H_
#define R3D_CPU_BIND_H_

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <optional>
#include <tuple>

#include "cpu/isa.h"
#include "cpu/schedules.h"

namespace r3d {

namespace nb = nanobind;
using namespace nb::literals;

template <class T>
using Array = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

template <class T>
T* optional_data(const std::optional<Array<T>>& array) {
  return array ? array->data() : nullptr;
}

template <class T>
i64 rows(const Array<T>& array) {
  return static_cast<i64>(array.shape(0));
}

// blur_radius, perspective_correct, clip_barycentric_coords, cull_backfaces, z_near, z_far, is_perspective
using RasterSettingsTuple = std::tuple<double, bool, bool, bool, double, double, bool>;

// The inputs of a rasterizer; outputs are null.
template <class Real>
RasterizeMeshesArgs<Real> raster_args(const Array<const Real>& verts, const Array<const i64>& faces,
                                      const Array<const i64>& mesh_first_face,
                                      std::tuple<int, int> image_size, i64 faces_per_pixel,
                                      const RasterSettingsTuple& settings) {
  RasterizeMeshesArgs<Real> args = {};
  args.verts = verts.data();
  args.faces = faces.data();
  args.mesh_first_face = mesh_first_face.data();
  args.num_verts = rows(verts);
  args.num_faces = rows(faces);
  args.num_meshes = rows(mesh_first_face) - 1;
  std::tie(args.height, args.width) = image_size;
  args.faces_per_pixel = faces_per_pixel;
  std::tie(args.blur_radius, args.perspective_correct, args.clip_barycentric_coords, args.cull_backfaces,
           args.z_near, args.z_far, args.is_perspective) = settings;
  return args;
}

typedef void (*Bind)(nb::module_&);

}  // namespace r3d

// Lets the module call a file's function that adds its bindings: the linker puts these pointers side by side.
#define R3D_BIND(function) \
  __attribute__((section("r3d_bindings"), used)) static const ::r3d::Bind function##_listed = function;

#endif  // R3D_CPU_BIND_H_
