#pragma once

#include "latent/schedulers/sigma_run.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' LMSDiscreteScheduler, with its defaults.
struct LMSDiscreteSchedulerConfig : SigmaRunConfig<NoiseSchedule> {};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, LMSDiscreteSchedulerConfig>
void fields(Config& config, F&& f) { sigma_run_fields(config, f); }

/// The weight of the slope at sigma_{i-k} in a linear multistep method of this order:
///   c_k = integral from sigma_i to sigma_{i+1} of
///         prod_{j < order, j != k} (s - sigma_{i-j}) / (sigma_{i-k} - sigma_{i-j}) ds
/// Exact: a polynomial of third degree, at two points of Gauss and Legendre.
[[nodiscard]] inline double lms_coefficient(const std::vector<double>& sigmas,
                                            std::size_t order, std::size_t i, std::size_t k) {
    const auto middle = (sigmas[i] + sigmas[i + 1]) / 2, half = (sigmas[i + 1] - sigmas[i]) / 2;
    double sum = 0;
    for (const auto place : {-std::numbers::inv_sqrt3, std::numbers::inv_sqrt3}) {
        double product = 1;
        for (std::size_t j = 0; j < order; ++j) {
            if (j == k) continue;
            product *=
                (middle + place * half - sigmas[i - j]) / (sigmas[i - k] - sigmas[i - j]);
        }
        sum += product;
    }
    return sum * half;
}

/// A linear multistep method of Adams and Bashforth for the probability flow: the slopes of
/// the last steps as a polynomial in sigma, integrated over the next.
///
///   d_i      = (x_i - D(x_i, sigma_i)) / sigma_i
///   x_{i+1}  = x_i + sum_{k < order} c_k d_{i-k}
///
///   formula   here
///   sigma_i   sigmas[i], the last one 0
///   d_{i-k}   slopes_[k]
///   c_k       lms_coefficient
///   D         the predicted x_0
///
/// Order of convergence: 4, from about 80 steps on; with fewer the errors fall more slowly. The
/// first steps are of lower order, but at the largest sigmas epsilon hardly changes, and
/// nothing of their errors is seen. A run that begins in the middle has diffusers' weights: of
/// the order that its place would have, though those slopes are not there.
/// Source: the linear multistep method that Liu et al. 2022, arXiv:2202.09778, start from, on
/// steps of uneven size and in the sigmas of Karras et al. 2022, arXiv:2206.00364; parity:
/// diffusers LMSDiscreteScheduler.
template <class Device>
struct LMSDiscreteScheduler : SigmaRun {
    static constexpr std::string_view class_name = "LMSDiscreteScheduler";
    static constexpr int order = 1;
    static constexpr std::size_t most_slopes = 4;

    LMSDiscreteSchedulerConfig config;
    std::vector<float> alphas_cumprod;

    /// Throws Error for a config that makes no schedule.
    explicit LMSDiscreteScheduler(const LMSDiscreteSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(betas_of(chosen))) {
        config.check();
        (void)denoised_of(config.prediction_type, 1);
        set_timesteps(config.num_train_timesteps);
    }

    /// Throws Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps) {
        timesteps = spaced_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                                     config.steps_offset, false);
        round_to_float32(timesteps);
        sigmas = sigmas_at(timesteps, sigmas_of(alphas_cumprod), config);
        sigmas.push_back(0);
        round_to_float32(sigmas);
        round_to_float32(timesteps);
        slopes_.clear();
        index_.reset();
    }

    [[nodiscard]] double init_noise_sigma() const {
        return sigma_of_start(config.timestep_spacing, sigmas);
    }

    struct Options {
        std::int64_t order = 4; ///< slopes at most, 1 to 4
    };

    /// The sample at the next sigma, in the memory of `x`; nothing is drawn. In two passes over
    /// memory, since there are three results: D, a slope and the sample.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, const Options& options = {}) {
        if (options.order < 1 || options.order > std::int64_t{most_slopes})
            fail("order", std::to_string(options.order), "1 to 4");
        const auto i = index_.at(timestep, timesteps);
        // 1. The slope here: (x - D) / sigma, in terms of x and the output.
        const auto sigma = sigmas[i];
        const auto original = denoised_of(config.prediction_type, sigma);
        const std::array<CombineTerm<Device>, 2> predicted{
            {{&x, original.sample, (1 - original.sample) / sigma},
             {&out, original.output, -original.output / sigma}}};
        if (original_.shape() != x.shape()) original_ = Tensor<Device>(x.shape());
        combine(original_, slopes_.push(x.shape()),
                std::span<const CombineTerm<Device>>(predicted), 0.0);
        // 2. The sum of the slopes.
        const auto wanted = std::min(i + 1, static_cast<std::size_t>(options.order));
        std::array<CombineTerm<Device>, most_slopes + 1> terms{{{&x, 0, 1}}};
        const auto slopes = std::min(wanted, slopes_.size());
        for (std::size_t k = 0; k < slopes; ++k)
            terms[k + 1] = {&slopes_[k], 0, lms_coefficient(sigmas, wanted, i, k)};
        combine(x, x, std::span<const CombineTerm<Device>>(terms).first(slopes + 1), 0.0);
        index_.advance();
        return x;
    }
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator&,
                                      const Options& options = {}) {
        return step(out, timestep, std::move(x), options);
    }

    /// The x_0 of the last step.
    [[nodiscard]] const Tensor<Device>& pred_original_sample() const { return original_; }

private:
    History<Device> slopes_{most_slopes};
    Tensor<Device> original_;
};

} // namespace latent
