#pragma once

#include "latent/schedulers/check_numbers.hpp"
#include "latent/schedulers/class_transitions.hpp"
#include "latent/schedulers/scheduler.hpp"
#include "latent/schedulers/timestep_spacing.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace latent {

/// scheduler_config.json of diffusers' VQDiffusionScheduler, with its defaults.
struct VQDiffusionSchedulerConfig {
    std::int64_t num_vec_classes = 0; ///< with the mask, which is the last one; has no default
    std::int64_t num_train_timesteps = 100;
    double alpha_cum_start = 0.99999, alpha_cum_end = 0.000009;
    double gamma_cum_start = 0.000009, gamma_cum_end = 0.99999;
};

template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, VQDiffusionSchedulerConfig>
void fields(Config& config, F&& f) {
    f("num_vec_classes", config.num_vec_classes);
    f("num_train_timesteps", config.num_train_timesteps);
    f("alpha_cum_start", config.alpha_cum_start);
    f("alpha_cum_end", config.alpha_cum_end);
    f("gamma_cum_start", config.gamma_cum_start);
    f("gamma_cum_end", config.gamma_cum_end);
}

/// Vector-quantised diffusion: a pixel is a class of a code book, or masked. Noise changes and
/// masks classes; a step draws the class a timestep earlier from its distribution, given what
/// the network says of the clean image.
///
///   p(x_{t-1} | x_t) = sum over x_0 of q(x_{t-1} | x_t, x_0) p(x_0 | x_t)                (11)
///   q(x_{t-1} | x_t, x_0) = q(x_t | x_{t-1}) q(x_{t-1} | x_0) / q(x_t | x_0)              (5)
///   q(x_t | x_{t-1}): kept with a_t + b_t, another one b_t, masked c_t; a mask stays one   (7)
///
///   paper        here
///   x_t          x [N, pixels]: classes, whole numbers; the mask is num_vec_classes - 1
///   p(x_0|x_t)   out [N, num_vec_classes - 1, pixels]: logarithms of probabilities
///   a, b, c      single: keep, change, mask, as logarithms
///   a-bar ...    whole: the same of all timesteps up to t, linear in t
///
/// A class is drawn as the largest of log p + Gumbel noise, on the processor: what is on a GPU
/// goes there and back.
/// Source: Gu et al. 2021, arXiv:2111.14822; parity: diffusers VQDiffusionScheduler.
template <class Device>
struct VQDiffusionScheduler {
    static constexpr std::string_view class_name = "VQDiffusionScheduler";
    static constexpr int order = 1;
    using Host = typename OnProcessor<Device>::Host;

    VQDiffusionSchedulerConfig config;
    ClassTransitions single, whole;
    std::vector<double> timesteps;

    /// Throws Error for a config that makes no schedule.
    explicit VQDiffusionScheduler(const VQDiffusionSchedulerConfig& chosen)
        : config(checked(chosen)),
          single(transitions_once(kept(), masked(), classes())),
          whole(transitions(kept(), masked(), classes())) {
        set_timesteps(config.num_train_timesteps);
    }

    /// The last so many timesteps of a run. Throws Error for none, or more than in training.
    void set_timesteps(std::int64_t steps) {
        check_steps(steps, config.num_train_timesteps);
        timesteps.clear();
        for (auto t = steps - 1; t >= 0; --t) timesteps.push_back(static_cast<double>(t));
    }
    void set_begin_index(std::size_t) {} // a timestep says all
    [[nodiscard]] double init_noise_sigma() const { return 1; }
    [[nodiscard]] Tensor<Device> scale_model_input(Tensor<Device> x, double) { return x; }
    /// The class that stands for a masked pixel: of all pixels, where a run begins.
    [[nodiscard]] std::int64_t mask_class() const { return classes(); }

    /// The classes a timestep earlier, in the memory of `x`. Throws Error for other shapes, for
    /// what is no class, and for a timestep that is none of the training's.
    [[nodiscard]] Tensor<Device> step(const Tensor<Device>& out, double timestep,
                                      Tensor<Device> x, Generator& generator) {
        static_assert(sizeof(typename Device::scalar) >= 4,
                      "VQDiffusionScheduler: half precision does not count to 4096 classes");
        const auto& log_p = timestep == 0 ? checked(outputs_.copy(out), samples_.copy(x))
                                          : q_posterior(out, x, timestep);
        if constexpr (Host::on_host) {
            uniform_.resize(static_cast<std::size_t>(log_p.numel()));
            generator.rand(std::span<float>(uniform_));
            samples_.change(x, [&](Tensor<Host>& classes) { draw(classes, log_p); });
        }
        return x;
    }

    /// log p(x_{t-1} | x_t), (11), of each class and the mask [N, num_vec_classes, pixels],
    /// until the next call.
    [[nodiscard]] const Tensor<Host>& q_posterior(const Tensor<Device>& out,
                                                  const Tensor<Device>& x, double timestep) {
        const auto last = static_cast<double>(config.num_train_timesteps - 1);
        if (!(timestep >= 1 && timestep <= last && timestep == std::floor(timestep))) {
            fail("timestep", std::to_string(timestep),
                 "a whole number from 1 to " + std::to_string(config.num_train_timesteps - 1));
        }
        const auto& sample = samples_.copy(x);
        const auto& predicted = checked(outputs_.copy(out), sample);
        const Shape shape{x.dim(0), classes() + 1, predicted.dim(2)};
        if (posterior_.shape() != shape) posterior_ = Tensor<Host>(shape);
        if constexpr (Host::on_host) {
            const auto t = static_cast<std::size_t>(timestep);
            for (std::int64_t pixel = 0; pixel < x.numel(); ++pixel)
                fill_pixel(posterior_, predicted, sample, t, pixel);
        }
        return posterior_;
    }

private:
    using Scalar = typename Host::scalar;
    /// What stands for the logarithm of 0.
    static constexpr double nothing = 1e-30;

