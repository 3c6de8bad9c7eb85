#include <new>

#include "cpu/bind.h"

namespace r3d {
namespace {

template <class Real>
void bind(nb::module_& m) {
  m.def(
      "tile_lists_fwd",
      [](Array<const i16> boxes, Array<const i64> first, std::tuple<int, int> image_size, int tile,
         std::optional<Array<const Real>> depths, i64 budget, i64 first_tile, i64 last_tile,
         Array<i64> offsets, std::optional<Array<i32>> list) {
        const TileListsArgs<Real> args = {boxes.data(),
                                          first.data(),
                                          rows(first) - 1,
                                          std::get<0>(image_size),
                                          std::get<1>(image_size),
                                          tile,
                                          optional_data(depths),
                                          budget,
                                          first_tile,
                                          last_tile,
                                          offsets.data(),
                                          optional_data(list)};
        bool enough;
        {
          nb::gil_scoped_release release;
          enough = R3D_DISPATCH(tile_lists_fwd, args);
        }
        if (!enough) throw std::bad_alloc();
      },
      "boxes"_a.noconvert(), "first"_a.noconvert(), "image_size"_a, "tile"_a, "depths"_a.noconvert().none(),
      "budget"_a, "first_tile"_a, "last_tile"_a, "offsets"_a.noconvert(), "list"_a.noconvert().none());
}

}  // namespace

void bind_tile_lists(nb::module_& m) {
  bind<float>(m);
  bind<double>(m);
}

}  // namespace r3d
