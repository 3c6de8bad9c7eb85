// The CPU schedule of hard_phong: chunks of rows, whose covered pixels are looked up one by one and lit in
// lanes. The backward lights them again and writes what each adds to which row; weighted_rows adds that up in
// the order of pixels. Chunks do not depend on the number of threads, nor do the sums over them.
#include "cpu/simd_math.h"

#include "shading/hard_phong.h"

#include "cpu/schedule.h"
#include "cpu/scratch.h"
#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kChunkPixels = 1 << 12;

// Rows of one picture.
struct Chunk {
  i64 image, begin, end;  // pixels of the batch
};

struct Chunks {
  i64 pixels, rows_each, per_image, count;
  template <class Real>
  explicit Chunks(const HardPhong<Real>& a) : pixels(a.height * a.width) {
    rows_each = a.width > 0 && a.width < kChunkPixels ? kChunkPixels / a.width : 1;
    per_image = a.width > 0 ? (a.height + rows_each - 1) / rows_each : 0;
    count = a.num_images * per_image;
    rows_each *= a.width;
  }
  Chunk at(i64 i) const {
    const i64 image = i / per_image, first = i % per_image * rows_each;
    return {image, image * pixels + first,
            image * pixels + (first + rows_each < pixels ? first + rows_each : pixels)};
  }
};

// Pixels whose faces were looked up, to be lit together.
template <class Real>
struct Block {
  typedef Lanes<Real> L;
  static constexpr int width = Simd<Real>::width;
  int count = 0;
  i64 pixels[width];
  alignas(64) Real values[9][width] = {};  // position, normal and texel

  void add(i64 pixel, const SurfacePoint<Real>& point) {
    pixels[count] = pixel;
    const Real* const from = (const Real*)&point;
    for (int i = 0; i < 9; ++i) values[i][count] = from[i];
    ++count;
  }
  R3D_MEMBER Vec3<L> vector(int i) const {
    return {load<Real>(values[3 * i]), load<Real>(values[3 * i + 1]), load<Real>(values[3 * i + 2])};
  }
};

template <class Real>
struct Pixel {
  i64 id;
  Barycentric<Real> b;
};

template <class Real>
Pixel<Real> read_pixel(const HardPhong<Real>& a, i64 pixel) {
  const Real* const b = a.bary_coords + 3 * a.faces_per_pixel * pixel;
  return {a.pix_to_face[a.faces_per_pixel * pixel], {b[0], b[1], b[2]}};
}

template <class Real>
void light_block(const HardPhong<Real>& a, const PhongLook<Real>& look, Block<Real>* block) {
  typedef Lanes<Real> L;
  const Vec3<L> color =
      light_point(block->vector(0), block->vector(1), block->vector(2), look, (LightKind)a.light_kind).color;
  for (int i = 0; i < block->count; ++i) {
    Real* const out = a.image + 4 * block->pixels[i];
    out[0] = color.x[i], out[1] = color.y[i], out[2] = color.z[i], out[3] = 1;
  }
  block->count = 0;
}

// The first pixel of a chunk whose face lacks something, or kGood.
template <class Real>
i64 shade_chunk(const HardPhong<Real>& a, const SoftPhongScene<Real>& scene, const Chunk& chunk) {
  const PhongLook<Real> look = make_look(a, chunk.image);
  Block<Real> block;
  for (i64 pixel = chunk.begin; pixel < chunk.end; ++pixel) {
    if (a.pix_to_face[a.faces_per_pixel * pixel] < 0) {
      Real* const out = a.image + 4 * pixel;
      out[0] = look.background.x, out[1] = look.background.y, out[2] = look.background.z, out[3] = 0;
      continue;
    }
    const Pixel<Real> seen = read_pixel(a, pixel);
    if (!is_whole(a, seen.id)) return pixel;
    block.add(pixel, surface_point(load_phong_face(a.faces, scene, seen.id), scene, seen.b));
    if (block.count == Block<Real>::width) light_block(a, look, &block);
  }
  if (block.count) light_block(a, look, &block);
  return kGood;
}

