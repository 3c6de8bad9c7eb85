// STL, binary and ASCII. Vertices stay unshared, three to a facet, so that shading can be flat; the normals
// of the file are left aside, because they only repeat the winding and are often zero.
#include <algorithm>

#include "readers/readers.h"
#include "readers/text_scanner.h"

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
  for (; i < word.size() && keyword[i]; ++i)
    if ((word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a' : word[i]) != keyword[i]) return false;
  return keyword[i] == 0 && i == word.size();
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

u32 load_u16(const char* p) {
  return static_cast<u32>(static_cast<unsigned char>(p[0]) | static_cast<unsigned char>(p[1]) << 8);
}

// The colours that two programs put into the two bytes behind a facet, five bits a channel. VisCAM (and
// SolidView): blue lowest, the top bit says that there is a colour. Magics, whose header has "COLOR=" with
// the whole object's red, green, blue and alpha: red lowest, the top bit says that the object's counts.
class FacetColors {
 public:
  FacetColors(std::string_view file, i64 facets) {
    const std::string_view header = file.substr(0, 80);
    const size_t at = header.find("COLOR=");
    is_magics_ = at != std::string_view::npos && at + 10 <= header.size();
    for (size_t i = 0; is_magics_ && i < 4; ++i)
      object_[i] = static_cast<float>(static_cast<unsigned char>(header[at + 6 + i])) / 255;
    for (i64 facet = 0; facet < facets && !has_codes_; ++facet)
      has_codes_ = load_u16(file.data() + kHeader + facet * kFacet + 48) != 0;
  }

  void add(MeshData& mesh, i64 facet, u32 code) {
    if (!is_magics_ && !has_codes_) return;
    const float low = five(code), middle = five(code >> 5), high = five(code >> 10);
    const bool top = code >> 15 & 1;
    if (is_magics_) {
      const float own[4] = {low, middle, high, 1};
      add_face_color(mesh, facet, top || !has_codes_ ? object_ : own);
    } else if (top) {
      const float own[4] = {high, middle, low, 1};
      add_face_color(mesh, facet, own);
    }
  }

 private:
  static float five(u32 bits) { return static_cast<float>(bits & 31) / 31; }

  bool is_magics_, has_codes_ = false;
  float object_[4] = {0, 0, 0, 1};
};

// Facets of a body without a right count: numbers of any size would show that it is no STL file.
bool are_facets(std::string_view file, i64 facets) {
  for (i64 facet = 0; facet < facets; ++facet)
    for (int i = 3; i < 12; ++i) {
      const u32 exponent = load_u32(file.data() + kHeader + facet * kFacet + i * 4) >> 23 & 255;
      if (exponent > 127 + 100) return false;  // beyond 1e30, infinite or NaN
    }
  return facets > 0;
}

// How many facets to read. The count is often wrong or was never filled in, while the facets are there.
i64 count_facets(std::string_view file, MeshData& mesh) {
  const i64 size = static_cast<i64>(file.size());
  const i64 declared = load_u32(file.data() + 80), held = (size - kHeader) / kFacet;
  const i64 rest = size - kHeader - declared * kFacet;
  if (rest == 0) return declared;
  const bool whole = (size - kHeader) % kFacet == 0;
  if (declared > held || (whole && are_facets(file, held))) {
    if (!are_facets(file, held))
      fail(0, "declares " + std::to_string(declared) + " facets and holds " + std::to_string(held) +
                  "; fetch it again, it was cut short or is not an STL file");
    mesh.warnings.push_back(at_line(0, "declares " + std::to_string(declared) + " facets and holds " +
                                           std::to_string(held) + " whole ones, which are read"));
    return held;
  }
  mesh.warnings.push_back(at_line(0, std::to_string(rest) + " bytes after the last facet were ignored"));
  return declared;
}

MeshData read_binary(std::string_view file) {
  if (static_cast<i64>(file.size()) < kHeader)
    fail(0, "is too short for an STL file (" + std::to_string(file.size()) +
                " bytes); fetch it again if it was cut short");
  MeshData mesh;
  const i64 facets = count_facets(file, mesh);
  FacetColors colors(file, facets);
  mesh.verts.reserve(static_cast<size_t>(facets) * 9);
  mesh.faces.reserve(static_cast<size_t>(facets) * 3);
  for (i64 facet = 0; facet < facets; ++facet) {
    const char* const record = file.data() + kHeader + facet * kFacet;
    for (int i = 3; i < 12; ++i) {
      const u32 bits = load_u32(record + i * 4);
      float value;
      std::memcpy(&value, &bits, sizeof(value));
      mesh.verts.push_back(static_cast<double>(value));
    }
    mesh.faces.insert(mesh.faces.end(), {3 * facet, 3 * facet + 1, 3 * facet + 2});
    colors.add(mesh, facet, load_u16(record + 48));
  }
  return mesh;
}

// Past the last facet that is whole; npos where the file has an end or no facet.
size_t end_of_whole_facets(std::string_view file) {
  for (size_t at = file.size(); at-- > 0;) {
    if ((file[at] | 32) != 'e') continue;
    if (is(file.substr(at, 8), "endsolid")) return std::string_view::npos;
    if (is(file.substr(at, 8), "endfacet")) return at + 8;
  }
  return std::string_view::npos;
}

// Red, green and blue, which some writers put behind the word color: on a line of its own, or after facet or
// endfacet.
bool read_color(TextScanner& text, float color[4]) {
  double value;
  for (int i = 0; i < 3; ++i) {
    if (!text.number(value)) return false;
    color[i] = static_cast<float>(value);
  }
  color[3] = kNoAlpha;
  return true;
}

void read_color_in(std::string_view line, float color[4]) {
  const size_t at = line.find("color");
  if (at == std::string_view::npos) return;
  TextScanner text(line.data() + at + 5, line.data() + line.size(), 0, false);
  read_color(text, color);
}

MeshData read_ascii(std::string_view file) {
  MeshData mesh;
  const size_t end = end_of_whole_facets(file);
  if (end != std::string_view::npos) {
    file = file.substr(0, end);
    mesh.warnings.push_back(at_line(0, "ends without 'endsolid'; its whole facets are read"));
  }
  TextScanner text(file.data(), file.data() + file.size(), 0, false);
  int corners = -1;  // of the open facet; -1: none is open
  bool ended = end != std::string_view::npos;
  float color[4] = {-1, -1, -1, -1}, solid_color[4] = {-1, -1, -1, -1};  // of the open facet, of the solid
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
      std::copy(solid_color, solid_color + 4, color);
      read_color_in(text.rest_of_line(), color);
    } else if (is(word, "endfacet")) {
      if (corners != 3)
        fail(text.line(), "a facet ends with " + std::to_string(corners < 0 ? 0 : corners) +
                              " vertices, not three; correct the file");
      read_color_in(text.rest_of_line(), color);
      const i64 facet = mesh.num_verts() / 3 - 1;
      mesh.faces.insert(mesh.faces.end(), {3 * facet, 3 * facet + 1, 3 * facet + 2});
      if (color[0] >= 0) add_face_color(mesh, facet, color);
      corners = -1;
    } else if (is(word, "color")) {
      if (!read_color(text, corners < 0 ? solid_color : color))
        fail(text.line(), "'color' needs three numbers, found " + quoted(text.peek()) + "; correct the line");
    } else if (is(word, "solid") || is(word, "endsolid")) {
      ended = is(word, "endsolid") || ended;
      std::fill(solid_color, solid_color + 4, -1.0f);
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
  scale_colors(mesh);
  return mesh;
}

}  // namespace r3d
