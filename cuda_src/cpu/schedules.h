// The CPU schedules: for each op its arguments, and an entry for each real type and instruction set.
#ifndef R3D_CPU_SCHEDULES_H_
#define R3D_CPU_SCHEDULES_H_

#include "raster/antialias.h"
#include "cpu/schedule.h"
#include "math/kernel.h"
#include "shading/shade_meshes.h"
#include "shading/soft_phong.h"

namespace r3d {

template <class Real>
struct RasterizeMeshesArgs {
  const Real* verts;           // (V, 3) packed, NDC x, y and view depth z
  const i64* faces;            // (F, 3) ids into verts
  const i64* mesh_first_face;  // (N + 1,) mesh n owns the faces [mesh_first_face[n], mesh_first_face[n + 1])
  i64 num_verts, num_faces, num_meshes;
  int height, width;  // pixels
  i64 faces_per_pixel;
  double blur_radius;  // squared NDC distance
  bool perspective_correct, clip_barycentric_coords, cull_backfaces;
  double z_near, z_far;  // clipping planes, view depth; -inf and +inf: none
  bool is_perspective;   // x and y were divided by the depth
  i64 workspace_budget;  // bytes of tile lists held at once
  i64* pix_to_face;      // (N, H, W, K) packed face ids, -1 where empty
  Real* zbuf;            // (N, H, W, K), or null
  Real* bary_coords;     // (N, H, W, K, 3), or null
  Real* dists;           // (N, H, W, K), or null
  // Depth peeling: at each pixel only faces that come after this depth and id count; null: all faces.
  const Real* after_zbuf = nullptr;  // (N, H, W)
  const i64* after_face = nullptr;   // (N, H, W)
};

// What came of a call: the first face that points past the vertices, or -1; false when memory ran out.
struct RasterizeMeshesStatus {
  i64 bad_face;
  bool out_of_memory;
};

template <class Real>
struct RasterizeMeshesBwdArgs {
  RasterizeMeshesArgs<Real> forward;  // its outputs but pix_to_face are not looked at
  const Real* grad_zbuf;              // (N, H, W, K), or null
  const Real* grad_bary_coords;       // (N, H, W, K, 3), or null
  const Real* grad_dists;             // (N, H, W, K), or null
  Real* grad_verts;                   // (V, 3)
};

template <class Real>
struct SoftSilhouetteArgs {
  RasterizeMeshesArgs<Real> raster;  // its outputs are not looked at; faces_per_pixel 0: all faces
  double sigma;                      // squared NDC distance
  Real* uncovered;                   // (N, H, W) the probability that no face covers the pixel
  Real* limit_depth;                 // (N, H, W) depth of the last face that counts, with faces_per_pixel
  i32* limit_face;                   // (N, H, W) its id
};

template <class Real>
struct SoftSilhouetteBwdArgs {
  SoftSilhouetteArgs<Real> forward;
  const Real* grad_uncovered;  // (N, H, W)
  Real* grad_verts;            // (V, 3)
};

template <class Real>
struct SoftPhongArgs {
  RasterizeMeshesArgs<Real> raster;  // as of SoftSilhouetteArgs
  SoftPhongScene<Real> scene;
  Real* image;        // (N, H, W, 4)
  Real* blend;        // (N, H, W, 3) PhongBlend, for the backward
  Real* limit_depth;  // (N, H, W), like limit_face as of SoftSilhouetteArgs
  i32* limit_face;    // (N, H, W)
};

template <class Real>
struct SoftPhongBwdArgs {
  SoftPhongArgs<Real> forward;
  i64 num_texels, num_uvs;
  const Real* grad_image;  // (N, H, W, 4)
  Real* grad_verts;        // (V, 3)
  Real* grad_positions;    // (V, 3), like grad_normals not written without lights
  Real* grad_normals;      // (V, 3)
  Real* grad_looks;        // (N, 21)
  Real* grad_texels;       // (T, 3)
  Real* grad_uvs;          // (U, 2)
};

template <class Real>
struct ShadeMeshesArgs {
  ShadeScene<Real> scene;
  SampleGrid<Real> grid;
  i64 channels;  // C of the image: 4, or 3 without alpha
  u8* image;     // (H, W, C) straight alpha, or null
  Real* linear;  // (H, W, 4) straight alpha, or null
};

constexpr i64 kAllFacesGood = kGood;

template <class Real>
struct AntialiasArgs {
  FacedMesh<Real> mesh;
  NearestFaces<Real> seen;
  i64 num_images, channels;
  int height, width;
  const Real* color;  // (N, H, W, C)
  Real* out;          // (N, H, W, C)
  i32* crossings;     // (N, 2, H, W) the corner opposite to the edge between a pixel and the next, or -1
  Real* shares;       // (N, 2, H, W)
};

template <class Real>
struct AntialiasBwdColorArgs {
  ShareTable<Real> table;
  i64 num_images, channels;
  const Real* grad;  // (N, H, W, C)
  Real* grad_color;  // (N, H, W, C)
};

template <class Real>
struct AntialiasBwdVertsArgs {
  FacedMesh<Real> mesh;  // opposites are not looked at
  ShareTable<Real> table;
  i64 num_images, channels;
  const i32* crossings;  // (N, 2, H, W)
  const Real* color;     // (N, H, W, C)
  const Real* grad;      // (N, H, W, C)
  Real* grad_verts;      // (V, 3)
};

#define R3D_DECLARE(isa)                                                          \
  namespace isa {                                                                 \
  RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<float>&);  \
  RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<double>&); \
  /* False: memory ran out. */                                                    \
  bool rasterize_meshes_bwd(const RasterizeMeshesBwdArgs<float>&);                \
  bool rasterize_meshes_bwd(const RasterizeMeshesBwdArgs<double>&);               \
  RasterizeMeshesStatus soft_silhouette_fwd(const SoftSilhouetteArgs<float>&);    \
  RasterizeMeshesStatus soft_silhouette_fwd(const SoftSilhouetteArgs<double>&);   \
  bool soft_silhouette_bwd(const SoftSilhouetteBwdArgs<float>&);                  \
  bool soft_silhouette_bwd(const SoftSilhouetteBwdArgs<double>&);                 \
  RasterizeMeshesStatus soft_phong_fwd(const SoftPhongArgs<float>&);              \
  RasterizeMeshesStatus soft_phong_fwd(const SoftPhongArgs<double>&);             \
  bool soft_phong_bwd(const SoftPhongBwdArgs<float>&);                            \
  bool soft_phong_bwd(const SoftPhongBwdArgs<double>&);                           \
  /* False: a sample needs more fragments than there was room for. */             \
  bool shade_meshes_fwd(const ShadeMeshesArgs<float>&);                           \
  bool shade_meshes_fwd(const ShadeMeshesArgs<double>&);                          \
  /* A bad face, kAllFacesGood or kOutOfMemory. */                                \
  i64 antialias_fwd(const AntialiasArgs<float>&);                                 \
  i64 antialias_fwd(const AntialiasArgs<double>&);                                \
  void antialias_bwd_color(const AntialiasBwdColorArgs<float>&);                  \
  void antialias_bwd_color(const AntialiasBwdColorArgs<double>&);                 \
  /* False: memory ran out. */                                                    \
  bool antialias_bwd_verts(const AntialiasBwdVertsArgs<float>&);                  \
  bool antialias_bwd_verts(const AntialiasBwdVertsArgs<double>&);                 \
  }
R3D_DECLARE(baseline)
R3D_DECLARE(avx2)
R3D_DECLARE(avx512)
#undef R3D_DECLARE

}  // namespace r3d

#endif  // R3D_CPU_SCHEDULES_H_
