// The mathematics of soft Phong shading: the light that a point of a face reflects (Phong 1975), what a
// texture shows there, and how the faces at a pixel blend (Liu et al. 2019, "Soft Rasterizer", equations 2
// and 3); each beside what moving it changes. `T` is a scalar, or on the CPU a vector of SIMD lanes.
//
// A face's weight at a pixel is probability * exp((nearness - nearest) / gamma), nearness falling from 1 at
// znear to 0 at zfar, nearest the largest of the pixel, so that no exponential overflows. Shifting all by
// `nearest` cancels: it has no gradient of its own.
#ifndef R3D_SHADING_SOFT_PHONG_H_
#define R3D_SHADING_SOFT_PHONG_H_

#include "math/geometry.h"
#include "math/vec.h"
#include "raster/rasterize_meshes.h"
#include "raster/soft_silhouette.h"

namespace r3d {

enum class LightKind : i32 { none, ambient, directional, point };  // none: texels as they are
enum class TextureKind : i32 { vertices, maps, atlas };
enum class Padding : i32 { border, zeros, reflection, repeat };

// A row of SoftPhongScene::looks.
template <class Real>
struct PhongLook {
  Vec3<Real> ambient, diffuse, specular;  // of the light times the material
  Vec3<Real> light;                       // its location, or the direction towards it
  Vec3<Real> camera;
  Real shininess, znear, zfar;
  Vec3<Real> background;
};
constexpr int kLookSize = 21;

template <class Real>
struct SoftPhongScene {
  const Real* positions;  // (V, 3) of the vertices, world space
  const Real* normals;    // (V, 3)
  const Real* looks;      // (N, 21) PhongLook
  i32 light_kind, texture_kind;
  const Real* texels;       // (T, 3) at vertices, of maps from their top rows, or of atlases
  const i64* corner_ids;    // (F, 3) into texels, or with maps into uvs; null with an atlas
  const Real* uvs;          // (U, 2)
  const i64* maps;          // (M, 3) first texel, height, width
  const i64* faces_source;  // (F,) the map of each face, or its place in the atlas; null: map 0, its own id
  i64 atlas_size;           // texels along a side
  i32 padding;
  bool align_corners, bilinear;
  double sigma, gamma;
};

// Smallest weight of the background, and the nearness at which it lies.
#define R3D_SMALLEST_WEIGHT 1e-10f
// A vector shorter than this is not made as long as 1.
#define R3D_SHORTEST 1e-6f

template <class T>
struct Unit3 {
  Vec3<T> direction;
  T inverse;  // 1 / length, or 1 / R3D_SHORTEST
};

template <class T>
R3D_FN Unit3<T> unit_of(const Vec3<T>& a) {
  const T inverse = 1 / max_of(sqrt_of(dot(a, a)), splat<T>(R3D_SHORTEST));
  return {inverse * a, inverse};
}

template <class T>
R3D_FN Vec3<T> unit_of_bwd(const Unit3<T>& unit, const Vec3<T>& grad) {
  const T inside = dot(unit.direction, grad);
  // At the cap the length is a constant.
  const T along = select(unit.inverse < 1 / R3D_SHORTEST, inside, splat<T>(0));
  return unit.inverse * (grad - along * unit.direction);
}

template <class T, class Real>
R3D_FN Vec3<T> blend3(T b0, T b1, T b2, const Vec3<Real>* corners) {
  return {b0 * corners[0].x + b1 * corners[1].x + b2 * corners[2].x,
          b0 * corners[0].y + b1 * corners[1].y + b2 * corners[2].y,
          b0 * corners[0].z + b1 * corners[1].z + b2 * corners[2].z};
}

template <class T>
struct Barycentric {
  T b0, b1, b2;
};

// Of blend3: adds to the gradients of the weights and of the corners.
template <class T, class Real>
R3D_FN void blend3_bwd(const Barycentric<T>& b, const Vec3<Real>* corners, const Vec3<T>& grad,
                       Barycentric<T>* grad_b, Vec3<T>* grad_corners) {
  grad_b->b0 += grad.x * corners[0].x + grad.y * corners[0].y + grad.z * corners[0].z;
  grad_b->b1 += grad.x * corners[1].x + grad.y * corners[1].y + grad.z * corners[1].z;
  grad_b->b2 += grad.x * corners[2].x + grad.y * corners[2].y + grad.z * corners[2].z;
  grad_corners[0] = grad_corners[0] + b.b0 * grad;
  grad_corners[1] = grad_corners[1] + b.b1 * grad;
  grad_corners[2] = grad_corners[2] + b.b2 * grad;
}

// Light at a point, and what the backward needs of the way there.
template <class T>
struct PhongPoint {
  Unit3<T> normal, light, view;
  T cosine, along;  // between normal and light, mirrored light and view
  T power;          // along to the shininess; where the light does not reach 0 to it, which is 1 of 0
  Vec3<T> base;     // ambient + diffuse, what texels are multiplied by
  Vec3<T> color;
};

template <class T, class Real>
R3D_FN Vec3<T> spread3(const Vec3<Real>& a) {
  const T zero = splat<T>(0);
  return {zero + a.x, zero + a.y, zero + a.z};
}

template <class T, class Real>
R3D_FN PhongPoint<T> light_point(const Vec3<T>& position, const Vec3<T>& normal, const Vec3<T>& texel,
                                 const PhongLook<Real>& look, LightKind kind) {
  const T zero = splat<T>(0), one = splat<T>(1);
  PhongPoint<T> p;
  p.base = spread3<T>(look.ambient);
  p.cosine = p.along = p.power = zero;
  p.normal = unit_of(normal);
  if (kind == LightKind::point || kind == LightKind::directional) {
    const Vec3<T> to_light = spread3<T>(look.light);
    p.light = unit_of(kind == LightKind::point ? to_light - position : to_light);
    p.view = unit_of(spread3<T>(look.camera) - position);
    p.cosine = dot(p.normal.direction, p.light.direction);
    const T reached = max_of(p.cosine, zero);
    p.base = p.base + Vec3<T>{reached * look.diffuse.x, reached * look.diffuse.y, reached * look.diffuse.z};
    p.along = dot(p.view.direction, (2 * p.cosine) * p.normal.direction - p.light.direction);
    const auto seen = (p.cosine > 0) & (p.along > 0);
    const T unseen = splat<T>(look.shininess == 0 ? 1 : 0);
    p.power = select(seen, exp_of(look.shininess * log_of(select(seen, p.along, one))), unseen);
  }
  p.color = p.base * texel;
  p.color.x += p.power * look.specular.x;
  p.color.y += p.power * look.specular.y;
  p.color.z += p.power * look.specular.z;
  return p;
}

template <class T>
struct PhongLookGradient {
  Vec3<T> ambient, diffuse, specular, light, camera;
  T shininess, znear, zfar;
  Vec3<T> background;
};

// Of light_point: sets the gradients of texel, position and normal, adds to those of the look.
template <class T, class Real>
R3D_FN void light_point_bwd(const PhongPoint<T>& p, const Vec3<T>& texel, const PhongLook<Real>& look,
                            LightKind kind, const Vec3<T>& grad, Vec3<T>* grad_texel, Vec3<T>* grad_position,
                            Vec3<T>* grad_normal, PhongLookGradient<T>* grad_look) {
  const T zero = splat<T>(0), one = splat<T>(1);
  *grad_texel = grad * p.base;
  *grad_position = *grad_normal = {zero, zero, zero};
  const Vec3<T> grad_base = grad * texel;
  grad_look->ambient = grad_look->ambient + grad_base;
  if (kind != LightKind::point && kind != LightKind::directional) return;
  const auto reached = p.cosine > 0;
  grad_look->diffuse = grad_look->diffuse + max_of(p.cosine, zero) * grad_base;
  grad_look->specular = grad_look->specular + p.power * grad;
  const T grad_power = grad.x * look.specular.x + grad.y * look.specular.y + grad.z * look.specular.z;
  const auto seen = reached & (p.along > 0);
  const T along = select(seen, p.along, one);
  grad_look->shininess += grad_power * p.power * log_of(along);
  const T grad_along = grad_power * look.shininess * (p.power / along);
  const Vec3<T>&n = p.normal.direction, &l = p.light.direction, &v = p.view.direction;
  const Vec3<T> mirrored = (2 * p.cosine) * n - l, grad_mirrored = grad_along * v;
  const T from_base =
      grad_base.x * look.diffuse.x + grad_base.y * look.diffuse.y + grad_base.z * look.diffuse.z;
  const T grad_cosine = select(reached, from_base, zero) + 2 * dot(grad_mirrored, n);
  *grad_normal = unit_of_bwd(p.normal, (2 * p.cosine) * grad_mirrored + grad_cosine * l);
  const Vec3<T> grad_light = unit_of_bwd(p.light, grad_cosine * n - grad_mirrored);
  const Vec3<T> grad_view = unit_of_bwd(p.view, grad_along * mirrored);
  grad_look->light = grad_look->light + grad_light;
  grad_look->camera = grad_look->camera + grad_view;
  *grad_position = -grad_view;
  if (kind == LightKind::point) *grad_position = *grad_position - grad_light;
}

// Where a texture coordinate falls along a side of a map, and how fast it moves there.
template <class Real>
struct TexelPosition {
  Real at, slope;
};

template <class Real>
R3D_FN TexelPosition<Real> texel_position(Real coordinate, i64 size, Padding padding, bool align_corners) {
  const Real last = (Real)(size - 1);
  if (padding == Padding::repeat && align_corners && (coordinate < 0 || coordinate > 1))
    coordinate -= floor(coordinate);
  TexelPosition<Real> p = {align_corners ? coordinate * last : coordinate * (Real)size - (Real)0.5,
                           align_corners ? last : (Real)size};
  Real low = 0, high = last;
  if (padding == Padding::zeros) {
    low = -1, high = (Real)size;
  } else if (padding == Padding::repeat && !align_corners) {
    return p;
  } else if (padding == Padding::reflection) {
    const Real origin = align_corners ? 0 : (Real)-0.5;
    const Real span = align_corners ? (last > 1 ? last : 1) : (Real)size;
    const Real away = p.at - origin, turns = fabs(away) / (2 * span);
    const Real there_and_back = fabs(away) - 2 * span * floor(turns);
    p.slope = (away < 0) != (there_and_back > span) ? -p.slope : p.slope;
    p.at = span - fabs(there_and_back - span) + origin;
  }
  // Comparisons that a NaN fails too.
  if (!(p.at >= low)) p.at = low, p.slope = 0;
  if (!(p.at <= high)) p.at = high, p.slope = 0;
  return p;
}

// Four texels of a map with their weights, and how the weights change with u and v.
template <class Real>
struct Taps {
  i64 texel[4];
  Real weight[4], along_u[4], along_v[4];
};

R3D_FN i64 wrapped(i64 index, i64 size, bool wraps) {
  if (wraps) {
    index %= size;
    return index < 0 ? index + size : index;
  }
  return index < 0 ? 0 : index >= size ? size - 1 : index;
}

template <class Real>
R3D_FN Taps<Real> find_taps(Real u, Real v, const i64* map, const SoftPhongScene<Real>& scene) {
  const i64 first = map[0], height = map[1], width = map[2];
  const Padding padding = (Padding)scene.padding;
  const TexelPosition<Real> x = texel_position(u, width, padding, scene.align_corners);
  const TexelPosition<Real> y = texel_position(v, height, padding, scene.align_corners);
  const bool wraps = padding == Padding::repeat && !scene.align_corners, zeros = padding == Padding::zeros;
  // Positions stay within what an i64 holds, whatever the coordinate.
  const Real bound = (Real)1e9;
  const Real px = max_of(min_of(x.at, bound), -bound), py = max_of(min_of(y.at, bound), -bound);
  const Real fx = scene.bilinear ? floor(px) : rint(px), fy = scene.bilinear ? floor(py) : rint(py);
  const Real dx = scene.bilinear ? px - fx : 0, dy = scene.bilinear ? py - fy : 0;
  Taps<Real> taps;
  for (int i = 0; i < 4; ++i) {
    const i64 column = (i64)fx + (i & 1), up = (i64)fy + (i >> 1);
    const bool outside = column < 0 || column >= width || up < 0 || up >= height;
    const Real sx = zeros && outside ? 0 : i & 1 ? 1 : -1, sy = zeros && outside ? 0 : i >> 1 ? 1 : -1;
    const Real wx = i & 1 ? dx : 1 - dx, wy = i >> 1 ? dy : 1 - dy;
    taps.texel[i] = first + (height - 1 - wrapped(up, height, wraps)) * width + wrapped(column, width, wraps);
    taps.weight[i] = zeros && outside ? 0 : wx * wy;
    taps.along_u[i] = scene.bilinear ? sx * wy * x.slope : 0;
    taps.along_v[i] = scene.bilinear ? wx * sy * y.slope : 0;
  }
  return taps;
}

template <class Real>
R3D_FN Vec3<Real> sample_map(const Taps<Real>& taps, const Real* texels) {
  Vec3<Real> sum = {0, 0, 0};
  for (int i = 0; i < 4; ++i) sum = sum + taps.weight[i] * load3(texels, taps.texel[i]);
  return sum;
}

// Row and column of an atlas at barycentric coordinates: the face is cut into triangles of equal size, two a
// cell.
template <class Real>
R3D_FN i64 atlas_texel(Real b0, Real b1, i64 size) {
  const Real n = (Real)size;
  const Real x = max_of(min_of(b0, (Real)1), (Real)0) * n, y = max_of(min_of(b1, (Real)1), (Real)0) * n;
  Real column = floor(x), row = floor(y);
  // Beyond the diagonal of the cells along the edge opposite to the third corner lies no part of the face,
  // though rounding may say so.
  if (!((x - column) + (y - row) <= 1) && column + row < n - 1) column = n - 1 - column, row = n - 1 - row;
  column = max_of(min_of(column, n - 1), (Real)0);
  row = max_of(min_of(row, n - 1), (Real)0);
  return (i64)row * size + (i64)column;
}

// What shading needs of a face.
template <class Real>
struct PhongFace {
  Vec3<Real> positions[3], normals[3], colors[3];
  Real u[3], v[3];
  const i64* map;
  i64 atlas;  // first texel
};

template <class Real>
R3D_FN PhongFace<Real> load_phong_face(const i64* faces, const SoftPhongScene<Real>& scene, i64 id) {
  PhongFace<Real> face;
  const TextureKind kind = (TextureKind)scene.texture_kind;
  const i64 source = scene.faces_source ? scene.faces_source[id] : kind == TextureKind::atlas ? id : 0;
  face.map = kind == TextureKind::maps ? scene.maps + 3 * source : nullptr;
  face.atlas = source * scene.atlas_size * scene.atlas_size;
  for (int i = 0; i < 3; ++i) {
    const i64 vertex = faces[3 * id + i];
    if (scene.light_kind != (i32)LightKind::none) {
      face.positions[i] = load3(scene.positions, vertex);
      face.normals[i] = load3(scene.normals, vertex);
    }
    if (kind == TextureKind::vertices) {
      face.colors[i] = load3(scene.texels, scene.corner_ids[3 * id + i]);
    } else if (kind == TextureKind::maps) {
      face.u[i] = scene.uvs[2 * scene.corner_ids[3 * id + i]];
      face.v[i] = scene.uvs[2 * scene.corner_ids[3 * id + i] + 1];
    }
  }
  return face;
}

// What one face passes on: to its corners on the screen and in the world, to its texture, to the look.
template <class Real>
struct PhongSum {
  TriangleGradient<Real> ndc;
  Vec3<Real> positions[3], normals[3], colors[3];
  Real u[3], v[3];
  PhongLookGradient<Real> look;

