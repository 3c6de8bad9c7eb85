// What every binding of raw arrays uses. Arguments were checked in Python (backend/), where messages can name
// them; the bindings refuse every implicit conversion and copy.
#ifndef R3D_CPU_BIND_H_
#define R3D_CPU_BIND_H_

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>

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

// One a file bind_*.cpp; module.cpp calls them.
void bind_antialias(nb::module_& m);
void bind_mesh_normals(nb::module_& m);
void bind_packed_to_padded(nb::module_& m);
void bind_readers(nb::module_& m);
void bind_topology(nb::module_& m);
void bind_writers(nb::module_& m);

}  // namespace r3d

#endif  // R3D_CPU_BIND_H_
