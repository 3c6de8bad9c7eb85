// The mip levels of a texture. Not a kernel: made once for each texture, on the host.
#include "cpu/bind.h"
#include "cpu/threads.h"

#include <vector>

namespace r3d {
namespace {

constexpr i64 kTexels = 1 << 14;  // that a thread takes at a time

i64 half(i64 side) { return side > 1 ? side / 2 : 1; }
i64 grain(i64 width) { return width < kTexels ? kTexels / width : 1; }

// A level of half the size, the mean of four texels each, in linear light and 65535ths; sides round down, and
// a side of one stays. `at(row, column, channel)` is the level above.
template <class At>
void halve(i64 height, i64 width, const At& at, u16* out) {
  const i64 rows = half(height), columns = half(width);
  const i64 down = height > 1 ? 1 : 0, right = width > 1 ? 1 : 0;
  const u32 count = (u32)((1 + down) * (1 + right));
  parallel(rows, grain(columns), [&](i64 begin, i64 end, int) {
    for (i64 row = begin; row < end; ++row)
      for (i64 column = 0; column < columns; ++column)
        for (int c = 0; c < 4; ++c) {
          const i64 y = row << down, x = column << right;
          u32 sum = at(y, x, c);
          if (right) sum += at(y, x + 1, c);
          if (down) sum += at(y + 1, x, c);
          if (down && right) sum += at(y + 1, x + 1, c);
          out[4 * (row * columns + column) + c] = (u16)((sum + count / 2) / count);
        }
  });
}

// image: (H, W, C) sRGB and perhaps alpha. decode: (256,) its colours in linear light. encode: (65536,) and
// back. out: (X, 4) all levels, the image first.
void mip_levels(const u8* image, i64 height, i64 width, i64 channels, const u16* decode, const u8* encode,
                u8* out) {
  parallel(height, grain(width), [&](i64 begin, i64 end, int) {
    for (i64 i = begin * width; i < end * width; ++i)
      for (i64 c = 0; c < 4; ++c) out[4 * i + c] = c < channels ? image[channels * i + c] : 255;
  });
  std::vector<u16> linear, above;
  const u8* const first = out;
  for (bool at_first = true; height > 1 || width > 1; at_first = false) {
    out += 4 * height * width;
    const i64 rows = half(height), columns = half(width);
    linear.swap(above);
    linear.resize(4 * rows * columns);
    if (at_first)
      halve(
          height, width,
          [=](i64 y, i64 x, int c) {
            const u32 code = first[4 * (y * width + x) + c];
            return c < 3 ? (u32)decode[code] : 257 * code;
          },
          linear.data());
    else
      halve(
          height, width, [&](i64 y, i64 x, int c) { return (u32)above[4 * (y * width + x) + c]; },
          linear.data());
    const u16* const from = linear.data();
    parallel(rows, grain(columns), [&](i64 begin, i64 end, int) {
      for (i64 i = begin * columns; i < end * columns; ++i) {
        for (int c = 0; c < 3; ++c) out[4 * i + c] = encode[from[4 * i + c]];
        out[4 * i + 3] = (u8)(from[4 * i + 3] / 257);
      }
    });
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

}  // namespace r3d
