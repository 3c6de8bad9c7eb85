#include "cpu/readers.h"

namespace r3d {

void scale_colors(MeshData& mesh) {
  float largest = 0;
  for (size_t i = 0; i < mesh.colors.size(); ++i)
    if (i % 4 != 3 && mesh.colors[i] > largest) largest = mesh.colors[i];
  const float scale = largest > 1.01f ? 1.0f / 255 : 1.0f;
  for (size_t i = 0; i < mesh.colors.size(); ++i) {
    float& value = mesh.colors[i];
    value = i % 4 == 3 && value == kNoAlpha ? 1.0f : value * scale;
    if (!(value > 0)) value = 0;  // NaN too
    if (value > 1) value = 1;
  }
}

}  // namespace r3d
