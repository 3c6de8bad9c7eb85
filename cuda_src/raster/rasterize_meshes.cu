// The CUDA kernels of rasterize_meshes, on the mathematics of rasterize_meshes.h.
//
// General path, any number of faces a pixel, blurred or not:
//   boxes  a thread a face: the pixels that it may touch, from which tile_lists makes lists of faces
//   fine   a block a tile, a thread a pixel: the K nearest of the list
// Lists come in the order in which atomics happen to run. `fine` orders by (depth, face id), so it never
// shows.
//
// One face a pixel, no blur, float: a z-buffer of 64-bit keys (depth, face id) and their minimum.
//   zbuffer        a thread a small face, a warp a larger one, the largest are put aside
//   zbuffer_large  blocks share the pixels of each of those
//   resolve        a thread a pixel: from the key to the outputs
//
// Images have row 0 at the top and column 0 at the left; NDC counts from the other end of both.
#include "gpu/face_sums.h"
#include "gpu/tile_walk.h"

namespace {

constexpr int kFew = 8;           // nearest faces that fit in registers
constexpr int kSmallPixels = 24;  // pixels that one thread tests

__device__ inline bool points_past(const i64* faces, i64 id, i64 num_verts) {
  for (int i = 0; i < 3; ++i)
    if (faces[3 * id + i] < 0 || faces[3 * id + i] >= num_verts) return true;
  return false;
}

// Where the results go; a null pointer takes nothing.
template <class Real>
struct Outputs {
  i64* pix_to_face;   // (N, H, W, K)
  Real* zbuf;         // (N, H, W, K)
  Real* bary_coords;  // (N, H, W, K, 3)
  Real* dists;        // (N, H, W, K)
};

template <class Real>
__device__ inline void write_empty(i64 slot, const Outputs<Real>& out) {
  out.pix_to_face[slot] = -1;
  out.zbuf[slot] = -1;
  if (out.dists) out.dists[slot] = -1;
  if (out.bary_coords)
    for (int i = 0; i < 3; ++i) out.bary_coords[3 * slot + i] = -1;
}

// Writes a slot whose face and depth are known. That the pixel sees the face is settled: an unlimited blur
// radius keeps a last digit from deciding otherwise.
template <class Real>
__device__ __noinline__ void write_hit(i64 slot, i64 id, Real z, Real px, Real py, const Real* verts,
                                       const i64* faces, RasterSettings<Real> settings,
                                       const Outputs<Real>& out) {
  out.pix_to_face[slot] = id;
  out.zbuf[slot] = z;
  if (!out.dists && !out.bary_coords) return;
  const Prepared<Real> p = prepare(load_face(verts, faces, id), (i32)id, settings);
  settings.blur_radius = infinity();
  const Hit<Real> hit = hit_any(px, py, p, settings);
  if (out.dists) out.dists[slot] = hit.dist;
  if (out.bary_coords) {
    out.bary_coords[3 * slot] = hit.b0;
    out.bary_coords[3 * slot + 1] = hit.b1;
    out.bary_coords[3 * slot + 2] = hit.b2;
  }
}

// The K nearest faces of a pixel for K <= kFew, sorted, in registers: every index is known to the compiler.
template <class Real>
struct FewNearest {
  static constexpr bool kInSlots = false;
  Real z[kFew];
  i32 id[kFew];
  Real limit;  // a face farther than this cannot enter
  int K;

  __device__ inline FewNearest(i64 K, i64, const Outputs<Real>&) : limit(infinity()), K((int)K) {
    for (int k = 0; k < kFew; ++k) {
      z[k] = infinity();
      id[k] = kNoFace;
    }
  }

  __device__ inline void insert(Real new_z, i32 new_id) {
#pragma unroll
    for (int k = 0; k < kFew; ++k) {
      if (before(new_z, new_id, z[k], id[k])) {
        const Real old_z = z[k];
        const i32 old_id = id[k];
        z[k] = new_z;
        id[k] = new_id;
        new_z = old_z;
        new_id = old_id;
      }
      if (k == K - 1) limit = z[k];
    }
  }

