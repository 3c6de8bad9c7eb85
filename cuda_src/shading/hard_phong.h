// The mathematics of hard Phong shading: the nearest face of each pixel, interpolated, textured and lit in
// one pass, on the light and the textures of soft_phong.h; beside it what moving any of these changes.
//
// The look of a picture is put together here from the rows of lights, materials and cameras as they come, so
// that a call costs no operators on tables of three numbers.
#ifndef R3D_SHADING_HARD_PHONG_H_
#define R3D_SHADING_HARD_PHONG_H_

#include "shading/soft_phong.h"

namespace r3d {

// What there is one row of for all pictures, or one for each: its bit in HardPhong::per_picture.
enum LookPart {
  kMaterialAmbient,
  kMaterialDiffuse,
  kMaterialSpecular,
  kMaterialShininess,
  kLightAmbient,
  kLightDiffuse,
  kLightHighlight,
  kLightSource,
  kCameraRotation,
  kCameraTranslation,
  kBackground
};

template <class Real>
struct HardPhong {
  const i64* pix_to_face;          // (N, H, W, K) ids of faces, below 0: none; the first of K is shaded
  const Real* bary_coords;         // (N, H, W, K, 3)
  const i64* faces;                // (F, 3)
  const Real* positions;           // (V, 3) world space
  const Real* normals;             // (V, 3) of any length
  const Real* texels;              // (T, 3), like all down to faces_source as of SoftPhongScene
  const i64* corner_ids;           // (F, 3), or null
  const Real* uvs;                 // (U, 2), or null
  const i64* maps;                 // (M, 3), or null
  const i64* faces_source;         // (F,), or null
  const Real* material_ambient;    // (1 or N, 3)
  const Real* material_diffuse;    // (1 or N, 3)
  const Real* material_specular;   // (1 or N, 3)
  const Real* material_shininess;  // (1 or N,)
  const Real* light_ambient;       // (1 or N, 3)
  const Real* light_diffuse;       // (1 or N, 3), or null: black
  const Real* light_specular;      // (1 or N, 3), or null: black
  const Real* light_source;        // (1 or N, 3) location, or direction towards it, or null
  const Real* rotation;            // (1 or N, 3, 3) of the camera, which sees x R + t
  const Real* translation;         // (1 or N, 3)
  const Real* background;          // (1 or N, 3)
  Real* image;                     // (N, H, W, 4), or null: of the forward

  // Of the backward. Term j of pixel p adds weight[p, j] gradient[p] to row ids[p, j] of a sum; rows of a
  // pixel that gives nothing stay as they are. The CPU writes the pixels that give something side by side.
  const Real* grad_image;  // (N, H, W, 4), or null
  Real* grad_bary_coords;  // (N, H, W, K, 3), or null: nobody asks for it, like all that follow
  i64* vertex_ids;         // (P, 3), or null
  Real* corner_weights;    // (P, 3), or null
  Real* grad_positions;    // (P, 3), or null
  Real* grad_normals;      // (P, 3), or null
  i64* texture_ids;        // (P, 3) the face's corner_ids, or null
  Real* grad_uvs;          // (P, 2), or null
  i64* tap_ids;            // (P, 4) texels of maps and atlases, or null
  Real* tap_weights;       // (P, 4), or null
  Real* grad_colors;       // (P, 3) of what the texture shows, or null
  Real* grad_looks;        // (N, 21) PhongLook, or null
  double* look_pieces;     // (N, B, 21) sums over pieces of pictures, or null: of the GPU
  i64* num_points;         // (1,) the CPU's P, or null

