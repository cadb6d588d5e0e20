// How a convolution gets fast: the rungs of docs/ops/conv2d.md, each checked against float64
// and timed. `./dev bench conv2d` runs it.
// usage: conv2d [CHANNELS SIZE [THREADS]] [--json FILE]
//   a 3x3 convolution with stride 1, CHANNELS to CHANNELS at SIZE x SIZE pixels
//   FILE: one more line of JSON for each rung

#include "ladder/1_seven_loops.hpp"
#include "ladder/2_rows.hpp"
#include "ladder/3_columns.hpp"
#include "ladder/4_register_tile.hpp"
#include "ladder/5_threads.hpp"
#include "peak.hpp"

#include "latent/ops/conv2d.hpp"
#include "latent/tensor/random.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace {

using Device = latent::Cpu<float>;
using ladder::Image;

#if defined(__clang__)
constexpr const char* compiler = "clang++ " __clang_version__;
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

struct Rung {
    int number;
    std::string name;
    int threads;
    double products; // what is multiplied, as a part of the definition's products
    int upsample;
    std::function<Image()> run;
    double operations = 0, error = 0; // of one run by the definition, each product two
    std::vector<double> seconds{};

    [[nodiscard]] double median() const {
        auto sorted = seconds;
        std::ranges::sort(sorted);
        return sorted[sorted.size() / 2];
    }
};

/// Relative L2 error against the definition in float64, at 20,000 outputs from all over y.
double error_of(const Image& y, const Image& x, const Image& weight, int upsample) {
    const auto K = y.dim(1), H = y.dim(2), W = y.dim(3);
    const auto in = ladder::view(x), factor = ladder::view(weight);
    double wrong = 0, whole = 0;
    for (std::int64_t sample = 0; sample < 20'000; ++sample) {
        const auto at = sample * 1'000'003 % y.numel(); // steps of a prime meet every column
        const auto n = at / W / H / K, k = at / W / H % K, i = at / W % H, j = at % W;
        double sum = 0;
        for (std::int64_t d = 0; d < x.dim(1) * 9; ++d) {
            const auto row = i + d / 3 % 3 - 1, column = j + d % 3 - 1;
            if (row < 0 || row >= H || column < 0 || column >= W) continue;
            sum += static_cast<double>(factor(k, d / 9, d / 3 % 3, d % 3)) *
                   static_cast<double>(in(n, d / 9, row / upsample, column / upsample));
        }
        wrong += std::pow(static_cast<double>(y.data()[at]) - sum, 2);
        whole += sum * sum;
    }
    return std::sqrt(wrong / whole);
}

/// The seconds of one run into y, whose memory is given back to it before.
double seconds_of(const Rung& rung, Image& y) {
    y = Image();
    const auto start = std::chrono::steady_clock::now();
    y = rung.run();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Times all rungs in turns, so that what else the machine does hits them alike; those that
/// take seconds once.
void climb(std::vector<Rung>& rungs, const Image& x, const Image& small, const Image& weight) {
    for (int round = 0; round < 5; ++round) {
        for (auto& rung : rungs) {
            if (round > 0 && rung.seconds.front() > 1) continue;
            latent::Workspace run({.threads = rung.threads});
            Image y;
            const auto first = seconds_of(rung, y);
            if (round == 0) {
                rung.error = error_of(y, rung.upsample == 1 ? x : small, weight, rung.upsample);
                rung.operations = 18.0 * static_cast<double>(y.numel() * x.dim(1));
            }
            // The second time the memory is there; that is what a network's layer meets.
            rung.seconds.push_back(first > 1 ? first : seconds_of(rung, y));
        }
    }
}

struct Arguments {
    int channels = 128, size = 256;
    int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    const char* json = nullptr;
    bool understood = true;
};

Arguments arguments_of(int argc, char** argv) {
    Arguments result;
    std::vector<int> numbers;
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]) == "--json" && i + 1 < argc)
            result.json = argv[++i];
        else
            numbers.push_back(std::atoi(argv[i]));
    }
    if (numbers.size() >= 2) result.channels = numbers[0], result.size = numbers[1];
    if (numbers.size() >= 3) result.threads = numbers[2];
    result.understood = numbers.size() != 1 && numbers.size() <= 3 &&
                        std::ranges::all_of(numbers, [](int number) { return number > 0; });
    return result;
}

struct Machine {
    double gflops_of_one, gflops, gigabytes_of_one, gigabytes;
};

void print_head(const std::vector<Rung>& rungs, const Arguments& arguments,
                const Machine& machine, const std::string& instructions) {
    std::printf("3x3, stride 1, %d -> %d channels, %dx%d pixels, float32: %.2f GFLOP by the "
                "definition\n"
                "peak: %.0f GFLOP/s on 1 thread, %.0f on %d (%s); memory %.1f and %.1f GB/s\n",
                arguments.channels, arguments.channels, arguments.size, arguments.size,
                1e-9 * rungs[0].operations, machine.gflops_of_one, machine.gflops,
                arguments.threads, instructions.c_str(), machine.gigabytes_of_one,
                machine.gigabytes);
    const auto best = latent::best_instructions();
    if (ladder::vector_bytes < (best == latent::Instructions::avx512 ? 64U
                                : best == latent::Instructions::avx2 ? 32U
                                                                     : 16U)) {
        std::printf("(rungs 1 to 5 were compiled for vectors of %d bytes: -march=native gives "
                    "them this machine's)\n",
                    static_cast<int>(ladder::vector_bytes));
    }
    std::printf("\n%-18s %7s %9s %9s %11s %8s %9s\n", "rung", "threads", "ms", "GFLOP/s",
                "multiplied", "of peak", "error");
}

