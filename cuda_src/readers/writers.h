// Native writer of text formats: columns of numbers in, lines out. It stands without Python, as the readers
// do.
#ifndef R3D_READERS_WRITERS_H_
#define R3D_READERS_WRITERS_H_

#include <string>
#include <string_view>
#include <vector>

#include "math/kernel.h"

namespace r3d {

// A table (rows, width) of one type, rows one after the other.
struct Table {
  enum Type { kFloat, kDouble, kInteger } type;
  const void* data;
  size_t width;
};

// `rows` times the pattern, each '%' of which is the next number of that row of the tables. Floating numbers
// are the shortest that read back the same, or have this many decimals where it is not negative.
std::string format_rows(std::string_view pattern, const std::vector<Table>& tables, size_t rows,
                        int decimals);

}  // namespace r3d

#endif  // R3D_READERS_WRITERS_H_
