#!/bin/sh
# ./dev kernel: builds, checks and measures rungs of the ladders of kernels, by nvcc for a GPU,
# or as C++ for the emulator. Run from the root.
set -eu
here=kernels/ladder
stored=docs/benchmarks/kernels.json
page=docs/kernels.md
built=${LATENT_BUILT_KERNELS:-build/kernels}

usage() {
    cat <<'HELP'
./dev kernel LADDER [RUNG] [--emulate]
    builds, checks and measures one rung, or all of them as a table; --emulate needs no GPU, and
    counts what the rung asks of memory
./dev kernel --tables
    all rungs, on the emulator, and on a GPU where there is one, into the tables of
    docs/kernels.md

The ladders and their rungs:
HELP
    for ladder in $(ladders); do printf '  %-12s %s\n' "$ladder" "$(rungs "$ladder")"; done
    devices=$(sed -n 's/.*"device": "\([^"]*\)".*"seconds".*/\1/p' $stored | sort -u)
    printf '\nProven on: %s.\n' "${devices:-no GPU yet, the emulator alone}"
}
fail() { printf '%s\n' "$*" >&2; exit 1; }

ladders() { for file in kernels/*/problem.cuh; do basename "${file%/*}"; done; }
# In one line, as fails and lists want them.
rungs() { (cd "kernels/$1" && ls [0-9]*_*.cuh) | sed 's/\.cuh$//' | sort -n | xargs; }

nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null || :)
compiler=${CXX:-c++}

# Why a mode cannot be; nothing if it can.
hindrance() {
    case $1 in
    gpu)
        if [ -z "$nvcc" ]; then
            echo "nvcc: not found"
        elif ! nvidia-smi -L >/dev/null 2>&1 && [ ! -e /dev/nvidiactl ]; then
            echo "GPU: none found"
        fi
        ;;
    emulated)
        [ "$(uname -sm)" = 'Linux x86_64' ] ||
            echo "emulator: got $(uname -sm), expected Linux x86_64"
        command -v "$compiler" >/dev/null || echo "$compiler: not found, set CXX"
        ;;
    esac
}

# outdated BINARY LADDER RUNG: whether the rung or what all rungs include is newer.
outdated() {
    [ ! -x "$1" ] || [ -n "$(find kernels tests/support/cuda_emulation -newer "$1" \
        \( -name '*.cuh' -o -name '*.hpp' -o -name '*.h' \) \
        \( ! -name '[0-9]*_*' -o -path "kernels/$2/$3.cuh" \))" ]
}

# program MODE LADDER RUNG: builds it if something has changed, and names it.
program() {
    source=$built/$1/$2/$3.cu binary=$built/$1/$2/$3
    if ! outdated "$binary" "$2" "$3"; then
        echo "$binary"
        return
    fi
    mkdir -p "$built/$1/$2"
    cat >"$source" <<MAIN
#include "kernels/$2/$3.cuh"
#include "kernels/$2/example.hpp"
#include "kernels/ladder/program.cuh"
int main(int argc, char** argv) {
    return ladder::program<ladder::$2::Example>(ladder::$2::${3#*_}::rung, argc, argv);
}
MAIN
    if [ "$1" = gpu ]; then
        "$nvcc" -std=c++20 -O3 -arch=native -I. "$source" -o "$binary" >&2
    else
        "$compiler" -std=c++20 -O2 -march=native -Wno-unknown-pragmas -DLATENT_EMULATION \
            -Itests/support/cuda_emulation -I. -Iinclude -x c++ "$source" -pthread \
            -o "$binary" >&2
    fi || fail "$2 $3: does not compile"
    echo "$binary"
}

# rows MODE LADDER: a line of JSON for each rung; yours is left out until it is asked for.
rows() {
    for rung in $(rungs "$2"); do
        [ "$rung" != 99_yours ] || continue
        binary=$(program "$1" "$2" "$rung")
        "$binary" --json || status=1
    done
}

tables() {
    {
        for ladder in $(ladders); do rows emulated "$ladder"; done
        if [ -z "$(hindrance gpu)" ]; then
            for ladder in $(ladders); do rows gpu "$ladder"; done
        elif [ -f $stored ]; then
            sed -n '/"seconds"/{s/,$//;p;}' $stored # the times of before stay
        fi
    } >$built/rows
    [ $status -eq 0 ] || fail "$(grep '"right": false' $built/rows)
A rung is wrong: nothing is written."
    { echo '['; sed '$!s/$/,/' $built/rows; echo ']'; } >$built/rows.json
    awk -f $here/table.awk -v page=$page $built/rows $page >$built/page
    mv $built/rows.json $stored
    mv $built/page $page
    echo "written: $stored $page"
}

mode=gpu ladder='' rung='' status=0
for argument; do
    case $argument in
    --emulate) mode=emulated ;;
    -h | --help | --tables) ladder=$argument ;;
    -*) fail "$argument: no such option, expected --emulate or --tables" ;;
    *)
        [ -z "$rung" ] || fail "$argument: one too many, expected LADDER [RUNG]"
        if [ -z "$ladder" ]; then ladder=$argument; else rung=$argument; fi
        ;;
    esac
done
case $ladder in
-*) [ -z "$rung" ] || fail "$rung: one too many beside $ladder" ;;
esac
case $ladder in
'' | -h | --help) usage; exit 0 ;;
--tables) mode=emulated ;;
*) ladders | grep -qxF -- "$ladder" || fail "$ladder: no ladder, expected one of:" $(ladders) ;;
esac
if [ -n "$rung" ]; then
    found=$(rungs "$ladder" | tr ' ' '\n' | awk -v want="$rung" '$0 == want || $0 + 0 == want')
    [ -n "$found" ] || fail "$ladder $rung: no such rung, expected one of: $(rungs "$ladder")"
fi
why=$(hindrance $mode)
if [ -n "$why" ]; then
    [ $mode = emulated ] || why="$why; --emulate needs none, and shows all but speed"
    fail "$why"
fi
mkdir -p "$built"
if [ "$ladder" = --tables ]; then
    tables
elif [ -n "$rung" ]; then
    binary=$(program $mode "$ladder" "$found")
    exec "$binary"
else
    rows $mode "$ladder" >$built/rows
    awk -f $here/table.awk $built/rows
    exit $status
fi
