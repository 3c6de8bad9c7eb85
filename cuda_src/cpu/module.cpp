// The Python module r3d_cli._native: raw arrays in, raw arrays out, no PyTorch headers.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <new>
#include <string>
#include <vector>

#include "cpu/bind.h"
#include "cpu/ceilings.h"
#include "cpu/schedule.h"
#include "cpu/threads.h"

namespace r3d {

namespace {

const char* const kIsaNames[] = {"baseline", "avx2", "avx512"};

bool isa_available(Isa isa) {
  if (isa == Isa::baseline) return true;
#ifdef R3D_X86
  __builtin_cpu_init();
  if (isa == Isa::avx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
  return isa_available(Isa::avx2) && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

Isa best_isa() {
  if (isa_available(Isa::avx512)) return Isa::avx512;
  return isa_available(Isa::avx2) ? Isa::avx2 : Isa::baseline;
}

std::atomic<int> g_isa{-1};

}  // namespace

Isa current_isa() {
  int isa = g_isa.load(std::memory_order_relaxed);
  if (isa < 0) g_isa.store(isa = static_cast<int>(best_isa()));
  return static_cast<Isa>(isa);
}

namespace {

template <class Real>
void bind_rasterize_meshes(nb::module_& m) {
  m.def(
      "rasterize_meshes_fwd",
      [](Array<const Real> verts, Array<const i64> faces, Array<const i64> mesh_first_face, int height,
         int width, i64 faces_per_pixel, double blur_radius, bool perspective_correct,
         bool clip_barycentric_coords, bool cull_backfaces, double z_near, double z_far, bool is_perspective,
         std::optional<Array<const Real>> after_zbuf, std::optional<Array<const i64>> after_face,
         i64 workspace_budget, Array<i64> pix_to_face, std::optional<Array<Real>> zbuf,
         std::optional<Array<Real>> bary_coords, std::optional<Array<Real>> dists) {
        const RasterizeMeshesArgs<Real> args = {verts.data(),
                                                faces.data(),
                                                mesh_first_face.data(),
                                                static_cast<i64>(verts.shape(0)),
                                                static_cast<i64>(faces.shape(0)),
                                                static_cast<i64>(mesh_first_face.shape(0)) - 1,
                                                height,
                                                width,
                                                faces_per_pixel,
                                                blur_radius,
                                                perspective_correct,
                                                clip_barycentric_coords,
                                                cull_backfaces,
                                                z_near,
                                                z_far,
                                                is_perspective,
                                                workspace_budget,
                                                pix_to_face.data(),
                                                optional_data(zbuf),
                                                optional_data(bary_coords),
                                                optional_data(dists),
                                                optional_data(after_zbuf),
                                                optional_data(after_face)};
        RasterizeMeshesStatus status;
        {
          nb::gil_scoped_release release;
          status = R3D_DISPATCH(rasterize_meshes_fwd, args);
        }
        if (status.out_of_memory) throw std::bad_alloc();
        return status.bad_face;
      },
      "verts"_a.noconvert(), "faces"_a.noconvert(), "mesh_first_face"_a.noconvert(), "height"_a, "width"_a,
      "faces_per_pixel"_a, "blur_radius"_a, "perspective_correct"_a, "clip_barycentric_coords"_a,
      "cull_backfaces"_a, "z_near"_a, "z_far"_a, "is_perspective"_a, "after_zbuf"_a.noconvert().none(),
      "after_face"_a.noconvert().none(), "workspace_budget"_a, "pix_to_face"_a.noconvert(),
      "zbuf"_a.noconvert().none(), "bary_coords"_a.noconvert().none(), "dists"_a.noconvert().none());
}

template <class Real>
void bind_rasterize_meshes_bwd(nb::module_& m) {
  m.def(
      "rasterize_meshes_bwd",
      [](Array<const Real> verts, Array<const i64> faces, Array<const i64> mesh_first_face,
         Array<const i64> pix_to_face, double blur_radius, bool perspective_correct,
         bool clip_barycentric_coords, bool cull_backfaces, double z_near, double z_far, bool is_perspective,
         std::optional<Array<const Real>> grad_zbuf, std::optional<Array<const Real>> grad_bary_coords,
         std::optional<Array<const Real>> grad_dists, Array<Real> grad_verts) {
        RasterizeMeshesBwdArgs<Real> args = {};
        args.forward.verts = verts.data();
        args.forward.faces = faces.data();
        args.forward.mesh_first_face = mesh_first_face.data();
        args.forward.num_verts = static_cast<i64>(verts.shape(0));
        args.forward.num_faces = static_cast<i64>(faces.shape(0));
        args.forward.num_meshes = static_cast<i64>(pix_to_face.shape(0));
        args.forward.height = static_cast<int>(pix_to_face.shape(1));
        args.forward.width = static_cast<int>(pix_to_face.shape(2));
        args.forward.faces_per_pixel = static_cast<i64>(pix_to_face.shape(3));
        args.forward.blur_radius = blur_radius;
        args.forward.perspective_correct = perspective_correct;
        args.forward.clip_barycentric_coords = clip_barycentric_coords;
        args.forward.cull_backfaces = cull_backfaces;
        args.forward.z_near = z_near;
        args.forward.z_far = z_far;
        args.forward.is_perspective = is_perspective;
        args.forward.pix_to_face = const_cast<i64*>(pix_to_face.data());
        args.grad_zbuf = optional_data(grad_zbuf);
        args.grad_bary_coords = optional_data(grad_bary_coords);
        args.grad_dists = optional_data(grad_dists);
        args.grad_verts = grad_verts.data();
        bool enough;
        {
          nb::gil_scoped_release release;
          enough = R3D_DISPATCH(rasterize_meshes_bwd, args);
        }
        if (!enough) throw std::bad_alloc();
      },
      "verts"_a.noconvert(), "faces"_a.noconvert(), "mesh_first_face"_a.noconvert(),
      "pix_to_face"_a.noconvert(), "blur_radius"_a, "perspective_correct"_a, "clip_barycentric_coords"_a,
      "cull_backfaces"_a, "z_near"_a, "z_far"_a, "is_perspective"_a, "grad_zbuf"_a.noconvert().none(),
      "grad_bary_coords"_a.noconvert().none(), "grad_dists"_a.noconvert().none(), "grad_verts"_a.noconvert());
}

template <class Real>
void bind_shade_meshes(nb::module_& m) {
  m.def(
      "shade_meshes_fwd",
      [](Array<const i64> pix_to_face, Array<const Real> zbuf, Array<const Real> bary_coords,
         std::optional<Array<const Real>> dists, Array<const Real> verts, Array<const i64> faces,
         std::optional<Array<const Real>> normals, std::optional<Array<const i64>> faces_normals,
         std::optional<Array<const Real>> uvs, std::optional<Array<const i64>> faces_uvs,
         std::optional<Array<const Real>> colors, std::optional<Array<const i32>> faces_material,
         Array<const Real> materials, Array<const i32> material_codes, Array<const u8> texels,
         Array<const i64> textures, Array<const Real> half_codes, Array<const Real> lights,
         Array<const Real> camera, Array<const Real> background, std::optional<Array<const u8>> backdrop,
         std::optional<Array<const Real>> wireframe, double focal, int shading, bool two_sided, bool srgb,
         i64 supersampling, std::optional<Array<u8>> image, std::optional<Array<Real>> linear) {
        ShadeMeshesArgs<Real> args = {
            {verts.data(),
             faces.data(),
             static_cast<i64>(faces.shape(0)),
             optional_data(normals),
             optional_data(faces_normals),
             optional_data(uvs),
             optional_data(faces_uvs),
             optional_data(colors),
             optional_data(faces_material),
             materials.data(),
             material_codes.data(),
             texels.data(),
             textures.data(),
             lights.data(),
             static_cast<i32>(lights.shape(0)),
             half_codes.data(),
             camera.data(),
             background.data(),
             optional_data(backdrop),
             optional_data(wireframe),
             static_cast<Real>(focal),
             shading,
             two_sided,
             srgb},
            {pix_to_face.data(), zbuf.data(), bary_coords.data(), optional_data(dists),
             static_cast<i64>(pix_to_face.shape(0)) / supersampling,
             static_cast<i64>(pix_to_face.shape(1)) / supersampling, supersampling,
             static_cast<i64>(pix_to_face.shape(2))},
            image ? static_cast<i64>(image->shape(2)) : 4,
            optional_data(image),
            optional_data(linear)};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(shade_meshes_fwd, args);
      },
      "pix_to_face"_a.noconvert(), "zbuf"_a.noconvert(), "bary_coords"_a.noconvert(),
      "dists"_a.noconvert().none(), "verts"_a.noconvert(), "faces"_a.noconvert(),
      "normals"_a.noconvert().none(), "faces_normals"_a.noconvert().none(), "uvs"_a.noconvert().none(),
      "faces_uvs"_a.noconvert().none(), "colors"_a.noconvert().none(), "faces_material"_a.noconvert().none(),
      "materials"_a.noconvert(), "material_codes"_a.noconvert(), "texels"_a.noconvert(),
      "textures"_a.noconvert(), "half_codes"_a.noconvert(), "lights"_a.noconvert(), "camera"_a.noconvert(),
      "background"_a.noconvert(), "backdrop"_a.noconvert().none(), "wireframe"_a.noconvert().none(),
      "focal"_a, "shading"_a, "two_sided"_a, "srgb"_a, "supersampling"_a, "image"_a.noconvert().none(),
      "linear"_a.noconvert().none());
}

void bind_ceilings(nb::module_& m) {
  m.def(
      "ceiling_copy",
      [](Array<const float> from, Array<float> to) {
        nb::gil_scoped_release release;
        R3D_DISPATCH(ceiling_copy, from.data(), to.data(), static_cast<i64>(to.size()));
      },
      "from_"_a.noconvert(), "to"_a.noconvert());
  m.def(
      "ceiling_fma",
      [](Array<const float> start, float a, float b, i64 rounds, Array<float> out) {
        nb::gil_scoped_release release;
        return R3D_DISPATCH(ceiling_fma, start.data(), a, b, rounds, out.data(),
                            static_cast<i64>(out.size()));
      },
      "start"_a.noconvert(), "a"_a, "b"_a, "rounds"_a, "out"_a.noconvert());
}

}  // namespace
}  // namespace r3d

// Where the linker has put the pointers that R3D_SCHEDULE and R3D_BIND make.
extern "C" {
extern __attribute__((visibility("hidden"))) const r3d::Bind __start_r3d_bindings[];
extern __attribute__((visibility("hidden"))) const r3d::Bind __stop_r3d_bindings[];
extern __attribute__((visibility("hidden"))) const r3d::Schedule* const __start_r3d_schedules[];
extern __attribute__((visibility("hidden"))) const r3d::Schedule* const __stop_r3d_schedules[];
}

namespace r3d {
namespace {

// A schedule's variants for each instruction set; null where there is none.
struct Variants {
  const Schedule* by_isa[3];
};

std::vector<Variants>& all_variants() {
  static std::vector<Variants> variants;
  return variants;
}

const Schedule* first_variant(const Variants& variants) {
  for (const Schedule* schedule : variants.by_isa)
    if (schedule) return schedule;
  return nullptr;
}

void collect_schedules() {
  std::vector<Variants>& all = all_variants();
  for (auto at = __start_r3d_schedules; at != __stop_r3d_schedules; ++at) {
    const Schedule& schedule = **at;
    auto found = all.begin();
    for (; found != all.end(); ++found) {
      const Schedule* known = first_variant(*found);
      if (known->real == schedule.real && std::string(known->name) == schedule.name) break;
    }
    if (found == all.end()) found = all.insert(found, Variants{});
    found->by_isa[static_cast<int>(schedule.isa)] = &schedule;
  }
}

void bind_schedules(nb::module_& m) {
  collect_schedules();
  m.def("schedules", [] {
    std::vector<std::tuple<std::string, std::string, int, u64>> out;
    for (const Variants& variants : all_variants()) {
      const Schedule* schedule = first_variant(variants);
      out.emplace_back(schedule->name, schedule->record, schedule->real, schedule->size);
    }
    return out;
  });
  // Where the memory of an array begins, by Python's buffer protocol.
  m.def(
      "address",
      [](nb::handle array) {
        Py_buffer view;
        if (PyObject_GetBuffer(array.ptr(), &view, PyBUF_STRIDES)) throw nb::python_error();
        const u64 address = reinterpret_cast<u64>(view.buf);
        PyBuffer_Release(&view);
        return address;
      },
      "array"_a);
  // Arguments were checked in Python (r3d_cli/backend/packing.py), where messages can name them.
  m.def(
      "run",
      [](u64 schedule, u64 record) {
        const Schedule* chosen = all_variants().at(schedule).by_isa[static_cast<int>(current_isa())];
        i64 status;
        {
          nb::gil_scoped_release release;
          status = chosen->run(reinterpret_cast<const void*>(record));
        }
        if (status == kOutOfMemory) throw std::bad_alloc();
        return status;
      },
      "schedule"_a, "record"_a);
}

}  // namespace
}  // namespace r3d

NB_MODULE(_native, m) {
  using namespace r3d;
  bind_schedules(m);
  for (auto bind = __start_r3d_bindings; bind != __stop_r3d_bindings; ++bind) (*bind)(m);
  m.def("num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads, "count"_a);
  m.def("share_openmp", &share_openmp, "library"_a);
  m.def("isa", [] { return kIsaNames[static_cast<int>(current_isa())]; });
  m.def("isas", [] {
    std::vector<std::string> names;
    for (int i = 0; i < 3; ++i)
      if (isa_available(static_cast<Isa>(i))) names.push_back(kIsaNames[i]);
    return names;
  });
  m.def(
      "set_isa",
      [](const std::string& name) {
        for (int i = 0; i < 3; ++i)
          if (name == kIsaNames[i] && isa_available(static_cast<Isa>(i))) {
            g_isa.store(i);
            return;
          }
        throw nb::value_error(("this machine does not have the instruction set " + name).c_str());
      },
      "name"_a);
  bind_rasterize_meshes<float>(m);
  bind_rasterize_meshes<double>(m);
  bind_rasterize_meshes_bwd<float>(m);
  bind_rasterize_meshes_bwd<double>(m);
  bind_ceilings(m);
  bind_shade_meshes<float>(m);
  bind_shade_meshes<double>(m);
}
