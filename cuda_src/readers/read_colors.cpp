#include "readers/readers.h"

namespace r3d {
namespace {

void scale(std::vector<float>& colors) {
  float largest = 0;
  for (size_t i = 0; i < colors.size(); ++i)
    if (i % 4 != 3 && colors[i] > largest) largest = colors[i];
  const float scale = largest > 1.01f ? 1.0f / 255 : 1.0f;
  for (size_t i = 0; i < colors.size(); ++i) {
    float& value = colors[i];
    value = i % 4 == 3 && value == kNoAlpha ? 1.0f : value * scale;
    if (!(value > 0)) value = 0;  // NaN too
    if (value > 1) value = 1;
  }
}

}  // namespace

void add_face_color(MeshData& mesh, i64 first_face, const float color[4]) {
  static const float kNone[4] = {-1, -1, -1, -1};
  std::vector<float>& colors = mesh.face_colors;
  while (colors.size() < static_cast<size_t>(first_face) * 4) colors.insert(colors.end(), kNone, kNone + 4);
  while (colors.size() < mesh.faces.size() / 3 * 4) colors.insert(colors.end(), color, color + 4);
}

void scale_colors(MeshData& mesh) {
  scale(mesh.colors);
  std::vector<float>& colors = mesh.face_colors;
  if (colors.empty()) return;
  std::vector<bool> none(colors.size() / 4);
  for (size_t face = 0; face < none.size(); ++face) none[face] = colors[face * 4] < 0;
  scale(colors);
  for (size_t face = 0; face < none.size(); ++face)
    if (none[face]) colors[face * 4] = -1;
  while (colors.size() < mesh.faces.size() / 3 * 4) colors.push_back(-1);
}

}  // namespace r3d
