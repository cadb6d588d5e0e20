#pragma once

#include "example.hpp"
#include "rung.cuh"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

/// A rung on trial: it runs an example, and what comes back is held against the truth.

namespace ladder {

/// The largest relative error (L2) of a rung in float32, whose results are sums of so many
/// terms. A thousand keep to 1e-6 even where one thread adds them up in one chain; of more, the
/// roundings grow with the root.
[[nodiscard]] inline double bound_of(double terms) {
    return 1e-6 * std::sqrt(std::max(1.0, terms / 1024));
}

/// How far a result is from the truth. NaN, which no bound accepts, where it has one.
struct Closeness {
    double relative = 0; ///< L2 norm of the error, of that of the truth
    std::string text;    ///< what is wrong, if anything is
};

/// "result 7 is 0.25, expected 0.5"
template <class Example>
[[nodiscard]] std::string text_of(const Numbers& y, const Example& example, std::size_t at) {
    std::array<char, 96> text{};
    std::snprintf(text.data(), text.size(), "result %llu is %.6g, expected %.6g",
                  static_cast<unsigned long long>(at), static_cast<double>(y[at]),
                  example.truth(at));
    return text.data();
}

/// Looks at `places` results, spread over all of them by steps of a prime, and for NaN at all.
template <class Example>
[[nodiscard]] Closeness closeness(const Numbers& y, const Example& example,
                                  std::size_t places) {
    for (std::size_t at = 0; at < y.size(); ++at) {
        if (std::isfinite(y[at])) continue;
        return {std::numeric_limits<double>::quiet_NaN(),
                text_of(y, example, at) + "; memory is NaN until it is written"};
    }
    double error = 0, norm = 0, largest = 0;
    std::size_t worst = 0;
    places = std::min(places, y.size());
    for (std::size_t i = 0; i < places; ++i) {
        const auto at = places == y.size() ? i : i * 1'000'003 % y.size();
        const double truth = example.truth(at);
        const double off = std::abs(static_cast<double>(y[at]) - truth);
        error += off * off;
        norm += truth * truth;
        if (off > largest) worst = at, largest = off;
    }
    const double relative = std::sqrt(error / norm);
    return {relative, relative <= bound_of(example.terms()) ? "" : text_of(y, example, worst)};
}

/// CUDA's, for as long as it is needed.
class TrialStream {
public:
    TrialStream() { check(cudaStreamCreate(&stream_), "cudaStreamCreate"); }
    TrialStream(const TrialStream&) = delete;
    TrialStream& operator=(const TrialStream&) = delete;
    ~TrialStream() { (void)cudaStreamDestroy(stream_); }

    [[nodiscard]] Stream* get() const { return reinterpret_cast<Stream*>(stream_); }
    void wait() const { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }
    void copy(void* to, const void* from, std::size_t count, cudaMemcpyKind kind) const {
        if (count == 0) return;
        check(cudaMemcpyAsync(to, from, count * sizeof(float), kind, stream_), "copy");
        wait();
    }

private:
    cudaStream_t stream_ = nullptr;
};

/// Numbers in the device's memory, of their exact size: what lies behind is nobody's.
class DeviceNumbers {
public:
    DeviceNumbers(const Numbers& x, const TrialStream& stream) : count_(x.size()) {
        void* memory = nullptr;
        check(cudaMalloc(&memory, std::max<std::size_t>(count_, 1) * sizeof(float)),
              "cudaMalloc of " + std::to_string(count_) + " floats");
        memory_ = static_cast<float*>(memory);
        stream.copy(memory_, x.data(), count_, cudaMemcpyHostToDevice);
    }
    DeviceNumbers(DeviceNumbers&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), count_(other.count_) {}
    DeviceNumbers& operator=(DeviceNumbers&&) = delete;
    ~DeviceNumbers() { (void)cudaFree(memory_); }

