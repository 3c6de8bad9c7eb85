// The CPU schedule of rasterize_meshes. Compiled once for each instruction set: no standard library in here.
#include "cpu/schedules.h"

#include "cpu/threads.h"
#include "rasterize_meshes.h"

namespace r3d {
namespace R3D_ISA {
namespace {

template <class Real>
RasterizeMeshesStatus rasterize(const RasterizeMeshesArgs<Real>& a) {
  const RasterSettings<Real> settings = {a.perspective_correct, a.clip_barycentric_coords, a.cull_backfaces,
                                         (Real)a.blur_radius,   (Real)a.z_near,            (Real)a.z_far};
  const i64 K = a.faces_per_pixel, slots = a.num_meshes * a.height * a.width * K;
  for (i64 i = 0; i < a.num_faces * 3; ++i)
    if (a.faces[i] < 0 || a.faces[i] >= a.num_verts) return {i / 3, false};
  Real* const zbuf = a.zbuf;
  for (i64 i = 0; i < slots; ++i) {
    a.pix_to_face[i] = -1;
    zbuf[i] = -1;
    if (a.dists) a.dists[i] = -1;
    if (a.bary_coords) a.bary_coords[3 * i] = a.bary_coords[3 * i + 1] = a.bary_coords[3 * i + 2] = -1;
  }
  for (i64 n = 0; n < a.num_meshes; ++n)
    for (i64 id = a.mesh_first_face[n]; id < a.mesh_first_face[n + 1]; ++id) {
      const Real *v0 = a.verts + 3 * a.faces[3 * id], *v1 = a.verts + 3 * a.faces[3 * id + 1],
                 *v2 = a.verts + 3 * a.faces[3 * id + 2];
      const Triangle<Real> f = {v0[0], v0[1], v0[2], v1[0], v1[1], v1[2], v2[0], v2[1], v2[2]};
      const Polygon<Real> polygon = visible_polygon(f, settings);
      if (polygon.size < 3) continue;
      Real xmin = polygon.x[0], xmax = xmin, ymin = polygon.y[0], ymax = ymin;
      for (int i = 1; i < polygon.size; ++i) {
        xmin = min_of(xmin, polygon.x[i]), xmax = max_of(xmax, polygon.x[i]);
        ymin = min_of(ymin, polygon.y[i]), ymax = max_of(ymax, polygon.y[i]);
      }
      const Real margin = (Real)sqrt(a.blur_radius) + (Real)1e-5;
      for (int row = 0; row < a.height; ++row) {
        const Real py = pixel_center<Real>(a.height - 1 - row, a.height, a.width);
        if (py < ymin - margin || py > ymax + margin) continue;
        for (int column = 0; column < a.width; ++column) {
          const Real px = pixel_center<Real>(a.width - 1 - column, a.width, a.height);
          if (px < xmin - margin || px > xmax + margin) continue;
          const Hit<Real> hit = hit_polygon(px, py, f, polygon, settings);
          if (!hit.hit) continue;
          i64* const ids = a.pix_to_face + ((n * a.height + row) * a.width + column) * K;
          const i64 at = ids - a.pix_to_face;
          i64 slot = K;
          while (slot > 0 && (ids[slot - 1] < 0 || zbuf[at + slot - 1] > hit.z)) --slot;
          if (slot == K) continue;
          for (i64 k = K - 1; k > slot; --k) {
            ids[k] = ids[k - 1];
            zbuf[at + k] = zbuf[at + k - 1];
            if (a.dists) a.dists[at + k] = a.dists[at + k - 1];
            if (a.bary_coords)
              for (int c = 0; c < 3; ++c) a.bary_coords[3 * (at + k) + c] = a.bary_coords[3 * (at + k - 1) + c];
          }
          ids[slot] = id;
          zbuf[at + slot] = hit.z;
          if (a.dists) a.dists[at + slot] = hit.dist;
          if (a.bary_coords) {
            a.bary_coords[3 * (at + slot)] = hit.b0;
            a.bary_coords[3 * (at + slot) + 1] = hit.b1;
            a.bary_coords[3 * (at + slot) + 2] = hit.b2;
          }
        }
      }
    }
  return {-1, false};
}

}  // namespace

RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<float>& args) { return rasterize(args); }
RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<double>& args) { return rasterize(args); }

}  // namespace R3D_ISA
}  // namespace r3d
