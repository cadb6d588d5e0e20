#pragma once

#include "latent/schedulers/flow_sigmas.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/sigmas.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' FlowMatchEulerDiscreteScheduler, with its defaults.
struct FlowMatchEulerDiscreteSchedulerConfig : SigmaSpacing {
    std::int64_t num_train_timesteps = 1000;
    double shift = 1;                  ///< more than 1: more steps where noise is strong
    bool use_dynamic_shifting = false; ///< by mu, of each run
    double base_shift = 0.5;           ///< mu of base_image_seq_len
    double max_shift = 1.15;           ///< mu of max_image_seq_len
    std::int64_t base_image_seq_len = 256;
    std::int64_t max_image_seq_len = 4096;
    bool invert_sigmas = false;                  ///< sigma goes from 0 to 1
    std::optional<double> shift_terminal;        ///< the last sigma in front of 0
    std::string time_shift_type = "exponential"; ///< or linear
    bool stochastic_sampling = false;            ///< new noise in each step
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, FlowMatchEulerDiscreteSchedulerConfig>
void fields(Config& config, F&& f) {
    f("num_train_timesteps", config.num_train_timesteps);
    f("shift", config.shift);
    f("use_dynamic_shifting", config.use_dynamic_shifting);
    f("base_shift", config.base_shift);
    f("max_shift", config.max_shift);
    f("base_image_seq_len", config.base_image_seq_len);
    f("max_image_seq_len", config.max_image_seq_len);
    f("invert_sigmas", config.invert_sigmas);
    f("shift_terminal", config.shift_terminal);
    sigma_fields(config, f);
    f("time_shift_type", config.time_shift_type);
    f("stochastic_sampling", config.stochastic_sampling);
}

/// Euler's method along a straight path, whose velocity the model predicts:
///
///   x_s = (1 - s) x_0 + s noise                        (13)
///   x_t = x_s + (t - s) v,   v = noise - x_0
///
/// stochastic_sampling instead finds x_0 = x_s - s v, and goes back to t with new noise, (13).
///
///   paper   here
///   s, t    sigmas[i], sigmas[i + 1]; the last one is 0
///   v       the model's output
///
/// Order of convergence: 1.
/// Source: Esser et al. 2024, arXiv:2403.03206, section 3; parity: diffusers
/// FlowMatchEulerDiscreteScheduler, without per_token_timesteps.
template <class Device>
struct FlowMatchEulerDiscreteScheduler {
    static constexpr std::string_view class_name = "FlowMatchEulerDiscreteScheduler";
    static constexpr int order = 1;

    FlowMatchEulerDiscreteSchedulerConfig config;
    double shift; ///< the config's, unless it is changed; of the runs that begin then
    std::vector<double> timesteps, sigmas; ///< one sigma more than timesteps

    /// Throws Error for a config that makes no schedule.
    explicit FlowMatchEulerDiscreteScheduler(
        const FlowMatchEulerDiscreteSchedulerConfig& chosen = {})
        : config(chosen), shift(chosen.shift) {
        check_numbers(config);
        config.check();
        check_name("time_shift_type", config.time_shift_type, {"exponential", "linear"});
        if (config.base_image_seq_len >= config.max_image_seq_len) {
            fail("base_image_seq_len", std::to_string(config.base_image_seq_len),
                 "less than max_image_seq_len, " + std::to_string(config.max_image_seq_len));
        }
        lowest_ = detail::to_float32(1 / train());
        if (!config.use_dynamic_shifting)
            lowest_ = detail::to_float32(shifted_sigma(shift, lowest_));
        // A mu that shifts nothing, until a run says its own.
        set_timesteps(config.num_train_timesteps,
                      config.time_shift_type == "linear" ? 1.0 : 0.0);
    }

