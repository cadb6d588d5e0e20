#pragma once

#include "trial.cuh"

#include <cstring>

/// The program of one rung: `./dev kernel` writes its main, which calls ladder::program. It
/// checks the rung, measures it, and says so in a few lines, or in one of JSON.

namespace ladder {

#if defined(__CUDACC__)
inline constexpr bool on_a_gpu = true;
#else
inline constexpr bool on_a_gpu = false;
#endif

/// "NVIDIA H200, 9.0", "the emulator".
[[nodiscard]] inline std::string device_name() {
    if (!on_a_gpu) return "emulator";
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0)
        throw Error("CUDA found no GPU; --emulate does without");
    cudaDeviceProp about{};
    check(cudaGetDeviceProperties(&about, 0), "cudaGetDeviceProperties");
    return std::string(about.name) + ", " + std::to_string(about.major) + "." +
           std::to_string(about.minor);
}

struct Measured {
    Closeness awkward, close; ///< of the awkward examples, and of the measured one
    Launcher did;
    double seconds = 0; ///< 0: not measured

    [[nodiscard]] double error() const { return std::max(awkward.relative, close.relative); }
    [[nodiscard]] bool right() const { return awkward.text.empty() && close.text.empty(); }
};

/// Checks the rung, and measures `example`.
template <class Problem, class Example>
[[nodiscard]] Measured measure(const Rung<Problem>& rung, const Example& example) {
    Measured m{worst_of_awkward<Example>(rung), {}, Launcher(rung.name, nullptr)};
    if (!m.right()) return m;
    const Trial trial(rung, example);
#if !defined(__CUDACC__)
    cuda_emulation::settings.count = true;
#endif
    m.did = trial.run();
#if !defined(__CUDACC__)
    cuda_emulation::settings.count = false;
#endif
    m.close = closeness(trial.result(), example, Example::places);
    if (on_a_gpu && m.right()) m.seconds = trial.seconds();
    return m;
}

/// One line, for kernels/ladder/table.awk.
template <class Example>
void print_json(const char* rung, const char* idea, const Example& example, const Measured& m) {
    const auto& n = m.did.counts;
    std::printf("{\"ladder\": \"%s\", \"rung\": \"%s\", \"idea\": \"%s\", \"device\": \"%s\", "
                "\"problem\": \"%s\", \"unit\": \"%s\", \"work\": %.0f, \"bytes\": %.0f, "
                "\"right\": %s, \"error\": %.3e, \"launches\": %u, \"threads\": %llu, ",
                Example::name, rung, idea, device_name().c_str(), example.text().c_str(),
                Example::unit, example.work(), example.bytes(), m.right() ? "true" : "false",
                m.error(), m.did.launches, static_cast<unsigned long long>(m.did.threads));
    if (on_a_gpu) {
        std::printf("\"seconds\": %.4e}\n", m.seconds);
        return;
    }
    std::printf(
        "\"global_requests\": %llu, \"global_sectors\": %llu, \"shared_requests\": %llu, "
        "\"bank_conflicts\": %llu}\n",
        static_cast<unsigned long long>(n.global_requests),
        static_cast<unsigned long long>(n.global_sectors),
        static_cast<unsigned long long>(n.shared_requests),
        static_cast<unsigned long long>(n.bank_conflicts));
}

/// 1234567 as "1,234,567".
[[nodiscard]] inline std::string grouped(double number) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.0f", number);
    std::string text(digits);
    for (auto at = static_cast<int>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), ",");
    return text;
}

/// For a reader.
template <class Example>
void print_report(const char* rung, const char* idea, const Example& example,
                  const Measured& m) {
    const auto& n = m.did.counts;
    const auto steps = example.work() / 32;
    const auto line = [](const char* what, const std::string& text) {
        std::printf("  %-9s %s\n", what, text.c_str());
    };
    const auto number = [](const char* format, double value) {
        char text[32];
        std::snprintf(text, sizeof text, format, value);
        return std::string(text);
    };
    const auto megabytes = [&](double bytes) {
        return bytes < 1e7 ? number("%.2f MB", 1e-6 * bytes) : grouped(1e-6 * bytes) + " MB";
    };

    std::printf("%s %s, on %s%s: %s\n", Example::name, rung, on_a_gpu ? "" : "the ",
                device_name().c_str(), idea);
    if (!m.right()) {
        line("wrong", m.awkward.text.empty() ? m.close.text : m.awkward.text);
        line("hint", std::string("it is kernels/") + Example::name + "/" + rung +
                         ".cuh; problem.cuh beside it says what is to be computed");
        return;
    }
    line("problem", example.text() + ": " + grouped(example.work()) + " " + Example::unit +
                        "s, " + megabytes(example.bytes()) + " at least");
    line("right", "error " + number("%.1e", m.error()) + ", at most " +
                      number("%.0e", bound_of(example.terms())) +
                      (on_a_gpu ? ", also of odd sizes"
                                : ", also of odd sizes, in all orders of threads and copies"));
    line("launches", std::to_string(m.did.launches) + ", the narrowest of " +
                         grouped(static_cast<double>(m.did.threads)) + " threads");
    if (on_a_gpu) {
        auto speed = number("%.3f ms: ", 1e3 * m.seconds);
        if (std::strcmp(Example::unit, "multiply-add") == 0)
            speed += grouped(2e-9 * example.work() / m.seconds) + " GFLOP/s, ";
        line("time", speed + grouped(1e-9 * example.bytes() / m.seconds) +
                         " GB/s of what must move at least");
        line("counts", "the emulator counts requests: --emulate");
        return;
    }
    const auto requests = static_cast<double>(n.global_requests);
    const auto sectors = static_cast<double>(n.global_sectors);
    const auto shared = static_cast<double>(n.shared_requests);
    const auto a_step = std::string(" for 32 ") + Example::unit + "s";
    line("global", grouped(requests) + " requests, " + number("%.3f", requests / steps) +
                       a_step + "; " + number("%.1f", sectors / requests) +
                       " sectors each: " + megabytes(32 * sectors) + ", " +
                       number("%.1f", 32 * sectors / example.bytes()) + " times the least");
    line("shared", n.shared_requests == 0
                       ? "not used"
                       : grouped(shared) + " requests, " + number("%.3f", shared / steps) +
                             a_step + "; " + grouped(static_cast<double>(n.bank_conflicts)) +
                             " bank conflicts");
    line("time", "not measured: an emulator shows nothing of speed");
}

/// 0 when the rung is right, 1 when it is wrong or something failed, 2 for bad arguments.
template <class Example, class Problem>
[[nodiscard]] int program(const Rung<Problem>& rung, int argc, char** argv) {
    const bool json = argc == 2 && std::strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        std::fprintf(stderr, "usage: %s [--json]\n", argv[0]);
        return 2;
    }
    try {
        (void)device_name(); // so that a missing GPU is told first
        const auto example = Example::measured(on_a_gpu);
        const auto measured = measure(rung, example);
        (json ? print_json<Example> : print_report<Example>)(rung.name, rung.idea, example,
                                                             measured);
        return measured.right() ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s %s: %s\n", Example::name, rung.name, error.what());
        return 1;
    }
}

} // namespace ladder
