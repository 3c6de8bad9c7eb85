// The CPU schedule of tile_lists. Compiled once for each instruction set: no standard library in here.
//
// Elements are cut into chunks, each of which counts its own over every tile; the counts become places in the
// lists, so that chunks fill them at the same time, in the order of the elements' ids.
#include "cpu/schedule.h"
#include "cpu/scratch.h"
#include "cpu/threads.h"
#include "cpu/tile_lists.h"

namespace r3d {
namespace R3D_ISA {

bool for_each_tile(const i64* first, i64 num_images, TileGrid grid, i64 budget, const TileWork& work) {
  const i64 tiles = grid.per_image();
  const i64 kMaxCounters = (i64)1 << 22, kMinChunk = 2048;
  for (i64 n0 = 0, n1; n0 < num_images; n0 = n1) {
    // A group of images whose counters fit; a chunk of elements has a counter for every tile of its image.
    i64 chunks = 0;
    i64 per_image = kMaxCounters / tiles;
    per_image = per_image < 1 ? 1 : per_image > 64 ? 64 : per_image;
    for (n1 = n0; n1 < num_images; ++n1) {
      const i64 wanted = (first[n1 + 1] - first[n1] + kMinChunk - 1) / kMinChunk;
      const i64 more = wanted < per_image ? wanted : per_image;
      if (n1 > n0 && (chunks + more) * tiles > kMaxCounters) break;
      if (n1 > n0 && (n1 + 1 - n0) * tiles > kMaxCounters) break;
      chunks += more;
    }
    struct Chunk {
      i64 image, begin, end;
    };
    const i64 base = first[n0], num_tiles = (n1 - n0) * tiles;
    Scratch<Chunk> chunk(chunks);
    Scratch<TileRange> ranges(first[n1] - base);
    Scratch<u32> cursor(chunks * tiles);
    Scratch<i64> start(num_tiles + 1);
    if (!chunk.data || !ranges.data || !cursor.data || !start.data) return false;
    i64 made = 0;
    for (i64 n = n0; n < n1; ++n) {
      const i64 count = first[n + 1] - first[n], wanted = (count + kMinChunk - 1) / kMinChunk;
      const i64 parts = wanted < per_image ? wanted : per_image;
      for (i64 p = 0; p < parts; ++p)
        chunk[made++] = {n, first[n] + count * p / parts, first[n] + count * (p + 1) / parts};
    }

    parallel(chunks, 1, [&](i64 from, i64 to, int) {
      for (i64 c = from; c < to; ++c) {
        const Chunk k = chunk[c];
        u32* const counts = &cursor[c * tiles];
        __builtin_memset(counts, 0, (size_t)tiles * sizeof(u32));
        TileRange* const r = &ranges[k.begin - base];
        work.bounds(work.context, k.image, k.begin, k.end, r);
        for (i64 i = 0; i < k.end - k.begin; ++i)
          for (int y = r[i].y0; y <= r[i].y1; ++y)
            for (int x = r[i].x0; x <= r[i].x1; ++x) ++counts[(i64)y * grid.tiles_x + x];
      }
    });

    // Counts become each chunk's first place in the tile's list; start[t] is the list's place among all
    // lists.
    for (i64 t = 0; t < num_tiles; ++t) start[t] = 0;
    for (i64 c = 0; c < chunks; ++c) {
      i64* const total = &start[(chunk[c].image - n0) * tiles];
      u32* const counts = &cursor[c * tiles];
      for (i64 t = 0; t < tiles; ++t) {
        const u32 count = counts[t];
        counts[t] = (u32)total[t];
        total[t] += count;
      }
    }
    i64 sum = 0, longest = 0;
    for (i64 t = 0; t < num_tiles; ++t) {
      const i64 count = start[t];
      start[t] = sum;
      sum += count;
      longest = count > longest ? count : longest;
    }
    start[num_tiles] = sum;

    const i64 fits = budget / (i64)sizeof(u32), room = fits > longest ? fits : longest;
    Scratch<u32> list(sum < room ? sum : room);
    if (!list.data) return false;
    for (i64 t0 = 0, t1; t0 < num_tiles; t0 = t1) {
      for (t1 = t0 + 1; t1 < num_tiles && start[t1 + 1] - start[t0] <= room;) ++t1;
      parallel(chunks, 1, [&](i64 from, i64 to, int) {
        for (i64 c = from; c < to; ++c) {
          const Chunk k = chunk[c];
          const i64 image_tile = (k.image - n0) * tiles;
          if (image_tile >= t1 || image_tile + tiles <= t0) continue;
          const TileRange* const r = &ranges[k.begin - base];
          u32* const place = &cursor[c * tiles];
          const i64 last_row = (t1 - 1 - image_tile) / grid.tiles_x, end_row = grid.tiles_y - 1;
          const int row0 = t0 > image_tile ? (int)((t0 - image_tile) / grid.tiles_x) : 0;
          const int row1 = (int)(last_row < end_row ? last_row : end_row);
          for (i64 i = 0; i < k.end - k.begin; ++i) {
            const int y0 = r[i].y0 > row0 ? r[i].y0 : row0, y1 = r[i].y1 < row1 ? r[i].y1 : row1;
            for (int y = y0; y <= y1; ++y)
              for (int x = r[i].x0; x <= r[i].x1; ++x) {
                const i64 in_image = (i64)y * grid.tiles_x + x, t = image_tile + in_image;
                if (t >= t0 && t < t1) list[start[t] - start[t0] + place[in_image]++] = (u32)(k.begin + i);
              }
          }
        }
      });
      parallel(t1 - t0, 1, [&](i64 from, i64 to, int) {
        for (i64 t = t0 + from; t < t0 + to; ++t) {
          const i64 in_image = t % tiles;
          work.fine(work.context, n0 + t / tiles, (int)(in_image / grid.tiles_x),
                    (int)(in_image % grid.tiles_x), &list[start[t] - start[t0]], start[t + 1] - start[t]);
        }
      });
    }
  }
  return true;
}

namespace {

// Does element a come before b?
template <class Real>
bool comes_before(const Real* depths, u32 a, u32 b) {
  return depths[a] != depths[b] ? depths[a] < depths[b] : a < b;
}

// Heap sort (Williams 1964): no memory of its own, n log n whatever the list holds.
template <class Real>
void sort_by_depth(const Real* depths, u32* list, i64 size) {
  const auto sift_down = [&](i64 at, i64 count, u32 id) {
    for (i64 child; (child = 2 * at + 1) < count; at = child) {
      if (child + 1 < count && comes_before(depths, list[child], list[child + 1])) ++child;
      if (!comes_before(depths, id, list[child])) break;
      list[at] = list[child];
    }
    list[at] = id;
  };
  for (i64 at = size / 2 - 1; at >= 0; --at) sift_down(at, size, list[at]);
  for (i64 last = size - 1; last > 0; --last) {
    const u32 id = list[last];
    list[last] = list[0];
    sift_down(0, last, id);
  }
}

// Lists as arrays: how long they are, then those of a band. The caller asks for the lengths first, so that
// all is counted once more for each band: rasterizers call for_each_tile.
template <class Real>
i64 lists(const TileLists<Real>& a) {
  const TileGrid grid = tile_grid(a);
  bool enough = true;
  enough &= for_each_tile(
      a.first, a.num_images, grid, a.capacity * (i64)sizeof(u32),
      [&](i64, i64 begin, i64 end, TileRange* ranges) {
        for (i64 i = begin; i < end; ++i) {
          const Box b = tiles_of(a.boxes + 4 * i, a.tile);
          ranges[i - begin] =
              box_area(b) == 0 ? kNoTiles : TileRange{(u16)b.x0, (u16)b.y0, (u16)b.x1, (u16)b.y1};
        }
      },
      [&](i64 image, int y, int x, const u32* list, i64 count) {
        const i64 tile = image * grid.per_image() + (i64)y * grid.tiles_x + x;
        if (!a.list) {
          a.offsets[tile] = count;
        } else if (tile >= a.first_tile && tile < a.last_tile) {
          u32* const out = (u32*)a.list + a.offsets[tile] - a.offsets[a.first_tile];
          __builtin_memcpy(out, list, (size_t)count * sizeof(u32));
          if (a.depths) sort_by_depth(a.depths, out, count);
        }
      });
  if (a.list || !enough) return enough ? kGood : kOutOfMemory;
  i64 sum = 0;
  for (i64 tile = 0; tile <= a.num_tiles; ++tile) {
    const i64 count = tile < a.num_tiles ? a.offsets[tile] : 0;
    a.offsets[tile] = sum;
    sum += count;
  }
  return kGood;
}

}  // namespace

R3D_SCHEDULE(tile_lists_fwd, TileLists, lists)

}  // namespace R3D_ISA
}  // namespace r3d
