// The CUDA kernels of soft_phong, on the mathematics of soft_phong.h.
//
// Forward, on tile lists (tile_walk.h):
//   check       ids of textures, once
//   fwd         a block a tile, a thread a pixel: lights and blends the faces of the list, or the K nearest
// Backward, a face sums over the pixels of its box, where it is lit again:
//   bwd_pixels  what is asked of the background and a bound of what is asked of texels, by pieces of pictures
//   bwd_pieces  a thread a picture adds up its pieces
//   bwd         a warp a face, a block or several a large one
// Sums go on by atomic additions, whose order changes the last digits from run to run; or, to repeat, each
// face's to memory of its own and from there, in one order,
//   bwd_rows    a thread a row of vertices, texels or coordinates: the faces' corners that name it
//   bwd_looks   a block a number of a look: the faces of the picture
// but those of texels of maps and atlases as integers, whose sum does not depend on the order:
//   bwd_texels  back from integers
#include "gpu/face_hits.h"
#include "gpu/face_sums.h"
#include "gpu/nearest_limit.h"
#include "shading/soft_phong.h"

namespace {

template <class Real>
__device__ inline PhongLook<Real> load_look(const SoftPhongScene<Real>& scene, i64 image) {
  PhongLook<Real> look;
  static_assert(sizeof(look) == kLookSize * sizeof(Real), "a look is a row of numbers");
  for (int i = 0; i < kLookSize; ++i) ((Real*)&look)[i] = scene.looks[kLookSize * image + i];
  return look;
}

template <class Real>
__device__ inline void texture_coordinates(const PhongFace<Real>& face, const Sample<Real>& s, Real* u,
                                           Real* v) {
  *u = s.b0 * face.u[0] + s.b1 * face.u[1] + s.b2 * face.u[2];
  *v = s.b0 * face.v[0] + s.b1 * face.v[1] + s.b2 * face.v[2];
}

template <class Real>
__device__ inline Vec3<Real> texel_of(const PhongFace<Real>& face, const SoftPhongScene<Real>& scene,
                                      const Sample<Real>& s) {
  if ((TextureKind)scene.texture_kind == TextureKind::vertices) return blend3(s.b0, s.b1, s.b2, face.colors);
  if (!face.map) return load3(scene.texels, face.atlas + atlas_texel(s.b0, s.b1, scene.atlas_size));
  Real u, v;
  texture_coordinates(face, s, &u, &v);
  return sample_map(find_taps(u, v, face.map, scene), scene.texels);
}

template <class Real>
__device__ inline PhongPoint<Real> lit(const PhongFace<Real>& face, const Sample<Real>& s,
                                       const Vec3<Real>& texel, const PhongLook<Real>& look, LightKind kind) {
  if (kind == LightKind::none) {
    PhongPoint<Real> p = {};
    p.base = {1, 1, 1};
    p.color = texel;
    return p;
  }
  return light_point(blend3(s.b0, s.b1, s.b2, face.positions), blend3(s.b0, s.b1, s.b2, face.normals), texel,
                     look, kind);
}

}  // namespace

// A thread a face, or a map. Marks ids past their tables before a kernel reads what is there.
extern "C" __global__ void __launch_bounds__(256)
    soft_phong_check(const i64* corner_ids,    // (F, 3), or null
                     const i64* faces_source,  // (F,), or null
                     const i64* maps,          // (M, 3)
                     i64 num_faces, i64 num_maps,
                     i64 num_rows,     // that corners may name
                     i64 num_sources,  // that faces may name
                     i64 num_texels,
                     i64* mark) {  // (1,) F + 2 where there is such an id: more than any face leaves here
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  bool bad = false;
  if (at < num_faces) {
    for (int i = 0; corner_ids && i < 3; ++i) bad |= (u64)corner_ids[3 * at + i] >= (u64)num_rows;
    bad |= faces_source && (u64)faces_source[at] >= (u64)num_sources;
  }
  if (at < num_maps) {
    const i64 first = maps[3 * at], height = maps[3 * at + 1], width = maps[3 * at + 2];
    // Divided, for a product of two such numbers may overflow.
    bad |= first < 0 || height < 1 || width < 1 || first > num_texels || width > num_texels ||
           height > (num_texels - first) / width;
  }
  if (bad) atomicMax(mark, num_faces + 2);
}

