#!/bin/sh
# The checks of ./dev check find what they are for: a tree with one mistake of each kind.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GIT_DIR=/dev/null # the tree is no repository: its files are found on disk
export CLANG_FORMAT=true

mkdir -p tools include/latent/tensor include/latent/ops include/latent/io reference_data
cp -r "$source/tools/check" tools/
echo '# none' >tools/check/exempt.txt
echo 'tests/ops/gone_test.cpp  its header went' >>tools/check/exempt.txt
wide=$(printf '%097d' 0)
header() { cat >"include/latent/$1"; }
printf '#pragma once\nstruct Alone {};\n' | header tensor/fine.hpp
printf '#pragma once\n#include "latent/ops/add.hpp"\n' | header tensor/upward.hpp
printf '#pragma once\n#include "add.hpp"\n' | header ops/relative.hpp
printf '#pragma once\n#include <nlohmann/json.hpp>\n' | header ops/json.hpp
printf '#pragma once\n#include <unistd.h>\n// __builtin_ in words\n' | header ops/add.hpp
printf '#pragma once\ninline int f() { return __builtin_ctz(8); }\n' | header ops/builtin.hpp
printf '#pragma once\ninline int* f() { return new int(1); }\n' | header ops/pointer.hpp
printf '#pragma once\n#include "latent/models/vae.hpp"\n' | header io/npy.hpp
printf '#pragma once\n// %s\n' "$wide" | header ops/wide.hpp
printf 'struct Twice {};\n// TO%s: later\n' DO | header ops/once.hpp
awk 'BEGIN { print "#pragma once"; for (i = 0; i < 400; i++) print "//" }' | header ops/long.hpp
printf '#pragma once\ninline Missing f();\n' | header ops/dependent.hpp
head -c 1048577 /dev/zero >large.bin
head -c 10000001 /dev/zero >reference_data/large.safetensors
mkdir -p reference_data/models/tiny
head -c 12000001 /dev/zero >reference_data/models/tiny/weights.safetensors

if sh tools/check/run.sh >found; then
    echo "got success, expected a failure"
    exit 1
fi

failed=0
expect() {
    if ! grep -qF "$1" found; then
        echo "not found: $1"
        failed=1
    fi
}
expect 'include/latent/tensor/upward.hpp:2: got an include of ops in tensor'
expect 'include/latent/io/npy.hpp:2: got an include of models in io'
expect 'include/latent/ops/relative.hpp:2: got "add.hpp"'
expect 'include/latent/ops/json.hpp:2: got <nlohmann/json.hpp>'
expect 'include/latent/ops/add.hpp:2: expected the operating system'
expect 'include/latent/ops/builtin.hpp:2: expected compiler built-ins'
expect 'include/latent/ops/pointer.hpp:2: expected values'
expect 'include/latent/ops/wide.hpp:2: got 100 columns'
expect 'include/latent/ops/long.hpp: got 401 lines'
expect 'include/latent/ops/once.hpp: expected #pragma once'
expect 'include/latent/ops/once.hpp:2: expected finished work'
expect 'include/latent/ops/dependent.hpp: does not compile alone'
expect 'large.bin: got 1048577 bytes'
expect 'reference_data: got 10000001 bytes'
expect 'reference_data/models: got 12000001 bytes'
expect 'tests/tensor/fine_test.cpp: missing'
expect 'docs/ops/wide.md: missing'
expect 'reference_data/ops/wide.safetensors: missing'
expect 'tools/check/exempt.txt: tests/ops/gone_test.cpp is no counterpart'
if grep -q 'tensor/fine.hpp' found; then
    echo "got a problem with tensor/fine.hpp, expected none"
    failed=1
fi
[ $failed -eq 0 ] || cat found
exit $failed
