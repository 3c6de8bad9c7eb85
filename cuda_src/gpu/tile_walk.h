// How a block walks over the faces of its tile: staged through shared memory, a thread a pixel, in the order
// of the tile's list.
#ifndef R3D_GPU_TILE_WALK_H_
#define R3D_GPU_TILE_WALK_H_

#include "gpu/tile_faces.h"

namespace {

constexpr int kWarps = kThreads / kWarp;

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

// The tile of this block and the pixel of this thread.
template <class Real>
struct TilePixel {
  Box tile;
  i64 mesh;
  i64 begin, end;  // of the tile's list
  i64 pixel;       // in (N, H, W)
  bool in_image;
  Real px, py;
  Real margin;  // a face whose corners lie farther off than this does not reach the pixel
};

template <class Real>
__device__ inline TilePixel<Real> tile_pixel(const TileScene<Real>& scene) {
  const int height = scene.height, width = scene.width;
  const i64 tile = scene.first_tile + blockIdx.x;
  const int tiles_x = (width + kTile - 1) / kTile, tiles_y = (height + kTile - 1) / kTile;
  const int x0 = (int)(tile % tiles_x) * kTile, y0 = (int)(tile / tiles_x % tiles_y) * kTile;
  const int column = x0 + (int)threadIdx.x % kTile, row = y0 + (int)threadIdx.x / kTile;
  TilePixel<Real> at;
  at.mesh = tile / ((i64)tiles_x * tiles_y);
  at.tile = {x0, y0, x0 + kTile - 1, y0 + kTile - 1};
  at.begin = scene.offsets[tile] - scene.offsets[scene.first_tile];
  at.end = scene.offsets[tile + 1] - scene.offsets[scene.first_tile];
  at.pixel = (at.mesh * height + row) * width + column;
  at.in_image = column < width && row < height;
  at.px = pixel_center<Real>(width - 1 - column, width, height);
  at.py = pixel_center<Real>(height - 1 - row, height, width);
  at.margin = (Real)reach(scene.settings) + (Real)kSlack * 2 / (height < width ? height : width);
  return at;
}

// Calls visit(face) for each face of the tile that may reach the pixel. All threads of the block call it,
// with memory that they share.
template <class Real, class Visit>
__device__ inline void walk_tile(const TileScene<Real>& scene, const TilePixel<Real>& at, const i32* list,
                                 Prepared<Real>* batch,  // [kBatch]
                                 i32* warp_counts,       // [kWarps]
                                 const Visit& visit) {
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
    for (int i = 0; i < size; ++i) {
      const Prepared<Real>& face = batch[i];
      if (at.px < face.xmin - at.margin || at.px > face.xmax + at.margin || at.py < face.ymin - at.margin ||
          at.py > face.ymax + at.margin)
        continue;
      visit(face);
    }
  }
}

}  // namespace

#endif  // R3D_GPU_TILE_WALK_H_
