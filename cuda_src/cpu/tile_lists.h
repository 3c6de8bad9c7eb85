// The coarse stage of the CPU's rasterizers (raster/tile_lists.h says what it is): its work, and the call.
#ifndef R3D_CPU_TILE_LISTS_H_
#define R3D_CPU_TILE_LISTS_H_

#include "raster/tile_lists.h"

namespace r3d {
namespace R3D_ISA {

// Tiles that an element may touch, both ends included; x0 > x1: none.
struct TileRange {
  u16 x0, y0, x1, y1;
};
static const TileRange kNoTiles = {1, 1, 0, 0};

// What a rasterizer does with elements and tiles. Functions and not templates: the coarse stage is compiled
// once for all of them, and a call for each run of elements and for each tile costs nothing.
struct TileWork {
  const void* context;
  // For runs of elements of one image, in parallel; ranges[i - begin].
  void (*bounds)(const void* context, i64 image, i64 begin, i64 end, TileRange* ranges);
  // Once for every tile, empty ones too, in parallel. A list is in the order of the elements' ids.
  void (*fine)(const void* context, i64 image, int tile_y, int tile_x, const u32* list, i64 count);
};

// Image n holds the elements [first[n], first[n + 1]). Returns false when memory ran out.
bool for_each_tile(const i64* first, i64 num_images, TileGrid grid, i64 budget, const TileWork& work);

// The same of bounds(image, begin, end, ranges) and fine(image, tile_y, tile_x, list, count).
template <class Bounds, class Fine>
static bool for_each_tile(const i64* first, i64 num_images, TileGrid grid, i64 budget, const Bounds& bounds,
                          const Fine& fine) {
  struct Both {
    const Bounds& bounds;
    const Fine& fine;
  } const both = {bounds, fine};
  const TileWork work = {&both,
                         [](const void* context, i64 image, i64 begin, i64 end, TileRange* ranges) {
                           ((const Both*)context)->bounds(image, begin, end, ranges);
                         },
                         [](const void* context, i64 image, int y, int x, const u32* list, i64 count) {
                           ((const Both*)context)->fine(image, y, x, list, count);
                         }};
  return for_each_tile(first, num_images, grid, budget, work);
}

}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_TILE_LISTS_H_
