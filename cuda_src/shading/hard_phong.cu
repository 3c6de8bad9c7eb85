// The CUDA kernels of hard_phong, on the mathematics of hard_phong.h. A face that names what is not there is
// NaN in the picture, for an error would have to be waited for, and passes nothing on.
//
//   fwd        a thread a pixel
//   bwd        a thread a pixel: writes what it adds to which row (weighted_rows adds that up); blocks add up
//              what pieces of pictures add to their looks
//   bwd_looks  a thread a number of a look adds up the pieces in their order
#include "shading/hard_phong.h"

namespace {

using namespace r3d;

constexpr int kThreads = 256, kWarp = 32, kWarps = kThreads / kWarp;

}  // namespace

extern "C" __global__ void __launch_bounds__(256) hard_phong_fwd(const r3d::HardPhong<R3D_REAL> a) {
  const i64 pixel = (i64)blockIdx.x * blockDim.x + threadIdx.x, pixels = a.height * a.width;
  if (pixel >= a.num_images * pixels) return;
  const PhongLook<R3D_REAL> look = make_look(a, pixel / pixels);
  const i64 id = a.pix_to_face[a.faces_per_pixel * pixel];
  Vec3<R3D_REAL> color = look.background;
  if (id >= 0 && is_whole(a, id)) {
    const SoftPhongScene<R3D_REAL> scene = surface_of(a);
    const R3D_REAL* const b = a.bary_coords + 3 * a.faces_per_pixel * pixel;
    const SurfacePoint<R3D_REAL> point =
        surface_point(load_phong_face(a.faces, scene, id), scene, {b[0], b[1], b[2]});
    color = light_point(point.position, point.normal, point.texel, look, (LightKind)a.light_kind).color;
  } else if (id >= 0) {
    color = not_a_number3<R3D_REAL>();
  }
  R3D_REAL* const out = a.image + 4 * pixel;
  out[0] = color.x;
  out[1] = color.y;
  out[2] = color.z;
  out[3] = id >= 0;
}

// The grid's columns are pieces of a picture, its rows the pictures from first_image on.
// Two blocks at a time: twice the occupancy, for 170 bytes of spills in single precision.
extern "C" __global__ void __launch_bounds__(256, 2)
    hard_phong_bwd(const r3d::HardPhong<R3D_REAL> a, i64 first_image) {
  __shared__ double warp_sums[kWarps][kLookSize];
  const i64 image = first_image + blockIdx.y, pixels = a.height * a.width;
  const PhongLook<R3D_REAL> look = make_look(a, image);
  const SoftPhongScene<R3D_REAL> scene = surface_of(a);
  const LightKind kind = (LightKind)a.light_kind;
  PhongLookGradient<R3D_REAL> sums = {};
  for (i64 at = (i64)blockIdx.x * kThreads + threadIdx.x; at < pixels; at += (i64)kThreads * gridDim.x) {
    const i64 pixel = image * pixels + at, id = a.pix_to_face[a.faces_per_pixel * pixel];
    const Vec3<R3D_REAL> grad = {a.grad_image[4 * pixel], a.grad_image[4 * pixel + 1],
                                 a.grad_image[4 * pixel + 2]};
    Barycentric<R3D_REAL> grad_b = {0, 0, 0};
    if (id < 0) {
      sums.background = sums.background + grad;
    } else if ((grad.x != 0 || grad.y != 0 || grad.z != 0) && is_whole(a, id)) {
      const R3D_REAL* const from = a.bary_coords + 3 * a.faces_per_pixel * pixel;
      const Barycentric<R3D_REAL> b = {from[0], from[1], from[2]};
      const PhongFace<R3D_REAL> face = load_phong_face(a.faces, scene, id);
      const SurfacePoint<R3D_REAL> seen = surface_point(face, scene, b);
      const PhongPoint<R3D_REAL> point = light_point(seen.position, seen.normal, seen.texel, look, kind);
      SurfacePoint<R3D_REAL> of_point;
      light_point_bwd(point, seen.texel, look, kind, grad, &of_point.texel, &of_point.position,
                      &of_point.normal, &sums);
      grad_b = surface_point_bwd(face, id, a, scene, b, of_point, pixel);
    }
    if (!a.grad_bary_coords) continue;
    R3D_REAL* const out = a.grad_bary_coords + 3 * a.faces_per_pixel * pixel;
    out[0] = grad_b.b0;
    out[1] = grad_b.b1;
    out[2] = grad_b.b2;
    for (i64 i = 3; i < 3 * a.faces_per_pixel; ++i) out[i] = 0;
  }
  if (!a.look_pieces) return;
  const R3D_REAL* const parts = (const R3D_REAL*)&sums;
  for (int i = 0; i < kLookSize; ++i) {
    double sum = parts[i];
    for (int other = kWarp / 2; other > 0; other /= 2) sum += __shfl_xor_sync(~0u, sum, other);
    if (threadIdx.x % kWarp == 0) warp_sums[threadIdx.x / kWarp][i] = sum;
  }
  __syncthreads();
  if (threadIdx.x >= kLookSize) return;
  double sum = 0;
  for (int warp = 0; warp < kWarps; ++warp) sum += warp_sums[warp][threadIdx.x];
  a.look_pieces[(image * a.num_pieces + blockIdx.x) * kLookSize + threadIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(256) hard_phong_bwd_looks(const r3d::HardPhong<R3D_REAL> a) {
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= a.num_images * kLookSize) return;
  const i64 image = at / kLookSize, part = at % kLookSize;
  double sum = 0;
  for (i64 piece = image * a.num_pieces; piece < (image + 1) * a.num_pieces; ++piece)
    sum += a.look_pieces[piece * kLookSize + part];
  a.grad_looks[at] = (R3D_REAL)sum;
}
