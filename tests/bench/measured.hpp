#pragma once

#include "latent/io/system.hpp"
#include "latent/latent.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

/// What the benchmarks' programs share: float32 numbers in files, and the lines that they print
/// for measure.py.

namespace measured {

using Device = latent::Cpu<float>;
using Result = latent::Tensor<Device>;

/// A line of /proc/self/status in MiB: VmRSS, what is held now, or VmHWM, the most so far.
/// Where there is no such file, the most so far stands for both.
[[nodiscard]] inline double status_mib(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        double kib = 0;
        if (word == name + ":" && status >> kib) return kib / 1024;
    }
    return latent::peak_memory_mib();
}

[[nodiscard]] inline Result read(const std::string& path, latent::Shape shape) {
    Result x(std::move(shape));
    std::ifstream file(path, std::ios::binary);
    const auto bytes = x.numel() * static_cast<std::int64_t>(sizeof(float));
    if (!file.read(reinterpret_cast<char*>(x.data()), bytes) || file.peek() != EOF) {
        latent::fail(path, "another length", latent::to_string(x.shape()) + " in float32");
    }
    return x;
}

inline void write(const std::string& path, const Result& y) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(y.data()),
               y.numel() * static_cast<std::int64_t>(sizeof(float)));
    if (!file.flush()) latent::fail(path, "no room", "a file that can be written");
}

struct Way {
    int threads = 1;
    int runs = 1; ///< timed runs after a warm-up; 0 times one run without a warm-up
    std::string out;
};

/// Runs `call` as often as `way` says, prints the seconds of each timed run, what the process
/// held before the first, and the most that it held beyond that.
template <class Call>
void report(const Way& way, const Call& call) {
#if defined(__GLIBC__)
    malloc_trim(0); // gives back what is free but still held
#endif
    // From here on the system counts the peak anew.
    std::ofstream("/proc/self/clear_refs") << 5 << std::flush;
    const auto before = status_mib("VmRSS");
    std::optional<Result> result;
    {
        latent::Workspace run({.threads = way.threads});
        if (way.runs > 0) result = call();
        for (int i = 0; i < std::max(way.runs, 1); ++i) {
            result.reset();
            const auto start = std::chrono::steady_clock::now();
            result = call();
            const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
            std::printf("seconds %.6f\n", time.count());
        }
    }
    std::printf("start_mib %.1f\n", before);
    std::printf("mib %.1f\n", status_mib("VmHWM") - before);
    write(way.out, *result);
}

} // namespace measured
