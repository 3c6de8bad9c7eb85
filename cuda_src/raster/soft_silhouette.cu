// The CUDA kernels of soft_silhouette, on the mathematics of soft_silhouette.h.
//
// Forward, a block a tile, a thread a pixel, on tile lists (tile_walk.h):
//   fwd          the product over all faces of the list that the pixel sees
//   fwd_nearest  the same over the K nearest of them; takes a second look where a pixel sees more than K
// Backward, a face sums over the pixels of its box, from which it computes again what they saw of it:
//   bwd          a warp a face; the largest are put aside
//   bwd_large    blocks share the pixels of each of those, or take one face after another
//   bwd_verts    a thread a vertex sums its faces' corners in one order
// Sums go to the vertices by atomic additions, whose order changes the last digits from run to run; or, to
// repeat, each face's to memory of its own (one block for each of the largest) and from there through
// bwd_verts.
#include "gpu/face_hits.h"
#include "gpu/face_sums.h"
#include "gpu/nearest_limit.h"
#include "raster/soft_silhouette.h"

namespace {

template <class Real>
struct SilhouettePixels {
  Real* uncovered;    // (N, H, W)
  Real* limit_depth;  // (N, H, W)
  i32* limit_face;    // (N, H, W)
};

template <bool kNearest, class Real>
__device__ inline void silhouette_tile(const TileScene<Real>& scene, i64 K, double sigma, const i32* list,
                                       const SilhouettePixels<Real>& out, Prepared<Real>* batch,
                                       i32* warp_counts, i32* said) {
  const TilePixel<Real> at = tile_pixel(scene);
  if (at.idle) return;
  const Real inverse_sigma = (Real)(1 / sigma);
  DepthLimit<Real> limit = {(Real)infinity(), kNoFace};
  Real uncovered = 1;
  i64 seen_faces = 0;
  bool again = false;  // only the nearest, where the first look found too many
  for (bool limited = false;; limited = true) {
    walk_tile(scene, at, list, batch, warp_counts, [&](const Prepared<Real>& p) {
      if (limited && (!again || !limit.admits(at.px, at.py, p, scene.settings))) return;
      const SeenFace<Real> seen = see_prepared<false>(at.px, at.py, p, scene.settings);
      if (!seen.hit) return;
      uncovered *= soft_coverage(seen.dist, inverse_sigma).complement;
      ++seen_faces;
    });
    if (!limited || again)
      join_shares(at, [&](int other) {
        uncovered *= __shfl_xor_sync(at.together, uncovered, other);
        seen_faces += __shfl_xor_sync(at.together, seen_faces, other);
      });
    if (!kNearest || limited) break;
    again = seen_faces > K;
    if (!any_of_block(again, said)) break;
    limit = find_limit(scene, at, again, K, list, batch, warp_counts);
    if (again) uncovered = 1;
  }
  if (!at.writes) return;
  if (kNearest) {
    out.limit_depth[at.pixel] = limit.z;
    out.limit_face[at.pixel] = limit.id;
  }
  out.uncovered[at.pixel] = uncovered;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    soft_silhouette_fwd(const R3D_REAL* verts,  // (V, 3)
                        const i64* faces,       // (F, 3)
                        const i64* offsets,     // (N * TY * TX + 1,)
                        const i32* list,        // the band's faces, tile by tile
                        i64 first_tile, int height, int width, double sigma, R3D_REAL blur_radius,
                        bool perspective_correct, bool clip_barycentric_coords, bool cull_backfaces,
                        R3D_REAL z_near, R3D_REAL z_far, bool is_perspective,
                        R3D_REAL* uncovered) {  // (N, H, W)
  __shared__ Prepared<R3D_REAL> batch[kBatch];
  __shared__ i32 warp_counts[kWarps];
  silhouette_tile<false, R3D_REAL>({verts,
                                    faces,
                                    offsets,
                                    first_tile,
                                    height,
                                    width,
                                    {perspective_correct, clip_barycentric_coords, cull_backfaces,
                                     blur_radius, z_near, z_far, is_perspective}},
                                   0, sigma, list, {uncovered, nullptr, nullptr}, batch, warp_counts,
                                   nullptr);
}

extern "C" __global__ void __launch_bounds__(256)
    soft_silhouette_fwd_nearest(const R3D_REAL* verts,  // (V, 3)
                                const i64* faces,       // (F, 3)
                                const i64* offsets,     // (N * TY * TX + 1,)
                                const i32* list,        // the band's faces, tile by tile
                                i64 first_tile, int height, int width, double sigma, R3D_REAL blur_radius,
                                bool perspective_correct, bool clip_barycentric_coords, bool cull_backfaces,
                                R3D_REAL z_near, R3D_REAL z_far, bool is_perspective, i64 faces_per_pixel,
                                R3D_REAL* uncovered,    // (N, H, W)
                                R3D_REAL* limit_depth,  // (N, H, W) of the last face that counts, inf: all do
                                i32* limit_face) {      // (N, H, W) its id
  __shared__ Prepared<R3D_REAL> batch[kBatch];
  __shared__ i32 warp_counts[kWarps], said[kWarps];
  silhouette_tile<true, R3D_REAL>({verts,
                                   faces,
                                   offsets,
                                   first_tile,
                                   height,
                                   width,
                                   {perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius,
                                    z_near, z_far, is_perspective}},
                                  faces_per_pixel, sigma, list, {uncovered, limit_depth, limit_face}, batch,
                                  warp_counts, said);
}

// The grid's columns share the faces, its rows the pixels of large ones: one row where sums must repeat.
extern "C" __global__ void __launch_bounds__(256)
    soft_silhouette_bwd(const R3D_REAL* verts,       // (V, 3)
                        const i64* faces,            // (F, 3)
                        const i64* mesh_first_face,  // (N + 1,)
                        i64 first_face, i64 last_face, i64 num_meshes, int height, int width, double sigma,
                        R3D_REAL blur_radius, bool perspective_correct, bool clip_barycentric_coords,
                        bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far, bool is_perspective,
                        const R3D_REAL* grad_uncovered,  // (N, H, W)
                        const R3D_REAL* uncovered,       // (N, H, W)
                        const R3D_REAL* limit_depth,     // (N, H, W), or null: all faces count
                        const i32* limit_face,           // (N, H, W), or null
                        R3D_REAL* grad_faces,    // (last_face - first_face, 3, 3) of the corners, or null
                        R3D_REAL* grad_verts) {  // (V, 3), or null where grad_faces is not
  typedef TriangleGradient<R3D_REAL> Sum;
  __shared__ bool large[kWarps];
  __shared__ R3D_REAL warp_parts[2 * kWarps * sizeof(Sum) / sizeof(R3D_REAL)];
  const FaceRange<R3D_REAL> range = {verts,
                                     faces,
                                     mesh_first_face,
                                     first_face,
                                     last_face,
                                     num_meshes,
                                     height,
                                     width,
                                     {perspective_correct, clip_barycentric_coords, cull_backfaces,
                                      blur_radius, z_near, z_far, is_perspective}};
  const R3D_REAL inverse_sigma = (R3D_REAL)(1 / sigma);
  sum_faces<Sum>(
      range, large, warp_parts,
      [&](i64, const Prepared<R3D_REAL>& p, const FacePixel<R3D_REAL>& at, Sum* sum) {
        const R3D_REAL weight = grad_uncovered[at.pixel] * uncovered[at.pixel] * inverse_sigma;
        if (weight == 0) return;
        if (limit_depth) {
          const DepthLimit<R3D_REAL> limit = {limit_depth[at.pixel], limit_face[at.pixel]};
          if (!limit.unlimited() && !limit.admits(at.px, at.py, p, range.settings)) return;
        }
        const SeenFace<R3D_REAL> seen = see_prepared<false>(at.px, at.py, p, range.settings);
        if (!seen.hit) return;
        HitGradient<R3D_REAL> grad = {};
        grad.dist = soft_coverage_bwd(soft_coverage(seen.dist, inverse_sigma), weight);
        see_prepared_bwd<false>(at.px, at.py, seen, p, range.settings, grad, sum);
      },
      [&](i64 id, i64, int part, R3D_REAL value) {
        if (grad_faces)
          grad_faces[9 * (id - first_face) + part] = value;
        else if (value != 0)
          atomicAdd(grad_verts + 3 * faces[3 * id + part / 3] + part % 3, value);
      });
}

extern "C" __global__ void __launch_bounds__(256)
    soft_silhouette_bwd_verts(const R3D_REAL* grad_faces,  // (last_face - first_face, 3, 3)
                              const i32* first,            // (V + 1,) of each vertex's corners
                              const i32* corners,          // (3 F,) corners 3 f + j, by vertex, ascending
                              i64 first_face, i64 last_face, i64 num_verts,
                              R3D_REAL* grad_verts) {  // (V, 3) of the faces before
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= num_verts) return;
  R3D_REAL x = 0, y = 0, z = 0;
  for_corners(first, corners, vertex, first_face, last_face, [&](i64 face, int corner) {
    const R3D_REAL* const g = grad_faces + 9 * (face - first_face) + 3 * corner;
    x += g[0];
    y += g[1];
    z += g[2];
  });
  grad_verts[3 * vertex] += x;
  grad_verts[3 * vertex + 1] += y;
  grad_verts[3 * vertex + 2] += z;
}
