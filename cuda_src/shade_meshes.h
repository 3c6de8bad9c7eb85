// The mathematics of shading: from the fragments of a pixel's samples to the pixel. Shared by the CPU
// schedule, the CUDA kernel and the emulation.
//
// A sample composites its fragments front to back; a pixel averages its samples as premultiplied linear
// light, lies over the background, and is encoded. The reflection is Phong's (1975), in PyTorch3D's terms:
// (ambient + diffuse) * texel + specular, specular only where the diffuse cosine is positive.
#ifndef R3D_SHADE_MESHES_H_
#define R3D_SHADE_MESHES_H_

#include "common/vec.h"

namespace r3d {

enum Shading { kPhong, kFlat, kNormals };
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
enum MaterialCode { kBaseTexture, kEmissiveTexture, kAlphaMode, kUnlit, kMaterialCodes };
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
  i64 num_faces;              //
  const Real* normals;        // (VN, 3)
  const i64* faces_normals;   // (F, 3) ids into normals
  const Real* uvs;            // (VT, 2), v = 0 at the bottom
  const i64* faces_uvs;       // (F, 3) ids into uvs; -1: (0, 0)
  const Real* colors;         // (V, 4) linear
  const i32* faces_material;  // (F,) ids into materials; null: material 0
  const Real* materials;      // (M, kMaterialColumns)
  const i32* material_codes;  // (M, kMaterialCodes); textures by id, -1: none
  const u8* texels;     // (..., 4) all levels of all textures; colour sRGB, alpha linear; row 0 at the top
  const i64* textures;  // (T, kTextureColumns)
  const Real*
      lights;      // (L, kLightColumns); position (x, y, z, 1) or direction towards the light (x, y, z, 0)
  i32 num_lights;  //
  const Real* half_codes;  // (511,) linear light of the sRGB codes 0, 0.5, 1 ... 255
  const Real* camera;      // (4,) position (x, y, z, 1) or direction towards the camera (x, y, z, 0)
  const Real* background;  // (4,) straight alpha, linear where `srgb`
  Real focal;              // samples for one view unit at depth 1, orthographic: anywhere; 0: no mip maps
  i32 shading;             // Shading; kNormals takes verts and normals in view space
  bool two_sided;          // normals are turned towards the viewer
  bool srgb;               // 8-bit output is encoded; else it is linear
};

