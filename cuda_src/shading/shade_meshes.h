// The mathematics of shading: from the fragments of a pixel's samples to the pixel. Shared by the CPU
// schedule, the CUDA kernel and the emulation.
//
// A sample composites its fragments front to back; a pixel averages its samples as premultiplied linear
// light, lies over the background, and is encoded. The reflection is Phong's (1975), in PyTorch3D's terms:
// (ambient + diffuse) * texel + specular, specular only where the diffuse cosine is positive. Gouraud's
// (1971) shading takes both sums at the corners and interpolates them.
//
// What a fragment looks up (its face, vertex colours, textures) is scalar; its lighting is written for `T`, a
// scalar or, on the CPU, a vector of SIMD lanes.
#ifndef R3D_SHADING_SHADE_MESHES_H_
#define R3D_SHADING_SHADE_MESHES_H_

#include "math/geometry.h"
#include "math/vec.h"

namespace r3d {

enum Shading { kPhong, kFlat, kNormals, kGouraud, kUnlit };
enum AlphaMode { kOpaque, kMask, kBlend };
enum Wrap { kRepeat, kClamp, kMirror };
enum Filter { kLinear, kNearest };

// Columns of the tables.
enum MaterialColumn {
  kBaseColor = 0,
  kEmissive = 4,
  kSpecular = 7,
  kShininess = 10,
  kAlphaCutoff = 11,
  kMaterialColumns = 12
};
enum MaterialCode { kBaseTexture, kEmissiveTexture, kAlphaMode, kIsUnlit, kMaterialCodes };
enum TextureColumn { kFirstTexel, kWidth, kHeight, kLevels, kWrapU, kWrapV, kFilter, kTextureColumns };
enum LightColumn {
  kPosition = 0,
  kAmbient = 4,
  kDiffuse = 7,
  kLightSpecular = 10,
  kSoftness = 13,
  kLightColumns = 14
};

// Light that still passes a pile of transparent fragments when the rest of the pile no longer shows in 8
// bits.
#define R3D_OPAQUE_ENOUGH ((Real)(1.0 / 1024))

template <class Real>
struct ShadeScene {
  // The mesh. A null pointer: the mesh has none. -1 in faces_normals: the face's own normal.
  const Real* verts;          // (V, 3)
  const i64* faces;           // (F, 3)
  i64 num_faces;              // F
  const Real* normals;        // (A, 3), or null
  const i64* faces_normals;   // (F, 3), or null: ids into normals
  const Real* uvs;            // (B, 2), or null: v = 0 at the bottom
  const i64* faces_uvs;       // (F, 3), or null: ids into uvs; -1: (0, 0)
  const Real* colors;         // (V, 4), or null: linear
  const i32* faces_material;  // (F,), or null, which is material 0: ids into materials
  const Real* materials;      // (M, kMaterialColumns)
  const i32* material_codes;  // (M, kMaterialCodes) textures by id, -1: none
  // All levels of all textures; colour sRGB, alpha linear; row 0 at the top.
  const u8* texels;     // (X, 4)
  const i64* textures;  // (T, kTextureColumns)
  // Position (x, y, z, 1) or direction towards the light (x, y, z, 0), and its colours.
  const Real* lights;      // (L, kLightColumns)
  i32 num_lights;          // the number of lights
  const Real* half_codes;  // (511,) linear light of the sRGB codes 0, 0.5, 1 ... 255
  const Real* camera;      // (4,) position (x, y, z, 1) or direction towards the camera (x, y, z, 0)
  const Real* background;  // (4,) straight alpha, linear where `srgb`
  const u8* backdrop;      // (H, W, 4), or null: a picture instead of the background, coded as the output
  // Colour, linear where `srgb`, and the squared NDC distance from a face's edge within which it is drawn.
  const Real* wireframe;  // (4,), or null
  Real focal;             // samples for one view unit at depth 1, orthographic: anywhere; 0: no mip maps
  i32 shading;            // Shading; kNormals takes verts and normals in view space
  bool two_sided;         // normals are turned towards the viewer
  bool srgb;              // 8-bit output is encoded; else it is linear
};

// The fragments of one picture, S x S samples a pixel, each nearest first.
template <class Real>
struct SampleGrid {
  const i64* pix_to_face;   // (H * S, W * S, K) -1: no more
  const Real* zbuf;         // (H * S, W * S, K) view depth
  const Real* bary_coords;  // (H * S, W * S, K, 3)
  const Real* dists;  // (H * S, W * S, K), or null: signed squared NDC distance to the edge, for a wireframe
  i64 height;         // H pixels
  i64 width;          // W pixels
  i64 supersampling;  // S samples a pixel along a side
  i64 faces_per_pixel;  // K slots a sample
};

template <class Real>
struct ShadeMeshes {
  ShadeScene<Real> scene;
  SampleGrid<Real> grid;
  i64 channels;     // C of the image: 4, or 3 without alpha
  u8* image;        // (H, W, C), or null: straight alpha
  Real* linear;     // (H, W, 4), or null: straight alpha
  i32* unfinished;  // (1,) zero before; 1: a sample wanted more fragments than there was room for
};

template <class Real>
struct Rgba {
  Vec3<Real> rgb;
  Real a;
};

template <class Real>
R3D_FN Rgba<Real> operator+(const Rgba<Real>& p, const Rgba<Real>& q) {
  return {p.rgb + q.rgb, p.a + q.a};
}
template <class Real>
R3D_FN Rgba<Real> operator*(Real s, const Rgba<Real>& p) {
  return {s * p.rgb, s * p.a};
}
template <class Real>
R3D_FN Rgba<Real> operator*(const Rgba<Real>& p, const Rgba<Real>& q) {
  return {p.rgb * q.rgb, p.a * q.a};
}

template <class T>
R3D_FN Vec3<T> select3(decltype(T() > T()) mask, const Vec3<T>& a, const Vec3<T>& b) {
  return {select(mask, a.x, b.x), select(mask, a.y, b.y), select(mask, a.z, b.z)};
}
// A row of a table, the same in all lanes, times a number in lanes.
template <class T, class Real>
R3D_FN Vec3<T> scaled3(const T& s, const Real* rgb) {
  return {s * rgb[0], s * rgb[1], s * rgb[2]};
}
// At unit length; the zero vector stays zero.
template <class T>
R3D_FN Vec3<T> unit3(const Vec3<T>& a) {
  const T length2 = dot(a, a);
  return select(length2 > 0, 1 / sqrt_of(length2), splat<T>(0)) * a;
}

// -- Textures
// --------------------------------------------------------------------------------------------------

R3D_FN i32 wrap_texel(i32 i, i32 size, i64 wrap) {
  if (i >= 0 && i < size) return i;  // dividing takes longer than all the rest
  if (wrap == kClamp) return i < 0 ? 0 : size - 1;
  const i64 period = wrap == kMirror ? (i64)2 * size : size;
  i64 place = i % period;
  if (place < 0) place += period;
  return (i32)(place < size ? place : period - 1 - place);
}

// Colour in linear light; alpha as its code, 0..255.
template <class Real>
R3D_FN Rgba<Real> load_texel(const Real* half_codes, const u8* texels, i32 texel) {
  const u8* const code = texels + 4 * (i64)texel;
  return {{half_codes[2 * code[0]], half_codes[2 * code[1]], half_codes[2 * code[2]]}, (Real)code[3]};
}

// The same for scalars and, with the lanes that cpu/shade_meshes.cpp adds, one by one for several.
template <class T>
struct TextureAccess {
  static R3D_FN_MEMBER i32 wrap(i32 i, i32 size, i64 how) { return wrap_texel(i, size, how); }
  static R3D_FN_MEMBER Rgba<T> load(const T* half_codes, const u8* texels, i32 texel) {
    return load_texel(half_codes, texels, texel);
  }
};

// A texture coordinate in texels; beyond any sensible image, and for NaN, the first one.
template <class T>
R3D_FN T texel_coordinate(const T& t, const T& size) {
  const T x = t * size;
  return select((x > -1e9f) & (x < 1e9f), x, splat<T>(0));
}

// One mip level, each lane its own: bilinear between texel centres at half integers, or the nearest texel.
template <class T, class Real>
R3D_FN Rgba<T> sample_level(const ShadeScene<Real>& scene, const i64* texture, const IntsOf<T>& level,
                            const T& u, const T& v) {
  typedef IntsOf<T> I;
  typedef TextureAccess<T> Access;
  const I none = level * 0, width0 = none + (i32)texture[kWidth], height0 = none + (i32)texture[kHeight];
  const I width = max_of_ints(width0 >> level, 1), height = max_of_ints(height0 >> level, 1);
  I first = none;
  for (i32 above = 0; any_of(level > above); ++above) {
    const I texels = max_of_ints(width0 >> above, 1) * max_of_ints(height0 >> above, 1);
    first = level > above ? first + texels : first;
  }
  const u8* const texels = scene.texels + 4 * texture[kFirstTexel];
  const T columns = reals_of<T>(width), rows = reals_of<T>(height);
  T x = texel_coordinate(u, columns), y = texel_coordinate<T>(1 - v, rows);
  if (texture[kFilter] == kNearest) {
    const I column = Access::wrap(floors_of(x), width, texture[kWrapU]);
    const I row = Access::wrap(floors_of(y), height, texture[kWrapV]);
    return Access::load(scene.half_codes, texels, first + row * width + column);
  }
  x = x - 0.5f;
  y = y - 0.5f;
  const I left = floors_of(x), top = floors_of(y);
  const T s = x - reals_of<T>(left), t = y - reals_of<T>(top);
  const I c0 = Access::wrap(left, width, texture[kWrapU]),
          c1 = Access::wrap(left + 1, width, texture[kWrapU]);
  const I r0 = first + Access::wrap(top, height, texture[kWrapV]) * width;
  const I r1 = first + Access::wrap(top + 1, height, texture[kWrapV]) * width;
  const Rgba<T> upper = (1 - s) * Access::load(scene.half_codes, texels, r0 + c0) +
                        s * Access::load(scene.half_codes, texels, r0 + c1);
  const Rgba<T> lower = (1 - s) * Access::load(scene.half_codes, texels, r1 + c0) +
                        s * Access::load(scene.half_codes, texels, r1 + c1);
  return (1 - t) * upper + t * lower;
}

// `texture_area`: of the unit square of texture space, how much one sample covers. Between the two mip levels
// whose texels are nearest to that in size (Williams 1983, "Pyramidal parametrics").
template <class T, class Real>
R3D_CALL Rgba<T> sample_texture(const ShadeScene<Real>& scene, i64 id, T u, T v, T texture_area) {
  typedef IntsOf<T> I;
  const i64* const texture = scene.textures + kTextureColumns * id;
  const T zero = splat<T>(0), one = splat<T>(1);
  const T texels = texture_area * (Real)(texture[kWidth] * texture[kHeight]);
  T level = 0.5f * log2_of(select(texels > 1, texels, one));
  if (texture[kFilter] == kNearest) level = zero;
  const T last = zero + (Real)(texture[kLevels] - 1);
  level = select(level < last, level, last);
  const I finer = floors_of(level);
  const T t = level - reals_of<T>(finer);
  Rgba<T> color = sample_level<T>(scene, texture, finer, u, v);
  if (any_of(t > 0)) {
    const I coarser = min_of_ints(finer + 1, (i32)texture[kLevels] - 1);
    color = (1 - t) * color + t * sample_level<T>(scene, texture, coarser, u, v);
  }
  color.a = color.a / 255;
  return color;
}

// -- The surface
// -----------------------------------------------------------------------------------------------

// What shading needs of a face. Neighbouring samples mostly see the same one, so it is kept from one to the
// next.
template <class Real>
struct ShadeFace {
  i64 id;
  Vec3<Real> p0, p1, p2;  // vertices
  Vec3<Real> area2;       // normal of the face times twice its area
  Vec3<Real> n0, n1, n2;  // normals at the corners, of any length
  Real u[3], v[3];        // texture coordinates there, if any
  const Real* material;
  const i32* codes;
};

template <class Real>
R3D_FN ShadeFace<Real> no_face() {
  ShadeFace<Real> face = {};
  face.id = -1;
  return face;
}

template <class Real>
R3D_FN Vec3<Real> corner_normal(const ShadeScene<Real>& scene, i64 corner, const Vec3<Real>& face_normal) {
  const i64 id = scene.faces_normals[corner];
  return id < 0 ? face_normal : load3(scene.normals, id);
}

template <class Real>
R3D_FN void load_face(const ShadeScene<Real>& scene, i64 id, ShadeFace<Real>* face) {
  if (face->id == id) return;
  face->id = id;
  face->p0 = load3(scene.verts, scene.faces[3 * id]);
  face->p1 = load3(scene.verts, scene.faces[3 * id + 1]);
  face->p2 = load3(scene.verts, scene.faces[3 * id + 2]);
  face->area2 = cross(face->p1 - face->p0, face->p2 - face->p0);
  face->n0 = face->n1 = face->n2 = face->area2;
  if (scene.normals && scene.shading != kFlat) {
    face->n0 = corner_normal(scene, 3 * id, face->area2);
    face->n1 = corner_normal(scene, 3 * id + 1, face->area2);
    face->n2 = corner_normal(scene, 3 * id + 2, face->area2);
  }
  if (scene.uvs) {
    for (int i = 0; i < 3; ++i) {
      const i64 uv = scene.faces_uvs[3 * id + i];
      face->u[i] = uv < 0 ? (Real)0 : scene.uvs[2 * uv];
      face->v[i] = uv < 0 ? (Real)0 : scene.uvs[2 * uv + 1];
    }
  }
  const i64 material = scene.faces_material ? scene.faces_material[id] : 0;
  face->material = scene.materials + kMaterialColumns * material;
  face->codes = scene.material_codes + kMaterialCodes * material;
}

template <class Real>
R3D_FN Vec3<Real> mix3(const Real* b, const Vec3<Real>& v0, const Vec3<Real>& v1, const Vec3<Real>& v2) {
  return b[0] * v0 + b[1] * v1 + b[2] * v2;
}

// From the surface towards a position (w = 1) or in a direction (w = 0).
template <class T, class Real>
R3D_FN Vec3<T> towards(const Real* xyzw, const Vec3<T>& point) {
  return {xyzw[0] - xyzw[3] * point.x, xyzw[1] - xyzw[3] * point.y, xyzw[2] - xyzw[3] * point.z};
}

// Share of texture space under one sample: the face's area there over the area of its picture. A piece of
// surface with normal n at p, seen from c, covers |n . (p - c)| / z^3 as much of the plane at depth 1.
template <class T, class Real>
R3D_FN T texture_area(const ShadeScene<Real>& scene, const Vec3<T>& area2, const Vec3<T>& view,
                      const T& depth, const T* u, const T* v) {
  if (!(scene.focal > 0)) return splat<T>(0);
  const T uv_area2 = abs_of((u[1] - u[0]) * (v[2] - v[1]) - (v[1] - v[0]) * (u[2] - u[1]));
  const T picture = abs_of(dot(area2, view)) * scene.focal * scene.focal;
  return (scene.camera[3] != 0 ? uv_area2 * (depth * depth * depth) : uv_area2) / picture;
}

// What the surface is made of at a fragment: linear, not premultiplied.
template <class Real>
struct SurfaceColor {
  Rgba<Real> base;
  Vec3<Real> emissive;
};

// The base colour without its texture.
template <class Real>
R3D_FN Rgba<Real> plain_color(const ShadeScene<Real>& scene, const ShadeFace<Real>& face, const Real* bary) {
  const Real* const material = face.material;
  const Rgba<Real> base = {load3(material + kBaseColor, 0), material[kBaseColor + 3]};
  if (!scene.colors) return base;
  const Real* const c[3] = {scene.colors + 4 * scene.faces[3 * face.id],
                            scene.colors + 4 * scene.faces[3 * face.id + 1],
                            scene.colors + 4 * scene.faces[3 * face.id + 2]};
  const Rgba<Real> color = {mix3(bary, load3(c[0], 0), load3(c[1], 0), load3(c[2], 0)),
                            bary[0] * c[0][3] + bary[1] * c[1][3] + bary[2] * c[2][3]};
  return base * color;
}

template <class Real>
R3D_FN SurfaceColor<Real> look_up(const ShadeScene<Real>& scene, const ShadeFace<Real>& face,
                                  const Real* bary, Real depth) {
  const Real* const material = face.material;
  Rgba<Real> base = plain_color(scene, face, bary);
  Vec3<Real> emissive = load3(material + kEmissive, 0);
  const i32 base_texture = face.codes[kBaseTexture], emissive_texture = face.codes[kEmissiveTexture];
  if (scene.uvs && (base_texture >= 0 || emissive_texture >= 0)) {
    const Real u = bary[0] * face.u[0] + bary[1] * face.u[1] + bary[2] * face.u[2];
    const Real v = bary[0] * face.v[0] + bary[1] * face.v[1] + bary[2] * face.v[2];
    const Vec3<Real> view = towards(scene.camera, mix3(bary, face.p0, face.p1, face.p2));
    const Real area = texture_area(scene, face.area2, view, depth, face.u, face.v);
    if (base_texture >= 0) base = base * sample_texture(scene, base_texture, u, v, area);
    if (emissive_texture >= 0) emissive = emissive * sample_texture(scene, emissive_texture, u, v, area).rgb;
  }
  const i32 mode = face.codes[kAlphaMode];
  if (mode == kOpaque) base.a = 1;
  if (mode == kMask) base.a = base.a >= material[kAlphaCutoff] ? (Real)1 : (Real)0;
  return {base, emissive};
}

// -- Light
// -----------------------------------------------------------------------------------------------------

// A fragment to be lit.
template <class T>
struct LitFragment {
  Vec3<T> p0, p1, p2;  // the face's vertices
  Vec3<T> n0, n1, n2;  // normals there, of any length
  T b0, b1, b2;
  Vec3<T> base, emissive, specular;
  T shininess;
  T unlit;  // 0 or 1
};

// Sums of the lights' ambient and diffuse light, and of their highlights.
template <class T>
struct Reflection {
  Vec3<T> diffuse, specular;
};

template <class T, class Real>
R3D_FN Reflection<T> reflect_lights(const ShadeScene<Real>& scene, const Vec3<T>& point,
                                    const Vec3<T>& normal, const T& shininess) {
  const T zero = splat<T>(0);
  Reflection<T> sum = {{zero, zero, zero}, {zero, zero, zero}};
  const Vec3<T> view = unit3(towards(scene.camera, point));
  for (int l = 0; l < scene.num_lights; ++l) {
    const Real* const light = scene.lights + kLightColumns * l;
    const Vec3<T> direction = unit3(towards(light + kPosition, point));
    const T cosine = dot(normal, direction);
    const Real softness = light[kSoftness];
    // A soft light wraps around the surface: 0 is Lambert's cosine, 1 is a hemisphere of light.
    const T wrapped = (cosine + softness) / (1 + softness);
    sum.diffuse =
        sum.diffuse + Vec3<T>{zero + light[kAmbient], zero + light[kAmbient + 1], zero + light[kAmbient + 2]};
    sum.diffuse = sum.diffuse + scaled3(select(wrapped > 0, wrapped, zero), light + kDiffuse);
    const Real* const highlight = light + kLightSpecular;
    if (highlight[0] == 0 && highlight[1] == 0 && highlight[2] == 0) continue;
    const T mirrored = dot(view, 2 * cosine * normal - direction);
    const auto seen = (cosine > 0) & (mirrored > 0);
    if (any_of(seen)) {  // a power costs more than the rest
      const T power = pow_of(select(seen, mirrored, zero + 1), shininess);
      sum.specular = sum.specular + scaled3(select(seen, power, zero), highlight);
    }
  }
  return sum;
}

// A normal at unit length, on the face's side; the face's own where there is none. `turn`: the face is seen
// from behind and normals are turned towards the viewer.
template <class T, class Real>
R3D_FN Vec3<T> shading_normal(const ShadeScene<Real>& scene, const Vec3<T>& given, const Vec3<T>& area2,
                              const T& side) {
  Vec3<T> normal = unit3(given);
  normal = select3<T>(dot(normal, normal) == 0, unit3(area2), normal);
  if (!scene.two_sided) return normal;
  // The side is the face's, not the interpolated normal's, which may look away at a silhouette.
  return select3<T>((side >= 0) == (dot(normal, area2) >= 0), normal, -normal);
}

// The light that leaves a fragment towards the camera.
template <class T, class Real>
R3D_FN Vec3<T> light_fragment(const ShadeScene<Real>& scene, const LitFragment<T>& f) {
  if (scene.shading == kUnlit) return f.base + f.emissive;
  const Vec3<T> area2 = cross(f.p1 - f.p0, f.p2 - f.p0);
  const Vec3<T> point = f.b0 * f.p0 + f.b1 * f.p1 + f.b2 * f.p2;
  const T side = dot(area2, towards(scene.camera, point));
  Reflection<T> light;
  if (scene.shading == kGouraud) {
    const Reflection<T> r0 =
        reflect_lights(scene, f.p0, shading_normal(scene, f.n0, area2, side), f.shininess);
    const Reflection<T> r1 =
        reflect_lights(scene, f.p1, shading_normal(scene, f.n1, area2, side), f.shininess);
    const Reflection<T> r2 =
        reflect_lights(scene, f.p2, shading_normal(scene, f.n2, area2, side), f.shininess);
    light.diffuse = f.b0 * r0.diffuse + f.b1 * r1.diffuse + f.b2 * r2.diffuse;
    light.specular = f.b0 * r0.specular + f.b1 * r1.specular + f.b2 * r2.specular;
  } else {
    const Vec3<T> between = f.b0 * unit3(f.n0) + f.b1 * unit3(f.n1) + f.b2 * unit3(f.n2);
    const Vec3<T> normal = shading_normal(scene, between, area2, side);
    const T half = splat<T>(0.5f);
    if (scene.shading == kNormals)
      return {half - half * normal.x, half + half * normal.y, half - half * normal.z};
    // Flat shading gives a face one light, that of its middle.
    const Vec3<T> lit =
        scene.shading == kFlat ? (splat<T>(0) + (Real)(1.0 / 3)) * (f.p0 + f.p1 + f.p2) : point;
    light = reflect_lights(scene, lit, normal, f.shininess);
  }
  const Vec3<T> shaded = light.diffuse * f.base + f.specular * light.specular;
  return select3<T>(f.unlit > 0, f.base, shaded) + f.emissive;
}

// -- Samples to pixels
// -----------------------------------------------------------------------------------------

// Gives what a sample shows to `sink`, which adds it up: light(face, bary, color, weight) for a fragment to
// be lit, paint(color, weight) for what has its colour. False: light still passed after the last fragment
// that there was room for, so that more fragments a sample would change it.
template <class Real, class Sink>
R3D_FN bool shade_sample(const ShadeScene<Real>& scene, const SampleGrid<Real>& grid, i64 sample,
                         ShadeFace<Real>* face, Sink& sink) {
  Real passes = 1;
  for (i64 at = sample * grid.faces_per_pixel; at < (sample + 1) * grid.faces_per_pixel; ++at) {
    const i64 id = grid.pix_to_face[at];
    if (id < 0 || id >= scene.num_faces) return true;
    load_face(scene, id, face);
    const Real* const bary = grid.bary_coords + 3 * at;
    const bool drawn = scene.wireframe && fabs(grid.dists[at]) <= scene.wireframe[3];
    if (face->codes[kAlphaMode] == kOpaque && !drawn) {
      sink.light_opaque(*face, bary, grid.zbuf[at], passes);
      return true;
    }
    const SurfaceColor<Real> color = look_up(scene, *face, bary, grid.zbuf[at]);
    if (color.base.a <= 0) continue;
    if (drawn) {
      sink.paint(load3(scene.wireframe, 0), passes);
      return true;
    }
    const Real weight = passes * color.base.a;
    sink.light(*face, bary, color, weight);
    passes -= weight;
    if (passes < R3D_OPAQUE_ENOUGH) return true;
  }
  return false;
}

// Lights each fragment at once and adds it to one sum.
template <class Real>
struct PixelSink {
  const ShadeScene<Real>& scene;
  Rgba<Real> sum;

