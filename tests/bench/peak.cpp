// What this machine can do at most: `./dev bench` holds every figure against it.
// usage: peak THREADS
#include "peak.hpp"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
    const int threads = argc == 2 ? std::atoi(argv[1]) : 0;
    if (threads < 1) {
        std::fputs("usage: peak THREADS\n", stderr);
        return 2;
    }
    using enum latent::Instructions;
    for (const auto instructions : {baseline, avx2, avx512}) {
        if (!latent::has(instructions)) continue;
        const auto name = latent::name_of(instructions);
        std::printf("gflops %.1f %.*s\n", peak::gflops(threads, instructions),
                    static_cast<int>(name.size()), name.data());
    }
    const auto memory = peak::measure(threads);
    std::printf("triad %.1f\nread %.1f\n", memory.triad_gigabytes, memory.read_gigabytes);
}