    /// `mu`: how far to shift, which use_dynamic_shifting wants, and nothing else reads. Throws
    /// Error for no step, or more than in training.
    void set_timesteps(std::int64_t steps, std::optional<double> mu = {}) {
        check_steps(steps, config.num_train_timesteps);
        auto even = detail::spread(train(), lowest_ * train(), steps);
        for (auto& sigma : even) sigma /= train();
        begin(std::move(even), mu, {});
    }
    /// At these timesteps, which descend and stay as they are; their sigmas are shifted.
    void set_custom_timesteps(const std::vector<double>& chosen,
                              std::optional<double> mu = {}) {
        check_flow("timesteps", chosen, train());
        auto even = chosen;
        for (auto& sigma : even)
            sigma = detail::to_float32(detail::to_float32(sigma) / train());
        begin(std::move(even), mu, chosen);
    }
    /// At these sigmas, which are shifted; 0 follows. Timesteps may be given beside them.
    void set_sigmas(const std::vector<double>& chosen, std::optional<double> mu = {},
                    const std::vector<double>& given_timesteps = {}) {
        check_flow("sigmas", chosen, 1);
        if (!given_timesteps.empty() && given_timesteps.size() != chosen.size())
            fail("timesteps", std::to_string(given_timesteps.size()),
                 std::to_string(chosen.size()) + ", one for each sigma");
        auto even = chosen;
        for (auto& sigma : even) sigma = detail::to_float32(sigma);
        begin(std::move(even), mu, given_timesteps);
    }
    /// The mu of an image of so many tokens. Parity: calculate_shift of diffusers' pipelines.
    [[nodiscard]] double mu_of(std::int64_t image_seq_len) const {
        const auto from = config.base_image_seq_len, to = config.max_image_seq_len;
        const auto slope =
            (config.max_shift - config.base_shift) / static_cast<double>(to - from);
        return config.base_shift + slope * static_cast<double>(image_seq_len - from);
    }
    void set_begin_index(std::size_t index) { index_.set_begin(index); }

    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    /// The sample at the next sigma, in the memory of `x`.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        const auto i = index_.at(timestep, timesteps);
        const auto s = sigmas[i], t = sigmas[i + 1];
        if (config.stochastic_sampling) {
            const auto& noise = noise_.draw(generator, x.shape());
            detail::weigh<Device>(x, {{&x, 0, 1 - t}, {&out, 0, -(1 - t) * s}, {&noise, 0, t}});
        } else {
            detail::weigh<Device>(x, {{&x, 0, 1}, {&out, 0, t - s}});
        }
        index_.advance();
        return x;
    }

    /// (1 - s) x + s noise, (13), in the memory of `x`. Parity: scale_noise.
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           double timestep) const {
        const auto s = sigmas[StepIndex::find(timestep, timesteps)];
        return detail::noised(std::move(x), 1 - s, noise, s);
    }

private:
    [[nodiscard]] double train() const {
        return static_cast<double>(config.num_train_timesteps);
    }
    void begin(std::vector<double> even, std::optional<double> mu,
               std::vector<double> given_timesteps) {
        if (config.use_dynamic_shifting && !mu)
            fail("mu", "none", "a number", "use_dynamic_shifting takes it: mu_of()");
        if (config.use_dynamic_shifting) check_mu(config.time_shift_type, *mu);
        if (config.spaced() && even.back() <= 0)
            fail("sigmas", "0", "more than 0", "0 follows, and cannot be spread to");
        // 1. Shifted, and stretched to the last one.
        for (auto& sigma : even) {
            sigma = config.use_dynamic_shifting
                        ? time_shifted_sigma(config.time_shift_type, *mu, sigma)
                        : shifted_sigma(shift, sigma);
        }
        if (config.shift_terminal.value_or(0) != 0)
            stretch_to_terminal(even, *config.shift_terminal);
        // 2. Spread in another way between the two ends.
        if (config.spaced()) {
            even = config.sigmas(even.back(), even.front(),
                                 static_cast<std::int64_t>(even.size()));
        }
        // 3. float32, with the end of the path.
        sigmas = std::move(even), timesteps = std::move(given_timesteps);
        for (auto& sigma : sigmas) {
            sigma = detail::to_float32(sigma);
            if (config.invert_sigmas) sigma = detail::to_float32(1 - sigma);
        }
        if (timesteps.empty() || config.invert_sigmas) {
            timesteps = sigmas;
            for (auto& t : timesteps) t *= train();
        }
        for (auto& t : timesteps) t = detail::to_float32(t);
        sigmas.push_back(config.invert_sigmas ? 1 : 0);
        index_.reset();
    }

    double lowest_ = 0; // of training; the highest is 1
    StepIndex index_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