  R3D_FN_MEMBER void light(const ShadeFace<Real>& face, const Real* bary, const SurfaceColor<Real>& color,
                           Real weight) {
    const Real* const material = face.material;
    const LitFragment<Real> fragment = {face.p0,
                                        face.p1,
                                        face.p2,
                                        face.n0,
                                        face.n1,
                                        face.n2,
                                        bary[0],
                                        bary[1],
                                        bary[2],
                                        color.base.rgb,
                                        color.emissive,
                                        load3(material + kSpecular, 0),
                                        material[kShininess],
                                        (Real)face.codes[kIsUnlit]};
    sum = sum + Rgba<Real>{weight * light_fragment(scene, fragment), weight};
  }
  R3D_FN_MEMBER void light_opaque(const ShadeFace<Real>& face, const Real* bary, Real depth, Real weight) {
    light(face, bary, look_up(scene, face, bary, depth), weight);
  }
  R3D_FN_MEMBER void paint(const Vec3<Real>& color, Real weight) {
    sum = sum + Rgba<Real>{weight * color, weight};
  }
};

// The sum of a pixel's samples. False where one of them wanted more fragments.
template <class Real>
R3D_FN bool shade_samples(const ShadeScene<Real>& scene, const SampleGrid<Real>& grid, i64 row, i64 column,
                          ShadeFace<Real>* face, PixelSink<Real>& sink) {
  bool finished = true;
  const i64 side = grid.supersampling;
  for (i64 y = row * side; y < (row + 1) * side; ++y)
    for (i64 x = column * side; x < (column + 1) * side; ++x)
      finished = shade_sample(scene, grid, y * grid.width * side + x, face, sink) && finished;
  return finished;
}

template <class Real>
R3D_FN Rgba<Real> background_at(const ShadeScene<Real>& scene, i64 pixel) {
  if (!scene.backdrop) return {load3(scene.background, 0), scene.background[3]};
  const u8* const code = scene.backdrop + 4 * pixel;
  const Real alpha = code[3] / (Real)255;
  if (!scene.srgb) return {{code[0] / (Real)255, code[1] / (Real)255, code[2] / (Real)255}, alpha};
  return {{scene.half_codes[2 * code[0]], scene.half_codes[2 * code[1]], scene.half_codes[2 * code[2]]},
          alpha};
}

// The pixel over the background; straight alpha again.
template <class Real>
R3D_FN Rgba<Real> composite(const SampleGrid<Real>& grid, const Rgba<Real>& sum,
                            const Rgba<Real>& background) {
  const Rgba<Real> pixel = (1 / (Real)(grid.supersampling * grid.supersampling)) * sum;
  const Real behind = (1 - pixel.a) * background.a, alpha = pixel.a + behind;
  const Vec3<Real> rgb = pixel.rgb + behind * background.rgb;
  return {(alpha > 0 ? 1 / alpha : (Real)0) * rgb, alpha};
}

// The 8-bit code nearest to a value in linear light: exact, by bisection of the half codes. NaN becomes 0.
template <class Real>
R3D_FN u8 encode_srgb(Real value, const Real* half_codes) {
  int code = 0;
  for (int step = 128; step > 0; step /= 2)
    if (value >= half_codes[2 * (code + step) - 1]) code += step;
  return (u8)code;
}

template <class Real>
R3D_FN u8 encode_linear(Real value) {
  return (u8)(value > 0 ? (value < 1 ? value * 255 + (Real)0.5 : (Real)255) : (Real)0);
}

// Straight alpha, both ways that a caller may want it; null: not wanted. `channels` of the image: 4, or 3
// without alpha.
template <class Real>
R3D_FN void store_pixel(const ShadeScene<Real>& scene, const Rgba<Real>& pixel, i64 at, i64 channels,
                        u8* image, Real* linear) {
  const Real value[4] = {pixel.rgb.x, pixel.rgb.y, pixel.rgb.z, pixel.a};
  for (int c = 0; c < 4; ++c) {
    if (linear) linear[4 * at + c] = value[c];
    if (image && c < channels)
      image[channels * at + c] =
          scene.srgb && c < 3 ? encode_srgb(value[c], scene.half_codes) : encode_linear(value[c]);
  }
}

}  // namespace r3d

#endif  // R3D_SHADING_SHADE_MESHES_H_
