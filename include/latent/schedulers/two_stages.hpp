#pragma once

#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/sigmas.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// Methods of second order ask the network twice a step: where the step begins, and where the
/// first answer leads. Each question is a call of step(), and stands in the timesteps.

namespace latent {

/// The first number once, the others twice, and the last once more: a table of sigmas, by call.
[[nodiscard]] inline std::vector<double> interleaved(const std::vector<double>& table) {
    std::vector<double> calls;
    for (std::size_t i = 0; i < table.size(); ++i)
        calls.insert(calls.end(), i == 0 ? 1 : 2, table[i]);
    calls.push_back(table.back());
    return calls;
}

/// The timesteps of calls: each step's beginning, then midpoint(i) of step i; the last step has
/// none.
template <class Midpoint>
[[nodiscard]] std::vector<double> with_midpoints(const std::vector<double>& begins,
                                                 const Midpoint& midpoint) {
    std::vector<double> calls{begins.front()};
    for (std::size_t i = 1; i < begins.size(); ++i) {
        calls.push_back(midpoint(i - 1));
        calls.push_back(begins[i]);
    }
    return calls;
}

/// The timesteps and sigmas of a run's steps, and a sigma of 0 behind them: as diffusers has
/// them for both KDPM2, with whole timesteps of Karras's sigmas.
struct SigmaLevels {
    std::vector<double> timesteps, sigmas;
};
template <class Config>
[[nodiscard]] SigmaLevels
sigma_levels(const Config& config, const std::vector<double>& training, std::int64_t steps) {
    auto t = spaced_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                              config.steps_offset, false);
    round_to_float32(t);
    auto sigmas = sigmas_at(t, training, config);
    if (config.use_karras_sigmas) std::ranges::transform(t, t.begin(), detail::round_half_even);
    sigmas.push_back(0);
    round_to_float32(sigmas);
    return {std::move(t), std::move(sigmas)};
}

/// sqrt(a b), 0 where one of them is: by logarithms, each operation rounded to float32.
[[nodiscard]] inline double geometric_mean(double a, double b) {
    const auto first = std::log(static_cast<float>(a)), last = std::log(static_cast<float>(b));
    if (std::isinf(first) || std::isinf(last)) return 0;
    const auto half = (last - first) * 0.5F; // torch.lerp
    return static_cast<double>(std::exp(last - half));
}

/// What is remembered between the two calls.
template <class Device>
class TwoStages {
public:
    /// Whether the next call is a step's first one.
    [[nodiscard]] bool first() const { return first_; }
    /// The same of call number i. Throws Error where a run begins in the middle of a step.
    [[nodiscard]] bool first(std::size_t i) const {
        if (first_ && i % 2 == 1) {
            fail("step", "call " + std::to_string(i) + " to begin with", "an even number",
                 "each step has two calls, and the second one needs the first");
        }
        return first_;
    }
    void reset() { first_ = true; }
    /// The predicted x_0 of the last call, D.
    [[nodiscard]] const Tensor<Device>& original() const { return original_; }

    struct Noise {
        const Tensor<Device>* z = nullptr;
        double deviation = 0;
    };

    /// The first call: x becomes x + slope (x - D) + noise, and x + kept (x - D) is remembered.
    /// In two passes over memory, since there are three results.
    void begin(Tensor<Device>& x, const Tensor<Device>& out, const Prediction& original,
               double slope, double kept = 0, Noise noise = {}, double clip = unlimited) {
        make(x.shape());
        const auto rest = sum_of(1 + kept, -kept, original, clip);
        const std::array<CombineTerm<Device>, 2> terms{
            {{&x, original.sample, rest.x}, {&out, original.output, rest.out}}};
        combine(original_, kept_, std::span<const CombineTerm<Device>>(terms), rest.original,
                clip);
        const auto moved = sum_of(1 + slope, -slope, original, clip);
        detail::weigh<Device>(x,
                              {{&x, 0, moved.x},
                               {&out, 0, moved.out},
                               {&original_, 0, moved.original},
                               {noise.z ? noise.z : &out, 0, noise.z ? noise.deviation : 0}});
        first_ = false;
    }

    /// The second call: x becomes of_kept kept + of_x x + of_original D + noise.
    void end(Tensor<Device>& x, const Tensor<Device>& out, const Prediction& original,
             double of_kept, double of_x, double of_original, Noise noise = {},
             double clip = unlimited) {
        const auto sum = sum_of(of_x, of_original, original, clip);
        const std::array<CombineTerm<Device>, 4> terms{{{&x, original.sample, sum.x},
                                                        {&out, original.output, sum.out},
                                                        {&kept_, 0, of_kept},
                                                        {noise.z, 0, noise.deviation}}};
        combine(original_, x,
                std::span<const CombineTerm<Device>>(terms).first(noise.z ? 4 : 3),
                sum.original, clip);
        first_ = true;
    }

    /// A step without a second call: x becomes x + slope (x - D).
    void only(Tensor<Device>& x, const Tensor<Device>& out, const Prediction& original,
              double slope, double clip = unlimited) {
        make(x.shape());
        const auto sum = sum_of(1 + slope, -slope, original, clip);
        const std::array<CombineTerm<Device>, 2> terms{
            {{&x, original.sample, sum.x}, {&out, original.output, sum.out}}};
        combine(original_, x, std::span<const CombineTerm<Device>>(terms), sum.original, clip);
    }

private:
    static constexpr double unlimited = std::numeric_limits<double>::infinity();

    /// of_x x + of_original D in terms of x and the output. Where D is not clipped it need not
    /// appear: x - (x - sigma out) is sigma out, and nothing cancels.
    struct Sum {
        double x, out, original;
    };
    [[nodiscard]] static Sum sum_of(double of_x, double of_original, const Prediction& original,
                                    double clip) {
        if (clip != unlimited) return {of_x, 0, of_original};
        return {of_x + of_original * original.sample, of_original * original.output, 0};
    }

    void make(const Shape& shape) {
        if (original_.shape() == shape) return;
        original_ = Tensor<Device>(shape);
        kept_ = Tensor<Device>(shape);
    }

    Tensor<Device> original_, kept_;
    bool first_ = true;
};

} // namespace latent
