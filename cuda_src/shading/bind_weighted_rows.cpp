#include "cpu/bind.h"

namespace r3d {
namespace {

RowIds row_ids(const Array<const i64>& ids, i64 num_rows) {
  return {ids.data(), rows(ids), static_cast<i64>(ids.shape(1)), num_rows};
}

template <class Real>
i64 width(const Array<Real>& array) {
  return static_cast<i64>(array.shape(1));
}

template <class Real>
void bind(nb::module_& m) {
  using Reals = Array<const Real>;
  using Ids = Array<const i64>;
  m.def(
      "weighted_rows_fwd",
      [](Reals from, Ids ids, Reals weights, Array<Real> out) {
        const WeightedRowsArgs<Real> args = {row_ids(ids, rows(from)), width(from), from.data(),
                                             weights.data(),           nullptr,     out.data()};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(weighted_rows_fwd, args);
      },
      "rows"_a.noconvert(), "ids"_a.noconvert(), "weights"_a.noconvert(), "out"_a.noconvert());
  m.def(
      "weighted_rows_rows_bwd",
      [](Ids ids, Reals weights, Reals grad, Array<Real> grad_rows) {
        const WeightedRowsArgs<Real> args = {row_ids(ids, rows(grad_rows)),
                                             width(grad_rows),
                                             nullptr,
                                             weights.data(),
                                             grad.data(),
                                             grad_rows.data()};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(weighted_rows_rows_bwd, args);
      },
      "ids"_a.noconvert(), "weights"_a.noconvert(), "grad"_a.noconvert(), "grad_rows"_a.noconvert());
  m.def(
      "weighted_rows_weights_bwd",
      [](Reals from, Ids ids, Reals grad, Array<Real> grad_weights) {
        const WeightedRowsArgs<Real> args = {
            row_ids(ids, rows(from)), width(from), from.data(), nullptr, grad.data(), grad_weights.data()};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(weighted_rows_weights_bwd, args);
      },
      "rows"_a.noconvert(), "ids"_a.noconvert(), "grad"_a.noconvert(), "grad_weights"_a.noconvert());
}

}  // namespace

void bind_weighted_rows(nb::module_& m) {
  bind<float>(m);
  bind<double>(m);
}

}  // namespace r3d
