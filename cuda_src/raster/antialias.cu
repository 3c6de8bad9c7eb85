// The CUDA kernels of antialias, on the mathematics of antialias.h.
//
// A thread a pixel. Forward: `find` follows the surface between neighbouring pixels; `blend` mixes colours.
// The backward of vertices adds with atomics, whose order changes the last digits from run to run
// (`bwd_verts`), or writes out what each edge gains, to be summed in one order (`bwd_edges`).
#include "raster/antialias.h"

namespace {

using namespace r3d;

// Of a thread's pixel.
struct Place {
  i64 image;
  int row, column;
};

__device__ inline Place place_of(i64 pixel, int height, int width) {
  const i64 image =
      pixel / (height * width);  // a division of 64 bits costs some forty instructions: only one
  const int in_image = (int)(pixel - image * (height * width));
  return {image, in_image / width, in_image % width};
}

template <class Real>
__device__ inline EdgeGradient<Real> edge_gradient(const FacedMesh<Real>& mesh, const ShareTable<Real>& table,
                                                   i64 channels, i32 corner, const Real* color,
                                                   const Real* grad, i64 image, const PixelPair& pair) {
  const Real grad_t = blend_bwd_crossing(table, color, grad, channels, image, pair);
  return edge_crossing_bwd(mesh, corner, pair, PixelCenters<Real>{table.height, table.width}, grad_t);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    antialias_find(const i64* pix_to_face,  // (N, H, W, K)
                   const R3D_REAL* zbuf,    // (N, H, W, K)
                   const R3D_REAL* verts,   // (V, 3)
                   const i64* faces,        // (F, 3)
                   const i32* opposites,    // (F, 3)
                   i64 num_verts, i64 num_faces, i64 num_pixels, int height, int width, i64 slots,
                   R3D_REAL z_near,
                   i32* crossings,      // (N, 2, H, W)
                   R3D_REAL* shares) {  // (N, 2, H, W)
  const i64 pixel = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (pixel >= num_pixels) return;
  const Place at = place_of(pixel, height, width);
  const FacedMesh<R3D_REAL> mesh = {verts, faces, opposites, num_verts, num_faces, z_near};
  const NearestFaces<R3D_REAL> seen = {pix_to_face, zbuf, slots, width};
  const PixelCenters<R3D_REAL> centers = {height, width};
  const ShareTable<R3D_REAL> table = {shares, height, width};
  for (int axis = 0; axis < 2; ++axis) {
    PairCrossing<R3D_REAL> found = {-1, 0, -1};
    if (axis == 0 ? at.column + 1 < width : at.row + 1 < height)
      found = pair_crossing(seen, mesh, pixel, {axis, at.row, at.column}, centers);
    const i64 pair = table.pair(at.image, axis, at.row, at.column);
    crossings[pair] = (i32)found.corner;
    shares[pair] = found.share;
  }
}

extern "C" __global__ void __launch_bounds__(256)
    antialias_blend(const R3D_REAL* color,   // (N, H, W, C)
                    const R3D_REAL* shares,  // (N, 2, H, W)
                    i64 num_pixels, int height, int width, i64 channels,
                    R3D_REAL* out) {  // (N, H, W, C)
  const i64 pixel = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (pixel >= num_pixels) return;
  const Place at = place_of(pixel, height, width);
  const ShareTable<R3D_REAL> table = {shares, height, width};
  const Mixture<R3D_REAL> m = table.mixture(at.image, at.row, at.column);
  for (i64 value = pixel * channels; value < (pixel + 1) * channels; ++value)
    out[value] = blend(table, m, color, channels, value, at.row, at.column);
}

extern "C" __global__ void __launch_bounds__(256)
    antialias_bwd_color(const R3D_REAL* grad,    // (N, H, W, C)
                        const R3D_REAL* shares,  // (N, 2, H, W)
                        i64 num_pixels, int height, int width, i64 channels,
                        R3D_REAL* grad_color) {  // (N, H, W, C)
  const i64 pixel = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (pixel >= num_pixels) return;
  const Place at = place_of(pixel, height, width);
  const ShareTable<R3D_REAL> table = {shares, height, width};
  const Sources<R3D_REAL> from = sources(table, at.image, at.row, at.column);
  for (i64 value = pixel * channels; value < (pixel + 1) * channels; ++value)
    grad_color[value] = blend_bwd_color(table, from, grad, channels, value, at.row, at.column);
}

extern "C" __global__ void __launch_bounds__(256)
    antialias_bwd_verts(const R3D_REAL* color,   // (N, H, W, C)
                        const R3D_REAL* grad,    // (N, H, W, C)
                        const i32* crossings,    // (N, 2, H, W)
                        const R3D_REAL* shares,  // (N, 2, H, W)
                        const R3D_REAL* verts,   // (V, 3)
                        const i64* faces,        // (F, 3)
                        i64 num_pixels, int height, int width, i64 channels,
                        R3D_REAL* grad_verts) {  // (V, 3) zero before
  const i64 pixel = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (pixel >= num_pixels) return;
  const Place at = place_of(pixel, height, width);
  const FacedMesh<R3D_REAL> mesh = {verts, faces, nullptr, 0, 0, 0};
  const ShareTable<R3D_REAL> table = {shares, height, width};
  for (int axis = 0; axis < 2; ++axis) {
    const i32 corner = crossings[table.pair(at.image, axis, at.row, at.column)];
    if (corner < 0) continue;
    const EdgeGradient<R3D_REAL> g =
        edge_gradient(mesh, table, channels, corner, color, grad, at.image, {axis, at.row, at.column});
    atomicAdd(grad_verts + 3 * g.a, g.ax);
    atomicAdd(grad_verts + 3 * g.a + 1, g.ay);
    atomicAdd(grad_verts + 3 * g.b, g.bx);
    atomicAdd(grad_verts + 3 * g.b + 1, g.by);
  }
}

extern "C" __global__ void __launch_bounds__(256)
    antialias_bwd_edges(const R3D_REAL* color,   // (N, H, W, C)
                        const R3D_REAL* grad,    // (N, H, W, C)
                        const i32* crossings,    // (N, 2, H, W)
                        const R3D_REAL* shares,  // (N, 2, H, W)
                        const R3D_REAL* verts,   // (V, 3)
                        const i64* faces,        // (F, 3)
                        i64 num_pixels, int height, int width, i64 channels,
                        i64* ends,              // (N, 2, H, W, 2) vertices; 0 where there is no crossing
                        R3D_REAL* grad_ends) {  // (N, 2, H, W, 2, 3)
  const i64 pixel = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (pixel >= num_pixels) return;
  const Place at = place_of(pixel, height, width);
  const FacedMesh<R3D_REAL> mesh = {verts, faces, nullptr, 0, 0, 0};
  const ShareTable<R3D_REAL> table = {shares, height, width};
  for (int axis = 0; axis < 2; ++axis) {
    const i64 pair = table.pair(at.image, axis, at.row, at.column);
    EdgeGradient<R3D_REAL> g = {0, 0, 0, 0, 0, 0};
    if (crossings[pair] >= 0)
      g = edge_gradient(mesh, table, channels, crossings[pair], color, grad, at.image,
                        {axis, at.row, at.column});
    ends[2 * pair] = g.a;
    ends[2 * pair + 1] = g.b;
    const R3D_REAL parts[6] = {g.ax, g.ay, 0, g.bx, g.by, 0};
    for (int i = 0; i < 6; ++i) grad_ends[6 * pair + i] = parts[i];
  }
}
