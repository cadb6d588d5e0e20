#pragma once

#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' IPNDMScheduler, with its defaults.
struct IPNDMSchedulerConfig {
    std::int64_t num_train_timesteps = 1000;
    std::optional<std::vector<double>> trained_betas; ///< of the run itself, and of its end
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, IPNDMSchedulerConfig>
void fields(Config& config, F&& f) {
    f("num_train_timesteps", config.num_train_timesteps);
    f("trained_betas", config.trained_betas);
}

/// Improved pseudo linear multistep: PNDM without the Runge-Kutta steps at the beginning, which
/// takes lower orders there instead, of a model that predicts v = alpha noise - sigma x_0.
///
///   e_t   = sigma x_t + alpha v,   the noise
///   e'    = 1/24 (55 e_t - 59 e_{t-1} + 37 e_{t-2} - 9 e_{t-3})                     (12)
///   x_0   = (x_t - sigma e') / alpha
///   x_t'  = alpha' x_0 + sigma' e'                                                  (11)
///
///   paper           here
///   sigma, alpha    betas[i], alphas[i]: sin^2(pi t / 2), of a circle
///   e               noises_, the newest first
///   t               timesteps, from 1 to 0
///
/// Order of convergence: 1, for all its weights of fourth order: the first step, from where
/// nothing of the image is left, takes x_0 for 0.
/// Source: Liu et al. 2022, arXiv:2202.09778, section 3.3; parity: diffusers IPNDMScheduler.
template <class Device>
struct IPNDMScheduler {
    static constexpr std::string_view class_name = "IPNDMScheduler";
    static constexpr int order = 1;

    IPNDMSchedulerConfig config;
    std::vector<float> betas, alphas; ///< one more than timesteps
    std::vector<double> timesteps;

    /// Throws Error for a config that makes no schedule.
    explicit IPNDMScheduler(const IPNDMSchedulerConfig& chosen = {}) : config(chosen) {
        // Its betas are another thing, from 0 to 1.
        detail::check_field("num_train_timesteps", config.num_train_timesteps);
        if (config.trained_betas && config.trained_betas->size() < 2)
            fail("trained_betas", std::to_string(config.trained_betas->size()), "two at least");
        set_timesteps(config.num_train_timesteps);
    }

    /// trained_betas replace what `steps` says. Throws Error for no step, or more than in
    /// training.
    void set_timesteps(std::int64_t steps) {
        check_steps(steps, config.num_train_timesteps);
        betas.clear(), alphas.clear(), timesteps.clear();
        if (config.trained_betas) {
            betas.assign(config.trained_betas->begin(), config.trained_betas->end());
        } else {
            betas = detail::linspace(1, 0, steps + 1);
            for (auto& beta : betas) {
                beta = std::sin(beta * std::numbers::pi_v<float> / 2);
                beta *= beta;
            }
        }
        for (const auto beta : betas) {
            alphas.push_back(std::sqrt(1 - beta * beta));
            timesteps.push_back(static_cast<double>(std::atan2(beta, alphas.back()) /
                                                    std::numbers::pi_v<float> * 2));
        }
        timesteps.pop_back();
        noises_.clear(), index_.reset();
    }
    /// The next step is this one; noises of steps before stay known.
    void set_begin_index(std::size_t index) { index_.set_begin(index); }

    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    /// The sample at the next timestep, in the memory of `x`; nothing is drawn.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator&) {
        const auto i = index_.at(timestep, timesteps);
        const double sigma = betas[i], alpha = alphas[i];
        // 1. Adams and Bashforth's weights, (12), for as many noises as there are.
        constexpr std::array<std::array<double, 4>, 4> adams{
            {{1},
             {3. / 2, -1. / 2},
             {23. / 12, -16. / 12, 5. / 12},
             {55. / 24, -59. / 24, 37. / 24, -9. / 24}}};
        auto& newest = noises_.push(x.shape());
        const auto& weights = adams[noises_.size() - 1];
        // 2. (11), with e_t written out: at alpha = 0, where a run begins, x_t - sigma e_t is
        // 0, and must be so before it is divided.
        const auto of_original = double{alphas[i + 1]} / std::max(alpha, 1e-8);
        const auto of_noise = double{betas[i + 1]} - of_original * sigma;
        std::array<CombineTerm<Device>, 5> terms{
            {{&x, sigma, weights[0] * of_noise * sigma + of_original},
             {&out, alpha, weights[0] * of_noise * alpha}}};
        std::size_t used = 2;
        for (std::size_t k = 1; k < noises_.size(); ++k)
            terms.at(used++) = {&noises_[k], 0, weights[k] * of_noise};
        combine(newest, x, std::span<const CombineTerm<Device>>(terms).first(used), 0.0);
        index_.advance();
        return x;
    }

private:
    StepIndex index_;
    History<Device> noises_{4};
};

} // namespace latent