  __device__ inline void finish(i64 first_slot, Real px, Real py, const Real* verts, const i64* faces,
                                const RasterSettings<Real>& settings, const Outputs<Real>& out) {
#pragma unroll
    for (int k = 0; k < kFew; ++k) {
      if (k >= K) break;
      if (id[k] == kNoFace)
        write_empty(first_slot + k, out);
      else
        write_hit(first_slot + k, (i64)id[k], z[k], px, py, verts, faces, settings, out);
    }
  }
};

// The K nearest faces of a pixel for any K, kept in its slots of the outputs, empty before: sorted while K is
// small, else as a heap with the farthest at the root, sorted at the end.
template <class Real>
struct ManyNearest {
  static constexpr bool kInSlots = true;
  i64* ids;
  Real* z;
  i64 K, size = 0;
  Real limit;

  __device__ inline ManyNearest(i64 K, i64 first_slot, const Outputs<Real>& out)
      : ids(out.pix_to_face + first_slot), z(out.zbuf + first_slot), K(K), limit(infinity()) {}

  __device__ inline void put(i64 at, Real new_z, i64 new_id) {
    z[at] = new_z;
    ids[at] = new_id;
  }

  __device__ inline void sift_down(i64 count, Real new_z, i64 new_id) {
    i64 at = 0;
    for (;;) {
      i64 child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && before(z[child], ids[child], z[child + 1], ids[child + 1])) ++child;
      if (!before(new_z, new_id, z[child], ids[child])) break;
      put(at, z[child], ids[child]);
      at = child;
    }
    put(at, new_z, new_id);
  }

  __device__ inline void insert(Real new_z, i64 new_id) {
    const bool full = size == K, heap = K > R3D_INSERTION_LIMIT;
    if (full && !before(new_z, new_id, z[heap ? 0 : K - 1], ids[heap ? 0 : K - 1])) return;
    if (heap && full) {
      sift_down(K, new_z, new_id);
    } else {
      i64 at = full ? K - 1 : size++;
      if (heap) {
        for (i64 parent; at > 0; at = parent) {
          parent = (at - 1) / 2;
          if (!before(z[parent], ids[parent], new_z, new_id)) break;
          put(at, z[parent], ids[parent]);
        }
      } else {
        for (; at > 0 && before(new_z, new_id, z[at - 1], ids[at - 1]); --at) put(at, z[at - 1], ids[at - 1]);
      }
      put(at, new_z, new_id);
    }
    if (size == K) limit = z[heap ? 0 : K - 1];
  }

  __device__ inline void finish(i64 first_slot, Real px, Real py, const Real* verts, const i64* faces,
                                const RasterSettings<Real>& settings, const Outputs<Real>& out) {
    if (K > R3D_INSERTION_LIMIT)
      for (i64 last = size - 1; last > 0; --last) {
        const Real last_z = z[last];
        const i64 last_id = ids[last];
        put(last, z[0], ids[0]);
        sift_down(last, last_z, last_id);
      }
    for (i64 k = 0; k < size; ++k)
      write_hit(first_slot + k, ids[k], z[k], px, py, verts, faces, settings, out);
  }
};

// Depth peeling: at each pixel only faces that come after this depth and id count.
template <class Real>
struct Passed {
  const Real* zbuf;  // (N, H, W), or null: all faces count
  const i64* face;   // (N, H, W), or null
};

// Empties the slots of a block's pixels, row by row, so that neighbouring threads write neighbouring places:
// a thread that empties those of its own pixel writes places K apart.
template <class Real>
__device__ inline void empty_slots(const TilePixel<Real>& at, int height, int width, i64 K,
                                   const Outputs<Real>& out) {
  const int last_column = min(at.tile.x1, width - 1), last_row = min(at.tile.y1, height - 1);
  const i64 count = (last_column - at.tile.x0 + 1) * K;
  for (int row = at.tile.y0; row <= last_row; ++row) {
    const i64 first = ((at.mesh * height + row) * width + at.tile.x0) * K;
    for (i64 slot = first + threadIdx.x; slot < first + count; slot += kThreads) {
      out.pix_to_face[slot] = -1;
      out.zbuf[slot] = -1;
      if (out.dists) out.dists[slot] = -1;
    }
    if (out.bary_coords)
      for (i64 part = 3 * first + threadIdx.x; part < 3 * (first + count); part += kThreads)
        out.bary_coords[part] = -1;
  }
}