extern "C" __global__ void __launch_bounds__(256)
    soft_phong_fwd(const R3D_REAL* verts,  // (V, 3)
                   const i64* faces,       // (F, 3)
                   const i64* offsets,     // (N * TY * TX + 1,)
                   const i32* list,        // the band's faces, tile by tile
                   i64 first_tile, int height, int width, i64 faces_per_pixel,  // 0: all
                   R3D_REAL blur_radius, bool perspective_correct, bool clip_barycentric_coords,
                   bool cull_backfaces, R3D_REAL z_near, R3D_REAL z_far, bool is_perspective,
                   const R3D_REAL* positions,  // (V, 3)
                   const R3D_REAL* normals,    // (V, 3)
                   const R3D_REAL* looks,      // (N, 21)
                   const R3D_REAL* texels,     // (T, 3)
                   const i64* corner_ids,      // (F, 3), or null: an atlas
                   const R3D_REAL* uvs,        // (U, 2)
                   const i64* maps,            // (M, 3)
                   const i64* faces_source,    // (F,), or null: map 0, the face's own atlas
                   int light_kind, int texture_kind, i64 atlas_size, int padding, bool align_corners,
                   bool bilinear, double sigma, double gamma,
                   R3D_REAL* image,        // (N, H, W, 4)
                   R3D_REAL* blend,        // (N, H, W, 3) PhongBlend
                   R3D_REAL* limit_depth,  // (N, H, W) of the last face that counts, or null: all do
                   i32* limit_face) {      // (N, H, W) its id, or null
  __shared__ Prepared<R3D_REAL> batch[kBatch];
  __shared__ i32 warp_counts[kWarps], said[kWarps];
  const TileScene<R3D_REAL> tiles = {verts,
                                     faces,
                                     offsets,
                                     first_tile,
                                     height,
                                     width,
                                     {perspective_correct, clip_barycentric_coords, cull_backfaces,
                                      blur_radius, z_near, z_far, is_perspective}};
  const SoftPhongScene<R3D_REAL> scene = {positions,     normals,  looks, light_kind,   texture_kind, texels,
                                          corner_ids,    uvs,      maps,  faces_source, atlas_size,   padding,
                                          align_corners, bilinear, sigma, gamma};
  const TilePixel<R3D_REAL> at = tile_pixel(tiles);
  if (at.idle) return;
  DepthLimit<R3D_REAL> limit = {(R3D_REAL)infinity(), kNoFace};
  if (faces_per_pixel) {
    i64 seen_faces = 0;
    walk_tile(tiles, at, list, batch, warp_counts, [&](const Prepared<R3D_REAL>& p) {
      R3D_REAL z;
      seen_faces += comparable_depth(at.px, at.py, p, tiles.settings, &z);
    });
    join_shares(at, [&](int other) { seen_faces += __shfl_xor_sync(at.together, seen_faces, other); });
    const bool open = seen_faces > faces_per_pixel;
    if (any_of_block(open, said))
      limit = find_limit(tiles, at, open, faces_per_pixel, list, batch, warp_counts);
  }

  const PhongLook<R3D_REAL> look = load_look(scene, at.mesh);
  const LightKind kind = (LightKind)light_kind;
  const R3D_REAL inverse_sigma = (R3D_REAL)(1 / sigma), inverse_gamma = (R3D_REAL)(1 / gamma);
  const R3D_REAL inverse_range = 1 / (look.zfar - look.znear);
  R3D_REAL nearest = R3D_SMALLEST_WEIGHT, total = 0, uncovered = 1;  // relative to the nearest so far
  Vec3<R3D_REAL> color = {0, 0, 0};
  walk_tile(tiles, at, list, batch, warp_counts, [&](const Prepared<R3D_REAL>& p) {
    if (!limit.unlimited() && !limit.admits(at.px, at.py, p, tiles.settings)) return;
    const SeenFace<R3D_REAL> seen = see_prepared<true>(at.px, at.py, p, tiles.settings);
    if (!seen.hit) return;
    const SoftCoverage<R3D_REAL> coverage = soft_coverage(seen.dist, inverse_sigma);
    uncovered *= coverage.complement;
    const R3D_REAL nearness = nearness_of(seen.sample.z, look.zfar, inverse_range);
    const R3D_REAL now = max_of(nearest, nearness);
    const R3D_REAL weight =
        coverage.probability * exp_of(min_of((nearness - now) * inverse_gamma, (R3D_REAL)0));
    if (!(weight > 0)) return;
    const PhongFace<R3D_REAL> face = load_phong_face(faces, scene, (i64)p.id);
    const Vec3<R3D_REAL> shown = lit(face, seen.sample, texel_of(face, scene, seen.sample), look, kind).color;
    const R3D_REAL rescale = exp_of((nearest - now) * inverse_gamma);
    nearest = now;
    total = total * rescale + weight;
    color = rescale * color + weight * shown;
  });
  join_shares(at, [&](int other) {
    const R3D_REAL other_nearest = __shfl_xor_sync(at.together, nearest, other);
    const R3D_REAL now = max_of(nearest, other_nearest);
    const R3D_REAL mine = exp_of((nearest - now) * inverse_gamma);
    const R3D_REAL theirs = exp_of((other_nearest - now) * inverse_gamma);
    const auto add = [&](R3D_REAL own) {
      return mine * own + theirs * __shfl_xor_sync(at.together, own, other);
    };
    nearest = now;
    total = add(total);
    color = {add(color.x), add(color.y), add(color.z)};
    uncovered *= __shfl_xor_sync(at.together, uncovered, other);
  });
  if (!at.writes) return;
  const R3D_REAL behind = background_weight(nearest, inverse_gamma);
  total += behind;
  color = color + behind * look.background;
  R3D_REAL* const out = image + 4 * at.pixel;
  out[0] = color.x / total;
  out[1] = color.y / total;
  out[2] = color.z / total;
  out[3] = 1 - uncovered;
  R3D_REAL* const state = blend + 3 * at.pixel;
  state[0] = nearest;
  state[1] = total;
  state[2] = uncovered;
  if (limit_depth) {
    limit_depth[at.pixel] = limit.z;
    limit_face[at.pixel] = limit.id;
  }
}