// The fragments of one picture, S x S samples a pixel, each nearest first.
template <class Real>
struct SampleGrid {
  const i64* pix_to_face;   // (H * S, W * S, K) -1: no more
  const Real* zbuf;         // (H * S, W * S, K) view depth
  const Real* bary_coords;  // (H * S, W * S, K, 3)
  i64 height, width;        // H, W: pixels
  i64 supersampling;        // S
  i64 faces_per_pixel;      // K
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

template <class Real>
R3D_FN Vec3<Real> mix3(const Real* b, const Vec3<Real>& v0, const Vec3<Real>& v1, const Vec3<Real>& v2) {
  return b[0] * v0 + b[1] * v1 + b[2] * v2;
}

// -- Textures
// --------------------------------------------------------------------------------------------------

R3D_FN i64 wrap_texel(i64 i, i64 size, i64 wrap) {
  if (wrap == kClamp) return i < 0 ? 0 : i >= size ? size - 1 : i;
  const i64 period = wrap == kMirror ? 2 * size : size;
  i %= period;
  if (i < 0) i += period;
  return i < size ? i : period - 1 - i;
}

template <class Real>
R3D_FN Rgba<Real> load_texel(const ShadeScene<Real>& scene, i64 texel) {
  const u8* const t = scene.texels + 4 * texel;
  return {{scene.half_codes[2 * t[0]], scene.half_codes[2 * t[1]], scene.half_codes[2 * t[2]]},
          t[3] / (Real)255};
}

// A texture coordinate in texels; beyond any sensible image, and for NaN, the first one.
template <class Real>
R3D_FN Real texel_coordinate(Real t, i64 size) {
  const Real x = t * (Real)size;
  return x > (Real)-1e9 && x < (Real)1e9 ? x : (Real)0;
}

// One mip level: bilinear between texel centres at half integers, or the nearest texel.
template <class Real>
R3D_FN Rgba<Real> sample_level(const ShadeScene<Real>& scene, const i64* texture, i64 level, Real u, Real v) {
  i64 width = texture[kWidth], height = texture[kHeight], first = texture[kFirstTexel];
  for (; level > 0; --level) {
    first += width * height;
    width = width > 1 ? width / 2 : 1;
    height = height > 1 ? height / 2 : 1;
  }
  Real x = texel_coordinate(u, width), y = texel_coordinate(1 - v, height);
  if (texture[kFilter] == kNearest) {
    const i64 column = wrap_texel((i64)floor(x), width, texture[kWrapU]);
    const i64 row = wrap_texel((i64)floor(y), height, texture[kWrapV]);
    return load_texel(scene, first + row * width + column);
  }
  x -= (Real)0.5;
  y -= (Real)0.5;
  const Real left = floor(x), top = floor(y), s = x - left, t = y - top;
  const i64 c0 = wrap_texel((i64)left, width, texture[kWrapU]);
  const i64 c1 = wrap_texel((i64)left + 1, width, texture[kWrapU]);
  const i64 r0 = first + wrap_texel((i64)top, height, texture[kWrapV]) * width;
  const i64 r1 = first + wrap_texel((i64)top + 1, height, texture[kWrapV]) * width;
  return (1 - t) * ((1 - s) * load_texel(scene, r0 + c0) + s * load_texel(scene, r0 + c1)) +
         t * ((1 - s) * load_texel(scene, r1 + c0) + s * load_texel(scene, r1 + c1));
}

// `texture_area`: of the unit square of texture space, how much one sample covers. Between the two mip levels
// whose texels are nearest to that in size (Williams 1983, "Pyramidal parametrics").
template <class Real>
R3D_FN Rgba<Real> sample_texture(const ShadeScene<Real>& scene, i64 id, Real u, Real v, Real texture_area) {
  const i64* const texture = scene.textures + kTextureColumns * id;
  const Real texels = texture_area * (Real)(texture[kWidth] * texture[kHeight]);
  if (!(texels > 1) || texture[kFilter] == kNearest) return sample_level(scene, texture, 0, u, v);
  const Real last = (Real)(texture[kLevels] - 1);
  Real level = (Real)0.5 * log2(texels);
  level = level < last ? level : last;
  const i64 fine = (i64)level;
  const Real t = level - (Real)fine;
  const Rgba<Real> color = sample_level(scene, texture, fine, u, v);
  return t > 0 ? (1 - t) * color + t * sample_level(scene, texture, fine + 1, u, v) : color;
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
  Vec3<Real> n0, n1, n2;  // normals at the corners, unit length
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
  return id < 0 ? face_normal : normalized(load3(scene.normals, id));
}

template <class Real>
R3D_FN void load_face(const ShadeScene<Real>& scene, i64 id, ShadeFace<Real>* face) {
  if (face->id == id) return;
  face->id = id;
  face->p0 = load3(scene.verts, scene.faces[3 * id]);
  face->p1 = load3(scene.verts, scene.faces[3 * id + 1]);
  face->p2 = load3(scene.verts, scene.faces[3 * id + 2]);
  face->area2 = cross(face->p1 - face->p0, face->p2 - face->p0);
  const Vec3<Real> face_normal = normalized(face->area2);
  face->n0 = face->n1 = face->n2 = face_normal;
  if (scene.normals && scene.shading != kFlat) {
    face->n0 = corner_normal(scene, 3 * id, face_normal);
    face->n1 = corner_normal(scene, 3 * id + 1, face_normal);
    face->n2 = corner_normal(scene, 3 * id + 2, face_normal);
  }
  const i64 material = scene.faces_material ? scene.faces_material[id] : 0;
  face->material = scene.materials + kMaterialColumns * material;
  face->codes = scene.material_codes + kMaterialCodes * material;
}

// From the surface towards a position (w = 1) or in a direction (w = 0).
template <class Real>
R3D_FN Vec3<Real> towards(const Real* xyzw, const Vec3<Real>& point) {
  return load3(xyzw, 0) - xyzw[3] * point;
}

// Share of texture space under one sample: the face's area there over the area of its picture. A piece of
// surface with normal n at p, seen from c, covers |n . (p - c)| / z^3 as much of the plane at depth 1.
template <class Real>
R3D_FN Real texture_area(const ShadeScene<Real>& scene, const ShadeFace<Real>& face, const Real* uv0,
                         const Real* uv1, const Real* uv2, const Vec3<Real>& view, Real depth) {
  const Real uv_area2 = fabs((uv1[0] - uv0[0]) * (uv2[1] - uv0[1]) - (uv1[1] - uv0[1]) * (uv2[0] - uv0[0]));
  const Real z3 = scene.camera[3] != 0 ? depth * depth * depth : (Real)1;
  const Real picture = fabs(dot(face.area2, view)) * scene.focal * scene.focal;
  return scene.focal > 0 ? uv_area2 * z3 / picture : (Real)0;
}

// Sums of the lights' ambient and diffuse light, and of their highlights.
template <class Real>
struct Reflection {
  Vec3<Real> diffuse, specular;
};

template <class Real>
R3D_FN Reflection<Real> reflect_lights(const ShadeScene<Real>& scene, const Vec3<Real>& point,
                                       const Vec3<Real>& normal, const Vec3<Real>& view, Real shininess) {
  Reflection<Real> sum = {{0, 0, 0}, {0, 0, 0}};
  for (int l = 0; l < scene.num_lights; ++l) {
    const Real* const light = scene.lights + kLightColumns * l;
    const Vec3<Real> direction = normalized(towards(light + kPosition, point));
    const Real cosine = dot(normal, direction), softness = light[kSoftness];
    // A soft light wraps around the surface: 0 is Lambert's cosine, 1 is a hemisphere of light.
    const Real wrapped = (cosine + softness) / (1 + softness);
    sum.diffuse = sum.diffuse + load3(light + kAmbient, 0);
    if (wrapped > 0) sum.diffuse = sum.diffuse + wrapped * load3(light + kDiffuse, 0);
    const Real mirrored = dot(view, 2 * cosine * normal - direction);
    const Vec3<Real> highlight = load3(light + kLightSpecular, 0);
    if (cosine > 0 && mirrored > 0 && dot(highlight, highlight) > 0)  // a power costs more than the rest
      sum.specular = sum.specular + pow(mirrored, shininess) * highlight;
  }
  return sum;
}

// Colour and alpha of one fragment, linear, not premultiplied.
template <class Real>
R3D_FN Rgba<Real> shade_fragment(const ShadeScene<Real>& scene, const ShadeFace<Real>& face, const Real* bary,
                                 Real depth) {
  const Real* const material = face.material;
  const Vec3<Real> point = mix3(bary, face.p0, face.p1, face.p2), to_camera = towards(scene.camera, point);
  Rgba<Real> base = {load3(material + kBaseColor, 0), material[kBaseColor + 3]};
  Vec3<Real> emissive = load3(material + kEmissive, 0);
  if (scene.colors) {
    const Real* const c[3] = {scene.colors + 4 * scene.faces[3 * face.id],
                              scene.colors + 4 * scene.faces[3 * face.id + 1],
                              scene.colors + 4 * scene.faces[3 * face.id + 2]};
    const Rgba<Real> color = {mix3(bary, load3(c[0], 0), load3(c[1], 0), load3(c[2], 0)),
                              bary[0] * c[0][3] + bary[1] * c[1][3] + bary[2] * c[2][3]};
    base = base * color;
  }
  const i32 base_texture = face.codes[kBaseTexture], emissive_texture = face.codes[kEmissiveTexture];
  if (scene.uvs && (base_texture >= 0 || emissive_texture >= 0)) {
    const Real zero[2] = {0, 0};
    const i64* const ids = scene.faces_uvs + 3 * face.id;
    const Real* const uv0 = ids[0] < 0 ? zero : scene.uvs + 2 * ids[0];
    const Real* const uv1 = ids[1] < 0 ? zero : scene.uvs + 2 * ids[1];
    const Real* const uv2 = ids[2] < 0 ? zero : scene.uvs + 2 * ids[2];
    const Real u = bary[0] * uv0[0] + bary[1] * uv1[0] + bary[2] * uv2[0];
    const Real v = bary[0] * uv0[1] + bary[1] * uv1[1] + bary[2] * uv2[1];
    const Real area = texture_area(scene, face, uv0, uv1, uv2, to_camera, depth);
    if (base_texture >= 0) base = base * sample_texture(scene, base_texture, u, v, area);
    if (emissive_texture >= 0) emissive = emissive * sample_texture(scene, emissive_texture, u, v, area).rgb;
  }
  const i32 mode = face.codes[kAlphaMode];
  if (mode == kOpaque) base.a = 1;
  if (mode == kMask) base.a = base.a >= material[kAlphaCutoff] ? (Real)1 : (Real)0;
  if (base.a <= 0) return {{0, 0, 0}, 0};

  Vec3<Real> normal = normalized(mix3(bary, face.n0, face.n1, face.n2));
  if (dot(normal, normal) == 0) normal = normalized(face.area2);
  if (scene.two_sided) {
    // The side is the face's, not the interpolated normal's, which may look away at a silhouette.
    const bool faces_camera = dot(face.area2, to_camera) >= 0, along_face = dot(normal, face.area2) >= 0;
    if (faces_camera != along_face) normal = -normal;
  }
  if (scene.shading == kNormals)
    return {{(1 - normal.x) / 2, (1 + normal.y) / 2, (1 - normal.z) / 2}, base.a};
  if (face.codes[kUnlit]) return {base.rgb + emissive, base.a};
  // Flat shading gives a face one light, that of its middle.
  const Vec3<Real> lit = scene.shading == kFlat ? (Real)(1.0 / 3) * (face.p0 + face.p1 + face.p2) : point;
  const Reflection<Real> light =
      reflect_lights(scene, lit, normal, normalized(towards(scene.camera, lit)), material[kShininess]);
  return {light.diffuse * base.rgb + load3(material + kSpecular, 0) * light.specular + emissive, base.a};
}

// -- Samples to pixels
// -----------------------------------------------------------------------------------------

// Adds the light and the coverage of a sample, premultiplied, to `sum`. False: light still passed after the
// last fragment that there was room for, so that more fragments a sample would change it.
template <class Real>
R3D_FN bool shade_sample(const ShadeScene<Real>& scene, const SampleGrid<Real>& grid, i64 sample,
                         ShadeFace<Real>* face, Rgba<Real>* sum) {
  Real passes = 1;
  for (i64 at = sample * grid.faces_per_pixel; at < (sample + 1) * grid.faces_per_pixel; ++at) {
    const i64 id = grid.pix_to_face[at];
    if (id < 0 || id >= scene.num_faces) return true;
    load_face(scene, id, face);
    const Rgba<Real> color = shade_fragment(scene, *face, grid.bary_coords + 3 * at, grid.zbuf[at]);
    const Real weight = passes * color.a;
    *sum = *sum + Rgba<Real>{weight * color.rgb, weight};
    passes -= weight;
    if (passes < R3D_OPAQUE_ENOUGH) return true;
  }
  return false;
}

// The sum of a pixel's samples. False where one of them wanted more fragments.
template <class Real>
R3D_FN bool shade_samples(const ShadeScene<Real>& scene, const SampleGrid<Real>& grid, i64 row, i64 column,
                          ShadeFace<Real>* face, Rgba<Real>* sum) {
  bool finished = true;
  const i64 side = grid.supersampling;
  for (i64 y = row * side; y < (row + 1) * side; ++y)
    for (i64 x = column * side; x < (column + 1) * side; ++x)
      finished = shade_sample(scene, grid, y * grid.width * side + x, face, sum) && finished;
  return finished;
}

// The pixel over the background; straight alpha again.
template <class Real>
R3D_FN Rgba<Real> composite(const ShadeScene<Real>& scene, const SampleGrid<Real>& grid,
                            const Rgba<Real>& sum) {
  const Rgba<Real> pixel = (1 / (Real)(grid.supersampling * grid.supersampling)) * sum;
  const Real behind = (1 - pixel.a) * scene.background[3], alpha = pixel.a + behind;
  const Vec3<Real> rgb = pixel.rgb + behind * load3(scene.background, 0);
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

// Straight alpha, both ways that a caller may want it; null: not wanted.
template <class Real>
R3D_FN void store_pixel(const ShadeScene<Real>& scene, const Rgba<Real>& pixel, i64 at, u8* image,
                        Real* linear) {
  const Real value[4] = {pixel.rgb.x, pixel.rgb.y, pixel.rgb.z, pixel.a};
  for (int c = 0; c < 4; ++c) {
    if (linear) linear[4 * at + c] = value[c];
    if (image)
      image[4 * at + c] =
          scene.srgb && c < 3 ? encode_srgb(value[c], scene.half_codes) : encode_linear(value[c]);
  }
}

}  // namespace r3d

#endif  // R3D_SHADE_MESHES_H_
