#include "cpu/bind.h"

namespace r3d {
namespace {

template <class Real>
void bind(nb::module_& m) {
  m.def(
      "packed_to_padded_fwd",
      [](Array<const Real> packed, Array<const i64> first_idxs, i64 max_size, i64 width, i64 pad_bits,
         Array<Real> padded) {
        const PackedToPaddedArgs<Real> args = {packed.data(),
                                               {first_idxs.data(), rows(first_idxs), rows(packed), max_size},
                                               width,
                                               pad_bits,
                                               padded.data()};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(packed_to_padded_fwd, args);
      },
      "packed"_a.noconvert(), "first_idxs"_a.noconvert(), "max_size"_a, "width"_a, "pad_bits"_a,
      "padded"_a.noconvert());
  m.def(
      "packed_to_padded_bwd",
      [](Array<const Real> padded, Array<const i64> first_idxs, i64 max_size, i64 width, Array<Real> packed) {
        const PackedToPaddedArgs<Real> args = {padded.data(),
                                               {first_idxs.data(), rows(first_idxs), rows(packed), max_size},
                                               width,
                                               0,
                                               packed.data()};
        nb::gil_scoped_release release;
        return R3D_DISPATCH(packed_to_padded_bwd, args);
      },
      "padded"_a.noconvert(), "first_idxs"_a.noconvert(), "max_size"_a, "width"_a, "packed"_a.noconvert());
}

}  // namespace

void bind_packed_to_padded(nb::module_& m) {
  bind<float>(m);
  bind<double>(m);
}

}  // namespace r3d
