// The outputs of rasterize_meshes: empty slots, and the survivors' barycentric coordinates and distances.
#ifndef R3D_CPU_SLOT_WRITER_H_
#define R3D_CPU_SLOT_WRITER_H_

#include "cpu/mesh_frame.h"

namespace r3d {
namespace R3D_ISA {
namespace {

// Fills slots of the outputs, gathered into lanes across the pixels of a tile.
template <class Real>
class SlotWriter {
 public:
  explicit SlotWriter(const Frame<Real>& frame) : frame_(frame) {}
  ~SlotWriter() { flush(); }

  R3D_MEMBER void add(i64 slot, i64 id, Real px, Real py) {
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
    const RasterSettings<Real> settings = frame_.settings;
    FaceLanes<Real> block;
    for (int i = 0; i < count_; ++i) block.set(i, load_face(a, id_[i]));
    for (int i = count_; i < width; ++i) {
      block.set(i, block.face(0));
      px_[i] = px_[0];
      py_[i] = py_[0];
    }
    const Triangle<L> f = block.lanes();
    const L px = load<Real>(px_), py = load<Real>(py_);
    const FaceSetup<L> setup = set_up_face(f);
    const Polygon<Real>* const whole = nullptr;
    Sight<L> sight = {};  // that the face is seen is known
    cover(px, py, f, &sight.at);
    see_depth(setup, whole, settings, settings.blur_radius > 0, &sight);
    const Sample<L>& s = sight.sample;
    const L limit = splat<L>(R3D_WILD_COORDINATE);
    const L reach = max_of(max_of(max_of(abs_of(f.x0), abs_of(f.y0)), max_of(abs_of(f.x1), abs_of(f.y1))),
                           max_of(abs_of(f.x2), abs_of(f.y2)));
    const L z0 = min_of(f.z0, min_of(f.z1, f.z2)), z1 = max_of(f.z0, max_of(f.z1, f.z2));
    const u32 rare = mask_bits(sight.at.undecided | (!(reach < limit)) | (z0 < nearest_kept(settings)) |
                               (z1 > settings.z_far));
    alignas(64) Real b0[width], b1[width], b2[width], z[width], dist[width];
    store(b0, s.b0), store(b1, s.b1), store(b2, s.b2), store(z, s.z);
    if (a.dists) {
      const L dist2 = triangle_distance2(px, py, f);
      store(dist, select(sight.at.inside, -dist2, dist2));
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

// Fills an array with a pattern of lanes, past the caches if asked to: whole cache lines only, so that no
// line is written in parts.
template <class Real, class T>
R3D_MEMBER void fill(T* to, i64 count, T value, bool past_caches) {
  constexpr i64 line = 64 / (i64)sizeof(T), pieces = 64 / (i64)sizeof(Lanes<Real>);
  i64 at = 0;
  if (past_caches && count >= 4 * line) {
    for (; (u64)(to + at) % 64; ++at) to[at] = value;
    alignas(64) T pattern[line];
    for (i64 i = 0; i < line; ++i) pattern[i] = value;
    const Lanes<Real> lanes = load<Real>((const Real*)pattern);
    for (; at + line <= count; at += line)
      for (i64 i = 0; i < pieces; ++i) stream<Real>((Real*)(to + at) + i * Simd<Real>::width, lanes);
  }
  for (; at < count; ++at) to[at] = value;
}

// Empties slots that follow each other: -1 in every output.
template <class Real>
void clear_slots(const Frame<Real>& frame, i64 slot, i64 count) {
  const RasterizeMeshesArgs<Real>& a = frame.args;
  const bool past = frame.past_caches;
  fill<Real, i64>(a.pix_to_face + slot, count, -1, past);
  if (a.zbuf) fill<Real, Real>(a.zbuf + slot, count, -1, past);
  if (a.dists) fill<Real, Real>(a.dists + slot, count, -1, past);
  if (a.bary_coords) fill<Real, Real>(a.bary_coords + 3 * slot, 3 * count, -1, past);
}

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_SLOT_WRITER_H_
