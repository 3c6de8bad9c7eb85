// The CPU schedule of soft_phong. Forward: tiles of pixels, each lighting and adding up the faces of its
// list. Backward: faces, each lighting the pixels of its box again and adding up what they pass on. Gradients
// of texels, which many faces share, are added up as integers, whose sum does not depend on the order.
#include "cpu/simd_math.h"

#include "cpu/depth_limits.h"
#include "cpu/face_sums.h"
#include "shading/soft_phong.h"

namespace r3d {
namespace R3D_ISA {
namespace {

// Texels in lanes, one by one where they are looked up.
template <class Real>
R3D_MEMBER Vec3<Lanes<Real>> texels_of(const PhongFace<Real>& face, const SoftPhongScene<Real>& scene,
                                       const Sample<Lanes<Real>>& s, u32 hit) {
  typedef Lanes<Real> L;
  if ((TextureKind)scene.texture_kind == TextureKind::vertices) return blend3(s.b0, s.b1, s.b2, face.colors);
  Vec3<L> texel = {{}, {}, {}};
  for (; hit; hit &= hit - 1) {
    const int i = __builtin_ctz(hit);
    Vec3<Real> one;
    if (face.map) {
      const Real u = s.b0[i] * face.u[0] + s.b1[i] * face.u[1] + s.b2[i] * face.u[2];
      const Real v = s.b0[i] * face.v[0] + s.b1[i] * face.v[1] + s.b2[i] * face.v[2];
      one = sample_map(find_taps(u, v, face.map, scene), scene.texels);
    } else {
      one = load3(scene.texels, face.atlas + atlas_texel((Real)s.b0[i], (Real)s.b1[i], scene.atlas_size));
    }
    texel.x[i] = one.x, texel.y[i] = one.y, texel.z[i] = one.z;
  }
  return texel;
}

template <class Real>
R3D_MEMBER PhongLook<Real> look_of(const SoftPhongScene<Real>& scene, i64 image) {
  PhongLook<Real> look;
  static_assert(sizeof(look) == kLookSize * sizeof(Real), "a look is a row of numbers");
  __builtin_memcpy(&look, scene.looks + kLookSize * image, sizeof(look));
  return look;
}

template <class Real>
R3D_MEMBER PhongPoint<Lanes<Real>> lit(const PhongFace<Real>& face, const Sample<Lanes<Real>>& s,
                                       const Vec3<Lanes<Real>>& texel, const PhongLook<Real>& look,
                                       LightKind kind) {
  typedef Lanes<Real> L;
  if (kind == LightKind::none) {
    const L one = splat<L>(1);
    PhongPoint<L> p = {};
    p.base = {one, one, one};
    p.color = texel;
    return p;
  }
  return light_point(blend3(s.b0, s.b1, s.b2, face.positions), blend3(s.b0, s.b1, s.b2, face.normals), texel,
                     look, kind);
}

// Blends of a tile's pixels on the way: sums of weights and weighted colours, relative to the nearest so far.
template <class Real>
struct TileBlend {
  static constexpr int size = kTileStride * kTileStride;
  alignas(64) Real nearest[size], total[size], red[size], green[size], blue[size], uncovered[size];

