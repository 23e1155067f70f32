#!/bin/bash -eu
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets as OSS-Fuzz wants them: $CXX, $CXXFLAGS and $LIB_FUZZING_ENGINE are given, the
# programs go to $OUT with their seeds and dictionary. Needs cmake, ninja, ragel and zip; by hand:
#   CXX=clang++ CXXFLAGS="-g -O1 -fsanitize=fuzzer-no-link,address,undefined" \
#   LIB_FUZZING_ENGINE=-fsanitize=fuzzer OUT=/tmp/out SRC=$PWD/.. fuzz/oss-fuzz/build.sh
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${WORK:-$root/build}/oss-fuzz
mkdir -p "$OUT"

cmake -S "$root" -B "$work" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_COMPILER="$CXX" \
  -DCMAKE_CXX_FLAGS="$CXXFLAGS" -DSIPSTACK_FUZZ_ENGINE="$LIB_FUZZING_ENGINE" \
  -DSIPSTACK_PARSER_ONLY=ON -DSIPSTACK_BUILD_FUZZ=ON -DSIPSTACK_FUZZ_DIFFERENTIAL=OFF \
  -DSIPSTACK_BUILD_TESTS=OFF -DSIPSTACK_BUILD_TOOLS=OFF -DSIPSTACK_INSTALL=OFF
cmake --build "$work"

for program in "$work"/fuzz/fuzz_*; do
  name=${program##*/fuzz_}
  cp "$program" "$OUT/"
  cp "$root/fuzz/sip.dict" "$OUT/fuzz_$name.dict"
  if [ -d "$root/fuzz/corpus/$name" ]; then
    (cd "$root/fuzz/corpus/$name" && zip -q -r "$OUT/fuzz_${name}_seed_corpus.zip" .)
  fi
done
