// The CUDA kernels of tile_lists.
//
//   count         a thread an element: counts the tiles that its box touches, in four additions
//   sum_rows, sum_columns
//                 turn those additions into elements a tile, a thread a line (a summed-area table); scan.cu
//                 turns the counts into where each list begins
//   bands         one thread: cuts the tiles into bands whose lists fit the workspace, so that one copy tells
//                 the host all it must know
//   fill          writes the lists of a band, in the order in which atomics happen to run
//   sort          a block a list: in the order of depths, or of ids, where the order matters
#include "gpu/block_sort.h"
#include "raster/tile_lists.h"

namespace {

using namespace r3d;

constexpr int kThreads = 256;    // the number in every __launch_bounds__
constexpr int kSmallTiles = 16;  // tiles that one thread enters an element into

// What the host is told: backend/tile_lists.py has the same names. Before it stands the caller's mark.
enum Number : i32 { kMark, kTotal, kLongest, kLargestBand, kBandEnds };

// A band of tiles and its lists.
struct Band {
  TileGrid grid;
  i64 first_tile, last_tile;
  const i64* offsets;  // (tiles + 1,)
  i32* cursors;        // (tiles,) elements entered so far
  i32* list;
};

// Enters an element into the lists of its tiles: every `stride`th of them, beginning with number `start`.
__device__ inline void enter(i32 id, const Box& box, i64 image_first_tile, const Band& band, int start,
                             int stride) {
  const i64 count = box_area(box), across = box.x1 - box.x0 + 1;
  for (i64 i = start; i < count; i += stride) {
    const i64 tile = image_first_tile + (box.y0 + i / across) * band.grid.tiles_x + box.x0 + i % across;
    if (tile >= band.first_tile && tile < band.last_tile)
      band.list[band.offsets[tile] - band.offsets[band.first_tile] + atomicAdd(band.cursors + tile, 1)] = id;
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    tile_lists_count(const i16* boxes,  // (E, 4) columns and rows of pixels: x0, y0, x1, y1, inclusive
                     const i64* first,  // (N + 1,) where each image's elements begin
                     i64 num_elements, i64 num_images, int height, int width, int tile,
                     i64* counts) {  // (N, TY, TX) zero before; its summed-area table counts the elements
  const i64 id = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (id >= num_elements) return;
  const i64 image = image_of(id, first, num_images);
  const Box box = tiles_of(boxes + 4 * id, tile);
  if (image < 0 || box_area(box) == 0) return;
  const TileGrid grid = tile_grid(height, width, tile);
  u64* const corner = (u64*)counts + image * grid.per_image();
  const bool right = box.x1 + 1 < grid.tiles_x, below = box.y1 + 1 < grid.tiles_y;
  const u64 minus_one = ~0ull;
  atomicAdd(corner + (i64)box.y0 * grid.tiles_x + box.x0, 1ull);
  if (right) atomicAdd(corner + (i64)box.y0 * grid.tiles_x + box.x1 + 1, minus_one);
  if (below) atomicAdd(corner + (i64)(box.y1 + 1) * grid.tiles_x + box.x0, minus_one);
  if (right && below) atomicAdd(corner + (i64)(box.y1 + 1) * grid.tiles_x + box.x1 + 1, 1ull);
}

extern "C" __global__ void __launch_bounds__(256)
    tile_lists_sum_rows(i64* counts,  // (N, TY, TX) as (rows, TX)
                        i64 rows, int tiles_x) {
  const i64 row = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  i64 sum = 0;
  for (int x = 0; x < tiles_x; ++x) counts[row * tiles_x + x] = sum += counts[row * tiles_x + x];
}

extern "C" __global__ void __launch_bounds__(256)
    tile_lists_sum_columns(i64* counts,  // (N, TY, TX)
                           i64 num_images, int tiles_y, int tiles_x,
                           i64* numbers) {  // (4 + B,) zero before; kLongest is set
  const i64 line = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (line >= num_images * tiles_x) return;
  i64* const column = counts + line / tiles_x * tiles_y * tiles_x + line % tiles_x;
  i64 sum = 0, longest = 0;
  for (int y = 0; y < tiles_y; ++y) {
    column[(i64)y * tiles_x] = sum += column[(i64)y * tiles_x];
    longest = max(longest, sum);
  }
  atomicMax(numbers + kLongest, longest);
}

extern "C" __global__ void __launch_bounds__(32)
    tile_lists_bands(const i64* offsets,  // (tiles + 1,)
                     i64 num_tiles, i64 begin, i64 capacity, i64 most_bands,
                     i64* numbers) {  // (4 + most_bands,) zero before but for what is set: see Number
  if (threadIdx.x > 0) return;
  i64 largest = 0;
  for (i64 band = 0; band < most_bands && begin < num_tiles; ++band) {
    const i64 end = end_of_band(offsets, num_tiles, begin, capacity);
    largest = max(largest, offsets[end] - offsets[begin]);
    numbers[kBandEnds + band] = begin = end;
  }
  numbers[kTotal] = offsets[num_tiles];
  numbers[kLargestBand] = largest;
}

extern "C" __global__ void __launch_bounds__(256)
    tile_lists_fill(const i16* boxes,  // (E, 4)
                    const i64* first,  // (N + 1,)
                    i64 num_elements, i64 num_images, int height, int width, int tile, i64 first_tile,
                    i64 last_tile,
                    const i64* offsets,  // (tiles + 1,)
                    i32* cursors,        // (tiles,) zero before
                    i32* list) {         // (offsets[last_tile] - offsets[first_tile],)
  __shared__ i32 queue[kThreads];        // elements over too many tiles for one thread
  __shared__ i32 queued;
  if (threadIdx.x == 0) queued = 0;
  __syncthreads();
  const Band band = {tile_grid(height, width, tile), first_tile, last_tile, offsets, cursors, list};
  const auto reaches = [&](i64 id, i64* image_first_tile) {
    const i64 image = image_of(id, first, num_images);
    *image_first_tile = image * band.grid.per_image();
    const Box tiles = image < 0 ? Box{0, 0, -1, -1} : tiles_of(boxes + 4 * id, tile);
    return rows_in_band(tiles, band.grid, *image_first_tile, first_tile, last_tile);
  };
  const i64 id = (i64)blockIdx.x * kThreads + threadIdx.x;
  i64 image_first_tile;
  if (id < num_elements) {
    const Box box = reaches(id, &image_first_tile);
    if (box_area(box) > kSmallTiles)
      queue[atomicAdd(&queued, 1)] = (i32)id;
    else
      enter((i32)id, box, image_first_tile, band, 0, 1);
  }
  __syncthreads();
  for (int i = 0; i < queued; ++i) {
    const Box box = reaches(queue[i], &image_first_tile);
    enter(queue[i], box, image_first_tile, band, threadIdx.x, kThreads);
  }
}

extern "C" __global__ void __launch_bounds__(256)
    tile_lists_sort(const i64* offsets,  // (tiles + 1,)
                    i64 first_tile,
                    const R3D_REAL* depths,  // (E,), or null: by ids alone
                    i32* list) {             // (offsets[last_tile] - offsets[first_tile],)
  const i64 tile = first_tile + blockIdx.x, begin = offsets[tile] - offsets[first_tile];
  sort_by_block(list + begin, offsets[tile + 1] - offsets[tile], [=](i32 a, i32 b) {
    return depths && depths[a] != depths[b] ? depths[a] < depths[b] : a < b;
  });
}