  static constexpr int size = sizeof(TriangleGradient<Real>) / sizeof(Real) + 27 + 6 + kLookSize;
  R3D_FN_MEMBER void add(const PhongSum& other) {
    Real* const to = (Real*)this;
    const Real* const from = (const Real*)&other;
    for (int i = 0; i < size; ++i) to[i] += from[i];
  }
};

// The blend of a pixel.
template <class T>
struct PhongBlend {
  T nearest;  // nearness of the nearest face, at least R3D_SMALLEST_WEIGHT
  T total;    // sum of the weights, the background's too
  T uncovered;
};

template <class T, class S>
R3D_FN T nearness_of(T z, S zfar, S inverse_range) {
  return (zfar - z) * inverse_range;
}

template <class T, class S>
R3D_FN T background_weight(T nearest, S inverse_gamma) {
  return max_of(exp_of((R3D_SMALLEST_WEIGHT - nearest) * inverse_gamma), splat<T>(R3D_SMALLEST_WEIGHT));
}

// What a pixel passes on to its faces.
template <class T>
struct PixelGradient {
  Vec3<T> color;  // of the blended colour, divided by the total weight
  T blended;      // that, dotted with the blended colour
  T nearest;      // PhongBlend's
  T uncovered;    // the gradient of `uncovered` times uncovered / sigma
};

// What a face's slot at a pixel gets: gradients of its colour, signed distance and depth.
template <class T>
struct SlotGradient {
  Vec3<T> color;
  T dist, nearness;
};

template <class T, class S>
R3D_FN SlotGradient<T> blend_bwd(const SoftCoverage<T>& coverage, T nearness, const Vec3<T>& color,
                                 const PixelGradient<T>& pixel, S inverse_sigma, S inverse_gamma) {
  const T fade = exp_of(min_of((nearness - pixel.nearest) * inverse_gamma, splat<T>(0)));
  const T weight = coverage.probability * fade;
  const T grad_weight = dot(pixel.color, color) - pixel.blended;
  SlotGradient<T> g;
  g.color = weight * pixel.color;
  g.nearness = grad_weight * weight * inverse_gamma;
  g.dist =
      pixel.uncovered * coverage.probability - grad_weight * weight * coverage.complement * inverse_sigma;
  return g;
}

}  // namespace r3d

#endif  // R3D_SHADING_SOFT_PHONG_H_
