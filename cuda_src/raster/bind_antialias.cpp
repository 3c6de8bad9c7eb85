#include <new>

#include "cpu/bind.h"

namespace r3d {
namespace {

// A table of pairs (N, 2, H, W).
template <class Real>
ShareTable<Real> share_table(const Array<const Real>& shares) {
  return {shares.data(), static_cast<int>(shares.shape(2)), static_cast<int>(shares.shape(3))};
}

template <class Real>
void bind(nb::module_& m) {
  using Reals = Array<const Real>;
  using Ids = Array<const i64>;
  using Corners = Array<const i32>;
  m.def(
      "antialias_fwd",
      [](Reals color, Ids pix_to_face, Reals zbuf, Reals verts, Ids faces, Corners opposites, double z_near,
         Array<Real> out, Array<i32> crossings, Array<Real> shares) {
        const AntialiasArgs<Real> args = {
            {verts.data(), faces.data(), opposites.data(), rows(verts), rows(faces),
             static_cast<Real>(z_near)},
            {pix_to_face.data(), zbuf.data(), static_cast<i64>(pix_to_face.shape(3)),
             static_cast<int>(pix_to_face.shape(2))},
            rows(color),
            static_cast<i64>(color.shape(3)),
            static_cast<int>(color.shape(1)),
            static_cast<int>(color.shape(2)),
            color.data(),
            out.data(),
            crossings.data(),
            shares.data()};
        i64 bad_face;
        {
          nb::gil_scoped_release release;
          bad_face = R3D_DISPATCH(antialias_fwd, args);
        }
        if (bad_face == kOutOfMemory) throw std::bad_alloc();
        return bad_face;
      },
      "color"_a.noconvert(), "pix_to_face"_a.noconvert(), "zbuf"_a.noconvert(), "verts"_a.noconvert(),
      "faces"_a.noconvert(), "opposites"_a.noconvert(), "z_near"_a, "out"_a.noconvert(),
      "crossings"_a.noconvert(), "shares"_a.noconvert());
  m.def(
      "antialias_bwd_color",
      [](Reals grad, Reals shares, Array<Real> grad_color) {
        const AntialiasBwdColorArgs<Real> args = {
            share_table(shares), rows(grad), static_cast<i64>(grad.shape(3)), grad.data(), grad_color.data()};
        nb::gil_scoped_release release;
        R3D_DISPATCH(antialias_bwd_color, args);
      },
      "grad"_a.noconvert(), "shares"_a.noconvert(), "grad_color"_a.noconvert());
  m.def(
      "antialias_bwd_verts",
      [](Reals color, Reals grad, Corners crossings, Reals shares, Reals verts, Ids faces,
         Array<Real> grad_verts) {
        const AntialiasBwdVertsArgs<Real> args = {
            {verts.data(), faces.data(), nullptr, rows(verts), rows(faces), 0},
            share_table(shares),
            rows(color),
            static_cast<i64>(color.shape(3)),
            crossings.data(),
            color.data(),
            grad.data(),
            grad_verts.data()};
        bool enough;
        {
          nb::gil_scoped_release release;
          enough = R3D_DISPATCH(antialias_bwd_verts, args);
        }
        if (!enough) throw std::bad_alloc();
      },
      "color"_a.noconvert(), "grad"_a.noconvert(), "crossings"_a.noconvert(), "shares"_a.noconvert(),
      "verts"_a.noconvert(), "faces"_a.noconvert(), "grad_verts"_a.noconvert());
}

}  // namespace

void bind_antialias(nb::module_& m) {
  bind<float>(m);
  bind<double>(m);
}

R3D_BIND(bind_antialias)

}  // namespace r3d
