// The CPU schedule of shade_meshes: rows over threads. What samples show is looked up one by one and lit in
// SIMD lanes, a lane a fragment, a run of pixels at a time. Compiled once for each instruction set: no
// standard library.
#include "cpu/simd_math.h"

#include "cpu/schedule.h"
#include "cpu/threads.h"
#include "shading/shade_meshes.h"

namespace r3d {

// Texels of lanes, one by one. Only what is opaque is looked up in lanes: alpha stays whole.
template <class Real>
struct LaneTextureAccess {
  typedef R3D_ISA::Lanes<Real> L;
  typedef R3D_ISA::Ints<Real> I;
  static R3D_MEMBER I wrap(I i, I size, i64 how) {
    if (any_of((i < 0) | (i >= size)))
      for (int lane = 0; lane < R3D_ISA::Simd<Real>::width; ++lane)
        i[lane] = wrap_texel((i32)i[lane], (i32)size[lane], how);
    return i;
  }
  static R3D_MEMBER Rgba<L> load(const Real* half_codes, const u8* texels, I texel) {
    alignas(64) Real r[R3D_ISA::Simd<Real>::width], g[R3D_ISA::Simd<Real>::width],
        b[R3D_ISA::Simd<Real>::width];
    for (int lane = 0; lane < R3D_ISA::Simd<Real>::width; ++lane) {
      const u8* const code = texels + 4 * (i64)texel[lane];
      r[lane] = half_codes[2 * code[0]];
      g[lane] = half_codes[2 * code[1]];
      b[lane] = half_codes[2 * code[2]];
    }
    return {{R3D_ISA::load(r), R3D_ISA::load(g), R3D_ISA::load(b)}, splat<L>(255)};
  }
};
template <>
struct TextureAccess<R3D_ISA::Lanes<float>> : LaneTextureAccess<float> {};
template <>
struct TextureAccess<R3D_ISA::Lanes<double>> : LaneTextureAccess<double> {};

namespace R3D_ISA {
namespace {

constexpr i64 kRows = 4;      // of pixels that a thread takes at a time
constexpr i64 kPixels = 128;  // of a row, whose sums are kept together

// Numbers that a fragment brings to its light, each a row of lanes.
enum FragmentNumber {
  kP0 = 0,
  kP1 = 3,
  kP2 = 6,
  kN0 = 9,
  kN1 = 12,
  kN2 = 15,
  kU = 18,
  kV = 21,
  kBary = 24,
  kDepth = 27,
  kBase = 28,
  kGlow = 31,
  kShine = 34,  // specular colour
  kPower = 37,
  kPlain = 38,        // unlit
  kBaseMap = 39,      // textures by id
  kEmissiveMap = 40,  //
  kNumbers = 41
};

// Fragments that wait until there is one for each lane, and the sums of the pixels that get their light.
// What neighbours share is written to all lanes from the first of them on.
template <class Real>
struct LaneSink {
  typedef Lanes<Real> L;
  static constexpr int width = Simd<Real>::width;

  const ShadeScene<Real>& scene;
  Rgba<Real> sums[kPixels];
  int pixel;             // the one that fragments come from
  int count;             // fragments that wait
  i64 face;              // whose numbers all lanes from `count` on hold, or -1
  const Real* material;  // the same, or null
  int material_from;     // the first lane that does
  Real weights[width];
  int pixels[width];
  alignas(64) Real numbers[kNumbers][2 * width];  // lanes [0, width), and room for a store at any of them

  R3D_MEMBER explicit LaneSink(const ShadeScene<Real>& scene)
      : scene(scene), pixel(0), count(0), face(-1), material(nullptr), material_from(0) {
    // Lanes that are not filled hold numbers all the same.
    __builtin_memset((void*)numbers, 0, sizeof(numbers));
  }

  R3D_MEMBER void clear() { __builtin_memset((void*)sums, 0, sizeof(sums)); }

  R3D_MEMBER void light_opaque(const ShadeFace<Real>& f, const Real* bary, Real depth, Real weight) {
    share(f);
    put(kDepth, depth);
    if (scene.colors) put3(kBase, plain_color(scene, f, bary).rgb);
    next(bary, weight);
  }

  R3D_MEMBER void light(const ShadeFace<Real>& f, const Real* bary, const SurfaceColor<Real>& color,
                        Real weight) {
    share(f);
    put3(kBase, color.base.rgb);
    put3(kGlow, color.emissive);
    put(kBaseMap, -1);
    put(kEmissiveMap, -1);
    material = nullptr;  // this lane's is no longer whole
    next(bary, weight);
  }

  R3D_MEMBER void paint(const Vec3<Real>& color, Real weight) { add(pixel, weight, color); }

