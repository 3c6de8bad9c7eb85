// The backward of rasterize_meshes: a face at a time, a SIMD lane a slot that shows it.
#ifndef R3D_CPU_FACE_GRADIENTS_H_
#define R3D_CPU_FACE_GRADIENTS_H_

#include "cpu/threads.h"
#include "cpu/mesh_frame.h"
#include "cpu/slots_by_face.h"

namespace r3d {
namespace R3D_ISA {
namespace {

template <class Real>
struct SlotGradients {
  const RasterizeMeshesBwdArgs<Real>& args;
  const RasterSettings<Real>& settings;
  const FragmentGrid& grid;
  const Real *column_x, *row_y;

  // Upstream gradients and pixel centres of up to a vector's width of slots.
  struct alignas(64) Block {
    static constexpr int width = Simd<Real>::width;
    Real px[width], py[width], b0[width], b1[width], b2[width], z[width], dist[width];
  };

  R3D_MEMBER void read(i64 image, const Slot& slot, Block* block, int lane) const {
    const i64 at = grid.index(image, slot);
    block->px[lane] = column_x[slot.column];
    block->py[lane] = row_y[slot.row];
    block->z[lane] = args.grad_zbuf ? args.grad_zbuf[at] : 0;
    block->dist[lane] = args.grad_dists ? args.grad_dists[at] : 0;
    const Real* const b = args.grad_bary_coords ? args.grad_bary_coords + 3 * at : nullptr;
    block->b0[lane] = b ? b[0] : 0;
    block->b1[lane] = b ? b[1] : 0;
    block->b2[lane] = b ? b[2] : 0;
  }

  // The gradient of one face from some of its slots.
  TriangleGradient<Real> sum(i64 face_id, i64 image, const Slot* slots, i64 count) const {
    typedef Lanes<Real> L;
    constexpr int width = Simd<Real>::width;
    const Triangle<Real> f = load_face(args.forward, face_id);
    const FaceSetup<Real> face = set_up_face(f);
    const bool perspective = settings.perspective_correct, clip = settings.clip_barycentric_coords;
    const bool exactly = wild(f), clipped = crosses_planes(f, settings);
    TriangleGradient<L> lanes = {};
    TriangleGradient<Real> rest = {};
    for (i64 at = 0; at < count; at += width) {
      const int n = (int)(count - at < width ? count - at : width);
      Block block;
      for (int i = 0; i < n; ++i) read(image, slots[at + i], &block, i);
      for (int i = n; i < width; ++i) {
        block.px[i] = block.px[0], block.py[i] = block.py[0];
        block.b0[i] = block.b1[i] = block.b2[i] = block.z[i] = block.dist[i] = 0;
      }
      const L px = load<Real>(block.px), py = load<Real>(block.py);
      Coverage<L> covered;
      cover(px, py, f, &covered);
      u32 alone = exactly || clipped ? ~0u : mask_bits(covered.undecided);
      TriangleGradient<L> g = {};
      if (!exactly && !clipped) {
        const Sample<L> sample = {load<Real>(block.b0), load<Real>(block.b1), load<Real>(block.b2),
                                  load<Real>(block.z)};
        interpolate_bwd(px, py, covered.e, covered.inside, face, perspective, clip, sample, &g);
        if (args.grad_dists) {
          const L dist = load<Real>(block.dist);
          triangle_distance2_bwd(px, py, f, select(covered.inside, -dist, dist), &g);
        }
        alone |= mask_bits(!(magnitude(g) < splat<L>(R3D_GRADIENT_LIMIT)));
      }
      alone &= ~0u >> (32 - n);
      if (alone == 0) {
        lanes.add(g);
        continue;
      }
      for (int i = 0; i < n; ++i) {
        if (alone >> i & 1) {
          const HitGradient<Real> grad = {{block.b0[i], block.b1[i], block.b2[i], block.z[i]}, block.dist[i]};
          hit_bwd(block.px[i], block.py[i], face, settings, grad, &rest);
        } else {
          rest.add({g.x0[i], g.y0[i], g.z0[i], g.x1[i], g.y1[i], g.z1[i], g.x2[i], g.y2[i], g.z2[i]});
        }
      }
    }
    for (int i = 0; i < width; ++i)
      rest.add({lanes.x0[i], lanes.y0[i], lanes.z0[i], lanes.x1[i], lanes.y1[i], lanes.z1[i], lanes.x2[i],
                lanes.y2[i], lanes.z2[i]});
    return rest;
  }
};

// Slots are shared out in pieces of this many, so that one face over the whole picture is no one thread's.
constexpr i64 kPiece = 4096;

// Adds the gradients of all faces to grad_verts. Returns false when memory ran out.
template <class Real>
bool add_face_gradients(const SlotGradients<Real>& gradients, const FaceSlots& seen) {
  const i64 num_slots = seen.first[seen.num_seen], pieces = (num_slots + kPiece - 1) / kPiece;
  Scratch<TriangleGradient<Real>> of_face(seen.num_seen), of_piece(pieces);
  Scratch<i64> piece_face(pieces + 1);
  if (!of_face.data || !of_piece.data || !piece_face.data) return false;
  // The face with which each piece begins.
  for (i64 p = 0, face = 0; p < pieces; ++p) {
    while (seen.first[face + 1] <= p * kPiece) ++face;
    piece_face[p] = face;
  }
  parallel(pieces, 1, [&](i64 from, i64 to, int) {
    for (i64 p = from; p < to; ++p) {
      const i64 end = (p + 1) * kPiece < num_slots ? (p + 1) * kPiece : num_slots;
      i64 at = p * kPiece;
      for (i64 face = piece_face[p]; at < end; ++face) {
        const i64 stop = seen.first[face + 1] < end ? seen.first[face + 1] : end;
        // A face that began in an earlier piece waits beside it to be added.
        TriangleGradient<Real>* const out = seen.first[face] == at ? &of_face[face] : &of_piece[p];
        *out = gradients.sum(seen.faces[face], seen.images[face], seen.slots + at, stop - at);
        at = stop;
      }
    }
  });
  for (i64 p = 0; p < pieces; ++p)
    if (seen.first[piece_face[p]] < p * kPiece) of_face[piece_face[p]].add(of_piece[p]);
  const RasterizeMeshesArgs<Real>& a = gradients.args.forward;
  for (i64 i = 0; i < seen.num_seen; ++i) {
    const i64* const v = a.faces + 3 * seen.faces[i];
    const TriangleGradient<Real>& g = of_face[i];
    Real* const g0 = gradients.args.grad_verts + 3 * v[0];
    g0[0] += g.x0, g0[1] += g.y0, g0[2] += g.z0;
    Real* const g1 = gradients.args.grad_verts + 3 * v[1];
    g1[0] += g.x1, g1[1] += g.y1, g1[2] += g.z1;
    Real* const g2 = gradients.args.grad_verts + 3 * v[2];
    g2[0] += g.x2, g2[1] += g.y2, g2[2] += g.z2;
  }
  return true;
}

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_FACE_GRADIENTS_H_
