#pragma once

#include "latent/ops/arithmetic.hpp"
#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' RePaintScheduler, with its defaults.
struct RePaintSchedulerConfig : NoiseSchedule {
    double eta = 0;          ///< 0: DDIM's step, 1: DDPM's
    bool clip_sample = true; ///< x_0 to [-1, 1]
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, RePaintSchedulerConfig>
void fields(Config& config, F&& f) {
    noise_fields(config, f);
    f("eta", config.eta);
    f("clip_sample", config.clip_sample);
}

/// Painting what is missing in an image: each step keeps what is known, noised as far as the
/// schedule says, and goes back and forth so that both fit each other.
///
///   known    = sqrt(a_{t-1}) image + sqrt(1 - a_{t-1}) z             (algorithm 1, line 5; 8a)
///   unknown  = sqrt(a_{t-1}) x_0 + sqrt(1 - a_{t-1} - s_t^2) e_t + s_t z
///                                              (line 7, with arXiv:2010.02502's 12 for its 8b)
///   x_{t-1}  = m known + (1 - m) unknown                                         (line 8; 8c)
///   x_t      = sqrt(1 - b_{t-1}) x_{t-1} + sqrt(b_{t-1}) z           (line 10: undo_step)
///
///   paper     here
///   a_t       abar, the product of 1 - beta up to t (alphas_cumprod)
///   a_{t-1}   abar_before: of the step's end, timesteps T / n apart
///   b_t       betas
///   m         mask: 1 where the image is known
///   s_t       deviation, with eta
///   z         one draw for both
///
/// Whoever walks undoes a step where the timesteps ascend:
///
///     auto last = scheduler.timesteps[0] + 1;
///     for (const auto t : scheduler.timesteps) {
///         x = t < last ? scheduler.step(model(x, t), t, std::move(x), generator, options)
///                      : scheduler.undo_step(std::move(x), last, generator);
///         last = t;
///     }
///
/// Source: Lugmayr et al. 2022, arXiv:2201.09865; parity: diffusers RePaintScheduler.
template <class Device>
struct RePaintScheduler {
    static constexpr std::string_view class_name = "RePaintScheduler";
    static constexpr int order = 1;

    RePaintSchedulerConfig config;
    std::vector<float> betas, alphas_cumprod;
    std::vector<double> timesteps; ///< down, and up again where a step is undone
    std::int64_t num_inference_steps = 0;

    /// Throws Error for a config that makes no schedule.
    explicit RePaintScheduler(const RePaintSchedulerConfig& chosen = {})
        : config(chosen),
          betas(betas_of(chosen)),
          alphas_cumprod(alphas_cumprod_of(betas)),
          num_inference_steps(config.num_train_timesteps) {
        for (auto t = config.num_train_timesteps; t >= 1; --t)
            timesteps.push_back(static_cast<double>(t - 1));
    }

    /// n steps, T at most. At each multiple of jump_length, jump_n_sample - 1 times, as many
    /// are undone. Throws Error for less than one of each.
    void set_timesteps(std::int64_t steps, std::int64_t jump_length = 10,
                       std::int64_t jump_n_sample = 10) {
        if (jump_length < 1) fail("jump_length", std::to_string(jump_length), "1 at least");
        if (jump_n_sample < 1)
            fail("jump_n_sample", std::to_string(jump_n_sample), "1 at least");
        const auto n = std::min(steps, config.num_train_timesteps);
        check_steps(n, config.num_train_timesteps);
        num_inference_steps = n;
        std::map<std::int64_t, std::int64_t> jumps; // how many are left, by place
        for (std::int64_t i = 0; i < n - jump_length; i += jump_length)
            jumps[i] = jump_n_sample - 1;
        timesteps.clear();
        const auto visit = [&](std::int64_t i) {
            timesteps.push_back(static_cast<double>(i * (config.num_train_timesteps / n)));
        };
        for (auto i = n - 1; i >= 0; --i) {
            visit(i);
            const auto jump = jumps.find(i);
            if (jump == jumps.end() || jump->second == 0) continue;
            --jump->second;
            for (std::int64_t up = 0; up < jump_length; ++up) visit(++i);
        }
    }
    void set_begin_index(std::size_t) {} // a timestep says all
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    struct Options {
        const Tensor<Device>* original_image = nullptr;
        const Tensor<Device>* mask = nullptr; ///< of the sample's shape; 1: known, 0: painted
    };

    /// The sample a step earlier, in the memory of `x`. Throws Error for a timestep that is
    /// none of the training's, or without image and mask.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        if (!options.original_image || !options.mask)
            fail("step", "no image or no mask", "both: original_image and mask");
        // 1. Where the step begins and ends.
        const auto abar = abar_at(alphas_cumprod, timestep);
        const auto apart = config.num_train_timesteps / num_inference_steps;
        const auto abar_before =
            abar_at(alphas_cumprod, timestep - static_cast<double>(apart), 1.0F);
        const auto variance = (1 - abar_before) / (1 - abar) * (1 - abar / abar_before);
        const auto deviation = static_cast<float>(config.eta) * std::sqrt(variance);
        const auto signal = std::sqrt(abar_before);
        // 2. What is painted (line 7).
        const auto& drawn = noise_.draw(generator, x.shape());
        original_.step(
            x, out, original_of("epsilon", abar),
            {0, std::sqrt(1 - abar_before - deviation * deviation)}, signal, &drawn, deviation,
            {Thresholding{}, config.clip_sample ? 1 : std::numeric_limits<double>::infinity()});
        // 3. How far from it the known is (line 5), and that where it is known (line 8).
        if (known_.shape() != x.shape()) known_ = Tensor<Device>(x.shape());
        detail::weigh<Device>(known_, {{options.original_image, 0, signal},
                                       {&drawn, 0, std::sqrt(1 - abar_before)},
                                       {&x, 0, -1}});
        known_ = multiply(std::move(known_), *options.mask);
        return add(std::move(x), known_);
    }

    /// The sample a step later, T / n timesteps one after the other, in the memory of `x`.
    [[nodiscard]] Tensor<Device> undo_step(Tensor<Device> x, double timestep,
                                           Generator& generator) {
        for (std::int64_t i = 0; i < config.num_train_timesteps / num_inference_steps; ++i) {
            const auto beta = abar_at(betas, timestep + static_cast<double>(i));
            const auto& drawn = noise_.draw(generator, x.shape());
            x = detail::noised(std::move(x), std::sqrt(1 - beta), drawn, std::sqrt(beta));
        }
        return x;
    }

    /// The x_0 of the last step.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return original_.tensor();
    }

private:
    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
    Tensor<Device> known_;
};

} // namespace latent
