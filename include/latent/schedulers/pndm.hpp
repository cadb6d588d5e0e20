#pragma once

#include "latent/schedulers/noise_schedule.hpp"
#include "latent/schedulers/prediction.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' PNDMScheduler, with its defaults.
struct PNDMSchedulerConfig : NoiseSchedule {
    bool skip_prk_steps = false;   ///< multistep from the start, as Stable Diffusion does
    bool set_alpha_to_one = false; ///< abar behind the last step: 1, or that of timestep 0
    std::string prediction_type = "epsilon"; ///< or v_prediction
    std::string timestep_spacing = "leading";
    std::int64_t steps_offset = 0;
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, PNDMSchedulerConfig>
void fields(Config& config, F&& f) {
    noise_fields(config, f);
    f("skip_prk_steps", config.skip_prk_steps);
    f("set_alpha_to_one", config.set_alpha_to_one);
    f("prediction_type", config.prediction_type);
    f("timestep_spacing", config.timestep_spacing);
    f("steps_offset", config.steps_offset);
}

/// Pseudo numerical methods for diffusion models: DDIM's step phi along a mean of noises, found
/// by Runge and Kutta's method for the first three steps (four outputs each), by Adams and
/// Bashforth's from what is remembered for the others.
///
///   phi(x, e, t, s) = sqrt(a_s / a_t) x
///                     - (a_s - a_t) e / (a_t sqrt(1 - a_s) + sqrt(a_t (1 - a_t) a_s))    (11)
///   e' = (e_1 + 2 e_2 + 2 e_3 + e_4) / 6,   x_{t-1} = phi(x_t, e', t, t - 1)             (13)
///   e' = (55 e_t - 59 e_{t+1} + 37 e_{t+2} - 9 e_{t+3}) / 24                             (12)
///
///   paper          here
///   a_t, a_s       abar, abar_after
///   x_t            start_: of the whole step, which a Runge-Kutta step comes back to
///   e_1 ... e_4    the outputs at t, twice at half a step, at t - 1; sum_ gathers them
///   e_t, e_{t+1}   noises_: the newest first
///
/// Without Runge and Kutta the first output is taken again at the step's end, for the mean of
/// both; then the orders 2, 3 and 4.
///
/// Order of convergence: 2. Runge and Kutta's and Adams and Bashforth's weights, of fourth
/// order, are those of steps alike in sigma; these are alike in t.
/// Source: Liu et al. 2022, arXiv:2202.09778, algorithm 2; parity: diffusers PNDMScheduler.
template <class Device>
struct PNDMScheduler {
    static constexpr std::string_view class_name = "PNDMScheduler";
    static constexpr int order = 1;

    PNDMSchedulerConfig config;
    std::vector<float> alphas_cumprod;
    std::vector<double> timesteps; ///< of the outputs, some of them twice
    std::int64_t num_inference_steps = 0;

    /// Throws Error for a config that makes no schedule.
    explicit PNDMScheduler(const PNDMSchedulerConfig& chosen = {})
        : config(chosen), alphas_cumprod(alphas_cumprod_of(betas_of(chosen))) {
        check_name("prediction_type", config.prediction_type, {"epsilon", "v_prediction"});
        set_timesteps(static_cast<std::int64_t>(alphas_cumprod.size()));
    }

    /// Throws Error for no step, more than in training, or too few for Runge and Kutta.
    void set_timesteps(std::int64_t steps) {
        auto spaced = spaced_timesteps(config.timestep_spacing, steps,
                                       config.num_train_timesteps, config.steps_offset);
        num_inference_steps = steps;
        timesteps = config.skip_prk_steps ? with_second_again(std::move(spaced))
                                          : with_runge_kutta(spaced);
        done_ = 0;
        noises_.clear();
    }
    void set_begin_index(std::size_t) {} // a timestep says all
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }

    /// The sample for the next output, in the memory of `x`. Throws Error for a timestep that
    /// is none of the training's.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator&) {
        if (done_ >= timesteps.size()) fail_beyond_last(timesteps.size());
        if (done_ < runge_kutta_)
            runge_kutta(out, timestep, x);
        else
            multistep(out, timestep, x);
        ++done_;
        return x;
    }

    /// sqrt(abar) x_0 + sqrt(1 - abar) noise, in the memory of `x`. Parity: add_noise.
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           double timestep) const {
        return noised_at(abar_at(alphas_cumprod, timestep), std::move(x), noise);
    }