template <class Real>
i64 forward(const HardPhong<Real>& a) {
  const Chunks chunks(a);
  const SoftPhongScene<Real> scene = surface_of(a);
  i64 bad = chunks.count * kChunkPixels + chunks.count * a.width;  // past the last
  parallel(chunks.count, 1, [&](i64 from, i64 to, int) {
    for (i64 i = from; i < to; ++i) {
      const i64 found = shade_chunk(a, scene, chunks.at(i));
      if (found == kGood) continue;
      i64 seen = __atomic_load_n(&bad, __ATOMIC_RELAXED);
      while (found < seen &&
             !__atomic_compare_exchange_n(&bad, &seen, found, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      }
    }
  });
  return bad < a.num_images * chunks.pixels ? bad : kGood;
}

// Whether a pixel shows a face and passes something on to it.
template <class Real>
bool is_asked(const HardPhong<Real>& a, i64 pixel) {
  const Real* const grad = a.grad_image + 4 * pixel;
  return a.pix_to_face[a.faces_per_pixel * pixel] >= 0 && (grad[0] != 0 || grad[1] != 0 || grad[2] != 0);
}

// What a chunk adds to its picture's look: lanes of lit pixels, and the background.
template <class Real>
struct LookSums {
  PhongLookGradient<Lanes<Real>> lanes = {};
  double background[3] = {};

  void store(double* out) const {
    const Lanes<Real>* const parts = (const Lanes<Real>*)&lanes;
    for (int i = 0; i < kLookSize; ++i) {
      out[i] = 0;
      for (int lane = 0; lane < Simd<Real>::width; ++lane) out[i] += parts[i][lane];
    }
    for (int i = 0; i < 3; ++i) out[kLookSize - 3 + i] = background[i];
  }
};

// Rows [row, row + count) of the terms.
template <class Real>
void light_block_bwd(const HardPhong<Real>& a, const SoftPhongScene<Real>& scene, const PhongLook<Real>& look,
                     i64 row, Block<Real>* block, LookSums<Real>* sums) {
  typedef Lanes<Real> L;
  const LightKind kind = (LightKind)a.light_kind;
  Vec3<L> grad = {{}, {}, {}};  // lanes past the last pixel add nothing
  for (int i = 0; i < block->count; ++i) {
    const Real* const g = a.grad_image + 4 * block->pixels[i];
    grad.x[i] = g[0], grad.y[i] = g[1], grad.z[i] = g[2];
  }
  const Vec3<L> texel = block->vector(2);
  const PhongPoint<L> point = light_point(block->vector(0), block->vector(1), texel, look, kind);
  Vec3<L> grad_texel, grad_position, grad_normal;
  light_point_bwd(point, texel, look, kind, grad, &grad_texel, &grad_position, &grad_normal, &sums->lanes);
  for (int i = 0; i < block->count; ++i) {
    const SurfacePoint<Real> one = {{grad_position.x[i], grad_position.y[i], grad_position.z[i]},
                                    {grad_normal.x[i], grad_normal.y[i], grad_normal.z[i]},
                                    {grad_texel.x[i], grad_texel.y[i], grad_texel.z[i]}};
    const Pixel<Real> seen = read_pixel(a, block->pixels[i]);
    const PhongFace<Real> face = load_phong_face(a.faces, scene, seen.id);
    const Barycentric<Real> g = surface_point_bwd(face, seen.id, a, scene, seen.b, one, row + i);
    if (!a.grad_bary_coords) continue;
    Real* const out = a.grad_bary_coords + 3 * a.faces_per_pixel * block->pixels[i];
    out[0] = g.b0, out[1] = g.b1, out[2] = g.b2;
  }
  // What is left in the lanes belongs to pixels that are done; zeros are safe to light.
  block->count = 0;
  __builtin_memset(block->values, 0, sizeof(block->values));
}

template <class Real>
void shade_chunk_bwd(const HardPhong<Real>& a, const SoftPhongScene<Real>& scene, const Chunk& chunk, i64 row,
                     double* look_sums) {
  const PhongLook<Real> look = make_look(a, chunk.image);
  if (a.grad_bary_coords) {
    const i64 values = 3 * a.faces_per_pixel;
    __builtin_memset(a.grad_bary_coords + values * chunk.begin, 0,
                     (size_t)(values * (chunk.end - chunk.begin)) * sizeof(Real));
  }
  LookSums<Real> sums;
  Block<Real> block;
  for (i64 pixel = chunk.begin; pixel < chunk.end; ++pixel) {
    if (!is_asked(a, pixel)) {
      if (a.pix_to_face[a.faces_per_pixel * pixel] < 0)
        for (int i = 0; i < 3; ++i) sums.background[i] += a.grad_image[4 * pixel + i];
      continue;
    }
    const Pixel<Real> seen = read_pixel(a, pixel);
    block.add(pixel, surface_point(load_phong_face(a.faces, scene, seen.id), scene, seen.b));
    if (block.count < Block<Real>::width) continue;
    light_block_bwd(a, scene, look, row, &block, &sums);
    row += Block<Real>::width;
  }
  if (block.count) light_block_bwd(a, scene, look, row, &block, &sums);
  if (look_sums) sums.store(look_sums);
}

// Writes a.num_points.
template <class Real>
i64 backward(const HardPhong<Real>& a) {
  const Chunks chunks(a);
  const SoftPhongScene<Real> scene = surface_of(a);
  Scratch<i64> rows(chunks.count + 1);
  Scratch<double> looks(a.grad_looks ? chunks.count * kLookSize : 0);
  if (!rows.data || !looks.data) return kOutOfMemory;
  parallel(chunks.count, 1, [&](i64 from, i64 to, int) {
    for (i64 i = from; i < to; ++i) {
      const Chunk chunk = chunks.at(i);
      rows[i] = 0;
      for (i64 pixel = chunk.begin; pixel < chunk.end; ++pixel) rows[i] += is_asked(a, pixel);
    }
  });
  i64 num_points = 0;
  for (i64 i = 0; i < chunks.count; ++i) {
    const i64 here = rows[i];
    rows[i] = num_points;
    num_points += here;
  }
  *a.num_points = num_points;
  parallel(chunks.count, 1, [&](i64 from, i64 to, int) {
    for (i64 i = from; i < to; ++i)
      shade_chunk_bwd(a, scene, chunks.at(i), rows[i], a.grad_looks ? &looks[i * kLookSize] : nullptr);
  });
  for (i64 image = 0; a.grad_looks && image < a.num_images; ++image)
    for (int part = 0; part < kLookSize; ++part) {
      double sum = 0;
      for (i64 i = image * chunks.per_image; i < (image + 1) * chunks.per_image; ++i)
        sum += looks[i * kLookSize + part];
      a.grad_looks[image * kLookSize + part] = (Real)sum;
    }
  return kGood;
}

}  // namespace

R3D_SCHEDULE(hard_phong_fwd, HardPhong, forward)
R3D_SCHEDULE(hard_phong_bwd, HardPhong, backward)

}  // namespace R3D_ISA
}  // namespace r3d
