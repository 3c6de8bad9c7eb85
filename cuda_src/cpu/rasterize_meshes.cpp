// The CPU schedule of rasterize_meshes. Compiled once for each instruction set: no standard library in here.
//
// Coarse: bounding boxes of SIMD lanes of faces, then exact lists of faces over tiles (tile_lists.h). Fine: a tile
// at a time on one thread, faces in the order of their ids, each tried on stamps (small rectangles) of pixels, a
// lane a pixel. Only depth and id are kept while faces compete; barycentric coordinates and distances are computed
// afterwards, for the survivors, a lane a slot. For K = 1 without blur the tile is a z-buffer in the L1 cache;
// else each pixel keeps a sorted list of K, or above R3D_INSERTION_LIMIT a heap, in the output arrays themselves.
#include "cpu/simd.h"

#include "cpu/schedules.h"
#include "cpu/tile_lists.h"
#include "rasterize_meshes.h"

namespace r3d {
namespace R3D_ISA {
namespace {

// A stamp of pixels: its lanes are row by row, kStampWidth in a row.
template <class Real>
struct Stamp;
template <>
struct Stamp<float> {
  static constexpr int width = 4, height = Simd<float>::width / 4;
};
template <>
struct Stamp<double> {
  static constexpr int width = Simd<double>::width >= 4 ? 4 : 2, height = Simd<double>::width / width;
};

constexpr int kMaxStamp = 4;  // stamps may reach this far past a tile
constexpr int kZBufferTile = 64, kListTile = 16;
constexpr int kSmallFace = 8;  // pixels: faces with boxes up to this side are tried a lane a face

template <class Real>
struct Frame {
  const RasterizeMeshesArgs<Real>& args;
  RasterSettings<Real> settings;
  // NDC of pixel centres by column and row, and a few beyond the image for stamps that reach past it.
  const Real *column_x, *row_y;
  int tile;  // side of a tile, pixels
};

template <class Real>
R3D_FN Triangle<Real> load_face(const RasterizeMeshesArgs<Real>& a, i64 id) {
  const i64* const v = a.faces + 3 * id;
  const Real *v0 = a.verts + 3 * v[0], *v1 = a.verts + 3 * v[1], *v2 = a.verts + 3 * v[2];
  Triangle<Real> f = {v0[0], v0[1], v0[2], v1[0], v1[1], v1[2], v2[0], v2[1], v2[2]};
  return f;
}

// Lanes of faces as an array a coordinate, and as vectors.
template <class Real>
struct alignas(64) FaceLanes {
  static constexpr int width = Simd<Real>::width;
  Real v[9][width];

  inline __attribute__((always_inline)) void set(int lane, const Triangle<Real>& f) {
    v[0][lane] = f.x0, v[1][lane] = f.y0, v[2][lane] = f.z0;
    v[3][lane] = f.x1, v[4][lane] = f.y1, v[5][lane] = f.z1;
    v[6][lane] = f.x2, v[7][lane] = f.y2, v[8][lane] = f.z2;
  }
  inline __attribute__((always_inline)) Triangle<Lanes<Real>> lanes() const {
    return {load<Real>(v[0]), load<Real>(v[1]), load<Real>(v[2]), load<Real>(v[3]), load<Real>(v[4]),
            load<Real>(v[5]), load<Real>(v[6]), load<Real>(v[7]), load<Real>(v[8])};
  }
  inline __attribute__((always_inline)) Triangle<Real> face(int lane) const {
    return {v[0][lane], v[1][lane], v[2][lane], v[3][lane], v[4][lane],
            v[5][lane], v[6][lane], v[7][lane], v[8][lane]};
  }
};

// ---------------------------------------------------------------------------------------------------- coarse

// Pixel columns or rows whose centres lie within [low, high] of NDC, both ends included, a little generous.
template <class Real>
struct Axis {
  Real half, scale, margin, slop;
  int side;

  Axis(int side_, int other, Real blur_radius) : side(side_) {
    half = side > other ? (Real)side / (Real)other : (Real)1;
    scale = (Real)side / (2 * half);
    margin = blur_radius > 0 ? (Real)__builtin_sqrt((double)blur_radius) * (Real)1.000001 : (Real)0;
    slop = (Real)side * (Real)5e-7;
  }

