#pragma once

#include "latent/ops/arithmetic.hpp"
#include "latent/ops/concat.hpp"
#include "latent/tensor/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

/// Where an image's latents may lie: for each of them a normal distribution of its own. The
/// encoder gives mean and log-variance, side by side along the channels:
///   parameters [N, 2 C, h, w]  ->  mean, logvar, std, var [N, C, h, w]
/// logvar is limited to [-30, 20]; std = exp(logvar / 2), var = exp(logvar). A deterministic
/// distribution has std = var = 0: every sample is the mean.
/// Source: Kingma and Welling 2013, arXiv:1312.6114; parity: diffusers
/// DiagonalGaussianDistribution.
template <class Device>
struct DiagonalGaussianDistribution {
    Tensor<Device> parameters; ///< as they were given: logvar is not limited there
    Tensor<Device> mean, logvar, std, var;
    bool deterministic;

    /// Throws Error for an odd number of channels.
    explicit DiagonalGaussianDistribution(Tensor<Device> moments, bool is_certain = false)
        : parameters(std::move(moments)), deterministic(is_certain) {
        auto parts = chunk(parameters, 2, 1);
        mean = std::move(parts[0]);
        logvar = clamp(std::move(parts[1]), -30, 20);
        std = deterministic ? scaled(logvar, 0) : exp(scaled(logvar, 0.5));
        var = deterministic ? scaled(logvar, 0) : exp(scaled(logvar, 1));
    }

    /// The likeliest latents [N, C, h, w]: a copy of the mean.
    [[nodiscard]] Tensor<Device> mode() const { return scaled(mean, 1); }

    /// mean + std * noise, the noise being torch.randn of the generator.
    [[nodiscard]] Tensor<Device> sample(Generator& generator) const {
        auto noise = generator.randn<Device>(mean.shape());
        return add(multiply(std::move(noise), std), mean);
    }

    /// How far it is from the standard normal distribution, an image:
    ///   1/2 sum(mean^2 + var - 1 - logvar)   [N]; a deterministic one gives [0]
    [[nodiscard]] std::vector<double> kl() const requires Device::on_host {
        return summed("kl", mean, [&](std::size_t i) {
            return square(at(mean, i)) + at(var, i) - 1 - at(logvar, i);
        });
    }
    /// How far it is from another one:
    ///   1/2 sum((mean - mean')^2 / var' + var / var' - 1 - logvar + logvar')   [N]
    [[nodiscard]] std::vector<double>
    kl(const DiagonalGaussianDistribution& other) const requires Device::on_host {
        return summed("kl", other.mean, [&](std::size_t i) {
            return square(at(mean, i) - at(other.mean, i)) / at(other.var, i) +
                   at(var, i) / at(other.var, i) - 1 - at(logvar, i) + at(other.logvar, i);
        });
    }
    /// The negative logarithm of the density at a sample [N, C, h, w]:
    ///   1/2 sum(ln(2 pi) + logvar + (sample - mean)^2 / var)   [N]
    [[nodiscard]] std::vector<double>
    nll(const Tensor<Device>& sample) const requires Device::on_host {
        const auto constant = std::log(2 * std::numbers::pi);
        return summed("nll", sample, [&](std::size_t i) {
            return constant + at(logvar, i) + square(at(sample, i) - at(mean, i)) / at(var, i);
        });
    }

private:
    [[nodiscard]] static double at(const Tensor<Device>& x, std::size_t i) {
        return static_cast<double>(x.data()[i]);
    }
    [[nodiscard]] static double square(double x) { return x * x; }

    /// Half the sum over each image of term(element). Throws Error unless `like` has the
    /// mean's shape.
    template <class Term>
    [[nodiscard]] std::vector<double> summed(std::string_view where, const Tensor<Device>& like,
                                             const Term& term) const {
        require_same_shape(where, like, mean);
        if (deterministic) return {0.0};
        std::vector<double> sums;
        const auto images = static_cast<std::size_t>(mean.dim(0));
        const auto each =
            static_cast<std::size_t>(mean.numel()) / std::max<std::size_t>(images, 1);
        for (std::size_t n = 0; n < images; ++n) {
            double sum = 0;
            for (std::size_t i = n * each; i < (n + 1) * each; ++i) sum += term(i);
            sums.push_back(sum / 2);
        }
        return sums;
    }
};

/// The sample that the notebook of "diffusion from scratch" takes: as sample(), but the
/// log-variance is not limited, and std = sqrt(exp(logvar)).
///   parameters [N, 2 C, h, w]  ->  [N, C, h, w]
template <class Device>
[[nodiscard]] Tensor<Device> sample_unclamped(const Tensor<Device>& parameters,
                                              Generator& generator) {
    auto parts = chunk(parameters, 2, 1);
    auto noise = generator.randn<Device>(parts[0].shape());
    return add(multiply(std::move(noise), sqrt(exp(std::move(parts[1])))), parts[0]);
}

} // namespace latent
