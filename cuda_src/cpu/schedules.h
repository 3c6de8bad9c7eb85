// The CPU schedules: for each op its arguments, and an entry for each real type and instruction set.
#ifndef R3D_CPU_SCHEDULES_H_
#define R3D_CPU_SCHEDULES_H_

#include "raster/antialias.h"
#include "math/kernel.h"
#include "surface/mesh_normals.h"
#include "ragged/packed_to_padded.h"
#include "shading/shade_meshes.h"
#include "shading/soft_phong.h"
#include "shading/weighted_rows.h"

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

template <class Real>
struct TileListsArgs {
  const i16* boxes;  // (E, 4) first and last column and row, pixels
  const i64* first;  // (N + 1,) where each image's elements begin
  i64 num_images;
  int height, width, tile;  // pixels
  const Real* depths;       // (E,), or null: in the order of ids
  i64 budget;               // bytes of lists held at once
  i64 first_tile, last_tile;
  i64* offsets;  // (tiles + 1,) where each tile's list begins
  i32* list;     // (offsets[last_tile] - offsets[first_tile],), or null: offsets are made, else read
};

// What the schedules that sort faces return instead of a face that points past the vertices.
constexpr i64 kAllFacesGood = -1, kOutOfMemory = -2;

struct VertexCornersArgs {
  const i64* faces;  // (F, 3) ids below num_verts
  i64 num_faces, num_verts;
  i32* first;    // (V + 1,) where each vertex's corners begin
  i32* corners;  // (3F,) 3 face + j, ascending at each vertex
};

struct MeshEdgesArgs {
  const i64* faces;  // (F, 3) ids below num_verts
  i64 num_faces, num_verts;
  i32* first;           // (V + 1,) workspace: where each vertex's sides begin
  u64* sides;           // (3F,) workspace: sides, then edges, by their lower vertex
  i64* chunk_first;     // (chunks + 1,) the edge with which each chunk of vertices begins; last, their number
  i64* faces_to_edges;  // (F, 3), or null
};

template <class Real>
struct PackedToPaddedArgs {
  const Real* from;  // packed (num_rows, width), or padded (N, max_size, width)
  RaggedRows rows;
  i64 width;     // words a row
  i64 pad_bits;  // the word past an element's end
  Real* to;      // the other view
};

template <class Real>
struct FaceNormalsArgs {
  PackedMesh<Real> mesh;
  Real* areas;    // (F,)
  Real* normals;  // (F, 3)
};

template <class Real>
struct FaceNormalsBwdArgs {
  PackedMesh<Real> mesh;
  CornerLists corners;
  const Real* areas;         // (F,) the forward's
  const Real* normals;       // (F, 3) the forward's
  const Real* grad_areas;    // (F,), or null: zero
  const Real* grad_normals;  // (F, 3), or null: zero
  Real* grad_corners;        // (3 F, 3) workspace
  Real* grad_verts;          // (V, 3)
};

template <class Real>
struct VertexNormalsArgs {
  PackedMesh<Real> mesh;
  CornerLists corners;
  Real* crosses;  // (F, 3) workspace
  Real* normals;  // (V, 3)
  Real* lengths;  // (V,) of the sums of the faces' cross products
};

template <class Real>
struct VertexNormalsBwdArgs {
  PackedMesh<Real> mesh;
  CornerLists corners;
  const Real* normals;       // (V, 3) the forward's
  const Real* lengths;       // (V,) the forward's
  const Real* grad_normals;  // (V, 3)
  Real* grad_sums;           // (V, 3) workspace
  Real* grad_corners;        // (3 F, 3) workspace
  Real* grad_verts;          // (V, 3)
};

// Of the sums and of their two gradients.
template <class Real>
struct WeightedRowsArgs {
  RowIds terms;
  i64 channels;         // C
  const Real* rows;     // (T, C); not of the rows' gradient
  const Real* weights;  // (P, J); not of the weights' gradient
  const Real* grad;     // (P, C) of the sums; not of the sums
  Real* out;            // sums (P, C), rows' gradient (T, C), or weights' gradient (P, J)
};

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

