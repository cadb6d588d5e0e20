#pragma once

#include "latent/parity/explain.hpp"
#include "latent/tensor/random.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// How long each module of an Explanation takes: the network runs on the processor, with the
/// weights that torch.manual_seed(0) would give, and with its steps fused as they always are.

namespace latent {

/// What a run took.
struct ModuleTimes {
    std::vector<double> seconds; ///< of each row of the Explanation, with all that is below it
    double total_seconds = 0;    ///< of the whole run
    int runs = 0;                ///< these are the times of the fastest of so many
};

namespace detail {

/// Tells whose time passes. A fused step announces its module and not its end, so a module's
/// time goes on until the next one is entered, or one around it ends: an activation counts to
/// its norm or convolution, and an addition to its convolution.
template <class Clock>
class Stopwatch {
public:
    explicit Stopwatch(std::span<const ExplanationRow> rows)
        : rows_(rows), seconds_(rows.size()), parents_(rows.size(), none) {
        std::vector<std::size_t> open; // the last row of each depth
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto depth = static_cast<std::size_t>(rows[i].depth);
            open.resize(depth);
            if (depth > 0) parents_[i] = open.back();
            open.push_back(i);
        }
    }

    void start() { last_ = Clock::now(); }

    void enter(std::string_view path) {
        charge();
        if (next_ >= rows_.size() || rows_[next_].path != path) {
            fail(path, "another order of modules", "that of the run on Meta");
        }
        current_ = next_++;
    }
    void exit(std::string_view path) {
        charge();
        auto ended = current_;
        while (ended != none && rows_[ended].path != path) ended = parents_[ended];
        if (ended != none) current_ = parents_[ended];
    }

    /// Each row's seconds, with those of the rows below it.
    [[nodiscard]] std::vector<double> finish() && {
        for (auto i = seconds_.size(); i-- > 0;) {
            if (parents_[i] != none) seconds_[parents_[i]] += seconds_[i];
        }
        return std::move(seconds_);
    }

private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    void charge() {
        const auto now = Clock::now();
        if (current_ != none) {
            seconds_[current_] += std::chrono::duration<double>(now - last_).count();
        }
        last_ = now;
    }

    std::span<const ExplanationRow> rows_;
    std::vector<double> seconds_;
    std::vector<std::size_t> parents_;
    std::size_t current_ = none, next_ = 0;
    typename Clock::time_point last_{};
};

/// A trace that holds a stopwatch.
template <class Clock>
struct TimeTrace {
    Stopwatch<Clock>* watch;
    const std::function<void()>* between; ///< called at each module

    template <class Module, class Device>
    const Tensor<Device>& enter(const Module& module, const Tensor<Device>& x) const {
        if (*between) (*between)();
        watch->enter(module.path);
        return x;
    }
    void operator()(std::string_view path, const auto&) const { watch->exit(path); }
};

} // namespace detail

/// It looks at no values: steps stay fused.
template <class Clock>
inline constexpr bool is_traced<detail::TimeTrace<Clock>> = false;

struct TimeOptions {
    int threads = 0;             ///< at most this many; 0: as many as the machine has
    double patience_seconds = 1; ///< short runs are repeated until so much time has passed,
    int most_runs = 20;          ///< or so often; a longer one is measured once
    std::function<void()> between =
        {}; ///< called at each module; may throw, which ends the run
};

/// Runs the network that was explained, on Cpu<float>, with the weights of seed 0 and a normal
/// input of seed 0, and takes each module's time. `place` and `settings` as in explain().
template <template <class> class Network, class... Settings>
[[nodiscard]] ModuleTimes time_modules(const Explanation& explanation,
                                       const TimeOptions& options, const std::string& place,
                                       const Settings&... settings) {
    using Clock = std::chrono::steady_clock;
    TorchInit init(0);
    const Network<Cpu<float>> network(Weights(init, place), settings...);
    Generator generator(0);
    const auto x = generator.randn<Cpu<float>>(explanation.input);
    ModuleTimes best;
    double spent = 0;
    Workspace run({.threads = options.threads}); // so that all runs but the first reuse memory
    while (best.runs == 0 ||
           (best.runs < options.most_runs && spent < options.patience_seconds)) {
        detail::Stopwatch<Clock> watch(explanation.rows);
        const auto start = Clock::now();
        watch.start();
        (void)network.forward(x, detail::TimeTrace<Clock>{&watch, &options.between});
        const std::chrono::duration<double> elapsed = Clock::now() - start;
        spent += elapsed.count();
        if (best.runs++ == 0 || elapsed.count() < best.total_seconds) {
            best.total_seconds = elapsed.count();
            best.seconds = std::move(watch).finish();
        }
    }
    return best;
}

} // namespace latent
