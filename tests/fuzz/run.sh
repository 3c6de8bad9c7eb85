#!/bin/sh
# Fuzzes the native readers with libFuzzer under the address and undefined-behaviour sanitizers:
#   tests/fuzz/run.sh [inputs per reader] [reader ...]
# Needs clang with its compiler-rt (Debian: clang-14 libclang-rt-14-dev; CXX names another one). New inputs go to
# a temporary folder, crashes to the current one; the corpus kept in the repository only seeds.
set -eu
inputs=${1:-100000}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- obj ply stl off
here=$(cd "$(dirname "$0")" && pwd)
source="$here/../../cuda_src"
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
for reader; do
  "${CXX:-clang++-14}" -std=c++17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -I "$source" -DR3D_READER="read_$reader" "$here/fuzz_reader.cpp" "$source"/readers/read_*.cpp -o "$build/$reader"
  mkdir "$build/$reader.corpus"
  echo "== $reader: $inputs inputs"
  "$build/$reader" -runs="$inputs" -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    "$build/$reader.corpus" "$here/corpus/$reader" 2>"$build/log" || { cat "$build/log"; exit 1; }
  grep -E 'number_of_executed|new_units|peak_rss' "$build/log"
done