  // Index = side - 1/2 - (ndc + half) * scale: images count from the left and the top, NDC from the other ends.
  template <class T, class I>
  inline __attribute__((always_inline)) void span(T low, T high, I* first, I* last) const {
    const T n = splat<T>((float)side), zero = splat<T>(0);
    T begin = (Real)(side - 0.5) - slop - (high + margin + half) * scale;
    T end = (Real)(side - 0.5) + slop - (low - margin + half) * scale;
    begin = min_of(max_of(begin, zero), n);
    end = min_of(max_of(end + 1, zero), n);
    to_ints(n - begin, first);
    *first = side - *first;  // rounds up
    to_ints(end, last);
    *last = *last - 1;  // rounds down
  }

  static inline __attribute__((always_inline)) void to_ints(Real value, int* out) { *out = (int)value; }
  static inline __attribute__((always_inline)) void to_ints(Lanes<Real> value, Ints<Real>* out) {
    *out = __builtin_convertvector(value, Ints<Real>);
  }
};

// Boxes of lanes of faces, and which of them the fast ways must not take.
template <class Real>
struct FaceBox {
  typedef Lanes<Real> L;
  L z0, z1;
  Ints<Real> c0, c1, r0, r1;  // columns and rows of the image, both ends included
  u32 rare;                   // meets a clipping plane, or its coordinates are huge