// A block a piece of a picture.
extern "C" __global__ void __launch_bounds__(256)
    soft_phong_bwd_pixels(const R3D_REAL* looks,       // (N, 21)
                          const R3D_REAL* blend,       // (N, H, W, 3)
                          const R3D_REAL* grad_image,  // (N, H, W, 4)
                          i64 num_pixels,              // H W
                          int light_kind, double gamma,
                          double* pieces) {  // (N, grid's columns, 4) of the background's colour; the bound
  __shared__ double warp_sums[kWarps][4];
  const i64 image = blockIdx.y;
  const R3D_REAL inverse_gamma = (R3D_REAL)(1 / gamma);
  double sums[4] = {};
  for (int i = 0; i < 3; ++i) {
    const R3D_REAL* const look = looks + kLookSize * image + i;
    const bool lights = light_kind > (i32)LightKind::ambient, none = light_kind == (i32)LightKind::none;
    // Weights of a pixel add up to 1 or less.
    const double brightest = none ? 1 : fabs((double)look[0]) + (lights ? fabs((double)look[3]) : 0.0);
    for (i64 pixel = (i64)blockIdx.x * kThreads + threadIdx.x; pixel < num_pixels;
         pixel += (i64)kThreads * gridDim.x) {
      const i64 at = image * num_pixels + pixel;
      const R3D_REAL behind = background_weight(blend[3 * at], inverse_gamma);
      const R3D_REAL grad = grad_image[4 * at + i];
      sums[i] += (double)behind * (grad / blend[3 * at + 1]);
      sums[3] += fabs((double)grad) * brightest;
    }
  }
  for (int i = 0; i < 4; ++i) {
    for (int other = kWarp / 2; other > 0; other /= 2) sums[i] += __shfl_xor_sync(~0u, sums[i], other);
    if (threadIdx.x % kWarp == 0) warp_sums[threadIdx.x / kWarp][i] = sums[i];
  }
  __syncthreads();
  if (threadIdx.x >= 4) return;
  double sum = 0;
  for (int warp = 0; warp < kWarps; ++warp) sum += warp_sums[warp][threadIdx.x];
  pieces[4 * (image * gridDim.x + blockIdx.x) + threadIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(256)
    soft_phong_bwd_pieces(const double* pieces,  // (N, P, 4)
                          i64 num_images, i64 pieces_an_image,
                          double* scale,           // (1,) of texel gradients as integers
                          R3D_REAL* grad_looks) {  // (N, 21) zero before
  const i64 image = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (image >= num_images) return;
  double sums[3] = {};
  for (i64 piece = image * pieces_an_image; piece < (image + 1) * pieces_an_image; ++piece)
    for (int i = 0; i < 3; ++i) sums[i] += pieces[4 * piece + i];
  for (int i = 0; i < 3; ++i) grad_looks[kLookSize * image + 18 + i] = (R3D_REAL)sums[i];
  if (image > 0) return;
  double bound = 0;
  for (i64 piece = 0; piece < num_images * pieces_an_image; ++piece) bound += pieces[4 * piece + 3];
  // A power of two, so that scaling is exact; room for four times the bound. Not a number where there is
  // none.
  int exponent = 0;
  frexp(bound, &exponent);
  *scale = bound == 0 ? 0 : bound - bound == 0 ? ldexp(1.0, 60 - exponent) : bound - bound;
}

namespace {

// Where gradients go. Where `faces` is not null, sums of faces go there and those of texels of maps and
// atlases to `texel_sums`; else they are added to the rows that they belong to.
template <class Real>
struct PhongGradients {
  Real *verts, *positions, *normals;  // (V, 3)
  Real* looks;                        // (N, 21)
  Real* texels;                       // (T, 3)
  Real* uvs;                          // (U, 2)
  Real* faces;                        // (faces of the launch, PhongSum::size)
  i64* texel_sums;                    // (T, 3) multiples of 1 / scale
  const double* scale;                // (1,)
};

template <class Real>
__device__ inline void add_texel(i64 texel, const Vec3<Real>& grad, const PhongGradients<Real>& out) {
  const Real values[3] = {grad.x, grad.y, grad.z};
  for (int i = 0; i < 3; ++i) {
    if (values[i] == 0) continue;
    if (!out.faces)
      atomicAdd(out.texels + 3 * texel + i, values[i]);
    else if (*out.scale > 0)  // false where gradients are not finite
      atomicAdd((u64*)out.texel_sums + 3 * texel + i, (u64)(i64)((double)values[i] * *out.scale));
  }
}

// Of texel_of.
template <class Real>
__device__ inline void texel_of_bwd(const PhongFace<Real>& face, const SoftPhongScene<Real>& scene,
                                    const Sample<Real>& s, const Vec3<Real>& grad, Barycentric<Real>* grad_b,
                                    PhongSum<Real>* sum, const PhongGradients<Real>& out) {
  const Barycentric<Real> b = {s.b0, s.b1, s.b2};
  if ((TextureKind)scene.texture_kind == TextureKind::vertices) {
    blend3_bwd(b, face.colors, grad, grad_b, sum->colors);
    return;
  }
  if (!face.map) {
    add_texel(face.atlas + atlas_texel(s.b0, s.b1, scene.atlas_size), grad, out);
    return;
  }
  Real u, v, grad_u = 0, grad_v = 0;
  texture_coordinates(face, s, &u, &v);
  const Taps<Real> taps = find_taps(u, v, face.map, scene);
  for (int t = 0; t < 4; ++t) {
    const Real along = dot(load3(scene.texels, taps.texel[t]), grad);
    grad_u += taps.along_u[t] * along;
    grad_v += taps.along_v[t] * along;
    if (taps.weight[t] != 0) add_texel(taps.texel[t], taps.weight[t] * grad, out);
  }
  grad_b->b0 += grad_u * face.u[0] + grad_v * face.v[0];
  grad_b->b1 += grad_u * face.u[1] + grad_v * face.v[1];
  grad_b->b2 += grad_u * face.u[2] + grad_v * face.v[2];
  const Real weights[3] = {s.b0, s.b1, s.b2};
  for (int k = 0; k < 3; ++k) {
    sum->u[k] += grad_u * weights[k];
    sum->v[k] += grad_v * weights[k];
  }
}

// What a face that was hit gets from a pixel: sets the gradient of its hit, adds the others.
template <class Real>
__device__ inline HitGradient<Real> shade_bwd(i64 id, const SeenFace<Real>& seen,
                                              const PixelGradient<Real>& pixel, const PhongLook<Real>& look,
                                              const i64* faces, const SoftPhongScene<Real>& scene,
                                              PhongSum<Real>* sum, const PhongGradients<Real>& out) {
  const LightKind kind = (LightKind)scene.light_kind;
  const Real inverse_sigma = (Real)(1 / scene.sigma), inverse_gamma = (Real)(1 / scene.gamma);
  const Real inverse_range = 1 / (look.zfar - look.znear);
  const SoftCoverage<Real> coverage = soft_coverage(seen.dist, inverse_sigma);
  const Real nearness = nearness_of(seen.sample.z, look.zfar, inverse_range);
  HitGradient<Real> grad = {};
  grad.dist = pixel.uncovered * coverage.probability;
  const Real fade = exp_of(min_of((nearness - pixel.nearest) * inverse_gamma, (Real)0));
  if (!(coverage.probability * fade > 0)) return grad;
  const PhongFace<Real> face = load_phong_face(faces, scene, id);
  const Sample<Real>& s = seen.sample;
  const Vec3<Real> texel = texel_of(face, scene, s);
  const PhongPoint<Real> point = lit(face, s, texel, look, kind);
  const SlotGradient<Real> slot =
      blend_bwd(coverage, nearness, point.color, pixel, inverse_sigma, inverse_gamma);
  grad.dist = slot.dist;
  grad.sample.z = -slot.nearness * inverse_range;
  sum->look.znear += slot.nearness * nearness * inverse_range;
  sum->look.zfar += slot.nearness * (1 - nearness) * inverse_range;
  const Barycentric<Real> b = {s.b0, s.b1, s.b2};
  Barycentric<Real> grad_b = {0, 0, 0};
  Vec3<Real> grad_texel = slot.color;
  if (kind != LightKind::none) {
    Vec3<Real> grad_position, grad_normal;
    light_point_bwd(point, texel, look, kind, slot.color, &grad_texel, &grad_position, &grad_normal,
                    &sum->look);
    blend3_bwd(b, face.positions, grad_position, &grad_b, sum->positions);
    blend3_bwd(b, face.normals, grad_normal, &grad_b, sum->normals);
  }
  texel_of_bwd(face, scene, s, grad_texel, &grad_b, sum, out);
  grad.sample.b0 = grad_b.b0;
  grad.sample.b1 = grad_b.b1;
  grad.sample.b2 = grad_b.b2;
  return grad;
}

// Part of a face's sum to the row that it belongs to: parts as PhongSum has them.
template <class Real>
__device__ inline void give_part(i64 id, i64 mesh, int part, Real value, const i64* faces,
                                 const SoftPhongScene<Real>& scene, const PhongGradients<Real>& out) {
  if (value == 0) return;
  const TextureKind texture = (TextureKind)scene.texture_kind;
  if (part < 27) {
    Real* const rows = part < 9 ? out.verts : part < 18 ? out.positions : out.normals;
    atomicAdd(rows + 3 * faces[3 * id + part % 9 / 3] + part % 3, value);
  } else if (part < 36) {
    if (texture == TextureKind::vertices)
      atomicAdd(out.texels + 3 * scene.corner_ids[3 * id + part % 9 / 3] + part % 3, value);
  } else if (part < 42) {
    if (texture == TextureKind::maps)
      atomicAdd(out.uvs + 2 * scene.corner_ids[3 * id + part % 3] + (part - 36) / 3, value);
  } else {
    atomicAdd(out.looks + kLookSize * mesh + part - 42, value);
  }
}

}  // namespace

// The grid's columns share the faces, its rows the pixels of large ones: one row where sums must repeat.
extern "C" __global__ void __launch_bounds__(256)
    soft_phong_bwd(const R3D_REAL* verts,       // (V, 3)
                   const i64* faces,            // (F, 3)
                   const i64* mesh_first_face,  // (N + 1,)
                   i64 first_face, i64 last_face, i64 num_meshes, int height, int width, R3D_REAL blur_radius,
                   bool perspective_correct, bool clip_barycentric_coords, bool cull_backfaces,
                   R3D_REAL z_near, R3D_REAL z_far, bool is_perspective,
                   const R3D_REAL* positions,  // (V, 3)
                   const R3D_REAL* normals,    // (V, 3)
                   const R3D_REAL* looks,      // (N, 21)
                   const R3D_REAL* texels,     // (T, 3)
                   const i64* corner_ids,      // (F, 3), or null: an atlas
                   const R3D_REAL* uvs,        // (U, 2)
                   const i64* maps,            // (M, 3)
                   const i64* faces_source,    // (F,), or null: map 0, the face's own atlas
                   int light_kind, int texture_kind, i64 atlas_size, int padding, bool align_corners,
                   bool bilinear, double sigma, double gamma,
                   const R3D_REAL* image,        // (N, H, W, 4)
                   const R3D_REAL* blend,        // (N, H, W, 3)
                   const R3D_REAL* limit_depth,  // (N, H, W), or null: all faces count
                   const i32* limit_face,        // (N, H, W), or null
                   const R3D_REAL* grad_image,   // (N, H, W, 4)
                   R3D_REAL* grad_verts,         // (V, 3)
                   R3D_REAL* grad_positions,     // (V, 3)
                   R3D_REAL* grad_normals,       // (V, 3)
                   R3D_REAL* grad_looks,         // (N, 21)
                   R3D_REAL* grad_texels,        // (T, 3)
                   R3D_REAL* grad_uvs,           // (U, 2)
                   R3D_REAL* grad_faces,         // (last_face - first_face, 63), or null
                   i64* texel_sums,              // (T, 3) zero before, or null
                   const double* scale) {        // (1,)
  typedef PhongSum<R3D_REAL> Sum;
  __shared__ bool large[kWarps];
  __shared__ R3D_REAL warp_parts[2 * kWarps * Sum::size];
  const FaceRange<R3D_REAL> range = {verts,
                                     faces,
                                     mesh_first_face,
                                     first_face,
                                     last_face,
                                     num_meshes,
                                     height,
                                     width,
                                     {perspective_correct, clip_barycentric_coords, cull_backfaces,
                                      blur_radius, z_near, z_far, is_perspective}};
  const SoftPhongScene<R3D_REAL> scene = {positions,     normals,  looks, light_kind,   texture_kind, texels,
                                          corner_ids,    uvs,      maps,  faces_source, atlas_size,   padding,
                                          align_corners, bilinear, sigma, gamma};
  const PhongGradients<R3D_REAL> out = {grad_verts, grad_positions, grad_normals, grad_looks, grad_texels,
                                        grad_uvs,   grad_faces,     texel_sums,   scale};
  const R3D_REAL inverse_sigma = (R3D_REAL)(1 / sigma);
  sum_faces<Sum>(
      range, large, warp_parts,
      [&](i64 mesh, const Prepared<R3D_REAL>& p, const FacePixel<R3D_REAL>& at, Sum* sum) {
        const R3D_REAL *const grad = grad_image + 4 * at.pixel, *const state = blend + 3 * at.pixel;
        PixelGradient<R3D_REAL> pixel = {};
        pixel.color = {grad[0] / state[1], grad[1] / state[1], grad[2] / state[1]};
        pixel.blended =
            dot(pixel.color, {image[4 * at.pixel], image[4 * at.pixel + 1], image[4 * at.pixel + 2]});
        pixel.nearest = state[0];
        pixel.uncovered = -grad[3] * state[2] * inverse_sigma;
        if (pixel.color.x == 0 && pixel.color.y == 0 && pixel.color.z == 0 && pixel.uncovered == 0) return;
        if (limit_depth) {
          const DepthLimit<R3D_REAL> limit = {limit_depth[at.pixel], limit_face[at.pixel]};
          if (!limit.unlimited() && !limit.admits(at.px, at.py, p, range.settings)) return;
        }
        const SeenFace<R3D_REAL> seen = see_prepared<true>(at.px, at.py, p, range.settings);
        if (!seen.hit) return;
        const HitGradient<R3D_REAL> of_hit =
            shade_bwd((i64)p.id, seen, pixel, load_look(scene, mesh), faces, scene, sum, out);
        see_prepared_bwd<true>(at.px, at.py, seen, p, range.settings, of_hit, &sum->ndc);
      },
      [&](i64 id, i64 mesh, int part, R3D_REAL value) {
        if (grad_faces)
          grad_faces[Sum::size * (id - first_face) + part] = value;
        else if (mesh >= 0)
          give_part(id, mesh, part, value, faces, scene, out);
      });
}

// The numbers of a row are those of its corners, in PhongSum at offset + corner * corner_stride + i *
// part_stride.
extern "C" __global__ void __launch_bounds__(256)
    soft_phong_bwd_rows(const R3D_REAL* grad_faces,  // (last_face - first_face, 63)
                        const i32* first,            // (R + 1,) of each row's corners
                        const i32* corners,          // (3 F,) corners 3 f + j, by row, ascending
                        i64 first_face, i64 last_face, i64 num_rows, int offset, int corner_stride,
                        int part_stride, int row_size,
                        R3D_REAL* grad_rows) {  // (R, row_size) of the faces before
  const i64 row = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= num_rows) return;
  R3D_REAL sums[3] = {};
  for_corners(first, corners, row, first_face, last_face, [&](i64 face, int corner) {
    const R3D_REAL* const from = grad_faces + PhongSum<R3D_REAL>::size * (face - first_face) + offset;
    for (int i = 0; i < row_size; ++i) sums[i] += from[corner * corner_stride + i * part_stride];
  });
  for (int i = 0; i < row_size; ++i) grad_rows[row_size * row + i] += sums[i];
}

// The grid's columns are the numbers of a look, its rows the pictures.
extern "C" __global__ void __launch_bounds__(256)
    soft_phong_bwd_looks(const R3D_REAL* grad_faces,  // (last_face - first_face, 63)
                         const i64* mesh_first_face,  // (N + 1,)
                         i64 first_face, i64 last_face,
                         R3D_REAL* grad_looks) {  // (N, 21) of the faces before
  __shared__ double warp_sums[kWarps];
  const int part = blockIdx.x, image = blockIdx.y;
  const i64 begin = max(mesh_first_face[image], first_face), end = min(mesh_first_face[image + 1], last_face);
  double sum = 0;
  for (i64 face = begin + threadIdx.x; face < end; face += kThreads)
    sum += grad_faces[PhongSum<R3D_REAL>::size * (face - first_face + 1) - kLookSize + part];
  for (int other = kWarp / 2; other > 0; other /= 2) sum += __shfl_xor_sync(~0u, sum, other);
  if (threadIdx.x % kWarp == 0) warp_sums[threadIdx.x / kWarp] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int warp = 1; warp < kWarps; ++warp) sum += warp_sums[warp];
  grad_looks[kLookSize * image + part] += (R3D_REAL)sum;
}

extern "C" __global__ void __launch_bounds__(256) soft_phong_bwd_texels(const i64* texel_sums,    // (T, 3)
                                                                        const double* scale,      // (1,)
                                                                        i64 count,                // 3 T
                                                                        R3D_REAL* grad_texels) {  // (T, 3)
  const i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  // A scale that is no number is handed on.
  grad_texels[i] = *scale == 0 ? 0 : (R3D_REAL)((double)texel_sums[i] / *scale);
}
