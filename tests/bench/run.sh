#!/bin/sh
# The benchmarks: compile times, then the autoencoders beside PyTorch. `./dev bench [CASE...]`
# runs it; without a CASE of run.py all of them.
# The same sources with g++ and with clang++, where they are found.
set -eu
flags="-std=c++20 -O3 -DNDEBUG -march=native -pthread -Iinclude"
flags="$flags $(pkg-config --cflags-only-I eigen3)"
mkdir -p build/bench

compile_seconds() { # COMPILER SOURCE
    # shellcheck disable=SC2086
    python3 - "$1" $flags -c -o /dev/null "$2" <<'PYTHON'
import statistics, subprocess, sys, time
times = []
for _ in range(3):
    start = time.perf_counter()
    subprocess.run(sys.argv[1:], check=True)
    times.append(time.perf_counter() - start)
print(f"{statistics.median(times):.1f}")
PYTHON
}

sides=
for compiler in g++ clang++ clang++-14; do
    command -v $compiler >/dev/null 2>&1 || continue
    case $compiler in
    clang++-*) case $sides in *clang*) continue ;; esac ;;
    esac
    tuning=
    [ $compiler = g++ ] && tuning=-mtune=generic
    echo '#include <Eigen/Core>' >build/bench/eigen_alone.cpp
    echo 'int main() {}' >>build/bench/eigen_alone.cpp
    printf '%s: the consumer example compiles in %s s, <Eigen/Core> alone in %s s\n' \
        "$compiler" "$(compile_seconds $compiler examples/consumer/main.cpp)" \
        "$(compile_seconds $compiler build/bench/eigen_alone.cpp)"
    # shellcheck disable=SC2086
    $compiler $flags $tuning tests/bench/autoencoder.cpp -o "build/bench/autoencoder_$compiler"
    sides="$sides $compiler=build/bench/autoencoder_$compiler"
done

python=${PYTHON:-python3}
if ! $python -c 'import torch, diffusers' 2>/dev/null; then
    python=build/reference-venv/bin/python
    if ! $python -c 'import torch, diffusers' 2>/dev/null; then
        echo "PyTorch: not found, so nothing to compare with." \
            "Run ./dev reference first, or name a Python that has both in PYTHON."
        exit 1
    fi
fi
# shellcheck disable=SC2086
exec "$python" tests/bench/run.py $sides "$@"
