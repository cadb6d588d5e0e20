#pragma once

#include "latent/schedulers/ancestral.hpp"
#include "latent/schedulers/brownian_tree.hpp"
#include "latent/schedulers/sigma_run.hpp"
#include "latent/schedulers/two_stages.hpp"

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' DPMSolverSDEScheduler, with its defaults.
struct DPMSolverSDESchedulerConfig : SigmaRunConfig<LatentNoiseSchedule> {
    std::optional<std::uint64_t> noise_sampler_seed; ///< none: the generator's next number
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, DPMSolverSDESchedulerConfig>
void fields(Config& config, F&& f) {
    sigma_run_fields(config, f);
    f("noise_sampler_seed", config.noise_sampler_seed);
}

/// DPM-Solver++ (2S) on the stochastic equation: two ancestral steps, to the geometric middle
/// and from the beginning again to the end, whose noise is one path of Brownian motion.
///
///   u        = (down_m / sigma_i) x_i + (1 - down_m / sigma_i) D(x_i, sigma_i) + up_m z_m
///   x_{i+1}  = (down / sigma_i) x_i + (1 - down / sigma_i) D(u, sigma_m) + up z
///   sigma_m  = sqrt(sigma_i sigma_{i+1})
///
///   paper     here
///   sigma_i   from; sigmas[] holds each one twice, for the two calls of a step
///   u         what step() returns at first; in the last step, to sigma 0, it is D, and all
///   down, up  to.down, to.up: ancestral_step from sigma_i to sigma_m or sigma_{i+1}
///   D         the predicted x_0
///   z         (W(sigma_{i+1}) - W(sigma_i)) / sqrt(|sigma_{i+1} - sigma_i|), z_m the same to
///             sigma_m: of one BrownianTree, which noise_sampler_seed says
///
/// Source: Lu et al. 2022, arXiv:2211.01095, algorithm 1 with r = 1/2, with the ancestral steps
/// of euler_ancestral_discrete.hpp; parity: diffusers DPMSolverSDEScheduler, but for the path's
/// numbers.
template <class Device>
struct DPMSolverSDEScheduler : SigmaRun {
    static constexpr std::string_view class_name = "DPMSolverSDEScheduler";
    static constexpr int order = 2;

    DPMSolverSDESchedulerConfig config;
    std::vector<float> alphas_cumprod;

    /// Throws Error for a config that makes no schedule.
    explicit DPMSolverSDEScheduler(const DPMSolverSDESchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(betas_of(chosen))) {
        config.check();
        (void)denoised_of(config.prediction_type, 1);
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        // 1. The sigmas of the steps.
        const auto training = sigmas_of(alphas_cumprod);
        auto t = spaced_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                                  config.steps_offset, false);
        auto table = sigmas_at(t, training, config);
        // 2. What is asked about.
        timesteps = with_midpoints(t, [&](std::size_t i) {
            const auto middle = std::exp((std::log(table[i]) + std::log(table[i + 1])) / 2);
            return timestep_of_sigma(middle, training);
        });
        sigmas = interleaved(table);
        sigmas.back() = 0;
        round_to_float32(sigmas);
        stages_.reset();
        tree_.reset();
        index_.reset();
    }

    [[nodiscard]] double init_noise_sigma() const {
        return sigma_of_start(config.timestep_spacing, sigmas);
    }
    /// x / sqrt(sigma^2 + 1): of variance 1, as networks are trained.
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double timestep) {
        const auto i = index_.at(timestep, timesteps);
        return scaled_input(std::move(x), stages_.first()
                                              ? sigmas[i]
                                              : geometric_mean(sigmas[i], sigmas[i - 1]));
    }

    struct Options {
        double s_noise = 1;                    ///< what noise is multiplied by
        const Tensor<Device>* noise = nullptr; ///< z, in place of the path's
    };

    /// What is asked about next: u or x_{i+1}, in the memory of `x`. The generator gives the
    /// path's seed, if the config has none, and nothing else.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        const auto i = index_.at(timestep, timesteps);
        const auto first = stages_.first(i);
        const auto from = first ? sigmas[i] : sigmas[i - 1];
        const auto end = first ? sigmas[i + 1] : sigmas[i];
        const auto middle = geometric_mean(end, from);
        const auto original = denoised_of(config.prediction_type, first ? from : middle);
        if (end == 0) {
            stages_.only(x, out, original, -1);
        } else {
            // 1. How far down, and the noise that brings it up again.
            const auto to = first ? middle : end;
            const auto split = ancestral_step(from, to);
            const auto* z =
                options.noise ? options.noise : &path(generator, from, to, x.shape());
            const typename TwoStages<Device>::Noise noise{z, options.s_noise * split.up};
            // 2. Towards D, from the beginning both times.
            const auto rest = split.down / from;
            if (first)
                stages_.begin(x, out, original, rest - 1, 0, noise);
            else
                stages_.end(x, out, original, rest, 0, 1 - rest, noise);
        }
        index_.advance();
        return x;
    }

    /// The x_0 of the last call.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return stages_.original();
    }

private:
    [[nodiscard]] const Tensor<Device>& path(Generator& generator, double from, double to,
                                             const Shape& shape) {
        if (!tree_) {
            // From the smallest sigma above 0, the last but one, to the largest.
            tree_.emplace(sigmas[sigmas.size() - 2], sigmas.front(),
                          config.noise_sampler_seed ? *config.noise_sampler_seed
                                                    : generator.random64());
        }
        return tree_->draw(from, to, shape);
    }

    TwoStages<Device> stages_;
    std::optional<BrownianTree<Device>> tree_;
};

} // namespace latent