  R3D_MEMBER void share(const ShadeFace<Real>& f) {
    if (f.id != face) {
      face = f.id;
      share3(kP0, f.p0);
      share3(kP1, f.p1);
      share3(kP2, f.p2);
      share3(kN0, f.n0);
      share3(kN1, f.n1);
      share3(kN2, f.n2);
      if (scene.uvs)
        for (int i = 0; i < 3; ++i) {
          share_one(kU + i, f.u[i]);
          share_one(kV + i, f.v[i]);
        }
    }
    if (f.material != material) {
      material = f.material;
      material_from = count;
      if (!scene.colors) share3(kBase, load3(material + kBaseColor, 0));
      share3(kGlow, load3(material + kEmissive, 0));
      share3(kShine, load3(material + kSpecular, 0));
      share_one(kPower, material[kShininess]);
      share_one(kPlain, (Real)f.codes[kIsUnlit]);
      share_one(kBaseMap, scene.uvs ? (Real)f.codes[kBaseTexture] : (Real)-1);
      share_one(kEmissiveMap, scene.uvs ? (Real)f.codes[kEmissiveTexture] : (Real)-1);
    }
  }
  R3D_MEMBER void share_one(int number, Real value) { store(numbers[number] + count, splat<L>(0) + value); }
  R3D_MEMBER void share3(int number, const Vec3<Real>& value) {
    share_one(number, value.x);
    share_one(number + 1, value.y);
    share_one(number + 2, value.z);
  }
  R3D_MEMBER void put(int number, Real value) { numbers[number][count] = value; }
  R3D_MEMBER void put3(int number, const Vec3<Real>& value) {
    put(number, value.x);
    put(number + 1, value.y);
    put(number + 2, value.z);
  }
  R3D_MEMBER void next(const Real* bary, Real weight) {
    put(kBary, bary[0]);
    put(kBary + 1, bary[1]);
    put(kBary + 2, bary[2]);
    weights[count] = weight;
    pixels[count] = pixel;
    if (++count == width) flush();
  }

  R3D_MEMBER void add(int at, Real weight, const Vec3<Real>& color) {
    sums[at] = sums[at] + Rgba<Real>{weight * color, weight};
  }

  R3D_MEMBER L lanes(int number) const { return R3D_ISA::load(numbers[number]); }
  R3D_MEMBER Vec3<L> lanes3(int number) const {
    return {lanes(number), lanes(number + 1), lanes(number + 2)};
  }

  __attribute__((noinline)) void flush() {
    if (count == 0) return;
    LitFragment<L> fragment = {lanes3(kP0),      lanes3(kP1),   lanes3(kP2),   lanes3(kN0),
                               lanes3(kN1),      lanes3(kN2),   lanes(kBary),  lanes(kBary + 1),
                               lanes(kBary + 2), lanes3(kBase), lanes3(kGlow), lanes3(kShine),
                               lanes(kPower),    lanes(kPlain)};
    multiply(kBaseMap, fragment, &fragment.base);
    multiply(kEmissiveMap, fragment, &fragment.emissive);
    const Vec3<L> color = light_fragment(scene, fragment);
    alignas(64) Real x[width], y[width], z[width];
    store(x, color.x);
    store(y, color.y);
    store(z, color.z);
    for (int i = 0; i < count; ++i) add(pixels[i], weights[i], {x[i], y[i], z[i]});
    count = 0;
    face = -1;
    if (material_from > 0) material = nullptr;
  }

  // By the texels of the textures that the lanes name, mostly one.
  R3D_MEMBER void multiply(int map, const LitFragment<L>& f, Vec3<L>* color) const {
    const L ids = lanes(map);
    for (u32 todo = mask_bits(ids >= 0) & (~0u >> (32 - count)); todo;) {
      const Real id = numbers[map][__builtin_ctz(todo)];
      const auto here = ids == id;
      const L u[3] = {lanes(kU), lanes(kU + 1), lanes(kU + 2)};
      const L v[3] = {lanes(kV), lanes(kV + 1), lanes(kV + 2)};
      const Vec3<L> view = towards(scene.camera, f.b0 * f.p0 + f.b1 * f.p1 + f.b2 * f.p2);
      const L area = texture_area(scene, cross(f.p1 - f.p0, f.p2 - f.p0), view, lanes(kDepth), u, v);
      const Rgba<L> texels = sample_texture<L>(scene, (i64)id, f.b0 * u[0] + f.b1 * u[1] + f.b2 * u[2],
                                               f.b0 * v[0] + f.b1 * v[1] + f.b2 * v[2], area);
      *color = select3<L>(here, *color * texels.rgb, *color);
      todo &= ~mask_bits(here);
    }
  }
};

// encode_srgb with a table of first guesses, by a number's exponent and 7 bits of its mantissa.
struct SrgbTable {
  static constexpr int kShift = 16;
  static constexpr u32 kFirst = 0x39000000u;  // 2^-13
  static constexpr u32 kBuckets = (0x3f800000u - kFirst) >> kShift;