  R3D_MEMBER void clear() {
    for (int i = 0; i < size; ++i) {
      nearest[i] = (Real)R3D_SMALLEST_WEIGHT;
      total[i] = red[i] = green[i] = blue[i] = 0;
      uncovered[i] = 1;
    }
  }
};

template <class Real>
bool phong_tile(const Frame<Real>& frame, const SoftPhongArgs<Real>& args, i64 image, int tile_y, int tile_x,
                const u32* list, i64 count) {
  typedef Lanes<Real> L;
  constexpr int width = Simd<Real>::width, sw = Stamp<Real>::width, sh = Stamp<Real>::height;
  const RasterizeMeshesArgs<Real>& a = frame.args;
  const SoftPhongScene<Real>& scene = args.scene;
  const i64 K = a.faces_per_pixel;  // 0: all
  const int row0 = tile_y * kListTile, column0 = tile_x * kListTile;
  const PixelBox tile = {column0, row0, (column0 + kListTile < a.width ? column0 + kListTile : a.width) - 1,
                         (row0 + kListTile < a.height ? row0 + kListTile : a.height) - 1};
  TileLimits<Real> limits;
  if (K > 0 && !find_limits(frame, tile, list, count, K, &limits)) return false;
  const bool limited = K > 0 && count > K;
  const PhongLook<Real> look = look_of(scene, image);
  const LightKind kind = (LightKind)scene.light_kind;
  const Real inverse_sigma = (Real)(1 / scene.sigma), inverse_gamma = (Real)(1 / scene.gamma);
  const Real inverse_range = 1 / (look.zfar - look.znear);
  TileBlend<Real> blend;
  blend.clear();
  StampFaces<Real> faces(frame);
  for (i64 at = 0; at < count; at += width) {
    faces.each(
        list + at, (int)(count - at < width ? count - at : width), tile,
        [&](int, const StampFace<Real>& face, const PixelBox& box) {
          PhongFace<Real> shaded;
          bool loaded = false;
          for (int r = box.y0; r <= box.y1; r += sh) {
            const L py = stamp_rows(frame.row_y + r);
            for (int c = box.x0; c <= box.x1; c += sw) {
              StampHits<Real> h =
                  hit_stamp<true, false>(stamp_columns(frame.column_x + c), py, face, frame.settings);
              u32 hit = mask_bits(h.hit);
              if (!hit) continue;
              const int place = (r - row0) * kTileStride + c - column0;
              if (limited) {
                for (u32 out = hit & ~limits.within(place, h.sample.z, face.id); out; out &= out - 1)
                  h.hit[__builtin_ctz(out)] = 0;
                hit = mask_bits(h.hit);
                if (!hit) continue;
              }
              const L zero = splat<L>(0), one = splat<L>(1);
              const SoftCoverage<L> coverage = soft_coverage(h.dist, inverse_sigma);
              Real* const uncovered = blend.uncovered + place;
              store_stamp(uncovered, kTileStride,
                          load_stamp(uncovered, kTileStride) * select(h.hit, coverage.complement, one));
              const L nearness = nearness_of(h.sample.z, look.zfar, inverse_range);
              const L before = load_stamp(blend.nearest + place, kTileStride);
              const L nearest = select(h.hit, max_of(before, nearness), before);
              const L fade = exp_of(min_of((nearness - nearest) * inverse_gamma, zero));
              const L weight = select(h.hit, coverage.probability * fade, zero);
              const u32 shows = mask_bits(weight > 0);
              if (!shows) continue;
              if (!loaded) shaded = load_phong_face(a.faces, scene, face.id), loaded = true;
              const Vec3<L> texel = texels_of(shaded, scene, h.sample, shows);
              const Vec3<L> color = lit(shaded, h.sample, texel, look, kind).color;
              const L rescale = exp_of((before - nearest) * inverse_gamma);
              store_stamp(blend.nearest + place, kTileStride, nearest);
              const auto add = [&](Real* sums, L more) {
                Real* const sum = sums + place;
                // A colour that is no number where nothing shows must not reach the sum.
                store_stamp(sum, kTileStride,
                            load_stamp(sum, kTileStride) * rescale + select(weight > 0, weight * more, zero));
              };
              add(blend.total, one);
              add(blend.red, color.x);
              add(blend.green, color.y);
              add(blend.blue, color.z);
            }
          }
        });
  }
  for (int r = 0; r <= tile.y1 - row0; ++r)
    for (int c = 0; c <= tile.x1 - column0; ++c) {
      const i64 pixel = (image * a.height + row0 + r) * a.width + column0 + c;
      const int place = r * kTileStride + c;
      const Real behind = background_weight(blend.nearest[place], inverse_gamma);
      const Real total = blend.total[place] + behind;
      Real* const out = args.image + 4 * pixel;
      out[0] = (blend.red[place] + behind * look.background.x) / total;
      out[1] = (blend.green[place] + behind * look.background.y) / total;
      out[2] = (blend.blue[place] + behind * look.background.z) / total;
      out[3] = 1 - blend.uncovered[place];
      Real* const state = args.blend + 3 * pixel;
      state[0] = blend.nearest[place];
      state[1] = total;
      state[2] = blend.uncovered[place];
      if (K > 0) {
        args.limit_depth[pixel] = limits.z[place];
        args.limit_face[pixel] = limits.id[place];
      }
    }
  return true;
}

template <class Real>
RasterizeMeshesStatus phong(const SoftPhongArgs<Real>& args) {
  const RasterizeMeshesArgs<Real>& a = args.raster;
  const PixelCenters<Real> centers(a.width, a.height);
  if (!centers.column_x) return {-1, true};
  const Frame<Real> frame = {a, settings_of(a), centers.column_x, centers.row_y, kListShift};
  const TileGrid grid = {(a.width + kListTile - 1) / kListTile, (a.height + kListTile - 1) / kListTile};
  RasterizeMeshesStatus status = {-1, false};
  const bool enough = for_each_tile(
      a.mesh_first_face, a.num_meshes, grid, a.workspace_budget,
      [&](i64, i64 begin, i64 end, TileRange* ranges) {
        bounds_of_faces(frame, begin, end, ranges, &status.bad_face);
      },
      [&](i64 n, int y, int x, const u32* list, i64 count) {
        if (!phong_tile(frame, args, n, y, x, list, count))
          __atomic_store_n(&status.out_of_memory, true, __ATOMIC_RELAXED);
      });
  status.out_of_memory |= !enough;
  return status;
}

// Texel gradients as integers: multiples of 1 / scale.
template <class Real>
struct TexelSums {
  i64* sums;  // (T, 3), or null: nobody asks
  double scale;

