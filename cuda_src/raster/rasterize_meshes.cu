// The CUDA kernels of rasterize_meshes, on the mathematics of rasterize_meshes.h.
//
// General path, any number of faces a pixel, blurred or not:
//   bin    a thread a face: which tiles its bounding box touches; counts them in four additions a face
//   sums   turn those additions into faces a tile (a summed-area table); scan.cu turns them into list offsets
//   fill   writes each tile's list of faces, for a band of tiles whose lists fit the workspace
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
#include "gpu/tile_faces.h"

namespace {

constexpr int kFew = 8;           // nearest faces that fit in registers
constexpr int kSmallTiles = 16;   // tiles that one thread enters a face into
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

// The K nearest faces of a pixel for any K, kept in its slots of the outputs: sorted while K is small, else
// as a heap with the farthest at the root, sorted at the end.
template <class Real>
struct ManyNearest {
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
    for (i64 k = 0; k < K; ++k)
      if (k < size)
        write_hit(first_slot + k, ids[k], z[k], px, py, verts, faces, settings, out);
      else
        write_empty(first_slot + k, out);
  }
};

// Depth peeling: at each pixel only faces that come after this depth and id count.
template <class Real>
struct Passed {
  const Real* zbuf;  // (N, H, W), or null: all faces count
  const i64* face;   // (N, H, W), or null
};

// One tile: stages its list through shared memory and keeps the nearest faces of each pixel.
template <class Nearest, class Real>
__device__ inline void rasterize_tile(const Real* verts, const i64* faces, const i64* offsets,
                                      const i32* list, i64 first_tile, int height, int width, i64 K,
                                      const RasterSettings<Real>& settings, const Passed<Real>& passed,
                                      const Outputs<Real>& out, Prepared<Real>* batch, i32* batch_size) {
  const i64 tile = first_tile + blockIdx.x, begin = offsets[tile] - offsets[first_tile],
            end = offsets[tile + 1] - offsets[first_tile];
  const int tiles_x = (width + kTile - 1) / kTile, tiles_y = (height + kTile - 1) / kTile;
  const i64 mesh = tile / ((i64)tiles_x * tiles_y);
  const int tile_x = (int)(tile % tiles_x), tile_y = (int)(tile / tiles_x % tiles_y), thread = threadIdx.x;
  Box box = {tile_x * kTile, tile_y * kTile, tile_x * kTile + kTile - 1, tile_y * kTile + kTile - 1};
  const int column = box.x0 + thread % kTile, row = box.y0 + thread / kTile;
  const bool in_image = column < width && row < height;
  const Real px = pixel_center<Real>(width - 1 - column, width, height);
  const Real py = pixel_center<Real>(height - 1 - row, height, width);
  const i64 first_slot = in_image ? ((mesh * height + row) * width + column) * K : 0;
  const Real margin = (Real)reach(settings) + (Real)kSlack * 2 / (height < width ? height : width);

  // Depths are not negative.
  const Real passed_z = passed.zbuf ? passed.zbuf[first_slot / K] : (Real)-1;
  const i64 passed_id = passed.face ? passed.face[first_slot / K] : -1;
  Nearest nearest(K, first_slot, out);
  if (!(passed_z < (Real)infinity())) nearest.limit = -1;  // this pixel is through
  for (i64 at = begin; at < end; at += kBatch) {
    __syncthreads();  // the batch before has been read
    if (thread == 0) *batch_size = 0;
    __syncthreads();
    if (thread < kBatch && at + thread < end) {
      const i32 id = list[at + thread];
      const Prepared<Real> p = prepare(load_face(verts, faces, (i64)id), id, settings);
      if (!misses_box(p, box, settings, height, width)) batch[atomicAdd(batch_size, 1)] = p;
    }
    __syncthreads();
    if (!in_image) continue;
    for (int i = 0; i < *batch_size; ++i) {
      const Prepared<Real>& p = batch[i];
      Real z;
      if (p.nearest > nearest.limit || px < p.xmin - margin || px > p.xmax + margin || py < p.ymin - margin ||
          py > p.ymax + margin)
        continue;
      if (depth_at(px, py, p, settings, &z) && before(passed_z, passed_id, z, (i64)p.id))
        nearest.insert(z, p.id);
    }
  }
  if (in_image) nearest.finish(first_slot, px, py, verts, faces, settings, out);
}

