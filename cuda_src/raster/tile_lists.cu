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

typedef TileLists<R3D_REAL> Lists;

// Enters an element into the lists of its tiles: every `stride`th of them, beginning with number `start`.
__device__ inline void enter(i32 id, const Box& box, i64 image_first_tile, const Lists& a, int start,
                             int stride) {
  const i64 count = box_area(box), across = box.x1 - box.x0 + 1;
  const int tiles_x = tile_grid(a).tiles_x;
  for (i64 i = start; i < count; i += stride) {
    const i64 tile = image_first_tile + (box.y0 + i / across) * tiles_x + box.x0 + i % across;
    if (tile >= a.first_tile && tile < a.last_tile)
      a.list[a.offsets[tile] - a.offsets[a.first_tile] + atomicAdd(a.cursors + tile, 1)] = id;
  }
}

// The rows of an element's tiles that reach into the band.
__device__ inline Box reaches(i64 id, const Lists& a, i64* image_first_tile) {
  const i64 image = image_of(id, a.first, a.num_images);
  const TileGrid grid = tile_grid(a);
  *image_first_tile = image * grid.per_image();
  const Box tiles = image < 0 ? Box{0, 0, -1, -1} : tiles_of(a.boxes + 4 * id, a.tile);
  return rows_in_band(tiles, grid, *image_first_tile, a.first_tile, a.last_tile);
}

}  // namespace

// To offsets of zeros.
extern "C" __global__ void __launch_bounds__(256) tile_lists_count(const r3d::TileLists<R3D_REAL> a) {
  const i64 id = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (id >= a.num_elements) return;
  const i64 image = image_of(id, a.first, a.num_images);
  const Box box = tiles_of(a.boxes + 4 * id, a.tile);
  if (image < 0 || box_area(box) == 0) return;
  const TileGrid grid = tile_grid(a);
  u64* const counts = (u64*)a.offsets + image * grid.per_image();
  const bool right = box.x1 + 1 < grid.tiles_x, below = box.y1 + 1 < grid.tiles_y;
  const u64 minus_one = ~0ull;
  atomicAdd(counts + (i64)box.y0 * grid.tiles_x + box.x0, 1ull);
  if (right) atomicAdd(counts + (i64)box.y0 * grid.tiles_x + box.x1 + 1, minus_one);
  if (below) atomicAdd(counts + (i64)(box.y1 + 1) * grid.tiles_x + box.x0, minus_one);
  if (right && below) atomicAdd(counts + (i64)(box.y1 + 1) * grid.tiles_x + box.x1 + 1, 1ull);
}

extern "C" __global__ void __launch_bounds__(256) tile_lists_sum_rows(const r3d::TileLists<R3D_REAL> a) {
  const i64 row = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  const TileGrid grid = tile_grid(a);
  if (row >= a.num_images * grid.tiles_y) return;
  i64* const counts = a.offsets + row * grid.tiles_x;
  i64 sum = 0;
  for (int x = 0; x < grid.tiles_x; ++x) counts[x] = sum += counts[x];
}

// Tells how long the longest list is.
extern "C" __global__ void __launch_bounds__(256) tile_lists_sum_columns(const r3d::TileLists<R3D_REAL> a) {
  const i64 line = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  const TileGrid grid = tile_grid(a);
  if (line >= a.num_images * grid.tiles_x) return;
  i64* const column = a.offsets + line / grid.tiles_x * grid.per_image() + line % grid.tiles_x;
  i64 sum = 0, longest = 0;
  for (int y = 0; y < grid.tiles_y; ++y) {
    column[(i64)y * grid.tiles_x] = sum += column[(i64)y * grid.tiles_x];
    longest = max(longest, sum);
  }
  atomicMax(a.numbers + kLongest, longest);
}

// From first_tile on, as many bands as there are numbers; the numbers of others stay zero.
extern "C" __global__ void __launch_bounds__(32) tile_lists_bands(const r3d::TileLists<R3D_REAL> a) {
  if (threadIdx.x > 0) return;
  i64 largest = 0, begin = a.first_tile;
  for (i64 at = kBandEnds; at < a.num_numbers && begin < a.num_tiles; ++at) {
    const i64 end = end_of_band(a.offsets, a.num_tiles, begin, a.capacity);
    largest = max(largest, a.offsets[end] - a.offsets[begin]);
    a.numbers[at] = begin = end;
  }
  a.numbers[kTotal] = a.offsets[a.num_tiles];
  a.numbers[kLargestBand] = largest;
}

// With cursors of zeros for the band.
extern "C" __global__ void __launch_bounds__(256) tile_lists_fill(const r3d::TileLists<R3D_REAL> a) {
  __shared__ i32 queue[kThreads];  // elements over too many tiles for one thread
  __shared__ i32 queued;
  if (threadIdx.x == 0) queued = 0;
  __syncthreads();
  const i64 id = (i64)blockIdx.x * kThreads + threadIdx.x;
  i64 image_first_tile;
  if (id < a.num_elements) {
    const Box box = reaches(id, a, &image_first_tile);
    if (box_area(box) > kSmallTiles)
      queue[atomicAdd(&queued, 1)] = (i32)id;
    else
      enter((i32)id, box, image_first_tile, a, 0, 1);
  }
  __syncthreads();
  for (int i = 0; i < queued; ++i) {
    const Box box = reaches(queue[i], a, &image_first_tile);
    enter(queue[i], box, image_first_tile, a, threadIdx.x, kThreads);
  }
}

extern "C" __global__ void __launch_bounds__(256) tile_lists_sort(const r3d::TileLists<R3D_REAL> a) {
  const i64 tile = a.first_tile + blockIdx.x, begin = a.offsets[tile] - a.offsets[a.first_tile];
  const R3D_REAL* const depths = a.depths;
  sort_by_block(a.list + begin, a.offsets[tile + 1] - a.offsets[tile], [=](i32 one, i32 other) {
    return depths && depths[one] != depths[other] ? depths[one] < depths[other] : one < other;
  });
}