  R3D_MEMBER void add(i64 texel, const Vec3<Real>& grad) const {
    const Real parts[3] = {grad.x, grad.y, grad.z};
    for (int i = 0; i < 3; ++i)
      if (parts[i] != 0)
        __atomic_fetch_add(sums + 3 * texel + i, (i64)((double)parts[i] * scale), __ATOMIC_RELAXED);
  }
};

template <class Real>
struct PhongBackward {
  typedef Lanes<Real> L;
  const SoftPhongBwdArgs<Real>& args;
  const Frame<Real>& frame;
  const TexelSums<Real>& texel_sums;
  // Images of what pixels pass on, padded: PixelGradient's fields.
  const PaddedImages<Real>&red, &green, &blue, &blended, &nearest, &uncovered;

  void sum(i64 image, const u32* ids, int count, const PixelBox& window, PhongSum<Real>* const* out) const {
    const RasterizeMeshesArgs<Real>& a = frame.args;
    const PhongLook<Real> look = look_of(args.forward.scene, image);
    StampFaces<Real> faces(frame);
    faces.each(ids, count, window, [&](int i, const StampFace<Real>& face, const PixelBox& box) {
      sum_face(image, a, look, face, box, out[i]);
    });
  }

  __attribute__((noinline)) void sum_face(i64 image, const RasterizeMeshesArgs<Real>& a,
                                          const PhongLook<Real>& look, const StampFace<Real>& face,
                                          const PixelBox& box, PhongSum<Real>* out) const {
    constexpr int sw = Stamp<Real>::width, sh = Stamp<Real>::height;
    const SoftPhongArgs<Real>& forward = args.forward;
    const SoftPhongScene<Real>& scene = forward.scene;
    const LightKind kind = (LightKind)scene.light_kind;
    const TextureKind texture = (TextureKind)scene.texture_kind;
    const Real inverse_sigma = (Real)(1 / scene.sigma), inverse_gamma = (Real)(1 / scene.gamma);
    const Real inverse_range = 1 / (look.zfar - look.znear);
    const bool limited = a.faces_per_pixel > 0;
    const PhongFace<Real> shaded = load_phong_face(a.faces, scene, face.id);
    const L zero = splat<L>(0);
    TriangleGradient<L> ndc = {};
    Vec3<L> positions[3] = {}, normals[3] = {}, colors[3] = {};
    PhongLookGradient<L> grad_look = {};
    PhongSum<Real> rest = {};
    for (int r = box.y0; r <= box.y1; r += sh) {
      const L py = stamp_rows(frame.row_y + r);
      for (int c = box.x0; c <= box.x1; c += sw) {
        const auto of = [&](const PaddedImages<Real>& images) {
          return load_stamp(images.at(image, r, c), (int)images.row);
        };
        const PixelGradient<L> pixel = {
            {of(red), of(green), of(blue)}, of(blended), of(nearest), of(uncovered)};
        const auto asked =
            (pixel.color.x != 0) | (pixel.color.y != 0) | (pixel.color.z != 0) | (pixel.uncovered != 0);
        if (!mask_bits(asked)) continue;
        const L px = stamp_columns(frame.column_x + c);
        StampHits<Real> h = hit_stamp<true, true>(px, py, face, frame.settings);
        h.hit = h.hit & asked;
        if (limited)
          for (u32 left = mask_bits(h.hit); left; left &= left - 1) {
            const int lane = __builtin_ctz(left), y = r + lane / sw, x = c + lane % sw;
            const i64 at = (image * a.height + y) * a.width + x;
            if (y >= a.height || x >= a.width || h.sample.z[lane] > forward.limit_depth[at] ||
                (h.sample.z[lane] == forward.limit_depth[at] && face.id > forward.limit_face[at]))
              h.hit[lane] = 0;
          }
        if (!mask_bits(h.hit)) continue;
        const SoftCoverage<L> coverage = soft_coverage(h.dist, inverse_sigma);
        const L nearness = nearness_of(h.sample.z, look.zfar, inverse_range);
        const L fade = exp_of(min_of((nearness - pixel.nearest) * inverse_gamma, zero));
        const auto shows = h.hit & (coverage.probability * fade > 0);
        HitGradient<L> grad = {};
        if (mask_bits(shows)) {
          const Vec3<L> texel = texels_of(shaded, scene, h.sample, mask_bits(shows));
          const PhongPoint<L> point = lit(shaded, h.sample, texel, look, kind);
          SlotGradient<L> slot =
              blend_bwd(coverage, nearness, point.color, pixel, inverse_sigma, inverse_gamma);
          slot.color = {select(shows, slot.color.x, zero), select(shows, slot.color.y, zero),
                        select(shows, slot.color.z, zero)};
          grad.dist = select(shows, slot.dist, pixel.uncovered * coverage.probability);
          const L of_nearness = select(shows, slot.nearness, zero);
          grad.sample.z = -of_nearness * inverse_range;
          grad_look.znear += of_nearness * nearness * inverse_range;
          grad_look.zfar += of_nearness * (1 - nearness) * inverse_range;
          Barycentric<L> grad_b = {zero, zero, zero};
          const Barycentric<L> b = {h.sample.b0, h.sample.b1, h.sample.b2};
          Vec3<L> grad_texel = slot.color;
          if (kind != LightKind::none) {
            Vec3<L> grad_position, grad_normal;
            light_point_bwd(point, texel, look, kind, slot.color, &grad_texel, &grad_position, &grad_normal,
                            &grad_look);
            grad_position = only(shows, grad_position), grad_normal = only(shows, grad_normal);
            blend3_bwd(b, shaded.positions, grad_position, &grad_b, positions);
            blend3_bwd(b, shaded.normals, grad_normal, &grad_b, normals);
          }
          grad_texel = only(shows, grad_texel);
          if (texture == TextureKind::vertices)
            blend3_bwd(b, shaded.colors, grad_texel, &grad_b, colors);
          else
            texels_bwd(shaded, b, grad_texel, mask_bits(shows), &grad_b, &rest);
          grad.sample.b0 = grad_b.b0, grad.sample.b1 = grad_b.b1, grad.sample.b2 = grad_b.b2;
        } else {
          grad.dist = pixel.uncovered * coverage.probability;
        }
        hit_stamp_bwd<true>(h, face, frame.settings, grad, &ndc, &rest.ndc);
      }
    }
    add_lanes(ndc, &rest.ndc);
    for (int i = 0; i < 3; ++i) {
      add_lanes(positions[i], &rest.positions[i]);
      add_lanes(normals[i], &rest.normals[i]);
      add_lanes(colors[i], &rest.colors[i]);
    }
    const L* const lanes = (const L*)&grad_look;
    Real* const sums = (Real*)&rest.look;
    for (int i = 0; i < kLookSize; ++i)
      for (int lane = 0; lane < Simd<Real>::width; ++lane) sums[i] += lanes[i][lane];
    *out = rest;
  }