    [[nodiscard]] float* data() const { return memory_; }
    [[nodiscard]] Numbers back(const TrialStream& stream) const {
        Numbers x(count_);
        stream.copy(x.data(), memory_, count_, cudaMemcpyDeviceToHost);
        return x;
    }

private:
    float* memory_ = nullptr;
    std::size_t count_;
};

/// An example on the device, as a rung gets it. What the rung has to write is NaN before.
template <class Problem, class Example>
class Trial {
public:
    Trial(const Rung<Problem>& rung, const Example& example)
        : rung_(rung),
          inputs_(on_device(example)),
          y_(nan(static_cast<std::int64_t>(example.results())), stream_),
          scratch_(nan(rung.scratch_floats(problem_of(example, nullptr))), stream_),
          problem_(problem_of(example, scratch_.data())) {}

    /// One run, and what its launcher has noted.
    Launcher run() const {
        Launcher launcher(rung_.name, stream_.get());
        rung_.run(problem_, launcher);
        stream_.wait();
        return launcher;
    }
    [[nodiscard]] Numbers result() const { return y_.back(stream_); }

    /// Of a run: the median of seven batches, each of a hundredth of a second at least.
    [[nodiscard]] double seconds() const {
        const auto batch = [&](int runs) {
            Launcher launcher(rung_.name, stream_.get());
            const auto start = std::chrono::steady_clock::now();
            for (int i = 0; i < runs; ++i) rung_.run(problem_, launcher);
            stream_.wait();
            return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
                       .count() /
                   runs;
        };
        batch(1); // the first one may load the kernel
        const int runs = static_cast<int>(std::clamp(0.01 / batch(1), 1.0, 1000.0));
        std::array<double, 7> times{};
        for (auto& time : times) time = batch(runs);
        std::sort(times.begin(), times.end());
        return times[times.size() / 2];
    }

private:
    [[nodiscard]] static Numbers nan(std::int64_t count) {
        return Numbers(static_cast<std::size_t>(count),
                       std::numeric_limits<float>::quiet_NaN());
    }
    [[nodiscard]] std::vector<DeviceNumbers> on_device(const Example& example) const {
        std::vector<DeviceNumbers> all;
        for (const auto* input : example.inputs()) all.emplace_back(*input, stream_);
        return all;
    }
    [[nodiscard]] Problem problem_of(const Example& example, float* scratch) const {
        std::vector<const float*> at;
        for (const auto& input : inputs_) at.push_back(input.data());
        return example.problem(at, y_.data(), scratch);
    }

    const Rung<Problem>& rung_;
    TrialStream stream_;
    std::vector<DeviceNumbers> inputs_;
    DeviceNumbers y_, scratch_;
    Problem problem_;
};

/// Runs it once; on the emulator in every order of threads, with early and late copies.
template <class Run>
void in_all_orders(const Run& run) {
#if defined(__CUDACC__)
    run("");
#else
    using namespace cuda_emulation;
    const auto before = settings;
    constexpr std::array orders{"forward", "reverse", "random"};
    constexpr std::array copies{"early", "late"};
    for (int i = 0; i < 6; ++i) {
        settings.order = static_cast<Order>(i / 2);
        settings.copies = static_cast<Copies>(i % 2);
        run(std::string(", threads ") + orders[i / 2] + ", copies " + copies[i % 2]);
    }
    settings = before;
#endif
}

/// The rung's worst result of the awkward examples, held against the truth whole.
template <class Example, class Problem>
[[nodiscard]] Closeness worst_of_awkward(const Rung<Problem>& rung) {
    Closeness worst;
    for (const auto& example : Example::awkward()) {
        in_all_orders([&](const std::string& order) {
            if (!worst.text.empty()) return;
            Closeness close;
            try {
                const Trial trial(rung, example);
                trial.run();
                close = closeness(trial.result(), example, example.results());
            } catch (const std::exception& error) { // the emulator found a mistake
                close = {std::numeric_limits<double>::quiet_NaN(), error.what()};
            }
            if (!close.text.empty()) close.text += "\n            of " + example.text() + order;
            if (!(close.relative <= worst.relative)) worst = close;
        });
    }
    return worst;
}

} // namespace ladder
