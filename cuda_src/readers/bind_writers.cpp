// Python's door to the text writer: a pattern and arrays in, bytes out.
#include "cpu/bind.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "readers/writers.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace r3d {
namespace {

using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu, nb::ndim<2>>;

Table to_table(const Array& array) {
  const nb::dlpack::dtype type = array.dtype();
  if (type == nb::dtype<float>()) return {Table::kFloat, array.data(), array.shape(1)};
  if (type == nb::dtype<double>()) return {Table::kDouble, array.data(), array.shape(1)};
  if (type == nb::dtype<i64>()) return {Table::kInteger, array.data(), array.shape(1)};
  throw std::invalid_argument("format_rows: columns must be float32, float64 or int64");
}

nb::bytes format(const nb::bytes& pattern, const std::vector<Array>& columns, int decimals) {
  const std::string_view view(pattern.c_str(), pattern.size());
  std::vector<Table> tables;
  size_t numbers = 0;
  for (const Array& column : columns) {
    if (column.shape(0) != columns[0].shape(0))
      throw std::invalid_argument("format_rows: columns differ in their rows");
    tables.push_back(to_table(column));
    numbers += tables.back().width;
  }
  size_t places = 0;
  for (const char c : view) places += c == '%';
  if (places != numbers) throw std::invalid_argument("format_rows: the pattern has another number of '%'");
  std::string text;
  {
    nb::gil_scoped_release release;
    text = format_rows(view, tables, columns.empty() ? 0 : columns[0].shape(0), decimals);
  }
  return nb::bytes(text.data(), text.size());
}

}  // namespace

void bind_writers(nb::module_& m) { m.def("format_rows", &format, "pattern"_a, "columns"_a, "decimals"_a); }

R3D_BIND(bind_writers)

}  // namespace r3d