 private:
  static R3D_MEMBER Vec3<L> only(Ints<Real> mask, const Vec3<L>& a) {
    const L zero = splat<L>(0);
    return {select(mask, a.x, zero), select(mask, a.y, zero), select(mask, a.z, zero)};
  }
  static R3D_MEMBER void add_lanes(const TriangleGradient<L>& g, TriangleGradient<Real>* to) {
    R3D_ISA::add_lanes<Real>(g, to);
  }
  static R3D_MEMBER void add_lanes(const Vec3<L>& g, Vec3<Real>* to) {
    for (int i = 0; i < Simd<Real>::width; ++i) to->x += g.x[i], to->y += g.y[i], to->z += g.z[i];
  }

  // Of texels_of a map or an atlas, lane by lane.
  R3D_MEMBER void texels_bwd(const PhongFace<Real>& face, const Barycentric<L>& b, const Vec3<L>& grad,
                             u32 lanes, Barycentric<L>* grad_b, PhongSum<Real>* sum) const {
    const SoftPhongScene<Real>& scene = args.forward.scene;
    for (; lanes; lanes &= lanes - 1) {
      const int i = __builtin_ctz(lanes);
      const Vec3<Real> g = {(Real)grad.x[i], (Real)grad.y[i], (Real)grad.z[i]};
      if (!face.map) {
        const i64 texel = atlas_texel((Real)b.b0[i], (Real)b.b1[i], scene.atlas_size);
        if (texel_sums.sums) texel_sums.add(face.atlas + texel, g);
        continue;
      }
      const Real u = b.b0[i] * face.u[0] + b.b1[i] * face.u[1] + b.b2[i] * face.u[2];
      const Real v = b.b0[i] * face.v[0] + b.b1[i] * face.v[1] + b.b2[i] * face.v[2];
      const Taps<Real> taps = find_taps(u, v, face.map, scene);
      Real grad_u = 0, grad_v = 0;
      for (int t = 0; t < 4; ++t) {
        const Real along = dot(load3(scene.texels, taps.texel[t]), g);
        grad_u += taps.along_u[t] * along;
        grad_v += taps.along_v[t] * along;
        if (texel_sums.sums && taps.weight[t] != 0) texel_sums.add(taps.texel[t], taps.weight[t] * g);
      }
      grad_b->b0[i] += grad_u * face.u[0] + grad_v * face.v[0];
      grad_b->b1[i] += grad_u * face.u[1] + grad_v * face.v[1];
      grad_b->b2[i] += grad_u * face.u[2] + grad_v * face.v[2];
      const Real weights[3] = {(Real)b.b0[i], (Real)b.b1[i], (Real)b.b2[i]};
      for (int k = 0; k < 3; ++k) {
        sum->u[k] += grad_u * weights[k];
        sum->v[k] += grad_v * weights[k];
      }
    }
  }
};

template <class Real>
R3D_MEMBER void add3(Real* rows, i64 row, const Vec3<Real>& g) {
  rows[3 * row] += g.x;
  rows[3 * row + 1] += g.y;
  rows[3 * row + 2] += g.z;
}

template <class Real>
bool phong_bwd(const SoftPhongBwdArgs<Real>& args) {
  const SoftPhongArgs<Real>& forward = args.forward;
  const SoftPhongScene<Real>& scene = forward.scene;
  const RasterizeMeshesArgs<Real>& a = forward.raster;
  const TextureKind texture = (TextureKind)scene.texture_kind;
  const i64 N = a.num_meshes;
  const auto clear = [](Real* to, i64 count) { __builtin_memset(to, 0, (size_t)count * sizeof(Real)); };
  clear(args.grad_verts, 3 * a.num_verts);
  const bool is_lit = scene.light_kind != (i32)LightKind::none;
  clear(args.grad_positions, is_lit ? 3 * a.num_verts : 0);
  clear(args.grad_normals, is_lit ? 3 * a.num_verts : 0);
  clear(args.grad_uvs, 2 * args.num_uvs);
  clear(args.grad_texels, 3 * args.num_texels);
  const PixelCenters<Real> centers(a.width, a.height);
  PaddedImages<Real> red(a, N), green(a, N), blue(a, N), blended(a, N), nearest(a, N), uncovered(a, N);
  Scratch<double> looks(N * kLookSize);
  const bool sums_texels = texture != TextureKind::vertices && args.num_texels > 0;
  Scratch<i64> texel_memory(sums_texels ? 3 * args.num_texels : 0);
  if (!centers.column_x || !red.memory.data || !green.memory.data || !blue.memory.data ||
      !blended.memory.data || !nearest.memory.data || !uncovered.memory.data || !looks.data ||
      !texel_memory.data)
    return false;
  const Real inverse_sigma = (Real)(1 / scene.sigma), inverse_gamma = (Real)(1 / scene.gamma);
  const auto pixel_of = [&](i64 n, int r, int c) { return (n * a.height + r) * a.width + c; };
  const auto divided = [&](int channel) {
    return [&, channel](i64 n, int r, int c) {
      const i64 pixel = pixel_of(n, r, c);
      return args.grad_image[4 * pixel + channel] / forward.blend[3 * pixel + 1];
    };
  };
  red.fill(a, N, divided(0));
  green.fill(a, N, divided(1));
  blue.fill(a, N, divided(2));
  blended.fill(a, N, [&](i64 n, int r, int c) {
    const Real* const color = forward.image + 4 * pixel_of(n, r, c);
    return *red.at(n, r, c) * color[0] + *green.at(n, r, c) * color[1] + *blue.at(n, r, c) * color[2];
  });
  nearest.fill(a, N, [&](i64 n, int r, int c) { return forward.blend[3 * pixel_of(n, r, c)]; });
  uncovered.fill(a, N, [&](i64 n, int r, int c) {
    const i64 pixel = pixel_of(n, r, c);
    return -args.grad_image[4 * pixel + 3] * forward.blend[3 * pixel + 2] * inverse_sigma;
  });

  // The background, and how much a texel's sum can come to at most: weights of a pixel add up to 1 or less.
  double bound = 0;
  for (i64 n = 0; n < N; ++n) {
    const PhongLook<Real> look = look_of(scene, n);
    double* const row = &looks[n * kLookSize];
    for (int i = 0; i < kLookSize; ++i) row[i] = 0;
    const Vec3<Real> most = is_lit ? look.ambient : Vec3<Real>{1, 1, 1};
    const bool diffuse = scene.light_kind > (i32)LightKind::ambient;
    const double brightest[3] = {
        __builtin_fabs((double)most.x) + diffuse * __builtin_fabs((double)look.diffuse.x),
        __builtin_fabs((double)most.y) + diffuse * __builtin_fabs((double)look.diffuse.y),
        __builtin_fabs((double)most.z) + diffuse * __builtin_fabs((double)look.diffuse.z)};
    for (int r = 0; r < a.height; ++r)
      for (int c = 0; c < a.width; ++c) {
        const i64 pixel = pixel_of(n, r, c);
        const double behind = background_weight(forward.blend[3 * pixel], inverse_gamma);
        const Real parts[3] = {*red.at(n, r, c), *green.at(n, r, c), *blue.at(n, r, c)};
        for (int i = 0; i < 3; ++i) {
          row[18 + i] += behind * parts[i];
          bound += __builtin_fabs((double)args.grad_image[4 * pixel + i]) * brightest[i];
        }
      }
  }
  TexelSums<Real> texel_sums = {sums_texels ? texel_memory.data : nullptr, 0};
  if (sums_texels) {
    __builtin_memset(texel_memory.data, 0, (size_t)args.num_texels * 3 * sizeof(i64));
    // A power of two, so that scaling is exact; room for four times the bound.
    int exponent = 0;
    __builtin_frexp(bound, &exponent);
    texel_sums.scale = bound > 0 && bound < __builtin_inf() ? __builtin_ldexp(1.0, 60 - exponent) : 0;
    if (!(bound < __builtin_inf())) texel_sums.sums = nullptr;
  }

  const Frame<Real> frame = {a, settings_of(a), centers.column_x, centers.row_y, 0};
  const PhongBackward<Real> backward = {args, frame,   texel_sums, red,      green,
                                        blue, blended, nearest,    uncovered};
  i64 image = 0;
  const bool enough = sum_faces<PhongSum<Real>>(
      frame,
      [&](i64 n, const u32* ids, int count, const PixelBox& window, PhongSum<Real>* const* out) {
        backward.sum(n, ids, count, window, out);
      },
      [&](i64 face, const PhongSum<Real>& g) {
        while (face >= a.mesh_first_face[image + 1]) ++image;
        const i64* const v = a.faces + 3 * face;
        add3(args.grad_verts, v[0], {g.ndc.x0, g.ndc.y0, g.ndc.z0});
        add3(args.grad_verts, v[1], {g.ndc.x1, g.ndc.y1, g.ndc.z1});
        add3(args.grad_verts, v[2], {g.ndc.x2, g.ndc.y2, g.ndc.z2});
        for (int i = 0; i < 3; ++i) {
          if (is_lit) {
            add3(args.grad_positions, v[i], g.positions[i]);
            add3(args.grad_normals, v[i], g.normals[i]);
          }
          if (texture == TextureKind::vertices) {
            add3(args.grad_texels, scene.corner_ids[3 * face + i], g.colors[i]);
          } else if (texture == TextureKind::maps) {
            args.grad_uvs[2 * scene.corner_ids[3 * face + i]] += g.u[i];
            args.grad_uvs[2 * scene.corner_ids[3 * face + i] + 1] += g.v[i];
          }
        }
        const Real* const parts = (const Real*)&g.look;
        for (int i = 0; i < kLookSize; ++i) looks[image * kLookSize + i] += parts[i];
      });
  for (i64 i = 0; i < N * kLookSize; ++i) args.grad_looks[i] = (Real)looks[i];
  if (sums_texels)
    for (i64 i = 0; i < 3 * args.num_texels; ++i)
      args.grad_texels[i] = !texel_sums.sums       ? (Real)not_a_number()
                            : texel_sums.scale > 0 ? (Real)((double)texel_memory[i] / texel_sums.scale)
                                                   : (Real)0;
  return enough;
}

}  // namespace

RasterizeMeshesStatus soft_phong_fwd(const SoftPhongArgs<float>& args) { return phong(args); }
RasterizeMeshesStatus soft_phong_fwd(const SoftPhongArgs<double>& args) { return phong(args); }
bool soft_phong_bwd(const SoftPhongBwdArgs<float>& args) { return phong_bwd(args); }
bool soft_phong_bwd(const SoftPhongBwdArgs<double>& args) { return phong_bwd(args); }

}  // namespace R3D_ISA
}  // namespace r3d