  inline __attribute__((always_inline)) FaceBox(const Triangle<L>& f, const Axis<Real>& ax, const Axis<Real>& ay,
                                                const RasterSettings<Real>& settings) {
    const L x0 = min_of(f.x0, min_of(f.x1, f.x2)), x1 = max_of(f.x0, max_of(f.x1, f.x2));
    const L y0 = min_of(f.y0, min_of(f.y1, f.y2)), y1 = max_of(f.y0, max_of(f.y1, f.y2));
    z0 = min_of(f.z0, min_of(f.z1, f.z2));
    z1 = max_of(f.z0, max_of(f.z1, f.z2));
    ax.span(x0, x1, &c0, &c1);
    ay.span(y0, y1, &r0, &r1);
    const L reach = max_of(max_of(x1, -x0), max_of(y1, -y0));
    rare = mask_bits((z0 < settings.z_near) | (z1 > settings.z_far) | (!(reach < splat<L>(R3D_WILD_COORDINATE))));
  }
};

inline __attribute__((always_inline)) TileRange tile_range(int c0, int c1, int r0, int r1, int tile_shift) {
  if (c0 > c1 || r0 > r1) return kNoTiles;
  return {(u16)(c0 >> tile_shift), (u16)(r0 >> tile_shift), (u16)(c1 >> tile_shift), (u16)(r1 >> tile_shift)};
}

// The rare faces: clipped ones, and all where area decides (blur, culling).
template <class Real>
TileRange bounds_of_face(const Frame<Real>& frame, const Axis<Real>& ax, const Axis<Real>& ay, const Triangle<Real>& f,
                         int tile_shift) {
  const Polygon<Real> p = visible_polygon(f, frame.settings);
  if (p.size < 3) return kNoTiles;
  Real x0 = p.x[0], x1 = x0, y0 = p.y[0], y1 = y0;
  for (int i = 1; i < p.size; ++i) {
    x0 = min_of(x0, p.x[i]), x1 = max_of(x1, p.x[i]);
    y0 = min_of(y0, p.y[i]), y1 = max_of(y1, p.y[i]);
  }
  int c0, c1, r0, r1;
  ax.span(x0, x1, &c0, &c1);
  ay.span(y0, y1, &r0, &r1);
  return tile_range(c0, c1, r0, r1, tile_shift);
}

// Tile ranges of the faces [begin, end); faces that point past the vertices are noted and left out.
template <class Real>
void bounds_of_faces(const Frame<Real>& frame, i64 begin, i64 end, TileRange* ranges, i64* bad_face) {
  typedef Lanes<Real> L;
  constexpr int width = Simd<Real>::width;
  const RasterizeMeshesArgs<Real>& a = frame.args;
  const Axis<Real> ax(a.width, a.height, frame.settings.blur_radius), ay(a.height, a.width, frame.settings.blur_radius);
  const int tile_shift = frame.tile == kZBufferTile ? 6 : 4;
  const bool each = frame.settings.blur_radius > 0 || frame.settings.cull_backfaces;
  for (i64 at = begin; at < end; at += width) {
    const int count = (int)(end - at < width ? end - at : width);
    FaceLanes<Real> block;
    u32 valid = 0;
    for (int i = 0; i < count; ++i) {
      const i64* const v = a.faces + 3 * (at + i);
      const u64 n = (u64)a.num_verts;
      if ((u64)v[0] < n && (u64)v[1] < n && (u64)v[2] < n) {
        block.set(i, load_face(a, at + i));
        valid |= 1u << i;
      } else {
        block.set(i, Triangle<Real>{});
        i64 known = __atomic_load_n(bad_face, __ATOMIC_RELAXED);
        while ((known < 0 || at + i < known) &&
               !__atomic_compare_exchange_n(bad_face, &known, at + i, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
      }
    }
    for (int i = count; i < width; ++i) block.set(i, Triangle<Real>{});
    const Triangle<L> f = block.lanes();
    const FaceBox<Real> box(f, ax, ay, frame.settings);
    const L sum = f.x0 + f.y0 + f.z0 + f.x1 + f.y1 + f.z1 + f.x2 + f.y2 + f.z2;
    const u32 seen = mask_bits((sum - sum == 0) & (box.z1 >= splat<L>(R3D_MIN_DEPTH))) & valid;
    const u32 special = each ? ~0u : box.rare;
    for (int i = 0; i < count; ++i) {
      if (!(seen >> i & 1))
        ranges[at - begin + i] = kNoTiles;
      else if (special >> i & 1)
        ranges[at - begin + i] = bounds_of_face(frame, ax, ay, block.face(i), tile_shift);
      else
        ranges[at - begin + i] = tile_range((int)box.c0[i], (int)box.c1[i], (int)box.r0[i], (int)box.r1[i], tile_shift);
    }
  }
}

// ----------------------------------------------------------------------------------------------- survivors

// Fills slots of the outputs, gathered into lanes across the pixels of a tile.
template <class Real>
class SlotWriter {
 public:
  explicit SlotWriter(const Frame<Real>& frame) : frame_(frame) {}
  ~SlotWriter() { flush(); }

  inline __attribute__((always_inline)) void add(i64 slot, i64 id, Real px, Real py) {
    slot_[count_] = slot;
    id_[count_] = id;
    px_[count_] = px;
    py_[count_] = py;
    if (++count_ == width) flush();
  }

 private:
  static constexpr int width = Simd<Real>::width;
  const Frame<Real>& frame_;
  int count_ = 0;
  i64 slot_[width], id_[width];
  alignas(64) Real px_[width], py_[width];

  __attribute__((noinline)) void flush() {
    typedef Lanes<Real> L;
    if (count_ == 0) return;
    const RasterizeMeshesArgs<Real>& a = frame_.args;
    const RasterSettings<Real>& settings = frame_.settings;
    FaceLanes<Real> block;
    for (int i = 0; i < count_; ++i) block.set(i, load_face(a, id_[i]));
    for (int i = count_; i < width; ++i) {
      block.set(i, block.face(0));
      px_[i] = px_[0];
      py_[i] = py_[0];
    }
    const Triangle<L> f = block.lanes();
    const L px = load<Real>(px_), py = load<Real>(py_);
    const Edges<L> e = triangle_edges(px, py, f);
    const EdgeExtent<L> extent = edge_extent(e);
    const auto inside = surely_inside(extent);
    const Sample<L> s = interpolate_beyond(e, inside, set_up_face(f), settings.perspective_correct,
                                           settings.clip_barycentric_coords);
    const L limit = splat<L>(R3D_WILD_COORDINATE);
    const L reach = max_of(max_of(max_of(abs_of(f.x0), abs_of(f.y0)), max_of(abs_of(f.x1), abs_of(f.y1))),
                           max_of(abs_of(f.x2), abs_of(f.y2)));
    const L z0 = min_of(f.z0, min_of(f.z1, f.z2)), z1 = max_of(f.z0, max_of(f.z1, f.z2));
    const u32 rare = mask_bits((!(inside | surely_outside(extent))) | (!(reach < limit)) |
                               (z0 < settings.z_near) | (z1 > settings.z_far));
    alignas(64) Real b0[width], b1[width], b2[width], z[width], dist[width];
    store(b0, s.b0), store(b1, s.b1), store(b2, s.b2), store(z, s.z);
    if (a.dists) {
      const L dist2 = triangle_distance2(px, py, f);
      store(dist, select(inside, -dist2, dist2));
    }
    for (int i = 0; i < count_; ++i) {
      if (rare >> i & 1) {
        const Triangle<Real> face = block.face(i);
        const Hit<Real> hit =
            hit_polygon(px_[i], py_[i], set_up_face(face), visible_polygon(face, settings), settings);
        b0[i] = hit.b0, b1[i] = hit.b1, b2[i] = hit.b2, z[i] = hit.z, dist[i] = hit.dist;
      }
      const i64 slot = slot_[i];
      a.pix_to_face[slot] = id_[i];
      if (a.zbuf) a.zbuf[slot] = z[i];
      if (a.dists) a.dists[slot] = dist[i];
      if (a.bary_coords) {
        a.bary_coords[3 * slot] = b0[i];
        a.bary_coords[3 * slot + 1] = b1[i];
        a.bary_coords[3 * slot + 2] = b2[i];
      }
    }
    count_ = 0;
  }
};

template <class Real>
void clear_slots(const RasterizeMeshesArgs<Real>& a, i64 slot, i64 count) {
  __builtin_memset(a.pix_to_face + slot, 0xff, (size_t)count * sizeof(i64));  // -1
  if (a.zbuf)
    for (i64 i = 0; i < count; ++i) a.zbuf[slot + i] = -1;
  if (a.dists)
    for (i64 i = 0; i < count; ++i) a.dists[slot + i] = -1;
  if (a.bary_coords)
    for (i64 i = 0; i < 3 * count; ++i) a.bary_coords[3 * slot + i] = -1;
}

// ------------------------------------------------------------------------------------------------- z-buffer

template <class Real>
R3D_FN Lanes<Real> stamp_columns(const Real* column_x) {
  constexpr int w = Stamp<Real>::width, h = Stamp<Real>::height;
  Lanes<Real> out;
  for (int y = 0; y < h; ++y) __builtin_memcpy((Real*)&out + y * w, column_x, w * sizeof(Real));
  return out;
}
template <class Real>
R3D_FN Lanes<Real> stamp_rows(const Real* row_y) {
  constexpr int w = Stamp<Real>::width, h = Stamp<Real>::height;
  Lanes<Real> out;
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) out[y * w + x] = row_y[y];
  return out;
}
// A stamp of an array with `stride` elements a row.
template <class Real>
R3D_FN Lanes<Real> load_stamp(const Real* from, int stride) {
  constexpr int w = Stamp<Real>::width, h = Stamp<Real>::height;
  Lanes<Real> out;
  for (int y = 0; y < h; ++y) __builtin_memcpy((Real*)&out + y * w, from + y * stride, w * sizeof(Real));
  return out;
}
R3D_FN Ints<float> load_stamp_ids(const i32* from, int stride) {
  return (Ints<float>)load_stamp((const float*)from, stride);
}
R3D_FN void store_stamp_ids(i32* to, int stride, Ints<float> ids) {
  constexpr int w = Stamp<float>::width, h = Stamp<float>::height;
  for (int y = 0; y < h; ++y) __builtin_memcpy(to + y * stride, (i32*)&ids + y * w, w * sizeof(i32));
}
R3D_FN Ints<float> min_of_ints(Ints<float> a, i32 b) { return a < b ? a : a * 0 + b; }
R3D_FN Ints<float> max_of_ints(Ints<float> a, i32 b) { return a > b ? a : a * 0 + b; }

// pixel_center for lanes of indices: the same operations, the same bits.
R3D_FN Lanes<float> pixel_centers(Ints<float> index, int side, int other) {
  const float range = side > other ? 2.0f * (float)side / (float)other : 2.0f, half = range / 2;
  return -half + (range * __builtin_convertvector(index, Lanes<float>) + half) / (float)side;
}

template <class Real, class L>
R3D_FN void store_stamp(Real* to, int stride, L value) {
  constexpr int w = Stamp<Real>::width, h = Stamp<Real>::height;
  for (int y = 0; y < h; ++y) __builtin_memcpy(to + y * stride, (Real*)&value + y * w, w * sizeof(Real));
}

struct ZBufferTile {
  static constexpr int side = kZBufferTile, stride = side + kMaxStamp;
  alignas(64) float z[(side + kMaxStamp) * stride];
  alignas(64) i32 id[(side + kMaxStamp) * stride];  // packed face ids, -1 where empty

  // Among equal depths the lower id wins, whatever the order of the calls.
  inline __attribute__((always_inline)) bool offer(int at, float new_z, i32 new_id) {
    if (!(new_z < z[at] || (new_z == z[at] && new_id < id[at]))) return false;
    z[at] = new_z;
    id[at] = new_id;
    return true;
  }
};

void zbuffer_tile(const Frame<float>& frame, i64 image, int tile_y, int tile_x, const u32* list, i64 count) {
  typedef Lanes<float> L;
  typedef Ints<float> I;
  constexpr int width = Simd<float>::width, sw = Stamp<float>::width, sh = Stamp<float>::height;
  constexpr int stride = ZBufferTile::stride;
  const RasterizeMeshesArgs<float>& a = frame.args;
  const RasterSettings<float>& settings = frame.settings;
  const bool perspective = settings.perspective_correct, clip = settings.clip_barycentric_coords;
  const int row0 = tile_y * kZBufferTile, column0 = tile_x * kZBufferTile;
  const int rows = a.height - row0 < kZBufferTile ? a.height - row0 : kZBufferTile;
  const int columns = a.width - column0 < kZBufferTile ? a.width - column0 : kZBufferTile;
  for (int r = 0; r < rows; ++r)
    clear_slots(a, (image * a.height + row0 + r) * a.width + column0, columns);
  if (count == 0) return;

  ZBufferTile tile;
  const float infinity = __builtin_inff();
  for (int i = 0; i < (rows + kMaxStamp) * stride; ++i) tile.z[i] = infinity, tile.id[i] = -1;
  const Axis<float> ax(a.width, a.height, 0.0f), ay(a.height, a.width, 0.0f);
  float farthest = infinity;  // no pixel of the tile is farther than this
  int big_faces = 0;

  for (i64 at = 0; at < count; at += width) {
    const int lanes = (int)(count - at < width ? count - at : width);
    FaceLanes<float> block;
    for (int i = 0; i < lanes; ++i) block.set(i, load_face(a, list[at + i]));
    for (int i = lanes; i < width; ++i) block.set(i, Triangle<float>{});
    const FaceSetup<L> setup = set_up_face(block.lanes());
    const Triangle<L>& f = setup.f;
    const FaceBox<float> box(f, ax, ay, settings);
    const u32 rare = box.rare, all = ~0u >> (32 - lanes);
    // Hidden behind all that the tile shows; interpolated depths round, so allow for it.
    const u32 hidden = mask_bits(box.z0 * 0.99999f > splat<L>(farthest)) & ~rare;
    const I left = max_of_ints(box.c0 - column0, 0), right = min_of_ints(box.c1 - column0, columns - 1);
    const I top = max_of_ints(box.r0 - row0, 0), bottom = min_of_ints(box.r1 - row0, rows - 1);
    const I wide = right - left, high = bottom - top;
    const u32 small = mask_bits((wide < kSmallFace) & (high < kSmallFace)) & ~rare & ~hidden & all;

    // Small faces: a lane a face, all faces at once on the first pixel of their boxes, then the next.
    if (small) {
      const I is_small = (wide < kSmallFace) & (high < kSmallFace);
      const I place = top * stride + left;
      const I reach_x = is_small ? wide : wide * 0 - 1, reach_y = is_small ? high : high * 0 - 1;
      for (int dy = 0; dy < kSmallFace; ++dy) {
        const u32 in_row = mask_bits(reach_y >= dy) & small;
        if (!in_row) break;
        const L py = pixel_centers(a.height - 1 - row0 - dy - top, a.height, a.width);
        for (int dx = 0; dx < kSmallFace; ++dx) {
          const u32 active = mask_bits(reach_x >= dx) & in_row;
          if (!active) break;
          const L px = pixel_centers(a.width - 1 - column0 - dx - left, a.width, a.height);
          const Edges<L> e = triangle_edges(px, py, f);
          const EdgeExtent<L> extent = edge_extent(e);
          const auto inside = surely_inside(extent);
          const u32 covered = mask_bits(inside) & active;
          const u32 exact = ~mask_bits(inside | surely_outside(extent)) & active;
          const int step = dy * stride + dx;
          if (covered) {
            alignas(64) float z[width];
            store(z, interpolate(e, setup, perspective, clip).z);
            for (u32 bits = covered; bits; bits &= bits - 1) {
              const int i = __builtin_ctz(bits);
              if (z[i] >= 0) tile.offer(place[i] + step, z[i], (i32)list[at + i]);
            }
          }
          for (u32 bits = exact; bits; bits &= bits - 1) {
            const int i = __builtin_ctz(bits);
            const Triangle<float> face = block.face(i);
            const Hit<float> hit = hit_polygon(px[i], py[i], set_up_face(face), whole_face(face), settings);
            if (hit.hit) tile.offer(place[i] + step, hit.z, (i32)list[at + i]);
          }
        }
      }
    }

    // Others: a face at a time, a lane a pixel.
    for (u32 todo = all & ~small & ~hidden; todo; todo &= todo - 1) {
      const int i = __builtin_ctz(todo);
      const FaceSetup<float> face = {block.face(i), setup.iz0[i], setup.iz1[i], setup.iz2[i], setup.orientation[i]};
      const i32 id = (i32)list[at + i];
      const bool slow = rare >> i & 1, exactly = slow && wild(face.f);
      int x0 = left[i], x1 = right[i], y0 = top[i], y1 = bottom[i];
      Polygon<float> polygon;
      if (slow) {
        polygon = visible_polygon(face.f, settings);
        if (polygon.size < 3) continue;
        x0 = y0 = 0, x1 = columns - 1, y1 = rows - 1;
      }
      bool wrote = false;
      for (int r = y0; r <= y1; r += sh) {
        const L py = stamp_rows(frame.row_y + row0 + r);
        for (int c = x0; c <= x1; c += sw) {
          const L px = stamp_columns(frame.column_x + column0 + c);
          const Edges<L> e = triangle_edges(px, py, face.f);
          const EdgeExtent<L> extent = slow ? edge_extent(px, py, polygon) : edge_extent(e);
          auto inside = surely_inside(extent);
          u32 exact = mask_bits(!(inside | surely_outside(extent)));
          if (exactly) exact = ~0u >> (32 - width), inside = inside & 0;
          const int place = r * stride + c;
          if (mask_bits(inside)) {
            const L z = interpolate(e, face, perspective, clip).z;
            const L before = load_stamp(tile.z + place, stride);
            const auto nearer = inside & (z >= 0) & (z <= before);
            u32 bits = mask_bits(nearer);
            if (bits && !mask_bits(nearer & (z == before))) {
              wrote = true;
              store_stamp(tile.z + place, stride, select(nearer, z, before));
              const I ids = load_stamp_ids(tile.id + place, stride);
              store_stamp_ids(tile.id + place, stride, nearer ? ids * 0 + id : ids);
            } else {
              for (; bits; bits &= bits - 1) {
                const int lane = __builtin_ctz(bits);
                wrote |= tile.offer(place + lane / sw * stride + lane % sw, z[lane], id);
              }
            }
          }
          for (u32 bits = exact; bits; bits &= bits - 1) {
            const int lane = __builtin_ctz(bits), y = lane / sw, x = lane % sw;
            if (r + y >= rows || c + x >= columns) continue;
            const Hit<float> hit = hit_polygon(frame.column_x[column0 + c + x], frame.row_y[row0 + r + y], face,
                                               slow ? polygon : whole_face(face.f), settings);
            if (hit.hit) wrote |= tile.offer(place + y * stride + x, hit.z, id);
          }
        }
      }
      if (wrote && (x1 - x0) * 4 >= kZBufferTile && (y1 - y0) * 4 >= kZBufferTile && ++big_faces % 4 == 0) {
        farthest = 0;
        for (int r = 0; r < rows; ++r)
          for (int c = 0; c < columns; ++c) farthest = max_of(farthest, tile.z[r * stride + c]);
      }
    }
  }

  SlotWriter<float> writer(frame);
  for (int r = 0; r < rows; ++r) {
    const i64 slot = (image * a.height + row0 + r) * a.width + column0;
    for (int c = 0; c < columns; ++c) {
      const i32 id = tile.id[r * stride + c];
      if (id >= 0) writer.add(slot + c, id, frame.column_x[column0 + c], frame.row_y[row0 + r]);
    }
  }
}

// ----------------------------------------------------------------------------------------------- lists of K

// The K nearest of one pixel, in the output arrays themselves. Faces come in the order of their ids, so among equal
// depths the one that is there already has the lower id and stays.
template <class Real>
struct NearestK {
  Real* z;
  i64* id;
  i64 k;

  static inline __attribute__((always_inline)) bool after(Real za, i64 ida, Real zb, i64 idb) { return za > zb || (za == zb && ida > idb); }

  // Sorted insertion; returns the depth that a newcomer must beat.
  inline __attribute__((always_inline)) Real insert(i32* count, Real new_z, i64 new_id) {
    i64 at = *count < k ? (*count)++ : k - 1;
    for (; at > 0 && z[at - 1] > new_z; --at) {
      z[at] = z[at - 1];
      id[at] = id[at - 1];
    }
    z[at] = new_z;
    id[at] = new_id;
    return *count < k ? (Real)__builtin_inf() : z[k - 1];
  }

  // For large K: a heap with the farthest on top once K are there.
  inline __attribute__((always_inline)) Real push(i32* count, Real new_z, i64 new_id) {
    if (*count < k) {
      z[*count] = new_z;
      id[*count] = new_id;
      if (++*count < k) return (Real)__builtin_inf();
      for (i64 root = k / 2 - 1; root >= 0; --root) sift(root, k);
    } else {
      z[0] = new_z;
      id[0] = new_id;
      sift(0, k);
    }
    return z[0];
  }

  inline __attribute__((always_inline)) void sift(i64 root, i64 size) {
    const Real moved_z = z[root];
    const i64 moved_id = id[root];
    for (i64 child; (child = 2 * root + 1) < size; root = child) {
      if (child + 1 < size && after(z[child + 1], id[child + 1], z[child], id[child])) ++child;
      if (!after(z[child], id[child], moved_z, moved_id)) break;
      z[root] = z[child];
      id[root] = id[child];
    }
    z[root] = moved_z;
    id[root] = moved_id;
  }

  void sort(i64 count) {
    if (count < k)
      for (i64 root = count / 2 - 1; root >= 0; --root) sift(root, count);
    for (i64 last = count - 1; last > 0; --last) {
      const Real top_z = z[0];
      const i64 top_id = id[0];
      z[0] = z[last];
      id[0] = id[last];
      z[last] = top_z;
      id[last] = top_id;
      sift(0, last);
    }
  }
};

template <class Real>
void list_tile(const Frame<Real>& frame, i64 image, int tile_y, int tile_x, const u32* list, i64 count) {
  typedef Lanes<Real> L;
  constexpr int width = Simd<Real>::width, sw = Stamp<Real>::width, sh = Stamp<Real>::height;
  constexpr int stride = kListTile + kMaxStamp;
  const RasterizeMeshesArgs<Real>& a = frame.args;
  const RasterSettings<Real>& settings = frame.settings;
  const bool perspective = settings.perspective_correct, clip = settings.clip_barycentric_coords;
  const bool blurred = settings.blur_radius > 0;
  const i64 K = a.faces_per_pixel;
  const bool sorted = K <= R3D_INSERTION_LIMIT;
  const int row0 = tile_y * kListTile, column0 = tile_x * kListTile;
  const int rows = a.height - row0 < kListTile ? a.height - row0 : kListTile;
  const int columns = a.width - column0 < kListTile ? a.width - column0 : kListTile;
  const auto slot_of = [&](int r, int c) { return ((image * a.height + row0 + r) * a.width + column0 + c) * K; };

  // The depth to beat, by pixel; pixels past the image can not be beaten.
  alignas(64) Real to_beat[stride * stride];
  i32 found[kListTile * kListTile];
  for (int r = 0; r < stride; ++r)
    for (int c = 0; c < stride; ++c)
      to_beat[r * stride + c] = r < rows && c < columns ? (Real)__builtin_inf() : (Real)-1;
  __builtin_memset(found, 0, sizeof(found));
  const Axis<Real> ax(a.width, a.height, settings.blur_radius), ay(a.height, a.width, settings.blur_radius);

  for (i64 at = 0; at < count; at += width) {
    const int lanes = (int)(count - at < width ? count - at : width);
    FaceLanes<Real> block;
    for (int i = 0; i < lanes; ++i) block.set(i, load_face(a, list[at + i]));
    for (int i = lanes; i < width; ++i) block.set(i, Triangle<Real>{});
    const FaceSetup<L> setup = set_up_face(block.lanes());
    const FaceBox<Real> box(setup.f, ax, ay, settings);
    for (int i = 0; i < lanes; ++i) {
      const FaceSetup<Real> face = {block.face(i), setup.iz0[i], setup.iz1[i], setup.iz2[i], setup.orientation[i]};
      const i64 id = list[at + i];
      const bool slow = box.rare >> i & 1, exactly = slow && wild(face.f);
      int left = (int)box.c0[i] - column0, right = (int)box.c1[i] - column0;
      int top = (int)box.r0[i] - row0, bottom = (int)box.r1[i] - row0;
      Polygon<Real> polygon;
      if (slow) {
        polygon = visible_polygon(face.f, settings);
        if (polygon.size < 3) continue;
        left = top = 0, right = columns - 1, bottom = rows - 1;
      }
      left = left > 0 ? left : 0;
      right = right < columns ? right : columns - 1;
      top = top > 0 ? top : 0;
      bottom = bottom < rows ? bottom : rows - 1;
      const auto keep = [&](int r, int c, Real z) {
        const i64 slot = slot_of(r, c);
        NearestK<Real> nearest = {a.zbuf + slot, a.pix_to_face + slot, K};
        i32* const here = &found[r * kListTile + c];
        to_beat[r * stride + c] = sorted ? nearest.insert(here, z, id) : nearest.push(here, z, id);
      };
      for (int r = top; r <= bottom; r += sh) {
        const L py = stamp_rows(frame.row_y + row0 + r);
        for (int c = left; c <= right; c += sw) {
          const L px = stamp_columns(frame.column_x + column0 + c);
          const Edges<L> e = triangle_edges(px, py, face.f);
          const EdgeExtent<L> extent = slow ? edge_extent(px, py, polygon) : edge_extent(e);
          const auto inside = surely_inside(extent);
          u32 exact = mask_bits(!(inside | surely_outside(extent)));
          if (exactly) exact = ~0u >> (32 - width);
          if (!blurred && !(mask_bits(inside) | exact)) continue;
          const Sample<L> s = blurred ? interpolate_beyond(e, inside, face, perspective, clip)
                                      : interpolate(e, face, perspective, clip);
          const L before = load_stamp(to_beat + r * stride + c, stride);
          auto candidates = (s.z >= 0) & (s.z < before);
          if (!blurred) candidates = candidates & inside;
          u32 bits = mask_bits(candidates) & ~exact;
          if (bits && blurred && (mask_bits(inside) & bits) != bits) {
            const L dist2 = slow ? boundary_distance2(px, py, polygon) : triangle_distance2(px, py, face.f);
            bits &= mask_bits(inside | (dist2 < splat<L>(0) + settings.blur_radius));
          }
          for (; bits; bits &= bits - 1) {
            const int lane = __builtin_ctz(bits);
            keep(r + lane / sw, c + lane % sw, s.z[lane]);
          }
          for (; exact; exact &= exact - 1) {
            const int lane = __builtin_ctz(exact), y = r + lane / sw, x = c + lane % sw;
            if (y >= rows || x >= columns) continue;
            const Hit<Real> hit = hit_polygon(frame.column_x[column0 + x], frame.row_y[row0 + y], face,
                                              slow ? polygon : whole_face(face.f), settings);
            if (hit.hit && hit.z < to_beat[y * stride + x]) keep(y, x, hit.z);
          }
        }
      }
    }
  }

  SlotWriter<Real> writer(frame);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      const i64 slot = slot_of(r, c), here = found[r * kListTile + c];
      if (!sorted) NearestK<Real>{a.zbuf + slot, a.pix_to_face + slot, K}.sort(here);
      clear_slots(a, slot + here, K - here);
      for (i64 k = 0; k < here; ++k)
        writer.add(slot + k, a.pix_to_face[slot + k], frame.column_x[column0 + c], frame.row_y[row0 + r]);
    }
}

// ---------------------------------------------------------------------------------------------------- entry

void fine_tile(const Frame<float>& frame, i64 n, int y, int x, const u32* list, i64 count) {
  if (frame.tile == kZBufferTile)
    zbuffer_tile(frame, n, y, x, list, count);
  else
    list_tile(frame, n, y, x, list, count);
}
void fine_tile(const Frame<double>& frame, i64 n, int y, int x, const u32* list, i64 count) {
  list_tile(frame, n, y, x, list, count);
}

template <class Real>
RasterizeMeshesStatus rasterize(const RasterizeMeshesArgs<Real>& a) {
  const bool zbuffer = a.faces_per_pixel == 1 && !(a.blur_radius > 0) && sizeof(Real) == sizeof(float);
  Scratch<Real> centers(a.width + a.height + 2 * kMaxStamp);
  if (!centers.data) return {-1, true};
  Real *const column_x = centers.data, *const row_y = centers.data + a.width + kMaxStamp;
  for (int i = 0; i < a.width + kMaxStamp; ++i)
    column_x[i] = pixel_center<Real>((i64)a.width - 1 - i, a.width, a.height);
  for (int i = 0; i < a.height + kMaxStamp; ++i)
    row_y[i] = pixel_center<Real>((i64)a.height - 1 - i, a.height, a.width);
  const Frame<Real> frame = {a,
                             {a.perspective_correct, a.clip_barycentric_coords, a.cull_backfaces,
                              (Real)a.blur_radius, (Real)a.z_near, (Real)a.z_far},
                             column_x,
                             row_y,
                             zbuffer ? kZBufferTile : kListTile};
  const TileGrid grid = {(a.width + frame.tile - 1) / frame.tile, (a.height + frame.tile - 1) / frame.tile};
  RasterizeMeshesStatus status = {-1, false};
  status.out_of_memory = !for_each_tile(
      a.mesh_first_face, a.num_meshes, grid, a.workspace_budget,
      [&](i64, i64 begin, i64 end, TileRange* ranges) {
        bounds_of_faces(frame, begin, end, ranges, &status.bad_face);
      },
      [&](i64 n, int y, int x, const u32* list, i64 count) { fine_tile(frame, n, y, x, list, count); });
  return status;
}

}  // namespace

RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<float>& args) { return rasterize(args); }
RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<double>& args) { return rasterize(args); }

}  // namespace R3D_ISA
}  // namespace r3d
