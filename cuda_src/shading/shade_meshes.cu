// The CUDA kernel of shade_meshes, on the mathematics of shade_meshes.h: a thread a pixel.
#include "shading/shade_meshes.h"

extern "C" __global__ void __launch_bounds__(128)
    shade_meshes_fwd(const i64* pix_to_face,         // (H * S, W * S, K)
                     const R3D_REAL* zbuf,           // (H * S, W * S, K)
                     const R3D_REAL* bary_coords,    // (H * S, W * S, K, 3)
                     const R3D_REAL* dists,          // (H * S, W * S, K), or null
                     i64 height, i64 width,          // H, W
                     i64 supersampling,              // S
                     i64 faces_per_pixel,            // K
                     const R3D_REAL* verts,          // (V, 3)
                     const i64* faces,               // (F, 3)
                     const R3D_REAL* normals,        // (VN, 3), or null
                     const i64* faces_normals,       // (F, 3), or null
                     const R3D_REAL* uvs,            // (VT, 2), or null
                     const i64* faces_uvs,           // (F, 3), or null
                     const R3D_REAL* colors,         // (V, 4), or null
                     const i32* faces_material,      // (F,), or null
                     const R3D_REAL* materials,      // (M, kMaterialColumns)
                     const i32* material_codes,      // (M, kMaterialCodes)
                     const u8* texels,               // (X, 4)
                     const i64* textures,            // (T, kTextureColumns)
                     const R3D_REAL* half_codes,     // (511,)
                     const R3D_REAL* lights,         // (L, kLightColumns)
                     const R3D_REAL* camera,         // (4,)
                     const R3D_REAL* background,     // (4,)
                     const u8* backdrop,             // (H, W, 4), or null
                     const R3D_REAL* wireframe,      // (4,), or null
                     i64 num_faces, i32 num_lights,  // F, L
                     R3D_REAL focal,                 // samples for one view unit at depth 1; 0: no mip maps
                     i32 shading,                    // Shading
                     bool two_sided, bool srgb,      //
                     i32* unfinished,                // (1,) zero before; 1: a sample wanted more fragments
                     i64 channels,                   // C of the image: 3 or 4
                     u8* image,                      // (H, W, C), or null
                     R3D_REAL* linear) {             // (H, W, 4), or null
  using namespace r3d;
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= height * width) return;
  const ShadeScene<R3D_REAL> scene = {
      verts,          faces,      num_faces,      normals,   faces_normals, uvs,     faces_uvs,  colors,
      faces_material, materials,  material_codes, texels,    textures,      lights,  num_lights, half_codes,
      camera,         background, backdrop,       wireframe, focal,         shading, two_sided,  srgb};
  const SampleGrid<R3D_REAL> grid = {pix_to_face, zbuf,  bary_coords,   dists,
                                     height,      width, supersampling, faces_per_pixel};
  ShadeFace<R3D_REAL> face = no_face<R3D_REAL>();
  PixelSink<R3D_REAL> sink = {scene, {{0, 0, 0}, 0}};
  if (!shade_samples(scene, grid, at / width, at % width, &face, sink)) atomicMax(unfinished, 1);
  store_pixel(scene, composite(grid, sink.sum, background_at(scene, at)), at, channels, image, linear);
}