// The lists of a band of tiles, [first_tile, last_tile) of the whole batch's.
struct TileLists {
  i64 first_tile, last_tile;
  int tiles_x;
  const i64* offsets;  // of every tile's list
  i32* cursors;        // faces entered so far
  i32* list;
};

// The rows of a face's tiles that the band reaches; empty where it reaches none.
__device__ inline Box band_box(const i16* tile_box, i64 mesh_first_tile, const TileLists& lists) {
  Box box = {tile_box[0], tile_box[1], tile_box[2], tile_box[3]};
  const i64 low = lists.first_tile - mesh_first_tile, high = lists.last_tile - 1 - mesh_first_tile;
  const i64 last = (i64)box.y1 * lists.tiles_x + box.x1;
  if (box.x1 < box.x0 || high < 0 || low > last) return {0, 0, -1, -1};
  if (low > 0 && low / lists.tiles_x > box.y0) box.y0 = (i32)(low / lists.tiles_x);
  if (high / lists.tiles_x < box.y1) box.y1 = (i32)(high / lists.tiles_x);
  return box;
}

// Enters a face into the lists of its tiles: every `stride`th of them, beginning with number `start`.
__device__ inline void enter_face(i32 id, const Box& box, i64 mesh_first_tile, const TileLists& lists,
                                  int start, int stride) {
  const i64 count = box_area(box), across = box.x1 - box.x0 + 1;
  for (i64 i = start; i < count; i += stride) {
    const i64 tile = mesh_first_tile + (box.y0 + i / across) * lists.tiles_x + box.x0 + i % across;
    if (tile >= lists.first_tile && tile < lists.last_tile)
      lists.list[lists.offsets[tile] - lists.offsets[lists.first_tile] + atomicAdd(lists.cursors + tile, 1)] =
          id;
  }
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

extern "C" __global__ void __launch_bounds__(256) rasterize_meshes_bin(
    const R3D_REAL* verts,       // (V, 3)
    const i64* faces,            // (F, 3)
    const i64* mesh_first_face,  // (N + 1,)
    i64 num_verts, i64 num_faces, i64 num_meshes, int height, int width, R3D_REAL blur_radius,
    bool perspective_correct, bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far, bool is_perspective,
    i16* tile_boxes,   // (F, 4) x0, y0, x1, y1 inclusive; x1 < x0: none
    i64* tile_counts,  // (N, TY, TX) zero before; its summed-area table is the number of faces a tile
    i64* bad_face) {   // (1,) zero before; F - the first face that points past the vertices
  const i64 id = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (id >= num_faces) return;
  const RasterSettings<R3D_REAL> settings = {
      perspective_correct, false, cull_backfaces, blur_radius, z_near, z_far, is_perspective};
  Box box = {0, 0, -1, -1};
  if (points_past(faces, id, num_verts))
    atomicMax(bad_face, num_faces - id);
  else
    box = pixel_box(prepare(load_face(verts, faces, id), (i32)id, settings), settings, height, width);
  const i64 mesh = mesh_of(id, mesh_first_face, num_meshes);
  const bool seen = mesh >= 0 && box_area(box) > 0;
  box = seen ? Box{box.x0 / kTile, box.y0 / kTile, box.x1 / kTile, box.y1 / kTile} : Box{0, 0, -1, -1};
  i16* const tiles = tile_boxes + 4 * id;
  tiles[0] = (i16)box.x0;
  tiles[1] = (i16)box.y0;
  tiles[2] = (i16)box.x1;
  tiles[3] = (i16)box.y1;
  if (!seen) return;

  const int tiles_x = (width + kTile - 1) / kTile, tiles_y = (height + kTile - 1) / kTile;
  u64* const counts = (u64*)tile_counts + mesh * tiles_x * tiles_y;
  const bool right = box.x1 + 1 < tiles_x, below = box.y1 + 1 < tiles_y;
  const u64 minus_one = ~0ull;
  atomicAdd(counts + (i64)box.y0 * tiles_x + box.x0, 1ull);
  if (right) atomicAdd(counts + (i64)box.y0 * tiles_x + box.x1 + 1, minus_one);
  if (below) atomicAdd(counts + (i64)(box.y1 + 1) * tiles_x + box.x0, minus_one);
  if (right && below) atomicAdd(counts + (i64)(box.y1 + 1) * tiles_x + box.x1 + 1, 1ull);
}

// The summed-area table, one direction at a time: a thread a line.
extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_sum_rows(i64* tile_counts,  // (N, TY, TX) as (rows, TX)
                              i64 rows, int tiles_x) {
  const i64 row = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  i64 sum = 0;
  for (int x = 0; x < tiles_x; ++x) tile_counts[row * tiles_x + x] = sum += tile_counts[row * tiles_x + x];
}

extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_sum_columns(i64* tile_counts,  // (N, TY, TX)
                                 i64 num_meshes, int tiles_y, int tiles_x) {
  const i64 line = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (line >= num_meshes * tiles_x) return;
  i64* const counts = tile_counts + line / tiles_x * tiles_y * tiles_x + line % tiles_x;
  i64 sum = 0;
  for (int y = 0; y < tiles_y; ++y) counts[(i64)y * tiles_x] = sum += counts[(i64)y * tiles_x];
}

extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_fill(const i16* tile_boxes,       // (F, 4)
                          const i64* mesh_first_face,  // (N + 1,)
                          i64 num_faces, i64 num_meshes, int tiles_y, int tiles_x, i64 first_tile,
                          i64 last_tile,
                          const i64* offsets,  // (N * TY * TX + 1,)
                          i32* cursors,        // (N * TY * TX,) zero before
                          i32* list) {         // (offsets[last_tile] - offsets[first_tile],)
  __shared__ i32 queue[kThreads];              // faces over too many tiles for one thread
  __shared__ i32 queued;
  if (threadIdx.x == 0) queued = 0;
  __syncthreads();
  const TileLists lists = {first_tile, last_tile, tiles_x, offsets, cursors, list};
  const i64 id = (i64)blockIdx.x * kThreads + threadIdx.x, tiles = (i64)tiles_y * tiles_x;
  if (id < num_faces) {
    const i64 mesh_first_tile = mesh_of(id, mesh_first_face, num_meshes) * tiles;
    const Box box = band_box(tile_boxes + 4 * id, mesh_first_tile, lists);
    if (box_area(box) > kSmallTiles)
      queue[atomicAdd(&queued, 1)] = (i32)id;
    else
      enter_face((i32)id, box, mesh_first_tile, lists, 0, 1);
  }
  __syncthreads();
  for (int i = 0; i < queued; ++i) {
    const i64 mesh_first_tile = mesh_of(queue[i], mesh_first_face, num_meshes) * tiles;
    const Box box = band_box(tile_boxes + 4 * (i64)queue[i], mesh_first_tile, lists);
    enter_face(queue[i], box, mesh_first_tile, lists, threadIdx.x, kThreads);
  }
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
  __shared__ i32 batch_size;
  rasterize_tile<FewNearest<R3D_REAL>, R3D_REAL>(
      verts, faces, offsets, list, first_tile, height, width, faces_per_pixel,
      {perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far,
       is_perspective},
      {after_zbuf, after_face}, {pix_to_face, zbuf, bary_coords, dists}, batch, &batch_size);
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
  __shared__ i32 batch_size;
  rasterize_tile<ManyNearest<R3D_REAL>, R3D_REAL>(
      verts, faces, offsets, list, first_tile, height, width, faces_per_pixel,
      {perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far,
       is_perspective},
      {after_zbuf, after_face}, {pix_to_face, zbuf, bary_coords, dists}, batch, &batch_size);
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
  const i64 mesh = id < num_faces ? mesh_of(id, mesh_first_face, num_meshes) : -1;
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
    const i64 queued_mesh = mesh_of(queued_id, mesh_first_face, num_meshes);
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
    const i64 mesh = mesh_of(id, mesh_first_face, num_meshes);
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

// The backward. Two ways: a thread a slot with atomic additions, whose order changes the last digits from run
// to run; or the repeatable way, a warp a face that looks for its slots, then a thread a vertex that sums its
// faces' corners in one order.

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

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    rasterize_meshes_bwd(const R3D_REAL* verts,   // (V, 3)
                         const i64* faces,        // (F, 3)
                         const i64* pix_to_face,  // (N, H, W, K)
                         i64 num_slots, int height, int width, i64 faces_per_pixel, R3D_REAL blur_radius,
                         bool perspective_correct, bool clip_barycentric_coords, bool cull_backfaces,
                         R3D_REAL z_near, R3D_REAL z_far, bool is_perspective,
                         const R3D_REAL* grad_zbuf,         // (N, H, W, K), or null
                         const R3D_REAL* grad_bary_coords,  // (N, H, W, K, 3), or null
                         const R3D_REAL* grad_dists,        // (N, H, W, K), or null
                         R3D_REAL* grad_verts) {            // (V, 3) zero before
  const i64 slot = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (slot >= num_slots || pix_to_face[slot] < 0) return;
  const RasterSettings<R3D_REAL> settings = {
      perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far,
      is_perspective};
  const i64 id = pix_to_face[slot], pixel = slot / faces_per_pixel;
  const R3D_REAL px = pixel_center<R3D_REAL>(width - 1 - pixel % width, width, height);
  const R3D_REAL py = pixel_center<R3D_REAL>(height - 1 - pixel / width % height, height, width);
  TriangleGradient<R3D_REAL> g = {0, 0, 0, 0, 0, 0, 0, 0, 0};
  add_gradient(px, py, set_up_face(load_face(verts, faces, id)), settings,
               load_gradient<R3D_REAL>(slot, {grad_zbuf, grad_bary_coords, grad_dists}), &g);
  const R3D_REAL parts[9] = {g.x0, g.y0, g.z0, g.x1, g.y1, g.z1, g.x2, g.y2, g.z2};
  for (int i = 0; i < 9; ++i) atomicAdd(grad_verts + 3 * faces[3 * id + i / 3] + i % 3, parts[i]);
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
  const i64 id = ((i64)blockIdx.x * kThreads + threadIdx.x) / kWarp;
  if (id >= num_faces) return;
  const int lane = threadIdx.x % kWarp;
  const RasterSettings<R3D_REAL> settings = {
      perspective_correct, clip_barycentric_coords, cull_backfaces, blur_radius, z_near, z_far,
      is_perspective};
  const i64 mesh = mesh_of(id, mesh_first_face, num_meshes);
  const Prepared<R3D_REAL> p = prepare(load_face(verts, faces, id), (i32)id, settings);
  Box box = pixel_box(p, settings, height, width);
  if (mesh < 0) box = {0, 0, -1, -1};
  const i64 across = box.x1 - box.x0 + 1, pixels = box_area(box);
  TriangleGradient<R3D_REAL> g = {0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (i64 i = lane; i < pixels; i += kWarp) {
    const int row = (int)(box.y0 + i / across), column = (int)(box.x0 + i % across);
    const i64 first = ((mesh * height + row) * width + column) * faces_per_pixel;
    for (i64 slot = first; slot < first + faces_per_pixel && pix_to_face[slot] >= 0; ++slot) {
      if (pix_to_face[slot] != id) continue;
      add_gradient(pixel_center<R3D_REAL>(width - 1 - column, width, height),
                   pixel_center<R3D_REAL>(height - 1 - row, height, width), p.setup, settings,
                   load_gradient<R3D_REAL>(slot, {grad_zbuf, grad_bary_coords, grad_dists}), &g);
      break;
    }
  }
  R3D_REAL parts[9] = {g.x0, g.y0, g.z0, g.x1, g.y1, g.z1, g.x2, g.y2, g.z2};
  for (int i = 0; i < 9; ++i) {
    for (int other = kWarp / 2; other > 0; other /= 2) parts[i] += __shfl_xor_sync(~0u, parts[i], other);
    if (lane == 0) grad_faces[9 * id + i] = parts[i];
  }
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
