#!/bin/sh
# nvcc compiles the kernels for Ampere and for Hopper without a warning, and no kernel spills
# registers into memory: what -Xptxas -v says of each is read. Run from anywhere.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
if ! [ -x "$nvcc" ]; then
    echo "SKIPPED: no nvcc: kernels are not compiled for a GPU"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"

# compile ARCHITECTURE SOURCE NAME
compile() {
    "$nvcc" -std=c++20 -O3 -gencode "arch=compute_$1,code=sm_$1" -Xptxas -v \
        -Werror all-warnings -I. -c "$2" -o "$work/$3.$1.o" >"$work/$3.$1.log" 2>&1 ||
        echo "failed" >>"$work/$3.$1.log"
}
# Reads a log: "functions registers" where all is well, else what is not.
read_log() {
    awk '
        /^failed$|warning|error/ { print "SAYS " $0; bad = 1 }
        / bytes stack frame, / {
            functions++
            if ($0 !~ / 0 bytes spill stores, 0 bytes spill loads/) { spill = $0; bad = 1 }
            if (spill != "") { print "SPILLS" spill; spill = "" }
        }
        / Used [0-9]+ registers/ {
            for (i = 1; i < NF; i++)
                if ($i == "Used" && $(i + 1) + 0 > most) most = $(i + 1) + 0
        }
        END {
            if (functions == 0) { print "SAYS nothing of any function"; bad = 1 }
            if (!bad) print functions " functions, at most " most " registers, no spill"
            exit bad
        }' "$1"
}

for architecture in 80 90a; do
    (
        compile $architecture kernels/kernels.cu library
        compile $architecture kernels/ladder/all.cu ladders
        compile $architecture tests/kernels/twins.cu twins
    ) &
done
wait
status=0
for name in library ladders twins; do
    for architecture in 80 90a; do
        printf '%s, sm_%s: ' $name $architecture
        read_log "$work/$name.$architecture.log" || status=1
    done
done

# The gate itself: a kernel that must spill, and one that nvcc warns of.
cat >"$work/spills.cu" <<'CU'
__global__ void __launch_bounds__(1024, 2) spills(float* x) {
    float y[64];
#pragma unroll
    for (int i = 0; i < 64; ++i) y[i] = x[i * 1024 + threadIdx.x];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 64; ++i)
#pragma unroll
        for (int j = 0; j < 64; ++j) y[j] = y[j] * y[i] + 1;
#pragma unroll
    for (int i = 0; i < 64; ++i) x[i * 1024 + threadIdx.x] = y[i];
}
CU
echo '__global__ void warns(float* x) { int unused; x[0] = 1; }' >"$work/warns.cu"
for name in spills warns; do
    compile 80 "$work/$name.cu" "$name"
    if read_log "$work/$name.80.log" >"$work/found"; then
        echo "$name.cu: got a pass, expected the gate to find it"
        status=1
    fi
done
exit $status
