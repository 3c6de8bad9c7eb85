// The coarse stage of a rasterizer: which elements (faces, points, splats) may touch each tile of a picture.
//
// An element is a box of pixels. Count the boxes over each tile, sum the counts, fill exactly: never a fixed
// bin size, never an overflow. Lists are made band by band (a band is a run of tiles) within a budget, so
// that memory is bounded whatever the scene.
#ifndef R3D_RASTER_TILE_LISTS_H_
#define R3D_RASTER_TILE_LISTS_H_

#include "math/kernel.h"

namespace r3d {

// Of kernels and schedules; each uses some of it.
template <class Real>
struct TileLists {
  const i16* boxes;    // (E, 4) first and last column and row, pixels: x0, y0, x1, y1; x1 < x0: none
  const i64* first;    // (N + 1,) where each image's elements begin
  const Real* depths;  // (E,) by which lists are sorted, or null: by ids
  i64* offsets;        // (T + 1,) elements over each tile, then where its list begins
  i32* list;           // (L,) ids, of a band's tiles one after another, or null
  i32* cursors;        // (T,) elements entered so far, or null
  i64* numbers;        // (B,) what the host is told, see Number, or null
  i64 num_elements;    // E
  i64 num_images;      // N
  i64 num_tiles;       // T
  i64 num_numbers;     // B
  i64 first_tile;      // of the band
  i64 last_tile;       // not included
  i64 capacity;        // elements that the lists of a band may have
  int height;          // pixels
  int width;           // pixels
  int tile;            // side of a tile, pixels
};

// Where the numbers stand: backend/tile_lists.py has the same names. The mark is the caller's.
enum Number : i32 { kMark, kTotal, kLongest, kLargestBand, kBandEnds };

// Inclusive ranges of columns and rows, of pixels or of tiles; empty where x1 < x0 or y1 < y0.
struct Box {
  i32 x0, y0, x1, y1;
};

R3D_FN i64 box_area(const Box& box) {
  return box.x1 < box.x0 || box.y1 < box.y0 ? 0 : (i64)(box.x1 - box.x0 + 1) * (box.y1 - box.y0 + 1);
}

// Tiles of an image, row by row from the top left; those of the next image follow.
struct TileGrid {
  int tiles_x, tiles_y;

  R3D_FN_MEMBER i64 per_image() const { return (i64)tiles_x * tiles_y; }
};

template <class Real>
R3D_FN TileGrid tile_grid(const TileLists<Real>& a) {
  return {(a.width + a.tile - 1) / a.tile, (a.height + a.tile - 1) / a.tile};
}

// The tiles that a box of pixels touches.
R3D_FN Box tiles_of(const i16* box, int tile) {  // (4,) x0, y0, x1, y1
  if (box[2] < box[0] || box[3] < box[1]) return {0, 0, -1, -1};
  return {box[0] / tile, box[1] / tile, box[2] / tile, box[3] / tile};
}

// The rows of an element's tiles that reach into the band [first_tile, last_tile); empty where none does. The
// first and the last of them may begin before the band and end after it.
R3D_FN Box rows_in_band(Box tiles, const TileGrid& grid, i64 image_first_tile, i64 first_tile,
                        i64 last_tile) {
  const i64 low = first_tile - image_first_tile, high = last_tile - 1 - image_first_tile;
  const i64 last = (i64)tiles.y1 * grid.tiles_x + tiles.x1;
  if (box_area(tiles) == 0 || high < 0 || low > last) return {0, 0, -1, -1};
  if (low > 0 && low / grid.tiles_x > tiles.y0) tiles.y0 = (i32)(low / grid.tiles_x);
  if (high / grid.tiles_x < tiles.y1) tiles.y1 = (i32)(high / grid.tiles_x);
  return tiles;
}

// The last tile, not included, of the band that begins with a tile: as many tiles as hold at most `capacity`
// elements, but at least one, and no more than a launch has blocks.
R3D_FN i64 end_of_band(const i64* offsets, i64 num_tiles, i64 begin, i64 capacity) {
  const i64 most_blocks = 0x7fffffff;
  i64 low = begin + 1, high = num_tiles - begin < most_blocks ? num_tiles : begin + most_blocks;
  while (low < high) {
    const i64 middle = high - (high - low) / 2;
    if (offsets[middle] - offsets[begin] <= capacity)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

// The image that owns an element, or -1. Image n has the elements [first[n], first[n + 1]).
R3D_FN i64 image_of(i64 element, const i64* first, i64 num_images) {
  i64 low = 0, high = num_images + 1;  // first[i] <= element for i < low, not for i >= high
  while (low < high) {
    const i64 middle = (low + high) / 2;
    if (first[middle] <= element)
      low = middle + 1;
    else
      high = middle;
  }
  return low > num_images ? -1 : low - 1;
}

}  // namespace r3d

#endif  // R3D_RASTER_TILE_LISTS_H_