// One tile: keeps the nearest faces of each pixel.
template <class Nearest, class Real>
__device__ inline void rasterize_tile(const TileScene<Real>& scene, const i32* list, i64 K,
                                      const Passed<Real>& passed, const Outputs<Real>& out,
                                      Prepared<Real>* batch, i32* warp_counts) {
  const TilePixel<Real> at = tile_pixel(scene);
  if (at.idle) return;
  // The walk waits for all threads before it shows them a face.
  if (Nearest::kInSlots) empty_slots(at, scene.height, scene.width, K, out);
  const i64 pixel = at.in_image ? at.pixel : 0;
  // Depths are not negative.
  const Real passed_z = passed.zbuf ? passed.zbuf[pixel] : (Real)-1;
  const i64 passed_id = passed.face ? passed.face[pixel] : -1;
  Nearest nearest(K, pixel * K, out);
  if (!(passed_z < (Real)infinity())) nearest.limit = -1;  // this pixel is through
  FoundFace<Real> found;
  walk_tile(
      scene, at, list, batch, warp_counts,
      [&](const Prepared<Real>& p) {
        Real z;
        if (p.nearest > nearest.limit || !depth_at(at.px, at.py, p, scene.settings, &z) ||
            !before(passed_z, passed_id, z, (i64)p.id))
          return;
        if (at.share == 1)
          nearest.insert(z, p.id);
        else
          found.z = z, found.id = p.id;
      },
      [&] {
        tell_each_other(at, &found, [&](Real z, i32 id) {
          if (!Nearest::kInSlots || at.writes) nearest.insert(z, id);
        });
        if (Nearest::kInSlots)
          nearest.limit = __shfl_sync(at.together, nearest.limit, threadIdx.x % kWarp & ~(kShares - 1));
      });
  if (at.writes) nearest.finish(pixel * K, at.px, at.py, scene.verts, scene.faces, scene.settings, out);
}

// Depth and face of a pixel as one number that is smaller for the nearer face. Depths are not negative, so
// their bits count upwards with them; adding zero makes -0 a 0.
__device__ inline u64 depth_key(float z, i32 id) {
  return (u64)__float_as_uint(z + 0.0f) << 32 | (u64)(u32)id;
}