    [[nodiscard]] std::int64_t classes() const { return config.num_vec_classes - 1; }
    [[nodiscard]] static Scalar gumbel(float uniform) {
        constexpr auto tiny = static_cast<float>(nothing);
        return -std::log(-std::log(uniform + tiny) + tiny);
    }

    /// The largest of log p + Gumbel noise, pixel by pixel.
    template <class S>
    void draw(Tensor<Cpu<S>>& classes, const Tensor<Cpu<S>>& log_p) const {
        const auto K = log_p.dim(1), L = log_p.dim(2);
        for (std::int64_t pixel = 0; pixel < classes.numel(); ++pixel) {
            const auto first = pixel / L * K * L + pixel % L;
            Scalar most = -std::numeric_limits<Scalar>::infinity();
            for (std::int64_t k = 0; k < K; ++k) {
                const auto at = first + k * L;
                const auto value =
                    gumbel(uniform_[static_cast<std::size_t>(at)]) + log_p.data()[at];
                if (!(value > most) && k > 0) continue;
                most = value;
                classes.data()[pixel] = static_cast<Scalar>(k);
            }
        }
    }

    /// (11) for one pixel, in the order of diffusers: divided by q(x_t | x_0) and normalised,
    /// one timestep less of noise, times q(x_t | x_{t-1}) and the norm.
    template <class S>
    void fill_pixel(Tensor<Cpu<S>>& log_p, const Tensor<Cpu<S>>& out, const Tensor<Cpu<S>>& x,
                    std::size_t t, std::int64_t pixel) const {
        const auto K = classes(), L = out.dim(2), n = pixel / L, l = pixel % L;
        const auto from = [&](std::int64_t k) { return out.data()[(n * K + k) * L + l]; };
        const auto to = [&](std::int64_t k) -> S& {
            return log_p.data()[(n * (K + 1) + k) * L + l];
        };
        const auto now = static_cast<std::int64_t>(x.data()[pixel]);
        const auto absent = static_cast<S>(std::log(static_cast<float>(nothing)));
        // log q(x_t | class k), of one timestep or of all.
        const auto becomes_now = [&](const ClassTransitions& q, std::int64_t k) -> S {
            if (now == K) return q.mask[t];
            return detail::log_add_exp<S>((k == now ? 0 : absent) + q.keep[t], q.change[t]);
        };
        S most = -std::numeric_limits<S>::infinity(), sum = 0;
        for (std::int64_t k = 0; k < K; ++k) {
            to(k) = from(k) - becomes_now(whole, k);
            most = std::max(most, to(k));
        }
        for (std::int64_t k = 0; k < K; ++k) sum += std::exp(to(k) - most);
        const auto norm = most + std::log(sum);
        for (std::int64_t k = 0; k < K; ++k) {
            const auto before =
                detail::log_add_exp<S>(to(k) - norm + whole.keep[t - 1], whole.change[t - 1]);
            to(k) = before + becomes_now(single, k) + norm;
        }
        to(K) = whole.mask[t - 1] + (now == K ? 0 : absent) + norm;
    }

    [[nodiscard]] const Tensor<Host>& checked(const Tensor<Host>& out,
                                              const Tensor<Host>& x) const {
        if (x.shape().rank() != 2 || out.shape() != Shape{x.dim(0), classes(), x.dim(1)}) {
            fail("step", to_string(out.shape()) + " for " + to_string(x.shape()),
                 "[N, " + std::to_string(classes()) + ", pixels] for classes [N, pixels]");
        }
        if constexpr (Host::on_host) {
            for (const auto value : x.values()) {
                if (value >= 0 && value <= static_cast<Scalar>(classes()) &&
                    value == std::floor(value))
                    continue;
                fail("step", std::to_string(value),
                     "classes, whole numbers from 0 to " + std::to_string(classes()));
            }
        }
        return out;
    }
    [[nodiscard]] static const VQDiffusionSchedulerConfig&
    checked(const VQDiffusionSchedulerConfig& config) {
        check_numbers(config);
        if (config.num_vec_classes < 2)
            fail("num_vec_classes", std::to_string(config.num_vec_classes),
                 "2 at least: a class, and the mask");
        if (config.num_train_timesteps < 2)
            fail("num_train_timesteps", std::to_string(config.num_train_timesteps),
                 "2 at least");
        return config;
    }

    /// The shares of classes that are kept and masked, up to each timestep.
    [[nodiscard]] std::vector<double> kept() const {
        return share_line(config.alpha_cum_start, config.alpha_cum_end,
                          config.num_train_timesteps);
    }
    [[nodiscard]] std::vector<double> masked() const {
        return share_line(config.gamma_cum_start, config.gamma_cum_end,
                          config.num_train_timesteps);
    }

    OnProcessor<Device> outputs_, samples_;
    Tensor<Host> posterior_;
    std::vector<float> uniform_;
};

} // namespace latent
