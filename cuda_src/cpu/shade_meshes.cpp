// The CPU schedule of shade_meshes: rows over threads. Compiled once for each instruction set: no standard
// library.
#include "cpu/schedules.h"

#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

template <class Real>
bool shade(const ShadeMeshesArgs<Real>& a) {
  const ShadeScene<Real>& scene = a.scene;
  const i64 K = a.faces_per_pixel, side = a.supersampling, samples_wide = a.width * side;
  const Rgba<Real> empty = composite<Real>({{0, 0, 0}, 0}, (Real)(side * side), scene.background);
  u8 empty_code[4];
  store_pixel(scene, empty, empty_code);
  int unfinished = 0;
  parallel(a.height, 4, [&](i64 begin, i64 end, int) {
    ShadeFace<Real> face;
    face.id = -1;
    for (i64 row = begin; row < end; ++row)
      for (i64 column = 0; column < a.width; ++column) {
        Rgba<Real> sum = {{0, 0, 0}, 0};
        for (i64 y = row * side; y < (row + 1) * side; ++y)
          for (i64 x = column * side; x < (column + 1) * side; ++x) {
            const i64 at = (y * samples_wide + x) * K;
            if (a.pix_to_face[at] < 0) continue;
            const SampleFragments<Real> fragments = {a.pix_to_face + at, a.bary_coords + 3 * at, a.zbuf + at,
                                                     K};
            if (!shade_sample(scene, fragments, &face, &sum))
              __atomic_store_n(&unfinished, 1, __ATOMIC_RELAXED);
          }
        const i64 pixel = row * a.width + column;
        const bool covered = sum.a > 0;
        const Rgba<Real> color = covered ? composite(sum, (Real)(side * side), scene.background) : empty;
        if (a.linear) {
          a.linear[4 * pixel] = color.rgb.x;
          a.linear[4 * pixel + 1] = color.rgb.y;
          a.linear[4 * pixel + 2] = color.rgb.z;
          a.linear[4 * pixel + 3] = color.a;
        }
        if (a.image && covered)
          store_pixel(scene, color, a.image + 4 * pixel);
        else if (a.image)
          for (int c = 0; c < 4; ++c) a.image[4 * pixel + c] = empty_code[c];
      }
  });
  return unfinished == 0;
}

}  // namespace

bool shade_meshes_fwd(const ShadeMeshesArgs<float>& args) { return shade(args); }
bool shade_meshes_fwd(const ShadeMeshesArgs<double>& args) { return shade(args); }

}  // namespace R3D_ISA
}  // namespace r3d
