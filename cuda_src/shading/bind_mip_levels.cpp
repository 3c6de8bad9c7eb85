// The mip levels of a texture. Not a kernel: made once for each texture, on the host.
#include "cpu/bind.h"
#include "cpu/threads.h"

#include <vector>

namespace r3d {
namespace {

constexpr i64 kTexels = 1 << 14;  // that a thread takes at a time

typedef u32 Four __attribute__((vector_size(16)));
typedef u16 FourShort __attribute__((vector_size(8)));

i64 half(i64 side) { return side > 1 ? side / 2 : 1; }
i64 grain(i64 width) { return width < kTexels ? kTexels / width : 1; }

// A level of half the size, the mean of four texels each, in linear light and 65535ths; sides round down, and
// a side of one stays. `load(i)` is texel i of the level above.
template <class Load>
void halve(i64 height, i64 width, const Load& load, const u8* encode, u16* linear, u8* out) {
  const i64 rows = half(height), columns = half(width);
  const bool down = height > 1, right = width > 1;
  const u32 shift = (u32)down + (u32)right, rounding = shift ? 1u << (shift - 1) : 0;
  parallel(rows, grain(columns), [&](i64 begin, i64 end, int) {
    for (i64 row = begin; row < end; ++row)
      for (i64 column = 0; column < columns; ++column) {
        const i64 from = (row << down) * width + (column << right), to = 4 * (row * columns + column);
        Four sum = load(from) + rounding;
        if (right) sum += load(from + 1);
        if (down) sum += load(from + width);
        if (down && right) sum += load(from + width + 1);
        const FourShort mean = __builtin_convertvector(sum >> shift, FourShort);
        __builtin_memcpy(linear + to, &mean, sizeof(mean));
        const u8 code[4] = {encode[mean[0]], encode[mean[1]], encode[mean[2]], (u8)(mean[3] / 257)};
        __builtin_memcpy(out + to, code, sizeof(code));
      }
  });
}

template <int channels>
void copy_image(const u8* image, i64 height, i64 width, u8* out) {
  parallel(height, grain(width), [&](i64 begin, i64 end, int) {
    for (i64 i = begin * width; i < end * width; ++i) {
      const u8* const from = image + channels * i;
      const u8 code[4] = {from[0], from[1], from[2], channels == 4 ? from[channels - 1] : (u8)255};
      __builtin_memcpy(out + 4 * i, code, sizeof(code));
    }
  });
}

// image: (H, W, 3 or 4) sRGB and perhaps alpha. decode: (256,) its colours in linear light. encode: (65536,)
// and back. out: (X, 4) all levels, the image first.
void mip_levels(const u8* image, i64 height, i64 width, i64 channels, const u16* decode, const u8* encode,
                u8* out) {
  if (channels == 4)
    copy_image<4>(image, height, width, out);
  else
    copy_image<3>(image, height, width, out);
  std::vector<u16> linear, above;
  const u8* const first = out;
  while (height > 1 || width > 1) {
    out += 4 * height * width;
    const i64 rows = half(height), columns = half(width);
    linear.swap(above);
    linear.resize(4 * rows * columns);
    if (above.empty())
      halve(
          height, width,
          [=](i64 i) {
            const u8* const code = first + 4 * i;
            return Four{decode[code[0]], decode[code[1]], decode[code[2]], 257u * code[3]};
          },
          encode, linear.data(), out);
    else
      halve(
          height, width,
          [&](i64 i) {
            FourShort texel;
            __builtin_memcpy(&texel, above.data() + 4 * i, sizeof(texel));
            return __builtin_convertvector(texel, Four);
          },
          encode, linear.data(), out);
    height = rows;
    width = columns;
  }
}

}  // namespace

void bind_mip_levels(nb::module_& m) {
  m.def(
      "mip_levels",
      [](Array<const u8> image, Array<const u16> decode, Array<const u8> encode, Array<u8> out) {
        nb::gil_scoped_release release;
        mip_levels(image.data(), rows(image), static_cast<i64>(image.shape(1)),
                   static_cast<i64>(image.shape(2)), decode.data(), encode.data(), out.data());
      },
      "image"_a.noconvert(), "decode"_a.noconvert(), "encode"_a.noconvert(), "out"_a.noconvert());
}

R3D_BIND(bind_mip_levels)

}  // namespace r3d