__device__ inline void zbuffer_pixel(int column, int row, const Prepared<float>& p,
                                     const RasterSettings<float>& settings, i64 mesh, int height, int width,
                                     i64* keys) {
  const float px = pixel_center<float>(width - 1 - column, width, height);
  const float py = pixel_center<float>(height - 1 - row, height, width);
  float z;
  if (depth_at(px, py, p, settings, &z))
    atomicMin((u64*)keys + (mesh * height + row) * width + column, depth_key(z, p.id));
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_boxes(const R3D_REAL* verts,  // (V, 3)
                           const i64* faces,       // (F, 3)
                           i64 num_verts, i64 num_faces, int height, int width, R3D_REAL blur_radius,
                           bool perspective_correct, bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far,
                           bool is_perspective,
                           i16* boxes,       // (F, 4) first and last column and row; x1 < x0: none
                           i64* bad_face) {  // (1,) zero before; F - the first face that points past
  const i64 id = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (id >= num_faces) return;
  const RasterSettings<R3D_REAL> settings = {
      perspective_correct, false, cull_backfaces, blur_radius, z_near, z_far, is_perspective};
  Box box = {0, 0, -1, -1};
  if (points_past(faces, id, num_verts))
    atomicMax(bad_face, num_faces - id);
  else
    box = pixel_box(prepare(load_face(verts, faces, id), (i32)id, settings), settings, height, width);
  if (box_area(box) == 0) box = {0, 0, -1, -1};
  i16* const out = boxes + 4 * id;
  out[0] = (i16)box.x0;
  out[1] = (i16)box.y0;
  out[2] = (i16)box.x1;
  out[3] = (i16)box.y1;
}

extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_fine_few(const R3D_REAL* verts,  // (V, 3)
                              const i64* faces,       // (F, 3)
                              const i64* offsets,     // (N * TY * TX + 1,)
                              const i32* list,        // the band's faces, tile by tile
                              i64 first_tile, int height, int width, i64 faces_per_pixel,
                              R3D_REAL blur_radius, bool perspective_correct, bool clip_barycentric_coords,
                              bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far, bool is_perspective,
                              const R3D_REAL* after_zbuf,  // (N, H, W), or null
                              const i64* after_face,       // (N, H, W), or null
                              i64* pix_to_face,            // (N, H, W, K)
                              R3D_REAL* zbuf,              // (N, H, W, K)
                              R3D_REAL* bary_coords,       // (N, H, W, K, 3), or null
                              R3D_REAL* dists) {           // (N, H, W, K), or null
  __shared__ Prepared<R3D_REAL> batch[kBatch];
  __shared__ i32 warp_counts[kWarps];
  rasterize_tile<FewNearest<R3D_REAL>, R3D_REAL>(
      {verts,
       faces,
       offsets,
       first_tile,
       height,
       width,
       {perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far,
        is_perspective}},
      list, faces_per_pixel, {after_zbuf, after_face}, {pix_to_face, zbuf, bary_coords, dists}, batch,
      warp_counts);
}

extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_fine_many(const R3D_REAL* verts,  // (V, 3)
                               const i64* faces,       // (F, 3)
                               const i64* offsets,     // (N * TY * TX + 1,)
                               const i32* list,        // the band's faces, tile by tile
                               i64 first_tile, int height, int width, i64 faces_per_pixel,
                               R3D_REAL blur_radius, bool perspective_correct, bool clip_barycentric_coords,
                               bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far, bool is_perspective,
                               const R3D_REAL* after_zbuf,  // (N, H, W), or null
                               const i64* after_face,       // (N, H, W), or null
                               i64* pix_to_face,            // (N, H, W, K)
                               R3D_REAL* zbuf,              // (N, H, W, K)
                               R3D_REAL* bary_coords,       // (N, H, W, K, 3), or null
                               R3D_REAL* dists) {           // (N, H, W, K), or null
  __shared__ Prepared<R3D_REAL> batch[kBatch];
  __shared__ i32 warp_counts[kWarps];
  rasterize_tile<ManyNearest<R3D_REAL>, R3D_REAL>(
      {verts,
       faces,
       offsets,
       first_tile,
       height,
       width,
       {perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far,
        is_perspective}},
      list, faces_per_pixel, {after_zbuf, after_face}, {pix_to_face, zbuf, bary_coords, dists}, batch,
      warp_counts);
}

extern "C" __global__ void __launch_bounds__(256) rasterize_meshes_zbuffer(
    const float* verts,          // (V, 3)
    const i64* faces,            // (F, 3)
    const i64* mesh_first_face,  // (N + 1,)
    i64 num_verts, i64 num_faces, i64 num_meshes, int height, int width, bool perspective_correct,
    bool clip_barycentric_coords, bool cull_backfaces, float z_near, float z_far, bool is_perspective,
    i64* keys,        // (N, H, W) of unsigned numbers, all bits set before
    i32* large,       // (F,) faces for zbuffer_large
    i32* num_large,   // (1,) zero before
    i64* bad_face) {  // (1,) zero before; F - the first face that points past the vertices
  __shared__ i32 queue[kThreads];
  __shared__ i32 queued;
  const RasterSettings<float> settings = {
      perspective_correct, clip_barycentric_coords, cull_backfaces, 0, z_near, z_far, is_perspective};
  if (threadIdx.x == 0) queued = 0;
  __syncthreads();
  const i64 id = (i64)blockIdx.x * kThreads + threadIdx.x;
  const i64 mesh = id < num_faces ? image_of(id, mesh_first_face, num_meshes) : -1;
  if (id < num_faces && points_past(faces, id, num_verts)) {
    atomicMax(bad_face, num_faces - id);
  } else if (mesh >= 0) {
    const Prepared<float> p = prepare(load_face(verts, faces, id), (i32)id, settings);
    const Box box = pixel_box(p, settings, height, width);
    const i64 pixels = box_area(box);
    if (pixels > kWarpPixels) {
      large[atomicAdd(num_large, 1)] = (i32)id;
    } else if (pixels > kSmallPixels) {
      queue[atomicAdd(&queued, 1)] = (i32)id;
    } else {
      for (int row = box.y0; row <= box.y1; ++row)
        for (int column = box.x0; column <= box.x1; ++column)
          zbuffer_pixel(column, row, p, settings, mesh, height, width, keys);
    }
  }
  __syncthreads();
  for (int i = threadIdx.x / kWarp; i < queued; i += kThreads / kWarp) {
    const i32 queued_id = queue[i];
    const i64 queued_mesh = image_of(queued_id, mesh_first_face, num_meshes);
    const Prepared<float> p = prepare(load_face(verts, faces, (i64)queued_id), queued_id, settings);
    const Box box = pixel_box(p, settings, height, width);
    const int across = box.x1 - box.x0 + 1, pixels = (int)box_area(box);
    for (int j = threadIdx.x % kWarp; j < pixels; j += kWarp)
      zbuffer_pixel(box.x0 + j % across, box.y0 + j / across, p, settings, queued_mesh, height, width, keys);
  }
}

// The grid's rows share the faces, its columns the pieces of a face.
extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_zbuffer_large(const float* verts,          // (V, 3)
                                   const i64* faces,            // (F, 3)
                                   const i64* mesh_first_face,  // (N + 1,)
                                   i64 num_meshes, int height, int width, bool perspective_correct,
                                   bool clip_barycentric_coords, bool cull_backfaces, float z_near,
                                   float z_far, bool is_perspective,
                                   const i32* large,      // (F,)
                                   const i32* num_large,  // (1,)
                                   i64* keys) {           // (N, H, W)
  const RasterSettings<float> settings = {
      perspective_correct, clip_barycentric_coords, cull_backfaces, 0, z_near, z_far, is_perspective};
  for (int i = blockIdx.y; i < *num_large; i += gridDim.y) {
    const i32 id = large[i];
    const i64 mesh = image_of(id, mesh_first_face, num_meshes);
    const Prepared<float> p = prepare(load_face(verts, faces, (i64)id), id, settings);
    const Box box = pixel_box(p, settings, height, width);
    const int across = (box.x1 - box.x0) / kTile + 1, down = (box.y1 - box.y0) / kTile + 1;
    for (int piece = blockIdx.x; piece < across * down; piece += gridDim.x) {
      const int x0 = box.x0 + piece % across * kTile, y0 = box.y0 + piece / across * kTile;
      if (misses_box(p, {x0, y0, x0 + kTile - 1, y0 + kTile - 1}, settings, height, width)) continue;
      const int column = x0 + threadIdx.x % kTile, row = y0 + threadIdx.x / kTile;
      if (column <= box.x1 && row <= box.y1)
        zbuffer_pixel(column, row, p, settings, mesh, height, width, keys);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_resolve(const float* verts,  // (V, 3)
                             const i64* faces,    // (F, 3)
                             i64 num_pixels, int height, int width, bool perspective_correct,
                             bool clip_barycentric_coords, bool cull_backfaces, float z_near, float z_far,
                             bool is_perspective,
                             i64* pix_to_face,    // (N, H, W, 1) the keys before
                             float* zbuf,         // (N, H, W, 1)
                             float* bary_coords,  // (N, H, W, 1, 3), or null
                             float* dists) {      // (N, H, W, 1), or null
  const i64 pixel = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (pixel >= num_pixels) return;
  const Outputs<float> out = {pix_to_face, zbuf, bary_coords, dists};
  const u64 key = (u64)pix_to_face[pixel];
  if (key == ~0ull) {
    write_empty(pixel, out);
    return;
  }
  const float px = pixel_center<float>(width - 1 - pixel % width, width, height);
  const float py = pixel_center<float>(height - 1 - pixel / width % height, height, width);
  write_hit(
      pixel, (i64)(key & 0xffffffffu), __uint_as_float((u32)(key >> 32)), px, py, verts, faces,
      {perspective_correct, clip_barycentric_coords, cull_backfaces, 0.0f, z_near, z_far, is_perspective},
      out);
}

// The backward. Two ways: a thread a pixel with atomic additions, whose order changes the last digits from
// run to run, by which neighbours that saw one face add together; or the repeatable way, a warp a face, a
// block a large one, that looks for its slots, then a thread a vertex that sums its faces' corners in one
// order.

namespace {

// Gradients of the outputs; a null pointer: none.
template <class Real>
struct Upstream {
  const Real* zbuf;         // (N, H, W, K)
  const Real* bary_coords;  // (N, H, W, K, 3)
  const Real* dists;        // (N, H, W, K)
};

template <class Real>
__device__ inline HitGradient<Real> load_gradient(i64 slot, const Upstream<Real>& grad) {
  HitGradient<Real> g = {{0, 0, 0, 0}, 0};
  if (grad.bary_coords) {
    g.sample.b0 = grad.bary_coords[3 * slot];
    g.sample.b1 = grad.bary_coords[3 * slot + 1];
    g.sample.b2 = grad.bary_coords[3 * slot + 2];
  }
  if (grad.zbuf) g.sample.z = grad.zbuf[slot];
  if (grad.dists) g.dist = grad.dists[slot];
  return g;
}

// What the lanes of a warp have seen of one face, until they see another.
template <class Real>
struct WarpSum {
  const i64* faces;  // (F, 3)
  Real* grad_verts;  // (V, 3)
  i64 id = -1;       // the same in all lanes
  TriangleGradient<Real> own = {};

  // One atomic addition a number of a face, of what the lanes that say so have.
  __device__ inline void give(i64 face, TriangleGradient<Real> g, bool mine) const {
    Real* const parts = (Real*)&g;
    Real kept = 0;
#pragma unroll
    for (int i = 0; i < 9; ++i) {
      Real sum = mine ? parts[i] : (Real)0;
      for (int other = kWarp / 2; other > 0; other /= 2) sum += __shfl_xor_sync(~0u, sum, other);
      if (threadIdx.x % kWarp == i) kept = sum;
    }
    const int part = threadIdx.x % kWarp;
    if (part < 9 && kept != 0) atomicAdd(grad_verts + 3 * faces[3 * face + part / 3] + part % 3, kept);
  }

  __device__ inline void flush() {
    if (id >= 0) give(id, own, true);
    id = -1;
    own = {};
  }

  // A gradient of each lane, of the face that it names; -1: none.
  __device__ inline void add(i64 face, const TriangleGradient<Real>& g) {
    const i64 first = __shfl_sync(~0u, face, 0);
    if (__all_sync(~0u, face == first)) {
      if (first != id) flush();
      id = first;
      own.add(g);
      return;
    }
    // Several faces: the few that many lanes saw each in one go, the others lane by lane.
    u32 left = __ballot_sync(~0u, face >= 0);
    for (int tries = 0; left && tries < kTries; ++tries) {
      const i64 next = __shfl_sync(~0u, face, __ffs((int)left) - 1);
      const u32 same = __ballot_sync(~0u, face == next);
      left &= ~same;
      if (__popc(same) >= kWorthIt)
        give(next, g, face == next);
      else if (face == next)
        give_alone(face, g);
    }
    if (left >> threadIdx.x % kWarp & 1) give_alone(face, g);
  }

  __device__ inline void give_alone(i64 face, const TriangleGradient<Real>& g) const {
    const Real* const parts = (const Real*)&g;
    for (int i = 0; i < 9; ++i) atomicAdd(grad_verts + 3 * faces[3 * face + i / 3] + i % 3, parts[i]);
  }

  static constexpr int kTries = 4, kWorthIt = 8;
};

}  // namespace

// Each warp takes runs of 32 pixels, one after another: a face over many pixels is added to its vertices
// once.
extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_bwd(const R3D_REAL* verts,   // (V, 3)
                         const i64* faces,        // (F, 3)
                         const i64* pix_to_face,  // (N, H, W, K)
                         i64 num_faces, i64 num_pixels, i64 runs_a_warp, int height, int width,
                         i64 faces_per_pixel, R3D_REAL blur_radius, bool perspective_correct,
                         bool clip_barycentric_coords, bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far,
                         bool is_perspective,
                         const R3D_REAL* grad_zbuf,         // (N, H, W, K), or null
                         const R3D_REAL* grad_bary_coords,  // (N, H, W, K, 3), or null
                         const R3D_REAL* grad_dists,        // (N, H, W, K), or null
                         R3D_REAL* grad_verts) {            // (V, 3) zero before
  const RasterSettings<R3D_REAL> settings = {
      perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far,
      is_perspective};
  const Upstream<R3D_REAL> grad = {grad_zbuf, grad_bary_coords, grad_dists};
  const i64 warp = ((i64)blockIdx.x * kThreads + threadIdx.x) / kWarp;
  WarpSum<R3D_REAL> sum = {faces, grad_verts};
  for (i64 run = warp * runs_a_warp; run < (warp + 1) * runs_a_warp && run * kWarp < num_pixels; ++run) {
    const i64 pixel = run * kWarp + threadIdx.x % kWarp, slot = pixel * faces_per_pixel;
    const R3D_REAL px = pixel_center<R3D_REAL>(width - 1 - pixel % width, width, height);
    const R3D_REAL py = pixel_center<R3D_REAL>(height - 1 - pixel / width % height, height, width);
    bool more = pixel < num_pixels;  // empty slots are the last
    for (i64 k = 0; k < faces_per_pixel; ++k) {
      i64 id = more ? pix_to_face[slot + k] : -1;
      more = id >= 0;
      if (!__any_sync(~0u, more)) break;
      if (id >= num_faces) id = -1;  // no face of these
      TriangleGradient<R3D_REAL> g = {};
      if (id >= 0)
        add_gradient(px, py, set_up_face(load_face(verts, faces, id)), settings,
                     load_gradient(slot + k, grad), &g);
      sum.add(id, g);
    }
  }
  sum.flush();
}

extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_bwd_faces(const R3D_REAL* verts,       // (V, 3)
                               const i64* faces,            // (F, 3)
                               const i64* mesh_first_face,  // (N + 1,)
                               const i64* pix_to_face,      // (N, H, W, K)
                               i64 num_faces, i64 num_meshes, int height, int width, i64 faces_per_pixel,
                               R3D_REAL blur_radius, bool perspective_correct, bool clip_barycentric_coords,
                               bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far, bool is_perspective,
                               const R3D_REAL* grad_zbuf,         // (N, H, W, K), or null
                               const R3D_REAL* grad_bary_coords,  // (N, H, W, K, 3), or null
                               const R3D_REAL* grad_dists,        // (N, H, W, K), or null
                               R3D_REAL* grad_faces) {            // (F, 3, 3) of the corners
  typedef TriangleGradient<R3D_REAL> Sum;
  __shared__ bool large[kWarps];
  __shared__ R3D_REAL warp_parts[2 * kWarps * sizeof(Sum) / sizeof(R3D_REAL)];
  const FaceRange<R3D_REAL> range = {verts,
                                     faces,
                                     mesh_first_face,
                                     0,
                                     num_faces,
                                     num_meshes,
                                     height,
                                     width,
                                     {perspective_correct, clip_barycentric_coords, cull_backfaces,
                                      blur_radius, z_near, z_far, is_perspective}};
  const Upstream<R3D_REAL> grad = {grad_zbuf, grad_bary_coords, grad_dists};
  sum_faces<Sum>(
      range, large, warp_parts,
      [&](i64, const Prepared<R3D_REAL>& p, const FacePixel<R3D_REAL>& at, Sum* sum) {
        const i64 first = at.pixel * faces_per_pixel;
        for (i64 slot = first; slot < first + faces_per_pixel && pix_to_face[slot] >= 0; ++slot) {
          if (pix_to_face[slot] != p.id) continue;
          add_gradient(at.px, at.py, p.setup, range.settings, load_gradient(slot, grad), sum);
          break;
        }
      },
      [&](i64 id, i64, int part, R3D_REAL value) { grad_faces[9 * id + part] = value; });
}

extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_bwd_verts(const R3D_REAL* grad_faces,  // (F, 3, 3)
                               const i32* first,            // (V + 1,) of each vertex's corners
                               const i32* corners,          // (3 F,) corners 3 f + j, by vertex
                               i64 num_verts,
                               R3D_REAL* grad_verts) {  // (V, 3)
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= num_verts) return;
  R3D_REAL x = 0, y = 0, z = 0;
  for (i32 i = first[vertex]; i < first[vertex + 1]; ++i) {
    const R3D_REAL* const g = grad_faces + 3 * (i64)corners[i];
    x += g[0];
    y += g[1];
    z += g[2];
  }
  grad_verts[3 * vertex] = x;
  grad_verts[3 * vertex + 1] = y;
  grad_verts[3 * vertex + 2] = z;
}