private:
    static constexpr std::size_t solver_order = 4;
    using Terms = std::array<CombineTerm<Device>, 1 + solver_order>;

    /// t_0, t_1, t_1, t_2, ...
    [[nodiscard]] std::vector<double> with_second_again(std::vector<double> t) {
        runge_kutta_ = 0;
        if (t.size() > 1) t.insert(t.begin() + 1, t[1]);
        return t;
    }
    /// t_0, twice t_0 - 1/2, twice t_1, ... twice t_3 + 1/2, t_3; then t_3, t_4, ...
    [[nodiscard]] std::vector<double> with_runge_kutta(const std::vector<double>& t) {
        if (t.size() < solver_order) {
            fail("num_inference_steps", std::to_string(t.size()),
                 "at least " + std::to_string(solver_order),
                 "with skip_prk_steps fewer are possible");
        }
        std::vector<double> all;
        for (std::size_t i = 0; i + 1 < solver_order; ++i) {
            const auto half = t[i + 1] + half_step();
            all.insert(all.end(), {t[i], half, half, t[i + 1]});
        }
        runge_kutta_ = all.size();
        all.insert(all.end(), t.begin() + solver_order - 1, t.end());
        return all;
    }
    [[nodiscard]] double whole_step() const {
        return static_cast<double>(config.num_train_timesteps / num_inference_steps);
    }
    [[nodiscard]] double half_step() const {
        return static_cast<double>(config.num_train_timesteps / num_inference_steps / 2);
    }

    /// phi (11) from t to s: what of x, and what of an output.
    [[nodiscard]] Prediction transfer(double t, double s) const {
        const auto abar = abar_at(alphas_cumprod, t);
        const auto abar_after =
            abar_at(alphas_cumprod, s, config.set_alpha_to_one ? 1.0F : alphas_cumprod.front());
        const auto divisor =
            abar * std::sqrt(1 - abar_after) + std::sqrt(abar * (1 - abar) * abar_after);
        const auto slope = -double{abar_after - abar} / double{divisor};
        const auto noise = epsilon_of(config.prediction_type, abar);
        return {double{std::sqrt(abar_after / abar)} + slope * noise.sample,
                slope * noise.output};
    }
    /// A copy, in memory that is used again.
    static void keep(Tensor<Device>& copy, const Tensor<Device>& x) {
        if (copy.shape() != x.shape()) copy = Tensor<Device>(x.shape());
        detail::weigh<Device>(copy, {{&x, 0, 1}});
    }

    /// (13), an output at a time. Each begins anew at x_t, with the noise of the last output;
    /// the fourth with the mean.
    void runge_kutta(const Tensor<Device>& out, double timestep, Tensor<Device>& x) {
        const auto stage = done_ % 4;
        const auto end = stage % 2 == 0 ? timestep - half_step() : timestep;
        const auto to = transfer(timesteps[done_ - stage], end);
        if (stage == 0) {
            keep(start_, x);
            auto& newest = noises_.push(x.shape());
            keep(newest, out);
            if (sum_.shape() != x.shape()) sum_ = Tensor<Device>(x.shape());
            const Terms terms{{{&x, 0, to.sample}, {&out, 1.0 / 6, to.output}}};
            combine(sum_, x, std::span(terms).first(2), 0.0);
        } else if (stage < 3) {
            const Terms terms{
                {{&sum_, 1, 0}, {&start_, 0, to.sample}, {&out, 1.0 / 3, to.output}}};
            combine(sum_, x, std::span(terms).first(3), 0.0);
        } else {
            detail::weigh<Device>(
                x, {{&start_, 0, to.sample}, {&sum_, 0, to.output}, {&out, 0, to.output / 6}});
        }
    }

    /// (12), or an order that the history is enough for.
    void multistep(const Tensor<Device>& out, double timestep, Tensor<Device>& x) {
        if (done_ == 1) { // once more over the first step, by the mean of its two ends
            const auto to = transfer(timestep + whole_step(), timestep);
            detail::weigh<Device>(x, {{&start_, 0, to.sample},
                                      {&out, 0, to.output / 2},
                                      {&noises_[0], 0, to.output / 2}});
            return;
        }
        if (done_ == 0) keep(start_, x);
        const auto to = transfer(timestep, timestep - whole_step());
        auto& newest = noises_.push(x.shape());
        const auto weights = adams_bashforth(noises_.size());
        Terms terms{{{&x, 0, to.sample}, {&out, 1, to.output * weights[0]}}};
        for (std::size_t i = 1; i < noises_.size(); ++i)
            terms[i + 1] = {&noises_[i], 0, to.output * weights[i]};
        combine(newest, x, std::span(std::as_const(terms)).first(noises_.size() + 1), 0.0);
    }
    [[nodiscard]] static std::array<double, solver_order> adams_bashforth(std::size_t count) {
        switch (count) {
        case 1:
            return {1};
        case 2:
            return {3.0 / 2, -1.0 / 2};
        case 3:
            return {23.0 / 12, -16.0 / 12, 5.0 / 12};
        default:
            return {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24};
        }
    }

    std::size_t done_ = 0, runge_kutta_ = 0; ///< outputs so far, and those of Runge and Kutta
    Tensor<Device> start_, sum_;
    History<Device> noises_{solver_order};
};

} // namespace latent