/// Prints the table, and a line of JSON for each rung; false when something is wrong.
bool report(const std::vector<Rung>& rungs, const Arguments& arguments,
            const Machine& machine) {
    const std::string instructions(latent::name_of(latent::best_instructions()));
    print_head(rungs, arguments, machine, instructions);
    std::FILE* json = arguments.json ? std::fopen(arguments.json, "a") : nullptr;
    bool sound = !arguments.json || json;
    for (const auto& rung : rungs) {
        const auto direct = 1e-9 * rung.operations / rung.median();
        const auto multiplied = direct * rung.products;
        const auto peak = rung.threads == 1 ? machine.gflops_of_one : machine.gflops;
        std::printf("%d %-16s %7d %9.1f %9.1f %11.1f %7.0f%% %9.1e\n", rung.number,
                    rung.name.c_str(), rung.threads, 1e3 * rung.median(), direct, multiplied,
                    100 * multiplied / peak, rung.error);
        if (json) {
            std::fprintf(json,
                         "{\"bench\": \"conv2d\", \"rung\": %d, \"name\": \"%s\", "
                         "\"channels\": %d, \"size\": %d, \"threads\": %d, \"seconds\": %.6f, "
                         "\"gflops_direct\": %.2f, \"gflops_multiplied\": %.2f, "
                         "\"gflops_peak\": %.2f, \"error\": %.3e, \"instructions\": \"%s\", "
                         "\"compiler\": \"%s\"}\n",
                         rung.number, rung.name.c_str(), arguments.channels, arguments.size,
                         rung.threads, rung.median(), direct, multiplied, peak, rung.error,
                         instructions.c_str(), compiler);
        }
        if (!(rung.error <= 1e-5)) {
            std::fprintf(stderr, "%s: got an error of %.1e, expected at most 1e-5\n",
                         rung.name.c_str(), rung.error);
            sound = false;
        }
    }
    if (json) std::fclose(json);
    return sound;
}

} // namespace

int main(int argc, char** argv) {
    const auto arguments = arguments_of(argc, argv);
    if (!arguments.understood) {
        std::fputs("usage: conv2d [CHANNELS SIZE [THREADS]] [--json FILE]\n", stderr);
        return 2;
    }
    const std::int64_t C = arguments.channels, size = arguments.size;
    const int threads = arguments.threads;

    latent::Generator generator(1);
    const Image x = generator.randn<Device>({1, C, size, size});
    const Image small = generator.randn<Device>({1, C, (size + 1) / 2, (size + 1) / 2});
    const Image weight = generator.randn<Device>({C, C, 3, 3});
    const Image packed = ladder::pack(weight);
    const auto padding = latent::Padding::all(1);
    const latent::Conv2dKernel<Device> exact(weight, {}, {.padding = padding});
    const latent::Conv2dKernel<Device> fast(weight, {}, {.padding = padding, .fast = true});

    // The products of Winograd's tiles of side x side outputs, over the definition's.
    const auto tiled = [&](std::int64_t side) {
        const auto products = (size + side - 1) / side * (side + 2);
        return static_cast<double>(products * products) / static_cast<double>(size * size * 9);
    };
    std::vector<Rung> rungs{
        {1, "seven loops", 1, 1, 1, [&] { return ladder::seven_loops(x, weight); }},
        {2, "rows", 1, 1, 1, [&] { return ladder::rows(x, weight); }},
        {3, "columns, Eigen", 1, 1, 1, [&] { return ladder::columns(x, weight); }},
        {4, "register tile", 1, 1, 1, [&] { return ladder::register_tile(x, packed, C); }},
        {5, "threads", threads, 1, 1, [&] { return ladder::threads(x, packed, C); }},
        {6, "F(2x2, 3x3)", threads, tiled(2), 1, [&] { return conv2d(x, exact); }},
        {7, "F(4x4, 3x3)", threads, tiled(4), 1, [&] { return conv2d(x, fast); }},
        {8, "upsampled", threads, 0.25, 2,
         [&] { return conv2d(small, exact, {.upsample = 2}); }}};

    // Measured before and after: the larger is the machine's.
    const auto before = peak::measure(1), before_all = peak::measure(threads);
    climb(rungs, x, small, weight);
    const auto one = std::max(before.gflops, peak::gflops(1));
    const auto all = std::max(before_all.gflops, peak::gflops(threads));

    return report(rungs, arguments,
                  {one, all, before.triad_gigabytes, before_all.triad_gigabytes})
               ? 0
               : 1;
}
