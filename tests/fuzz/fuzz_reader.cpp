// libFuzzer's entry for one native reader, R3D_READER (read_obj, read_ply, read_stl or read_off): whatever
// the bytes, it returns a mesh whose ids are valid, or throws ReadError. See run.sh.
#include <stdlib.h>

#include "readers/readers.h"

namespace {

void check_ids(const std::vector<i64>& ids, size_t faces, size_t count, i64 least) {
  if (!ids.empty() && ids.size() != faces) abort();
  for (const i64 id : ids)
    if (id < least || id >= static_cast<i64>(count)) abort();
}

// A message is one line of printable ASCII that begins with the place.
void check_message(std::string_view message) {
  if (message.empty() || message[0] != ':') abort();
  for (const char c : message)
    if (c < ' ' || c > '~') abort();
}

void check(const r3d::MeshData& mesh) {
  const size_t num_verts = mesh.verts.size() / 3, num_faces = mesh.faces.size() / 3;
  if (mesh.verts.size() % 3 || mesh.faces.size() % 3 || mesh.normals.size() % 3 || mesh.uvs.size() % 2)
    abort();
  check_ids(mesh.faces, mesh.faces.size(), num_verts, 0);
  check_ids(mesh.faces_uvs, mesh.faces.size(), mesh.uvs.size() / 2, -1);
  check_ids(mesh.faces_normals, mesh.faces.size(), mesh.normals.size() / 3, -1);
  if (!mesh.colors.empty() && mesh.colors.size() != num_verts * 4) abort();
  for (const float color : mesh.colors)
    if (!(color >= 0 && color <= 1)) abort();
  if (!mesh.uvs.empty() && mesh.faces_uvs.empty() && mesh.uvs.size() != num_verts * 2) abort();
  if (!mesh.normals.empty() && mesh.faces_normals.empty() && mesh.normals.size() != num_verts * 3) abort();
  if (!mesh.faces_material.empty() && mesh.faces_material.size() != num_faces) abort();
  const size_t materials = mesh.materials.empty() ? mesh.textures.size() : mesh.materials.size();
  for (const i32 id : mesh.faces_material)
    if (id < -1 || id >= static_cast<i32>(materials)) abort();
  for (const std::string& warning : mesh.warnings) check_message(warning);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  try {
    check(r3d::R3D_READER(std::string_view(reinterpret_cast<const char*>(data), size)));
  } catch (const r3d::ReadError& error) {
    check_message(error.what());
  }
  return 0;
}
