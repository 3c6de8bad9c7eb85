// STL, binary and ASCII. Vertices stay unshared, three to a facet, so that shading can be flat; the normals
// of the file are left aside, because they only repeat the winding and are often zero.
#include "cpu/readers.h"
#include "cpu/text_scanner.h"

namespace r3d {
namespace {

const i64 kHeader = 84, kFacet = 50;  // bytes: 80 of text and a count; 12 floats and two bytes of attributes

u32 load_u32(const char* p) {
  u32 value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(p[i]);
  return value;
}

// The words' case differs from writer to writer.
bool is(std::string_view word, const char* keyword) {
  size_t i = 0;
  for (; i < word.size(); ++i)
    if ((word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a' : word[i]) != keyword[i]) return false;
  return keyword[i] == 0;
}

// Binary files often begin with "solid" too: a size that fits their count settles it; text has no zero bytes.
bool is_ascii(std::string_view file) {
  const i64 size = static_cast<i64>(file.size());
  if (size >= kHeader && kHeader + kFacet * static_cast<i64>(load_u32(file.data() + 80)) == size)
    return false;
  TextScanner text(file.data(), file.data() + file.size(), 0, false);
  if (!text.next_words() || !is(text.word().substr(0, 5), "solid")) return false;
  const std::string_view start = file.substr(0, 4096);
  return start.find('\0') == std::string_view::npos;
}

MeshData read_binary(std::string_view file) {
  const i64 size = static_cast<i64>(file.size());
  if (size < kHeader)
    fail(0, "is too short for an STL file (" + std::to_string(size) +
                " bytes); fetch it again if it was cut short");
  const i64 declared = load_u32(file.data() + 80), held = (size - kHeader) / kFacet;
  if (declared > held)
    fail(0, "declares " + std::to_string(declared) + " facets and holds " + std::to_string(held) +
                "; fetch it again, it was cut short or is not an STL file");
  MeshData mesh;
  mesh.verts.reserve(static_cast<size_t>(declared) * 9);
  for (i64 facet = 0; facet < declared; ++facet)
    for (int i = 3; i < 12; ++i) {
      const u32 bits = load_u32(file.data() + kHeader + facet * kFacet + i * 4);
      float value;
      std::memcpy(&value, &bits, sizeof(value));
      mesh.verts.push_back(static_cast<double>(value));
    }
  const i64 rest = size - kHeader - declared * kFacet;
  if (rest)
    mesh.warnings.push_back(at_line(0, std::to_string(rest) + " bytes after the last facet were ignored"));
  return mesh;
}

MeshData read_ascii(std::string_view file) {
  TextScanner text(file.data(), file.data() + file.size(), 0, false);
  MeshData mesh;
  int corners = -1;  // of the open facet; -1: none is open
  bool ended = false;
  while (text.next_words()) {
    const std::string_view word = text.word();
    double values[3];
    if (is(word, "vertex")) {
      for (double& value : values)
        if (!text.number(value))
          fail(text.line(),
               "'vertex' needs three numbers, found " + quoted(text.peek()) + "; correct the line");
      if (corners < 0 || ++corners > 3)
        fail(text.line(), corners < 0 ? "a vertex stands outside a facet; correct the file"
                                      : "a facet has more than three vertices; triangulate the mesh first");
      mesh.verts.insert(mesh.verts.end(), values, values + 3);
    } else if (is(word, "facet")) {
      if (corners >= 0) fail(text.line(), "a facet begins within a facet; correct the file");
      corners = 0;
      text.rest_of_line();
    } else if (is(word, "endfacet")) {
      if (corners != 3)
        fail(text.line(), "a facet ends with " + std::to_string(corners < 0 ? 0 : corners) +
                              " vertices, not three; correct the file");
      corners = -1;
    } else if (is(word, "solid") || is(word, "endsolid")) {
      ended = is(word, "endsolid");
      text.rest_of_line();  // the name
    } else if (!is(word, "outer") && !is(word, "loop") && !is(word, "endloop")) {
      fail(text.line(), quoted(word) + " is not a word of an STL file; correct the line");
    }
  }
  if (corners >= 0 || !ended)
    fail(text.line(), "the file ends without 'endsolid'; fetch it again, it was cut short");
  return mesh;
}

}  // namespace

MeshData read_stl(std::string_view file) {
  MeshData mesh = is_ascii(file) ? read_ascii(file) : read_binary(file);
  mesh.faces.resize(static_cast<size_t>(mesh.num_verts()));
  for (size_t i = 0; i < mesh.faces.size(); ++i) mesh.faces[i] = static_cast<i64>(i);
  return mesh;
}

}  // namespace r3d
