#!/bin/sh
# Everything that wants to be seen on a GPU, in one call of at most eight minutes: whether the
# emulator tells the truth, the tests of the kernels, compute-sanitizer, and layers and whole
# decodes beside PyTorch. The table comes last, and goes to docs/benchmarks/gpu.json.
#
#   tests/bench/gpu.sh               on a machine with a GPU, nvcc and CMake; PyTorch if it has
#                                    it; no network. LATENT_HEADERS: a folder with the headers
#                                    that --headers FOLDER collects where they are installed
#   tests/bench/gpu.sh --headers FOLDER   copies those of Eigen, Catch2 v2 and nlohmann-json
#   tests/bench/gpu.sh --emulate PROGRAMS the same steps, small, on the emulator, with programs
#                                    that are built already; writes no file of ours
set -eu
cd "$(dirname "$0")/../.."
root=$(pwd)
status=0

say() { printf '\n== %s (%s s)\n' "$*" $(($(date +%s) - began)); }
failed() {
    printf 'FAILED: %s\n' "$*"
    status=1
}
# What is left of eight minutes, of which layers and decodes get three at least.
kept=180
left() { echo $((480 - kept - $(date +%s) + began)); }
# step SECONDS COMMAND...: it may not take longer, nor beyond the end.
step() {
    seconds=$1
    shift
    if [ "$seconds" -gt "$(left)" ]; then seconds=$(left); fi
    if [ "$seconds" -lt 5 ]; then
        failed "no time left for $*"
        return
    fi
    timeout "$seconds" "$@" || failed "$* (exit code $?)"
}
began=$(date +%s)

collect() {
    mkdir -p "$1"
    for header in Eigen catch2 nlohmann; do
        for place in /usr/include/eigen3 /usr/include /usr/local/include/eigen3 \
            /usr/local/include /opt/homebrew/include/eigen3 /opt/homebrew/include; do
            if [ -d "$place/$header" ]; then
                cp -r "$place/$header" "$1/"
                break
            fi
        done
        [ -d "$1/$header" ] || failed "$header: not found"
    done
    exit $status
}

# One that has PyTorch, or any.
python=
for program in "${PYTHON:-}" python3 build/reference-venv/bin/python; do
    if [ -n "$program" ] && command -v "$program" >/dev/null 2>&1; then
        if "$program" -c 'import torch' 2>/dev/null; then
            python=$program
            break
        fi
        python=${python:-$program}
    fi
done

small=
case ${1:-} in
--headers | --emulate)
    [ $# -eq 2 ] || { echo "$0 $1: got no folder, expected one" >&2; exit 2; }
    ;;
esac
case ${1:-} in
--headers) collect "$2" ;;
--emulate)
    programs=$2
    small=--small
    target=$(mktemp)
    trap 'rm -f "$target"' EXIT
    ;;
'')
    programs=$root/build-gpu
    target=${LATENT_BENCH_JSON:-$root/docs/benchmarks/gpu.json}
    nvidia-smi -L || failed "no GPU"
    say "building"
    nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
    cmake -S tests/bench/gpu -B build-gpu -G 'Unix Makefiles' -DCMAKE_CUDA_COMPILER="$nvcc" \
        -DLATENT_HEADERS="${LATENT_HEADERS:-$root/build/gpu-headers}" >build-gpu.log 2>&1 ||
        { cat build-gpu.log; exit 1; }
    rm -f build-gpu.log
    step 150 cmake --build build-gpu --parallel "$(getconf _NPROCESSORS_ONLN)" -- -k
    ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac

say "each instruction beside its twin in the emulator"
step 30 "$programs/twins" >"$programs/twins.txt"
step 30 "$programs/twins_emulated" >"$programs/twins_emulated.txt"
cat "$programs/twins.txt"
if [ "$(wc -l <"$programs/twins.txt")" -ne 4 ] ||
    ! cmp "$programs/twins.txt" "$programs/twins_emulated.txt"; then
    failed "a twin differs: no result of the emulator is to be trusted before it is mended"
fi

say "the tests of the kernels"
LATENT_REFERENCE_DATA=$root/reference_data
export LATENT_REFERENCE_DATA
# Small ones are enough for a dry run: the whole program is a test of its own.
step 90 "$programs/test_kernels" ${small:+"what moves numbers moves their bits"}

say "small ones under compute-sanitizer"
sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
if [ -z "$small" ] && [ -x "$sanitizer" ]; then
    for tool in memcheck racecheck synccheck; do
        step 20 "$sanitizer" --tool $tool --error-exitcode 1 "$programs/test_kernels" \
            "conv2d on the device*","group_norm on the device*","attention on the device*"
    done
else
    echo "skipped: no compute-sanitizer, or no GPU"
fi

if [ -z "$small" ]; then
    say "the rungs of the ladders"
    for ladder in conv2d group_norm attention; do step 40 ./dev kernel $ladder; done
fi

say "layers and decodes"
kept=0
LATENT_BENCH_SECONDS=$(($(left) - 40)) # for what is begun then
export LATENT_BENCH_SECONDS
if [ -n "$python" ]; then
    step "$(left)" "$python" tests/bench/gpu/compare.py "$programs/layers" "$target" $small
elif [ -n "$small" ]; then
    echo "skipped: no Python"
else
    failed "no Python to take the times"
fi
say "done, exit code $status"
exit $status