#define R3D_DECLARE(isa)                                                                  \
  namespace isa {                                                                         \
  RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<float>&);          \
  RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<double>&);         \
  /* False: memory ran out. */                                                            \
  bool rasterize_meshes_bwd(const RasterizeMeshesBwdArgs<float>&);                        \
  bool rasterize_meshes_bwd(const RasterizeMeshesBwdArgs<double>&);                       \
  RasterizeMeshesStatus soft_silhouette_fwd(const SoftSilhouetteArgs<float>&);            \
  RasterizeMeshesStatus soft_silhouette_fwd(const SoftSilhouetteArgs<double>&);           \
  bool soft_silhouette_bwd(const SoftSilhouetteBwdArgs<float>&);                          \
  bool soft_silhouette_bwd(const SoftSilhouetteBwdArgs<double>&);                         \
  RasterizeMeshesStatus soft_phong_fwd(const SoftPhongArgs<float>&);                      \
  RasterizeMeshesStatus soft_phong_fwd(const SoftPhongArgs<double>&);                     \
  bool soft_phong_bwd(const SoftPhongBwdArgs<float>&);                                    \
  bool soft_phong_bwd(const SoftPhongBwdArgs<double>&);                                   \
  /* False: a sample needs more fragments than there was room for. */                     \
  bool shade_meshes_fwd(const ShadeMeshesArgs<float>&);                                   \
  bool shade_meshes_fwd(const ShadeMeshesArgs<double>&);                                  \
  /* False: memory ran out. */                                                            \
  bool tile_lists_fwd(const TileListsArgs<float>&);                                       \
  bool tile_lists_fwd(const TileListsArgs<double>&);                                      \
  /* The first bad face, kAllFacesGood or kOutOfMemory. */                                \
  i64 vertex_corners(const VertexCornersArgs&);                                           \
  i64 mesh_edges_count(const MeshEdgesArgs&);                                             \
  void mesh_edges_write(const MeshEdgesArgs&, i64* edges); /* (E, 2) */                   \
  /* The first element that does not fit, or -1. */                                       \
  i64 packed_to_padded_fwd(const PackedToPaddedArgs<float>&);                             \
  i64 packed_to_padded_fwd(const PackedToPaddedArgs<double>&);                            \
  i64 packed_to_padded_bwd(const PackedToPaddedArgs<float>&);                             \
  i64 packed_to_padded_bwd(const PackedToPaddedArgs<double>&);                            \
  /* The first face that names no vertex, num_faces for corners of other faces, or -1. */ \
  i64 mesh_normals_faces_fwd(const FaceNormalsArgs<float>&);                              \
  i64 mesh_normals_faces_fwd(const FaceNormalsArgs<double>&);                             \
  i64 mesh_normals_faces_bwd(const FaceNormalsBwdArgs<float>&);                           \
  i64 mesh_normals_faces_bwd(const FaceNormalsBwdArgs<double>&);                          \
  i64 mesh_normals_verts_fwd(const VertexNormalsArgs<float>&);                            \
  i64 mesh_normals_verts_fwd(const VertexNormalsArgs<double>&);                           \
  i64 mesh_normals_verts_bwd(const VertexNormalsBwdArgs<float>&);                         \
  i64 mesh_normals_verts_bwd(const VertexNormalsBwdArgs<double>&);                        \
  /* The first sum of which a term names no row, or -1. */                                \
  i64 weighted_rows_fwd(const WeightedRowsArgs<float>&);                                  \
  i64 weighted_rows_fwd(const WeightedRowsArgs<double>&);                                 \
  i64 weighted_rows_rows_bwd(const WeightedRowsArgs<float>&);                             \
  i64 weighted_rows_rows_bwd(const WeightedRowsArgs<double>&);                            \
  i64 weighted_rows_weights_bwd(const WeightedRowsArgs<float>&);                          \
  i64 weighted_rows_weights_bwd(const WeightedRowsArgs<double>&);                         \
  /* A bad face, kAllFacesGood or kOutOfMemory. */                                        \
  i64 antialias_fwd(const AntialiasArgs<float>&);                                         \
  i64 antialias_fwd(const AntialiasArgs<double>&);                                        \
  void antialias_bwd_color(const AntialiasBwdColorArgs<float>&);                          \
  void antialias_bwd_color(const AntialiasBwdColorArgs<double>&);                         \
  /* False: memory ran out. */                                                            \
  bool antialias_bwd_verts(const AntialiasBwdVertsArgs<float>&);                          \
  bool antialias_bwd_verts(const AntialiasBwdVertsArgs<double>&);                         \
  }
R3D_DECLARE(baseline)
R3D_DECLARE(avx2)
R3D_DECLARE(avx512)
#undef R3D_DECLARE

}  // namespace r3d

#endif  // R3D_CPU_SCHEDULES_H_
