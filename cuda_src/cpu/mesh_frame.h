// What the CPU schedule of rasterize_meshes knows of the picture and of faces: settings, pixel centres, lanes
// of faces and their boxes on the picture (the coarse stage's bounds).
#ifndef R3D_CPU_MESH_FRAME_H_
#define R3D_CPU_MESH_FRAME_H_

#include "cpu/simd.h"
#include "cpu/schedules.h"
#include "cpu/scratch.h"
#include "cpu/tile_lists.h"
#include "raster/rasterize_meshes.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr int kMaxStamp = 4;  // stamps may reach this far past a tile
constexpr int kZBufferShift = 6, kListShift = 4;
constexpr int kZBufferTile = 1 << kZBufferShift, kListTile = 1 << kListShift;  // side of a tile, pixels
constexpr int kSmallFace = 8;  // pixels: faces with boxes up to this side are tried a lane a face

template <class Real>
struct Frame {
  const RasterizeMeshesArgs<Real>& args;
  RasterSettings<Real> settings;
  // NDC of pixel centres by column and row, and a few beyond the image for stamps that reach past it.
  const Real *column_x, *row_y;
  int tile_shift;    // a tile's side is 1 << tile_shift pixels
  bool past_caches;  // the outputs are too large to stay in the caches
};

// NDC of pixel centres by column and by row, and a few beyond the image for stamps that reach past it.
template <class Real>
struct PixelCenters {
  Scratch<Real> memory;
  Real *column_x = nullptr, *row_y = nullptr;  // null: memory ran out

  PixelCenters(int width, int height) : memory(width + height + 2 * kMaxStamp) {
    if (!memory.data) return;
    column_x = memory.data;
    row_y = column_x + width + kMaxStamp;
    for (int i = 0; i < width + kMaxStamp; ++i)
      column_x[i] = pixel_center<Real>((i64)width - 1 - i, width, height);
    for (int i = 0; i < height + kMaxStamp; ++i)
      row_y[i] = pixel_center<Real>((i64)height - 1 - i, height, width);
  }
};

template <class Real>
RasterSettings<Real> settings_of(const RasterizeMeshesArgs<Real>& a) {
  return {
      a.perspective_correct, a.clip_barycentric_coords, a.cull_backfaces, (Real)a.blur_radius, (Real)a.z_near,
      (Real)a.z_far,         a.is_perspective};
}

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

  R3D_MEMBER void set(int lane, const Triangle<Real>& f) {
    v[0][lane] = f.x0, v[1][lane] = f.y0, v[2][lane] = f.z0;
    v[3][lane] = f.x1, v[4][lane] = f.y1, v[5][lane] = f.z1;
    v[6][lane] = f.x2, v[7][lane] = f.y2, v[8][lane] = f.z2;
  }
  R3D_MEMBER Triangle<Lanes<Real>> lanes() const {
    return {load<Real>(v[0]), load<Real>(v[1]), load<Real>(v[2]), load<Real>(v[3]), load<Real>(v[4]),
            load<Real>(v[5]), load<Real>(v[6]), load<Real>(v[7]), load<Real>(v[8])};
  }
  R3D_MEMBER Triangle<Real> face(int lane) const {
    return {v[0][lane], v[1][lane], v[2][lane], v[3][lane], v[4][lane],
            v[5][lane], v[6][lane], v[7][lane], v[8][lane]};
  }
};

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

  // Index = side - 1/2 - (ndc + half) * scale: images count from the left and the top, NDC from the other
  // ends.
  template <class T, class I>
  R3D_MEMBER void span(T low, T high, I* first, I* last) const {
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

  static R3D_MEMBER void to_ints(Real value, int* out) { *out = (int)value; }
  static R3D_MEMBER void to_ints(Lanes<Real> value, Ints<Real>* out) {
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

  R3D_MEMBER FaceBox(const Triangle<L>& f, const Axis<Real>& ax, const Axis<Real>& ay,
                     const RasterSettings<Real>& settings) {
    const L x0 = min_of(f.x0, min_of(f.x1, f.x2)), x1 = max_of(f.x0, max_of(f.x1, f.x2));
    const L y0 = min_of(f.y0, min_of(f.y1, f.y2)), y1 = max_of(f.y0, max_of(f.y1, f.y2));
    z0 = min_of(f.z0, min_of(f.z1, f.z2));
    z1 = max_of(f.z0, max_of(f.z1, f.z2));
    ax.span(x0, x1, &c0, &c1);
    ay.span(y0, y1, &r0, &r1);
    const L reach = max_of(max_of(x1, -x0), max_of(y1, -y0));
    rare = mask_bits((z0 < nearest_kept(settings)) | (z1 > settings.z_far) |
                     (!(reach < splat<L>(R3D_WILD_COORDINATE))));
  }
};

R3D_MEMBER TileRange tile_range(int c0, int c1, int r0, int r1, int tile_shift) {
  if (c0 > c1 || r0 > r1) return kNoTiles;
  return {(u16)(c0 >> tile_shift), (u16)(r0 >> tile_shift), (u16)(c1 >> tile_shift), (u16)(r1 >> tile_shift)};
}

// The rare faces: clipped ones, and all where area decides (blur, culling).
template <class Real>
TileRange bounds_of_face(const Frame<Real>& frame, const Axis<Real>& ax, const Axis<Real>& ay,
                         const Triangle<Real>& f) {
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
  return tile_range(c0, c1, r0, r1, frame.tile_shift);
}

// Tile ranges of the faces [begin, end); faces that point past the vertices are noted and left out.
template <class Real>
void bounds_of_faces(const Frame<Real>& frame, i64 begin, i64 end, TileRange* ranges, i64* bad_face) {
  typedef Lanes<Real> L;
  constexpr int width = Simd<Real>::width;
  const RasterizeMeshesArgs<Real>& a = frame.args;
  const Axis<Real> ax(a.width, a.height, frame.settings.blur_radius),
      ay(a.height, a.width, frame.settings.blur_radius);
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
               !__atomic_compare_exchange_n(bad_face, &known, at + i, true, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED)) {
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
        ranges[at - begin + i] = bounds_of_face(frame, ax, ay, block.face(i));
      else
        ranges[at - begin + i] =
            tile_range((int)box.c0[i], (int)box.c1[i], (int)box.r0[i], (int)box.r1[i], frame.tile_shift);
    }
  }
}

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_MESH_FRAME_H_
