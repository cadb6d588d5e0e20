#pragma once

#include "latent/schedulers/unipc.hpp"

#include <algorithm>
#include <cmath>
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

/// scheduler_config.json of diffusers' UniPCMultistepScheduler, with its defaults.
struct UniPCMultistepSchedulerConfig : SolverConfig {
    std::int64_t solver_order = 2;   ///< 1 to 4; 2 for guided sampling, else 3
    bool predict_x0 = true;          ///< else the noise
    std::string solver_type = "bh2"; ///< or bh1
    bool lower_order_final = true;
    std::vector<std::int64_t> disable_corrector; ///< steps whose result is not corrected
    std::optional<std::string> solver_p;         ///< none: another predictor is not supported
    std::string timestep_spacing = "linspace";
    std::int64_t steps_offset = 0;
    std::string final_sigmas_type = "zero"; ///< or sigma_min
    bool rescale_betas_zero_snr = false;
    bool use_dynamic_shifting = false; ///< flow_shift is e^mu, of each run
    std::string time_shift_type = "exponential";
    std::optional<double> sigma_min, sigma_max; ///< of spaced sigmas; none: the training's
    std::optional<double> shift_terminal;       ///< the last of the flow's sigmas
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, UniPCMultistepSchedulerConfig>
void fields(Config& config, F&& f) {
    solver_fields(config, f);
    f("solver_order", config.solver_order);
    f("predict_x0", config.predict_x0);
    f("solver_type", config.solver_type);
    f("lower_order_final", config.lower_order_final);
    f("disable_corrector", config.disable_corrector);
    f("solver_p", config.solver_p);
    f("timestep_spacing", config.timestep_spacing);
    f("steps_offset", config.steps_offset);
    f("final_sigmas_type", config.final_sigmas_type);
    f("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
    f("use_dynamic_shifting", config.use_dynamic_shifting);
    f("time_shift_type", config.time_shift_type);
    f("sigma_min", config.sigma_min);
    f("sigma_max", config.sigma_max);
    f("shift_terminal", config.shift_terminal);
}

/// UniPC: every step is a prediction; the output that the model makes of it first corrects the
/// step that led there, at no other cost, and then leads to the next one.
///
///   corrected   x_s from x_{s-1}, m_s, m_{s-1} ...        (UniC, algorithm 1)
///   predicted   x_t from the corrected x_s, m_s ...       (UniP, algorithm 2)
///
///   paper     here
///   x_{s-1}   last_, corrected
///   m         the outputs, as x_0 or as noise, the newest first
///   B(h)      UniPCStep::scale
///   p         solver_order
///
/// A step takes two passes: a corrected sample and a predicted one are made.
/// Order of convergence: solver_order + 1 with lower_order_final false, 3 at most in the end: a
/// first step of first order is corrected to an error of third.
/// Source: Zhao et al. 2023, arXiv:2302.04867; parity: diffusers
/// UniPCMultistepScheduler.
template <class Device>
struct UniPCMultistepScheduler : SolverRun<UniPCMultistepSchedulerConfig> {
    static constexpr std::string_view class_name = "UniPCMultistepScheduler";
    static constexpr int order = 1;

    /// Throws Error for a config that makes no schedule or no solver.
    explicit UniPCMultistepScheduler(const UniPCMultistepSchedulerConfig& chosen = {})
        : SolverRun(chosen, sigma_alphas_cumprod(chosen)) {
        auto& type = config.solver_type;
        if (type == "midpoint" || type == "heun" || type == "logrho") type = "bh2";
        check_name("solver_type", type, {"bh1", "bh2"});
        check_name("final_sigmas_type", config.final_sigmas_type, {"zero", "sigma_min"});
        check_solver(config, config.solver_order, 4);
        outputs_ = SolverOutputs<Device>(config.solver_order + 1);
        if (config.solver_p) fail("solver_p", *config.solver_p, "none");
        if (config.shift_terminal && !config.use_flow_sigmas)
            fail("shift_terminal", std::to_string(*config.shift_terminal),
                 "none without use_flow_sigmas");
        if (!config.predict_x0 && to_zero())
            fail("predict_x0", "false with final_sigmas_type zero", "true",
                 "at sigma 0 the noise says nothing of the image; sigma_min is possible");
        if (!config.lower_order_final && config.solver_order > 1 && to_zero())
            fail("lower_order_final", "false with final_sigmas_type zero", "true",
                 "lambda is infinite there: differences of outputs have no finite weight");
        // A mu that shifts nothing, until a run says its own.
        set_timesteps(config.num_train_timesteps, config.time_shift_type == "linear" ? 1 : 0);
    }

    /// `mu`: ln of flow_shift, which use_dynamic_shifting wants. Throws Error for no step, or
    /// more than in training.
    void set_timesteps(std::int64_t steps, std::optional<double> mu = {}) {
        check_steps(steps, config.num_train_timesteps);
        if (config.use_flow_sigmas && !config.spaced()) {
            auto even = even_flow_sigmas(steps, config.num_train_timesteps);
            even.pop_back();
            begin_flow(std::move(even), mu);
            return;
        }
        auto made = solver_steps(
            config, alphas_cumprod,
            solver_timesteps(config.timestep_spacing, steps, config.num_train_timesteps,
                             config.num_train_timesteps, config.steps_offset),
            steps);
        if (config.use_flow_sigmas && config.use_karras_sigmas) {
            for (std::size_t i = 0; i < made.sigmas.size(); ++i) {
                made.sigmas[i] /= made.sigmas[i] + 1;
                made.timesteps[i] = made.sigmas[i] * train();
            }
        }
        begin(std::move(made));
    }
    /// At these sigmas of a flow, which are shifted; the run goes on behind the last of them,
    /// to 0. Throws Error where the config has no flow.
    void set_sigmas(const std::vector<double>& chosen, std::optional<double> mu = {}) {
        refuse_spaced("sigmas", config.spaced());
        if (!config.use_flow_sigmas)
            fail("sigmas", "custom ones", "a config with use_flow_sigmas");
        check_flow("sigmas", chosen, 1);
        begin_flow(chosen, mu);
    }

    /// The sample at the next sigma, in the memory of `x`; nothing is drawn.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator&) {
        const UniPC how{config.predict_x0, config.solver_type};
        const auto i = index_.at(timestep, timesteps);
        // 1. The output, converted, and the sample as it corrects it.
        const auto corrects =
            outputs_.size() > 0 && i > 0 &&
            std::ranges::count(config.disable_corrector, static_cast<std::int64_t>(i) - 1) == 0;
        const auto behind = points_from(i, corrects ? order_ + 1 : 1);
        auto conversion = conversion_of(config, behind[0], !config.predict_x0);
        if (!config.predict_x0) conversion.threshold = {};
        if (last_.shape() != x.shape()) last_ = Tensor<Device>(x.shape());
        outputs_.step(last_, x, out, conversion,
                      corrects ? unipc_corrector(how, order_, behind)
                               : SolverWeights{.sample = 1},
                      &last_);
        // 2. The next sample.
        const auto most = static_cast<std::size_t>(config.solver_order);
        order_ = std::min(most, outputs_.size());
        if (config.lower_order_final) order_ = std::min(order_, timesteps.size() - i);
        outputs_.sum(x, unipc_predictor(how, order_, points_from(i + 1, order_ + 1)), last_);
        index_.advance();
        return x;
    }

private:
    [[nodiscard]] bool to_zero() const { return config.final_sigmas_type == "zero"; }
    [[nodiscard]] double train() const {
        return static_cast<double>(config.num_train_timesteps);
    }
    void begin_flow(std::vector<double> even, std::optional<double> mu) {
        if (config.use_dynamic_shifting && !mu)
            fail("mu", "none", "a number", "use_dynamic_shifting takes it");
        if (config.use_dynamic_shifting) check_mu(config.time_shift_type, *mu);
        SolverSteps made{{}, std::move(even)};
        for (auto& sigma : made.sigmas) {
            sigma = config.use_dynamic_shifting
                        ? time_shifted_sigma(config.time_shift_type, *mu, sigma)
                        : shifted_sigma(config.flow_shift, sigma);
        }
        if (config.shift_terminal.value_or(0) != 0)
            stretch_to_terminal(made.sigmas, *config.shift_terminal);
        // alpha = 0 has no logarithm.
        if (std::abs(made.sigmas[0] - 1) < 1e-6) made.sigmas[0] -= 1e-6;
        for (const auto sigma : made.sigmas) made.timesteps.push_back(sigma * train());
        begin(std::move(made));
    }
    void begin(SolverSteps made) {
        const auto last = to_zero() ? 0 : lowest_of(made);
        SolverRun::begin(std::move(made), last);
        outputs_.clear();
    }

    SolverOutputs<Device> outputs_;
    Tensor<Device> last_;   // the sample before, corrected
    std::size_t order_ = 1; // of the step before
};

} // namespace latent
