// The CUDA kernel of shade_meshes, on the mathematics of shade_meshes.h: a thread a pixel.
#include "shading/shade_meshes.h"

extern "C" __global__ void __launch_bounds__(128) shade_meshes_fwd(const r3d::ShadeMeshes<R3D_REAL> a) {
  using namespace r3d;
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= a.grid.height * a.grid.width) return;
  ShadeFace<R3D_REAL> face = no_face<R3D_REAL>();
  PixelSink<R3D_REAL> sink = {a.scene, {{0, 0, 0}, 0}};
  if (!shade_samples(a.scene, a.grid, at / a.grid.width, at % a.grid.width, &face, sink))
    atomicMax(a.unfinished, 1);
  store_pixel(a.scene, composite(a.grid, sink.sum, background_at(a.scene, at)), at, a.channels, a.image,
              a.linear);
}
