// How a block walks over the faces of its tile: staged through shared memory, a thread a pixel, in the order
// of the tile's list.
//
// A tile over which a whole far-away mesh lies has a list of 100,000 faces. Where there is such a tile, the
// launch has kShares blocks for each: over a tile with a long list they share the pixels, and in each block
// kShares threads share a pixel, every one of which takes every kShares-th face of the list. What they found
// is put together by shuffles: they are neighbours in their warp.
#ifndef R3D_GPU_TILE_WALK_H_
#define R3D_GPU_TILE_WALK_H_

#include "gpu/tile_faces.h"

namespace {

constexpr int kWarps = kThreads / kWarp;
constexpr int kShares = 16;  // blocks over a tile, threads over a pixel: backend/tile_lists.py knows it too
constexpr int kSharedSide = 4;  // of the square of pixels that one of those blocks has
static_assert(kSharedSide * kSharedSide * kShares == kThreads && kTile == kShares, "each pixel has a block");

// Meshes, and the lists of a band of tiles that begins with first_tile.
template <class Real>
struct TileScene {
  const Real* verts;   // (V, 3)
  const i64* faces;    // (F, 3)
  const i64* offsets;  // (N * TY * TX + 1,) of every tile's list
  i64 first_tile;
  int height, width;
  RasterSettings<Real> settings;
};

// The pixels of this block and the one of this thread.
template <class Real>
struct TilePixel {
  bool idle;     // others do the work of this block: all of its threads leave
  int share;     // threads that share the pixel: 1 or kShares
  int turn;      // of this thread among them: it takes faces turn, turn + share, …
  u32 together;  // lanes of the warp that share the pixel
  Box tile;
  i64 mesh;
  i64 begin, end;  // of the tile's list
  i64 pixel;       // in (N, H, W)
  bool in_image;
  bool writes;  // of those that share the pixel, one does
  Real px, py;
  Real margin;  // a face whose corners lie farther off than this does not reach the pixel
};

template <class Real>
__device__ inline TilePixel<Real> tile_pixel(const TileScene<Real>& scene) {
  const int height = scene.height, width = scene.width;
  const i64 tile = scene.first_tile + blockIdx.x;
  const int tiles_x = (width + kTile - 1) / kTile, tiles_y = (height + kTile - 1) / kTile;
  TilePixel<Real> at;
  const i64 length = scene.offsets[tile + 1] - scene.offsets[tile];
  const bool shared = gridDim.y > 1 && length > R3D_LONG_LIST;
  at.idle = !shared && blockIdx.y > 0;
  at.share = shared ? kShares : 1;
  at.turn = shared ? (int)threadIdx.x % kShares : 0;
  at.together = shared ? 0xffffu << (threadIdx.x & 16) : 1u << threadIdx.x % kWarp;
  const int side = shared ? kSharedSide : kTile, place = (int)threadIdx.x / at.share;
  const int across = kTile / side, part = shared ? (int)blockIdx.y : 0;
  const int x0 = (int)(tile % tiles_x) * kTile + part % across * side;
  const int y0 = (int)(tile / tiles_x % tiles_y) * kTile + part / across * side;
  const int column = x0 + place % side, row = y0 + place / side;
  at.mesh = tile / ((i64)tiles_x * tiles_y);
  at.tile = {x0, y0, x0 + side - 1, y0 + side - 1};
  at.begin = scene.offsets[tile] - scene.offsets[scene.first_tile];
  at.end = scene.offsets[tile + 1] - scene.offsets[scene.first_tile];
  at.pixel = (at.mesh * height + row) * width + column;
  at.in_image = column < width && row < height;
  at.writes = at.in_image && at.turn == 0;
  at.px = pixel_center<Real>(width - 1 - column, width, height);
  at.py = pixel_center<Real>(height - 1 - row, height, width);
  at.margin = (Real)reach(scene.settings) + (Real)kSlack * 2 / (height < width ? height : width);
  return at;
}

// The threads that share a pixel join what each has: join(other's value, by shuffle) once for each doubling.
// The result is the same in all of them.
template <class Real, class Join>
__device__ inline void join_shares(const TilePixel<Real>& at, const Join& join) {
  for (int other = 1; other < at.share; other *= 2) join(other);
}

// Calls visit(face) for each face of this thread that may reach the pixel, and after each round, in which the
// threads of the pixel have visited a face each or none, together(). All threads of the block call it, with
// memory that they share.
template <class Real, class Visit, class Together>
__device__ inline void walk_tile(const TileScene<Real>& scene, const TilePixel<Real>& at, const i32* list,
                                 Prepared<Real>* batch,  // [kBatch]
                                 i32* warp_counts,       // [kWarps]
                                 const Visit& visit, const Together& together) {
  const int thread = threadIdx.x, warp = thread / kWarp, lane = thread % kWarp;
  for (i64 first = at.begin; first < at.end; first += kBatch) {
    Prepared<Real> p;
    bool keep = false;
    if (thread < kBatch && first + thread < at.end) {
      const i32 id = list[first + thread];
      p = prepare(load_face(scene.verts, scene.faces, (i64)id), id, scene.settings);
      keep = !misses_box(p, at.tile, scene.settings, scene.height, scene.width);
    }
    const u32 votes = __ballot_sync(~0u, keep);
    if (lane == 0) warp_counts[warp] = __popc(votes);
    __syncthreads();  // the batch before has been read, too
    int place = __popc(votes & ((1u << lane) - 1)), size = 0;
    for (int i = 0; i < kWarps; ++i) {
      if (i < warp) place += warp_counts[i];
      size += warp_counts[i];
    }
    if (keep) batch[place] = p;
    __syncthreads();
    if (!at.in_image) continue;
    for (int i = 0; i < size; i += at.share) {
      if (i + at.turn < size) {
        const Prepared<Real>& face = batch[i + at.turn];
        if (!(at.px < face.xmin - at.margin || at.px > face.xmax + at.margin ||
              at.py < face.ymin - at.margin || at.py > face.ymax + at.margin))
          visit(face);
      }
      if (at.share > 1) together();
    }
  }
}

template <class Real, class Visit>
__device__ inline void walk_tile(const TileScene<Real>& scene, const TilePixel<Real>& at, const i32* list,
                                 Prepared<Real>* batch, i32* warp_counts, const Visit& visit) {
  walk_tile(scene, at, list, batch, warp_counts, visit, [] {});
}

// A face that a thread has found for its pixel, until all that share the pixel have been told.
template <class Real>
struct FoundFace {
  Real z;
  i32 id = kNoFace;
};

// Calls insert(z, id) for what each thread of the pixel has found, in the same order in all of them.
template <class Real, class Insert>
__device__ inline void tell_each_other(const TilePixel<Real>& at, FoundFace<Real>* found,
                                       const Insert& insert) {
  u32 votes = __ballot_sync(at.together, found->id != kNoFace);
  for (; votes; votes &= votes - 1) {
    const int from = __ffs((int)votes) - 1;
    const Real z = __shfl_sync(at.together, found->z, from);
    insert(z, __shfl_sync(at.together, found->id, from));
  }
  found->id = kNoFace;
}

}  // namespace

#endif  // R3D_GPU_TILE_WALK_H_
