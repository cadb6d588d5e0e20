#pragma once

#include "latent/schedulers/check_numbers.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/two_stages.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' KarrasVeScheduler, with its defaults.
struct KarrasVeSchedulerConfig {
    double sigma_min = 0.02, sigma_max = 100;
    double s_noise = 1.007;          ///< what noise is multiplied by
    double s_churn = 80;             ///< how much is put back, in all
    double s_min = 0.05, s_max = 50; ///< between which sigmas
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, KarrasVeSchedulerConfig>
void fields(Config& config, F&& f) {
    f("sigma_min", config.sigma_min);
    f("sigma_max", config.sigma_max);
    f("s_noise", config.s_noise);
    f("s_churn", config.s_churn);
    f("s_min", config.s_min);
    f("s_max", config.s_max);
}

/// Karras' stochastic sampler for variance that explodes: noise is put back before each step of
/// Heun's. It has a loop of its own:
///
///     for (const auto t : scheduler.timesteps) {
///         const auto sigma = scheduler.sigma_at(t), next = scheduler.sigma_at(t - 1);
///         auto hat = scheduler.add_noise_to_input(std::move(x), sigma, generator);
///         const auto out = model(hat.sample, hat.sigma);
///         x = scheduler.step(out, hat.sigma, next, std::move(hat.sample));
///         if (next == 0) break;
///         const auto again = model(x, next);
///         x = scheduler.step_correct(again, hat.sigma, next, std::move(x));
///     }
///
///   x^       = x_i + sqrt(sigma^^2 - sigma_i^2) z,   sigma^ = (1 + gamma_i) sigma_i   (4-6)
///   x_{i+1}  = x^ + (sigma_{i+1} - sigma^) d,        d = (x^ - D(x^)) / sigma^        (7-8)
///   x_{i+1}  = x^ + (sigma_{i+1} - sigma^) (d + d') / 2,
///              d' = (x_{i+1} - D(x_{i+1})) / sigma_{i+1}                            (10-11)
///
///   paper       here
///   sigma_i     sigma_at(timestep); diffusers' schedule has the squares of sigmas, and takes
///               them for sigmas
///   sigma^      raised.sigma
///   gamma_i     min(s_churn / n, sqrt(2) - 1) between s_min and s_max, else 0
///   D           x + sigma out, the predicted x_0
///
/// Source: Karras et al. 2022, arXiv:2206.00364, algorithm 2; parity: diffusers
/// KarrasVeScheduler, which is deprecated there.
template <class Device>
struct KarrasVeScheduler {
    static constexpr std::string_view class_name = "KarrasVeScheduler";
    static constexpr int order = 2;

    KarrasVeSchedulerConfig config;
    std::vector<double> timesteps, schedule; ///< schedule[timestep], ascending

    /// Throws Error for a config that makes no schedule. A run begins with set_timesteps().
    explicit KarrasVeScheduler(const KarrasVeSchedulerConfig& chosen = {}) : config(chosen) {
        check_numbers(config);
        if (!(config.sigma_min > 0 && config.sigma_min < config.sigma_max))
            fail("sigma_min", std::to_string(config.sigma_min), "above 0, below sigma_max");
    }

    /// Throws Error for fewer than two steps, the ends of the schedule.
    void set_timesteps(std::int64_t steps) {
        if (steps < 2 || steps > 1'000'000)
            fail("num_inference_steps", std::to_string(steps), "2 to 1000000");
        const auto least = config.sigma_min * config.sigma_min,
                   most = config.sigma_max * config.sigma_max;
        timesteps.clear();
        schedule.clear();
        for (auto t = steps - 1; t >= 0; --t) timesteps.push_back(static_cast<double>(t));
        for (auto i = steps - 1; i >= 0; --i) {
            const auto place = static_cast<float>(i) / static_cast<float>(steps - 1);
            const auto ratio = std::pow(static_cast<float>(least / most), place);
            schedule.push_back(static_cast<double>(static_cast<float>(most) * ratio));
        }
        stages_.reset();
    }

    [[nodiscard]] double init_noise_sigma() const { return config.sigma_max; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }
    /// The sigma of a timestep, 0 behind the last one.
    [[nodiscard]] double sigma_at(double timestep) const {
        if (timestep == -1) return 0;
        if (timestep >= 0 && timestep < static_cast<double>(schedule.size()))
            return schedule[static_cast<std::size_t>(timestep)];
        fail("timestep", std::to_string(timestep), "one of the scheduler's timesteps");
    }

    /// A sample with more noise, and its sigma.
    struct Raised {
        Tensor<Device> sample;
        double sigma = 0;
    };
    /// 4-6. The sample raised to sigma^, in the memory of `x`.
    [[nodiscard]] Raised add_noise_to_input(Tensor<Device> x, double sigma,
                                            Generator& generator) {
        if (timesteps.empty()) fail("step", "no timesteps", "set_timesteps before it");
        const auto share = config.s_churn / static_cast<double>(timesteps.size());
        const auto gamma = config.s_min <= sigma && sigma <= config.s_max
                               ? std::min(share, std::numbers::sqrt2 - 1)
                               : 0;
        const auto raised = sigma + gamma * sigma;
        const auto deviation = std::sqrt((raised - sigma) * (raised + sigma));
        const auto& noise = noise_.draw(generator, x.shape()); // where it is of no use, too
        return {detail::noised(std::move(x), 1, noise, config.s_noise * deviation), raised};
    }

    /// 7-8. The sample at `sigma_next`, in the memory of `x`, the raised one.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double sigma_hat,
                                      double sigma_next, Tensor<Device> x) {
        const auto slope = (sigma_next - sigma_hat) / sigma_hat;
        stages_.begin(x, out, {1, sigma_hat}, slope, slope / 2);
        return x;
    }
    /// 10-11. The same step with the mean of both slopes; `x` is what step() returned.
    [[nodiscard]] Tensor<Device> step_correct(const Tensor<Device>& out, double sigma_hat,
                                              double sigma_next, Tensor<Device> x) {
        if (stages_.first()) fail("step_correct", "no step to correct", "step() before it");
        const auto slope = (sigma_next - sigma_hat) / sigma_next / 2;
        stages_.end(x, out, {1, sigma_next}, 1, slope, -slope);
        return x;
    }

    /// The x_0 of the last call.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return stages_.original();
    }

private:
    TwoStages<Device> stages_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