  const float* half_codes;
  u8 codes[kBuckets];  // of the smallest number of each

  explicit R3D_MEMBER SrgbTable(const float* half_codes) : half_codes(half_codes) {
    int code = encode_srgb(__builtin_bit_cast(float, kFirst), half_codes);
    for (u32 i = 0; i < kBuckets; ++i)
      codes[i] = (u8)(code = raise(code, __builtin_bit_cast(float, kFirst + (i << kShift))));
  }
  R3D_MEMBER int raise(int code, float value) const {
    while (code < 255 && value >= half_codes[2 * code + 1]) ++code;
    return code;
  }
  R3D_MEMBER u8 encode(float value) const {
    const u32 bits = __builtin_bit_cast(u32, value);
    const u32 bucket = (bits - kFirst) >> kShift;
    if (bits >= kFirst && bucket < kBuckets) return (u8)raise(codes[bucket], value);
    return encode_srgb(value, half_codes);  // dark, negative, 1 and above
  }
};
struct SrgbBisection {
  const double* half_codes;
  explicit R3D_MEMBER SrgbBisection(const double* half_codes) : half_codes(half_codes) {}
  R3D_MEMBER u8 encode(double value) const { return encode_srgb(value, half_codes); }
};
template <class Real>
struct Encoder;
template <>
struct Encoder<float> {
  typedef SrgbTable type;
};
template <>
struct Encoder<double> {
  typedef SrgbBisection type;
};

// A call of its own, so that the loop over samples, of which most are empty, stays short.
template <class Real>
__attribute__((noinline)) bool shade_covered(const ShadeMeshes<Real>& a, i64 sample, ShadeFace<Real>* face,
                                             LaneSink<Real>& sink) {
  return shade_sample(a.scene, a.grid, sample, face, sink);
}

template <class Real>
i64 shade(const ShadeMeshes<Real>& a) {
  const ShadeScene<Real>& scene = a.scene;
  const SampleGrid<Real>& grid = a.grid;
  const i64 side = grid.supersampling, row_of_samples = grid.width * side;
  const Rgba<Real> nothing = {{0, 0, 0}, 0};
  const typename Encoder<Real>::type encoder(scene.half_codes);
  const Rgba<Real> empty = composite(grid, nothing, {load3(scene.background, 0), scene.background[3]});
  u8 empty_code[4];
  store_pixel<Real>(scene, empty, 0, 4, empty_code, nullptr);
  parallel(grid.height, kRows, [&](i64 begin, i64 end, int) {
    ShadeFace<Real> face = no_face<Real>();
    LaneSink<Real> sink(scene);
    bool finished = true;
    for (i64 row = begin; row < end; ++row)
      for (i64 first = 0; first < grid.width; first += kPixels) {
        const int pixels = (int)(grid.width - first < kPixels ? grid.width - first : kPixels);
        sink.clear();
        for (i64 y = row * side; y < (row + 1) * side; ++y) {
          i64 sample = y * row_of_samples + first * side;
          for (int i = 0; i < pixels; ++i)
            for (i64 x = 0; x < side; ++x, ++sample) {
              if (grid.pix_to_face[sample * grid.faces_per_pixel] < 0) continue;
              sink.pixel = i;
              finished &= shade_covered(a, sample, &face, sink);
            }
        }
        sink.flush();
        for (int i = 0; i < pixels; ++i) {
          const i64 at = row * grid.width + first + i;
          const Rgba<Real>& sum = sink.sums[i];
          if (!(sum.a > 0) && !scene.backdrop) {  // most pixels of most pictures
            store_pixel<Real>(scene, empty, at, 4, nullptr, a.linear);
            if (a.image)
              for (i64 c = 0; c < a.channels; ++c) a.image[a.channels * at + c] = empty_code[c];
            continue;
          }
          const Rgba<Real> pixel = composite(grid, sum, background_at(scene, at));
          if (!scene.srgb || !a.image) {
            store_pixel(scene, pixel, at, a.channels, a.image, a.linear);
            continue;
          }
          store_pixel<Real>(scene, pixel, at, 4, nullptr, a.linear);
          u8* const codes = a.image + a.channels * at;
          codes[0] = encoder.encode(pixel.rgb.x);
          codes[1] = encoder.encode(pixel.rgb.y);
          codes[2] = encoder.encode(pixel.rgb.z);
          if (a.channels == 4) codes[3] = encode_linear(pixel.a);
        }
      }
    if (!finished) __atomic_store_n(a.unfinished, 1, __ATOMIC_RELAXED);
  });
  return kGood;
}

}  // namespace

R3D_SCHEDULE(shade_meshes_fwd, ShadeMeshes, shade)

}  // namespace R3D_ISA
}  // namespace r3d