  i64 num_images;       // N
  i64 height;           // H
  i64 width;            // W
  i64 faces_per_pixel;  // K
  i64 num_faces;        // F
  i64 num_verts;        // V
  i64 num_texels;       // T
  i64 num_uvs;
  i64 num_maps;
  i64 num_pieces;  // B of look_pieces
  i64 atlas_size;
  i32 light_kind, texture_kind, padding;
  u32 per_picture;
  bool align_corners, bilinear;
};

// What the mathematics of soft_phong.h takes: without looks, sigma and gamma.
template <class Real>
R3D_FN SoftPhongScene<Real> surface_of(const HardPhong<Real>& a) {
  SoftPhongScene<Real> s = {};
  s.positions = a.positions;
  s.normals = a.normals;
  s.light_kind = a.light_kind;
  s.texture_kind = a.texture_kind;
  s.texels = a.texels;
  s.corner_ids = a.corner_ids;
  s.uvs = a.uvs;
  s.maps = a.maps;
  s.faces_source = a.faces_source;
  s.atlas_size = a.atlas_size;
  s.padding = a.padding;
  s.align_corners = a.align_corners;
  s.bilinear = a.bilinear;
  return s;
}

// Where the camera x R + t = 0 stands: for any R that can be inverted.
template <class Real>
R3D_FN Vec3<Real> camera_center(const Real* R, const Vec3<Real>& t) {
  const Vec3<Real> a = load3(R, 0), b = load3(R, 1), c = load3(R, 2);
  const Vec3<Real> bc = cross(b, c), ca = cross(c, a), ab = cross(a, b);
  const Real scale = -1 / dot(a, bc);
  return {scale * dot(t, bc), scale * dot(t, ca), scale * dot(t, ab)};
}

template <class Real>
R3D_FN PhongLook<Real> make_look(const HardPhong<Real>& a, i64 image) {
  const auto row = [&](int part) { return a.per_picture >> part & 1 ? image : 0; };
  const auto color = [&](const Real* rows, int part) {
    return rows ? load3(rows, row(part)) : Vec3<Real>{0, 0, 0};
  };
  PhongLook<Real> look;
  look.ambient = color(a.material_ambient, kMaterialAmbient) * color(a.light_ambient, kLightAmbient);
  look.diffuse = color(a.material_diffuse, kMaterialDiffuse) * color(a.light_diffuse, kLightDiffuse);
  look.specular = color(a.material_specular, kMaterialSpecular) * color(a.light_specular, kLightHighlight);
  look.light = color(a.light_source, kLightSource);
  look.camera =
      camera_center(a.rotation + 9 * row(kCameraRotation), color(a.translation, kCameraTranslation));
  look.shininess = a.material_shininess[row(kMaterialShininess)];
  look.znear = look.zfar = 0;
  look.background = color(a.background, kBackground);
  return look;
}

R3D_FN bool is_below(i64 id, i64 count) { return (u64)id < (u64)count; }

// Whether there is all that a face names.
template <class Real>
R3D_FN bool is_whole(const HardPhong<Real>& a, i64 id) {
  const TextureKind kind = (TextureKind)a.texture_kind;
  if (!is_below(id, a.num_faces)) return false;
  const i64 rows = kind == TextureKind::maps ? a.num_uvs : a.num_texels;
  for (i64 corner = 3 * id; corner < 3 * id + 3; ++corner) {
    if (!is_below(a.faces[corner], a.num_verts)) return false;
    if (kind != TextureKind::atlas && !is_below(a.corner_ids[corner], rows)) return false;
  }
  if (kind == TextureKind::vertices) return true;
  const i64 source = a.faces_source ? a.faces_source[id] : kind == TextureKind::atlas ? id : 0;
  if (kind == TextureKind::atlas) return is_below(source, a.num_texels / (a.atlas_size * a.atlas_size));
  if (!is_below(source, a.num_maps)) return false;
  const i64* const map = a.maps + 3 * source;
  return map[0] >= 0 && map[1] > 0 && map[2] > 0 && map[0] + map[1] * map[2] <= a.num_texels;
}

// What is lit at a pixel.
template <class Real>
struct SurfacePoint {
  Vec3<Real> position, normal, texel;
};

template <class Real>
R3D_FN SurfacePoint<Real> surface_point(const PhongFace<Real>& face, const SoftPhongScene<Real>& scene,
                                        const Barycentric<Real>& b) {
  SurfacePoint<Real> point = {
      blend3(b.b0, b.b1, b.b2, face.positions), blend3(b.b0, b.b1, b.b2, face.normals), {0, 0, 0}};
  if ((TextureKind)scene.texture_kind == TextureKind::vertices) {
    point.texel = blend3(b.b0, b.b1, b.b2, face.colors);
  } else if (face.map) {
    const Real u = b.b0 * face.u[0] + b.b1 * face.u[1] + b.b2 * face.u[2];
    const Real v = b.b0 * face.v[0] + b.b1 * face.v[1] + b.b2 * face.v[2];
    point.texel = sample_map(find_taps(u, v, face.map, scene), scene.texels);
  } else {
    point.texel = load3(scene.texels, face.atlas + atlas_texel(b.b0, b.b1, scene.atlas_size));
  }
  return point;
}

// Writes row p of what the pixel adds to sums, and returns the gradient of its barycentric coordinates.
template <class Real>
R3D_FN Barycentric<Real> surface_point_bwd(const PhongFace<Real>& face, i64 id, const HardPhong<Real>& a,
                                           const SoftPhongScene<Real>& scene, const Barycentric<Real>& b,
                                           const SurfacePoint<Real>& grad, i64 p) {
  const TextureKind kind = (TextureKind)a.texture_kind;
  const Real weights[3] = {b.b0, b.b1, b.b2};
  Real grad_b[3];
  for (int i = 0; i < 3; ++i) {
    grad_b[i] = dot(grad.position, face.positions[i]) + dot(grad.normal, face.normals[i]);
    if (kind == TextureKind::vertices) grad_b[i] += dot(grad.texel, face.colors[i]);
    if (a.vertex_ids) a.vertex_ids[3 * p + i] = a.faces[3 * id + i];
    if (a.corner_weights) a.corner_weights[3 * p + i] = weights[i];
    if (a.texture_ids) a.texture_ids[3 * p + i] = a.corner_ids[3 * id + i];
  }
  if (a.grad_positions) store3(a.grad_positions, p, grad.position);
  if (a.grad_normals) store3(a.grad_normals, p, grad.normal);
  if (a.grad_colors) store3(a.grad_colors, p, grad.texel);
  if (kind == TextureKind::maps) {
    const Real u = b.b0 * face.u[0] + b.b1 * face.u[1] + b.b2 * face.u[2];
    const Real v = b.b0 * face.v[0] + b.b1 * face.v[1] + b.b2 * face.v[2];
    const Taps<Real> taps = find_taps(u, v, face.map, scene);
    Real grad_u = 0, grad_v = 0;
    for (int t = 0; t < 4; ++t) {
      const Real along = dot(load3(a.texels, taps.texel[t]), grad.texel);
      grad_u += taps.along_u[t] * along;
      grad_v += taps.along_v[t] * along;
      if (a.tap_ids) a.tap_ids[4 * p + t] = taps.texel[t];
      if (a.tap_weights) a.tap_weights[4 * p + t] = taps.weight[t];
    }
    for (int i = 0; i < 3; ++i) grad_b[i] += grad_u * face.u[i] + grad_v * face.v[i];
    if (a.grad_uvs) a.grad_uvs[2 * p] = grad_u, a.grad_uvs[2 * p + 1] = grad_v;
  } else if (kind == TextureKind::atlas && a.tap_ids) {
    // One texel, and three terms of nothing.
    const i64 texel = face.atlas + atlas_texel(b.b0, b.b1, a.atlas_size);
    for (int t = 0; t < 4; ++t) {
      a.tap_ids[4 * p + t] = texel;
      a.tap_weights[4 * p + t] = t == 0;
    }
  }
  return {grad_b[0], grad_b[1], grad_b[2]};
}

}  // namespace r3d

#endif  // R3D_SHADING_HARD_PHONG_H_
