#pragma once

#include "latent/schedulers/distilled.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' TCDScheduler, with its defaults. Clipping and
/// thresholding are without effect, as there.
struct TCDSchedulerConfig : DistilledConfig {};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, TCDSchedulerConfig>
void fields(Config& config, F&& f) { distilled_fields(config, f); }

/// Trajectory consistency distillation: a network that leaps from any timestep to any earlier
/// one. A step leaps beyond its end, and noise brings it back there: strategic stochastic
/// sampling.
///
///   x_s     = sqrt(a_s) x_0 + sqrt(1 - a_s) e_t,   s = floor((1 - gamma) t')
///   x_{t'}  = sqrt(a_{t'} / a_s) x_s + sqrt(1 - a_{t'} / a_s) z,   z normal
///
///   paper     here
///   t, t'     timestep, after: the next one, and 0 behind the last
///   s         between 0 and t'
///   gamma     eta: 0 leaps to t' and draws nothing, 1 leaps to the image
///   a_t       abar, the product of 1 - beta up to t (alphas_cumprod)
///   x_0, e_t  the predicted original and the predicted noise
///   z         none in the last step
///
/// Order of convergence, of eta 0: 1. With noise it is the network that has to leap exactly.
/// Source: Zheng et al. 2024, arXiv:2402.19159; parity: diffusers TCDScheduler.
template <class Device>
struct TCDScheduler {
    static constexpr std::string_view class_name = "TCDScheduler";
    static constexpr int order = 1;

    TCDSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps;
    std::int64_t num_inference_steps = 0;

    /// Throws Error for a config that makes no schedule.
    explicit TCDScheduler(const TCDSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(chosen)) {
        (void)original_of(config.prediction_type, 0.5F);
        set_timesteps(config.original_inference_steps);
    }

    /// Throws Error for no step, or more than were learned. Where original_inference_steps is
    /// given here, the timesteps are chosen from all of the training's.
    void set_timesteps(std::int64_t steps, const DistilledTimesteps& of = {}) {
        const auto original =
            of.original_inference_steps.value_or(config.original_inference_steps);
        const auto T = config.num_train_timesteps;
        timesteps = chosen_of(
            of.original_inference_steps
                ? detail::arange(0, static_cast<double>(detail::strength_of(T, of.strength)), 1)
                : learned_timesteps(original, of.strength, T),
            steps, original);
        num_inference_steps = steps;
        index_.reset();
    }
    /// At these timesteps, which descend, or the last of them.
    void set_custom_timesteps(const std::vector<double>& chosen, double strength = 1) {
        timesteps = last_timesteps(chosen, strength, config.num_train_timesteps);
        num_inference_steps = std::ssize(chosen);
        index_.reset();
    }
    void set_begin_index(std::size_t index) { index_.set_begin(index); }
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    struct Options {
        double eta = 0.3; ///< the paper's gamma
    };

    /// The sample at the next timestep, in the memory of `x`. Throws Error for an eta outside
    /// of [0, 1].
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator,
                                      const Options& options = {}) {
        if (!(options.eta >= 0 && options.eta <= 1))
            fail("eta", std::to_string(options.eta), "0 to 1");
        // 1. From where to where.
        const auto i = index_.at(timestep, timesteps);
        const auto after = i + 1 < timesteps.size() ? timesteps[i + 1] : 0;
        const auto s =
            std::floor(static_cast<float>(1 - options.eta) * static_cast<float>(after));
        const auto abar = abar_at(alphas_cumprod, timestep);
        const auto abar_after = abar_at(alphas_cumprod, after);
        const auto abar_s = abar_at(alphas_cumprod, static_cast<double>(s));
        // 2. How much of x_s stays, and how much noise brings it back.
        float stays = 1, deviation = 0;
        const Tensor<Device>* drawn = nullptr;
        if (options.eta > 0 && static_cast<std::int64_t>(i) + 1 != num_inference_steps) {
            stays = std::sqrt(abar_after / abar_s);
            deviation = std::sqrt(1 - abar_after / abar_s);
            drawn = &noise_.draw(generator, x.shape());
        }
        // 3. Both leaps in one sum.
        const auto noise = epsilon_of(config.prediction_type, abar);
        const auto direction = double{stays} * double{std::sqrt(1 - abar_s)};
        original_.step(x, out, original_of(config.prediction_type, abar),
                       {direction * noise.sample, direction * noise.output},
                       double{stays} * double{std::sqrt(abar_s)}, drawn, deviation);
        index_.advance();
        return x;
    }

    /// The x_0 of the last step.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const {
        return original_.tensor();
    }

    /// sqrt(abar) x_0 + sqrt(1 - abar) noise, in the memory of `x`. Parity: add_noise.
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           double timestep) const {
        return noised_at(abar_at(alphas_cumprod, timestep), std::move(x), noise);
    }

private:
    StepIndex index_;
    OriginalBuffer<Device> original_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
