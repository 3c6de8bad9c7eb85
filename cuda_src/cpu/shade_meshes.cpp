// The CPU schedule of shade_meshes: rows over threads. Compiled once for each instruction set: no standard
// library.
#include "cpu/schedules.h"

#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kRows = 4;  // of pixels that a thread takes at a time

template <class Real>
bool shade(const ShadeMeshesArgs<Real>& a) {
  const Rgba<Real> nothing = {{0, 0, 0}, 0}, empty = composite(a.scene, a.grid, nothing);
  u8 empty_code[4];
  store_pixel<Real>(a.scene, empty, 0, empty_code, nullptr);
  int unfinished = 0;
  parallel(a.grid.height, kRows, [&](i64 begin, i64 end, int) {
    ShadeFace<Real> face = no_face<Real>();
    for (i64 row = begin; row < end; ++row)
      for (i64 column = 0; column < a.grid.width; ++column) {
        const i64 at = row * a.grid.width + column;
        Rgba<Real> sum = nothing;
        if (!shade_samples(a.scene, a.grid, row, column, &face, &sum))
          __atomic_store_n(&unfinished, 1, __ATOMIC_RELAXED);
        if (sum.a > 0) {
          store_pixel(a.scene, composite(a.scene, a.grid, sum), at, a.image, a.linear);
        } else {  // most pixels of most pictures
          store_pixel<Real>(a.scene, empty, at, nullptr, a.linear);
          if (a.image) __builtin_memcpy(a.image + 4 * at, empty_code, 4);
        }
      }
  });
  return unfinished == 0;
}

}  // namespace

bool shade_meshes_fwd(const ShadeMeshesArgs<float>& args) { return shade(args); }
bool shade_meshes_fwd(const ShadeMeshesArgs<double>& args) { return shade(args); }

}  // namespace R3D_ISA
}  // namespace r3d
