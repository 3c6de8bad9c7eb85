// Python's door to the mesh readers: bytes in, a dictionary of arrays out (None: the file has none).
#include "cpu/bind.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "readers/readers.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace r3d {
namespace {

// Hands a vector's memory to NumPy as (rows, width), or (rows,) for width 0.
template <class T>
nb::object to_array(std::vector<T>& values, size_t width) {
  auto* const owned = new std::vector<T>(std::move(values));
  const nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  const size_t shape[2] = {width ? owned->size() / width : owned->size(), width};
  return nb::cast(nb::ndarray<nb::numpy, T>(owned->data(), width ? 2 : 1, shape, owner));
}

template <class T>
nb::object to_array_or_none(std::vector<T>& values, size_t width) {
  return values.empty() ? nb::none() : to_array(values, width);
}

// Names as the file holds them, in an encoding that it does not tell.
nb::list to_names(const std::vector<std::string>& names) {
  nb::list result;
  for (const std::string& name : names) result.append(nb::bytes(name.data(), name.size()));
  return result;
}

template <MeshData (*read)(std::string_view)>
nb::dict read_bytes(const nb::bytes& file) {
  MeshData mesh;
  {
    const std::string_view view(file.c_str(), file.size());
    nb::gil_scoped_release release;
    mesh = read(view);
  }
  nb::dict result;
  result["verts"] = to_array(mesh.verts, 3);
  result["faces"] = to_array(mesh.faces, 3);
  result["normals"] = to_array_or_none(mesh.normals, 3);
  result["faces_normals"] = to_array_or_none(mesh.faces_normals, 3);
  result["uvs"] = to_array_or_none(mesh.uvs, 2);
  result["faces_uvs"] = to_array_or_none(mesh.faces_uvs, 3);
  result["colors"] = to_array_or_none(mesh.colors, 4);
  result["face_colors"] = to_array_or_none(mesh.face_colors, 4);
  result["faces_material"] = to_array_or_none(mesh.faces_material, 0);
  result["materials"] = to_names(mesh.materials);
  nb::list libraries;
  for (const auto& [line, text] : mesh.libraries)
    libraries.append(nb::make_tuple(line, nb::bytes(text.data(), text.size())));
  result["libraries"] = libraries;
  result["textures"] = to_names(mesh.textures);
  result["warnings"] = nb::cast(mesh.warnings);
  result["not_drawn"] = nb::cast(mesh.not_drawn);
  return result;
}

}  // namespace

void bind_readers(nb::module_& m) {
  nb::exception<ReadError>(m, "ReadError", PyExc_ValueError);
  m.def("read_obj", &read_bytes<read_obj>, "file"_a);
  m.def("read_ply", &read_bytes<read_ply>, "file"_a);
  m.def("read_stl", &read_bytes<read_stl>, "file"_a);
  m.def("read_off", &read_bytes<read_off>, "file"_a);
}

R3D_BIND(bind_readers)

}  // namespace r3d
