// The CPU schedule of shade_meshes: rows over threads. What samples show is looked up one by one and lit in
// SIMD lanes, a lane a fragment, a run of pixels at a time. Compiled once for each instruction set: no
// standard library.
#include "cpu/simd_math.h"

#include "cpu/schedules.h"
#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kRows = 4;      // of pixels that a thread takes at a time
constexpr i64 kPixels = 128;  // of a row, whose sums are kept together

// Fragments that wait for their light, and the sums of the pixels that get it.
template <class Real>
struct LaneSink {
  typedef Lanes<Real> L;
  static constexpr int width = Simd<Real>::width;

  const ShadeScene<Real>& scene;
  Rgba<Real> sums[kPixels];
  int pixel;  // the one that fragments come from
  int count;
  LitFragment<L> waiting;  // lanes [0, count)
  Real weights[width];
  int pixels[width];

  R3D_MEMBER explicit LaneSink(const ShadeScene<Real>& scene) : scene(scene), pixel(0), count(0) {
    // Lanes that are not filled hold numbers all the same.
    __builtin_memset((void*)&waiting, 0, sizeof(waiting));
  }

  R3D_MEMBER void clear() { __builtin_memset((void*)sums, 0, sizeof(sums)); }

  R3D_MEMBER void light(const ShadeFace<Real>& face, const Real* bary, const SurfaceColor<Real>& color,
                        Real weight) {
    const Real* const material = face.material;
    put3(&waiting.p0, face.p0);
    put3(&waiting.p1, face.p1);
    put3(&waiting.p2, face.p2);
    put3(&waiting.n0, face.n0);
    put3(&waiting.n1, face.n1);
    put3(&waiting.n2, face.n2);
    put(&waiting.b0, bary[0]);
    put(&waiting.b1, bary[1]);
    put(&waiting.b2, bary[2]);
    put3(&waiting.base, color.base.rgb);
    put3(&waiting.emissive, color.emissive);
    put3(&waiting.specular, load3(material + kSpecular, 0));
    put(&waiting.shininess, material[kShininess]);
    put(&waiting.unlit, (Real)face.codes[kIsUnlit]);
    weights[count] = weight;
    pixels[count] = pixel;
    if (++count == width) flush();
  }

  // Into the next lane.
  R3D_MEMBER void put(L* lanes, Real value) { ((Real*)lanes)[count] = value; }
  R3D_MEMBER void put3(Vec3<L>* lanes, const Vec3<Real>& value) {
    put(&lanes->x, value.x);
    put(&lanes->y, value.y);
    put(&lanes->z, value.z);
  }

  R3D_MEMBER void paint(const Vec3<Real>& color, Real weight) { add(pixel, weight, color); }

  R3D_MEMBER void add(int at, Real weight, const Vec3<Real>& color) {
    sums[at] = sums[at] + Rgba<Real>{weight * color, weight};
  }

  __attribute__((noinline)) void flush() {
    if (count == 0) return;
    const Vec3<L> color = light_fragment(scene, waiting);
    alignas(64) Real x[width], y[width], z[width];
    store(x, color.x);
    store(y, color.y);
    store(z, color.z);
    for (int i = 0; i < count; ++i) add(pixels[i], weights[i], {x[i], y[i], z[i]});
    count = 0;
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
__attribute__((noinline)) bool shade_covered(const ShadeMeshesArgs<Real>& a, i64 sample,
                                             ShadeFace<Real>* face, LaneSink<Real>& sink) {
  return shade_sample(a.scene, a.grid, sample, face, sink);
}

template <class Real>
bool shade(const ShadeMeshesArgs<Real>& a) {
  const ShadeScene<Real>& scene = a.scene;
  const SampleGrid<Real>& grid = a.grid;
  const i64 side = grid.supersampling, row_of_samples = grid.width * side;
  const Rgba<Real> nothing = {{0, 0, 0}, 0};
  const typename Encoder<Real>::type encoder(scene.half_codes);
  const Rgba<Real> empty = composite(grid, nothing, {load3(scene.background, 0), scene.background[3]});
  u8 empty_code[4];
  store_pixel<Real>(scene, empty, 0, empty_code, nullptr);
  int unfinished = 0;
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
            store_pixel<Real>(scene, empty, at, nullptr, a.linear);
            if (a.image) __builtin_memcpy(a.image + 4 * at, empty_code, 4);
            continue;
          }
          const Rgba<Real> pixel = composite(grid, sum, background_at(scene, at));
          if (!scene.srgb || !a.image) {
            store_pixel(scene, pixel, at, a.image, a.linear);
            continue;
          }
          store_pixel<Real>(scene, pixel, at, nullptr, a.linear);
          a.image[4 * at] = encoder.encode(pixel.rgb.x);
          a.image[4 * at + 1] = encoder.encode(pixel.rgb.y);
          a.image[4 * at + 2] = encoder.encode(pixel.rgb.z);
          a.image[4 * at + 3] = encode_linear(pixel.a);
        }
      }
    if (!finished) __atomic_store_n(&unfinished, 1, __ATOMIC_RELAXED);
  });
  return unfinished == 0;
}

}  // namespace

bool shade_meshes_fwd(const ShadeMeshesArgs<float>& args) { return shade(args); }
bool shade_meshes_fwd(const ShadeMeshesArgs<double>& args) { return shade(args); }

}  // namespace R3D_ISA
}  // namespace r3d
