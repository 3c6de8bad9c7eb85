// The CUDA kernels of soft_silhouette, on the mathematics of soft_silhouette.h.
//
// Forward, a block a tile, a thread a pixel, on the tile lists of rasterize_meshes.cu:
//   fwd          the product over all faces of the list that the pixel sees
//   fwd_nearest  the same over the K nearest of them; takes a second look where a pixel sees more than K
// Backward, a face sums over the pixels of its box, from which it computes again what they saw of it:
//   bwd          a warp a face; the largest are put aside
//   bwd_large    blocks share the pixels of each of those, or take one face after another
//   bwd_verts    a thread a vertex sums its faces' corners in one order
// Sums go to the vertices by atomic additions, whose order changes the last digits from run to run; or, to
// repeat, each face's to memory of its own (one block for each of the largest) and from there through
// bwd_verts.
#include "common/block_sort.h"
#include "common/face_distance.h"
#include "common/nearest_limit.h"
#include "soft_silhouette.h"

namespace {

template <class Real>
struct SilhouettePixels {
  Real* uncovered;    // (N, H, W)
  Real* limit_depth;  // (N, H, W)
  i32* limit_face;    // (N, H, W)
};

template <bool kNearest, class Real>
__device__ inline void silhouette_tile(const TileScene<Real>& scene, i64 K, double sigma, bool in_order,
                                       i32* list, const SilhouettePixels<Real>& out, Prepared<Real>* batch,
                                       i32* warp_counts, i32* said) {
  const TilePixel<Real> at = tile_pixel(scene);
  const Real inverse_sigma = (Real)(1 / sigma);
  if (in_order) sort_by_block(list + at.begin, at.end - at.begin);
  DepthLimit<Real> limit = {(Real)infinity(), kNoFace};
  Real uncovered = 1;
  i64 seen_faces = 0;
  bool again = false;  // only the nearest, where the first look found too many
  for (bool limited = false;; limited = true) {
    walk_tile(scene, at, list, batch, warp_counts, [&](const Prepared<Real>& p) {
      if (limited && (!again || !limit.admits(at.px, at.py, p, scene.settings))) return;
      const SeenFace<Real> seen = see_face(at.px, at.py, p, scene.settings);
      if (!seen.hit) return;
      uncovered *= soft_coverage(seen.dist, inverse_sigma).complement;
      ++seen_faces;
    });
    if (!kNearest || limited) break;
    again = seen_faces > K;
    if (!any_of_block(again, said)) break;
    limit = find_limit(scene, at, again, K, list, batch, warp_counts);
    if (again) uncovered = 1;
  }
  if (kNearest && at.in_image) {
    out.limit_depth[at.pixel] = limit.z;
    out.limit_face[at.pixel] = limit.id;
  }
  if (at.in_image) out.uncovered[at.pixel] = uncovered;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    soft_silhouette_fwd(const R3D_REAL* verts,  // (V, 3)
                        const i64* faces,       // (F, 3)
                        const i64* offsets,     // (N * TY * TX + 1,)
                        i32* list,              // the band's faces, tile by tile; sorted where in_order
                        i64 first_tile, int height, int width, double sigma, bool in_order,
                        R3D_REAL blur_radius, bool perspective_correct, bool clip_barycentric_coords,
                        bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far,
                        R3D_REAL* uncovered) {  // (N, H, W)
  __shared__ Prepared<R3D_REAL> batch[kBatch];
  __shared__ i32 warp_counts[kWarps];
  silhouette_tile<false, R3D_REAL>(
      {verts,
       faces,
       offsets,
       first_tile,
       height,
       width,
       {perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far}},
      0, sigma, in_order, list, {uncovered, nullptr, nullptr}, batch, warp_counts, nullptr);
}

extern "C" __global__ void __launch_bounds__(256)
    soft_silhouette_fwd_nearest(const R3D_REAL* verts,  // (V, 3)
                                const i64* faces,       // (F, 3)
                                const i64* offsets,     // (N * TY * TX + 1,)
                                i32* list,  // the band's faces, tile by tile; sorted where in_order
                                i64 first_tile, int height, int width, double sigma, bool in_order,
                                R3D_REAL blur_radius, bool perspective_correct, bool clip_barycentric_coords,
                                bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far, i64 faces_per_pixel,
                                R3D_REAL* uncovered,    // (N, H, W)
                                R3D_REAL* limit_depth,  // (N, H, W) of the last face that counts, inf: all do
                                i32* limit_face) {      // (N, H, W) its id
  __shared__ Prepared<R3D_REAL> batch[kBatch];
  __shared__ i32 warp_counts[kWarps], said[kWarps];
  silhouette_tile<true, R3D_REAL>(
      {verts,
       faces,
       offsets,
       first_tile,
       height,
       width,
       {perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far}},
      faces_per_pixel, sigma, in_order, list, {uncovered, limit_depth, limit_face}, batch, warp_counts, said);
}

namespace {

// What the pixels ask for; limits are null where all faces count.
template <class Real>
struct SilhouetteUpstream {
  const Real* grad_uncovered;  // (N, H, W)
  const Real* uncovered;       // (N, H, W)
  const Real* limit_depth;     // (N, H, W)
  const i32* limit_face;       // (N, H, W)
  Real inverse_sigma;
  int height, width;
};

template <class Real>
__device__ inline void add_pixel(int column, int row, i64 mesh, const Prepared<Real>& p,
                                 const RasterSettings<Real>& settings, const SilhouetteUpstream<Real>& up,
                                 TriangleGradient<Real>* sum) {
  const i64 pixel = (mesh * up.height + row) * up.width + column;
  const Real weight = up.grad_uncovered[pixel] * up.uncovered[pixel] * up.inverse_sigma;
  if (weight == 0) return;
  const Real px = pixel_center<Real>(up.width - 1 - column, up.width, up.height);
  const Real py = pixel_center<Real>(up.height - 1 - row, up.height, up.width);
  if (up.limit_depth) {
    const DepthLimit<Real> limit = {up.limit_depth[pixel], up.limit_face[pixel]};
    if (!limit.unlimited() && !limit.admits(px, py, p, settings)) return;
  }
  const SeenFace<Real> seen = see_face(px, py, p, settings);
  if (!seen.hit) return;
  const Real grad = soft_coverage_bwd(soft_coverage(seen.dist, up.inverse_sigma), weight);
  see_face_bwd(px, py, seen, p, settings, grad, sum);
}

// The sums of a warp's lanes, all of them in every lane.
template <class Real>
__device__ inline void sum_over_warp(const TriangleGradient<Real>& g, Real* parts) {
  const Real own[9] = {g.x0, g.y0, g.z0, g.x1, g.y1, g.z1, g.x2, g.y2, g.z2};
#pragma unroll
  for (int i = 0; i < 9; ++i) {
    parts[i] = own[i];
    for (int other = kWarp / 2; other > 0; other /= 2) parts[i] += __shfl_xor_sync(~0u, parts[i], other);
  }
}

}  // namespace

// The grid's columns share the faces, its rows the pixels of large ones: one row where sums must repeat.
extern "C" __global__ void __launch_bounds__(256)
    soft_silhouette_bwd(const R3D_REAL* verts,       // (V, 3)
                        const i64* faces,            // (F, 3)
                        const i64* mesh_first_face,  // (N + 1,)
                        i64 first_face, i64 last_face, i64 num_meshes, int height, int width, double sigma,
                        R3D_REAL blur_radius, bool perspective_correct, bool clip_barycentric_coords,
                        bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far,
                        const R3D_REAL* grad_uncovered,  // (N, H, W)
                        const R3D_REAL* uncovered,       // (N, H, W)
                        const R3D_REAL* limit_depth,     // (N, H, W), or null: all faces count
                        const i32* limit_face,           // (N, H, W), or null
                        R3D_REAL* grad_faces,    // (last_face - first_face, 3, 3) of the corners, or null
                        R3D_REAL* grad_verts) {  // (V, 3), or null where grad_faces is not
  __shared__ bool large[kWarps];
  __shared__ R3D_REAL warp_parts[2][kWarps][9];  // in turns: one barrier a face is then enough
  const int thread = threadIdx.x, warp = thread / kWarp, lane = thread % kWarp;
  const RasterSettings<R3D_REAL> settings = {
      perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far};
  const SilhouetteUpstream<R3D_REAL> up = {grad_uncovered,        uncovered, limit_depth, limit_face,
                                           (R3D_REAL)(1 / sigma), height,    width};
  int set = 0;
  // First each warp a face; then, one after another, the block those of the warps that are large.
  for (int turn = -1; turn < kWarps; ++turn) {
    if (turn == 0) __syncthreads();
    if (turn >= 0 && !large[turn]) continue;
    const i64 id = first_face + (i64)blockIdx.x * kWarps + (turn < 0 ? warp : turn);
    Prepared<R3D_REAL> p;
    Box box = {0, 0, -1, -1};
    const i64 mesh = id < last_face ? mesh_of(id, mesh_first_face, num_meshes) : -1;
    if (mesh >= 0) {
      p = prepare(load_face(verts, faces, id), (i32)id, settings);
      box = pixel_box(p, settings, height, width);
    }
    const i64 pixels = box_area(box);
    i64 first = thread + (i64)kThreads * blockIdx.y, stride = (i64)kThreads * gridDim.y;
    if (turn < 0) {
      const bool wait = pixels > kWarpPixels;
      if (lane == 0) large[warp] = wait;
      if (wait || blockIdx.y > 0 || id >= last_face) continue;
      first = lane, stride = kWarp;
    }
    const int across = box.x1 - box.x0 + 1;
    TriangleGradient<R3D_REAL> g = {};
    for (i64 i = first; i < pixels; i += stride)
      add_pixel(box.x0 + (int)(i % across), box.y0 + (int)(i / across), mesh, p, settings, up, &g);
    R3D_REAL parts[9];
    sum_over_warp(g, parts);
    R3D_REAL mine = 0;  // part `lane` of the warp's sum, or `thread` of the block's
#pragma unroll
    for (int part = 0; part < 9; ++part)
      if (lane == part) mine = parts[part];
    if (turn >= 0) {
      if (lane < 9) warp_parts[set][warp][lane] = mine;
      __syncthreads();
      mine = 0;
      if (thread < 9)
        for (int other = 0; other < kWarps; ++other) mine += warp_parts[set][other][thread];
      set = 1 - set;
    }
    if (turn < 0 ? lane < 9 : thread < 9) {
      const int part = lane;
      if (grad_faces)
        grad_faces[9 * (id - first_face) + part] = mine;
      else if (mine != 0)
        atomicAdd(grad_verts + 3 * faces[3 * id + part / 3] + part % 3, mine);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256)
    soft_silhouette_bwd_verts(const R3D_REAL* grad_faces,  // (last_face - first_face, 3, 3)
                              const i32* first,            // (V + 1,) of each vertex's corners
                              const i32* corners,          // (3 F,) corners 3 f + j, by vertex, ascending
                              i64 first_face, i64 last_face, i64 num_verts,
                              R3D_REAL* grad_verts) {  // (V, 3) of the faces before
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= num_verts) return;
  const i32 end = first[vertex + 1];
  i32 at = first[vertex];
  for (i32 high = end; at < high;) {  // to the first corner of first_face or after
    const i32 middle = at + (high - at) / 2;
    if (corners[middle] < 3 * first_face)
      at = middle + 1;
    else
      high = middle;
  }
  R3D_REAL x = 0, y = 0, z = 0;
  for (; at < end && corners[at] < 3 * last_face; ++at) {
    const R3D_REAL* const g = grad_faces + 3 * (corners[at] - 3 * first_face);
    x += g[0];
    y += g[1];
    z += g[2];
  }
  grad_verts[3 * vertex] += x;
  grad_verts[3 * vertex + 1] += y;
  grad_verts[3 * vertex + 2] += z;
}
