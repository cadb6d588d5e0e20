#pragma once

#include "latent/tensor/error.hpp"
#include "latent/tensor/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>

namespace latent {

/// How a parameter starts its life when no checkpoint gives its values: the rule of
/// torch.nn's reset_parameters, with its bound in float32 as torch rounds it.
///   Conv2d, Linear        weight: kaiming_uniform(fan_in), bias: bias_uniform(fan_in)
///   GroupNorm, LayerNorm  weight: ones(), bias: zeros(); neither draws a random number
/// fan_in counts the inputs that one output is summed from: in_features of a Linear,
/// in_channels * kernel_h * kernel_w of a Conv2d.
/// A layer built from the same seed, in torch's order, then has torch's parameters bit for bit.
struct Init {
    enum class Kind { uniform, ones, zeros };

    Kind kind = Kind::zeros;
    float bound = 0.0F; ///< uniform draws from [-bound, bound)

    /// Uniform in [-bound, bound), bound = sqrt(3 / fan_in) times the leaky ReLU's gain
    /// sqrt(2 / (1 + a^2)). Layers take a = sqrt(5), which makes it 1 / sqrt(fan_in).
    /// Source: He et al. 2015, arXiv:1502.01852; parity: nn.init.kaiming_uniform_(a=sqrt(5)).
    [[nodiscard]] static Init kaiming_uniform(std::int64_t fan_in) {
        return uniform("Init::kaiming_uniform", fan_in);
    }

    /// Uniform in [-1 / sqrt(fan_in), 1 / sqrt(fan_in)).
    [[nodiscard]] static Init bias_uniform(std::int64_t fan_in) {
        return uniform("Init::bias_uniform", fan_in);
    }

    [[nodiscard]] static Init ones() { return {.kind = Kind::ones, .bound = 0.0F}; }
    [[nodiscard]] static Init zeros() { return {.kind = Kind::zeros, .bound = 0.0F}; }

    [[nodiscard]] friend bool operator==(const Init&, const Init&) = default;

private:
    static Init uniform(const char* where, std::int64_t fan_in) {
        if (fan_in <= 0) {
            fail(where, "fan_in " + std::to_string(fan_in), "at least 1",
                 "it counts the inputs that one output is summed from");
        }
        // For each fan_in below 2^23 torch's longer way to a weight's bound ends in this float.
        const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
        return {.kind = Kind::uniform, .bound = static_cast<float>(bound)};
    }
};

/// Gives every element of `out` its first value, in memory order: a uniform takes one word of
/// the generator's engine for each, ones and zeros take none.
inline void fill(const Init& init, Generator& generator, std::span<float> out) {
    switch (init.kind) {
    case Init::Kind::uniform:
        generator.uniform_(out, -init.bound, init.bound);
        return;
    case Init::Kind::ones:
        std::ranges::fill(out, 1.0F);
        return;
    case Init::Kind::zeros:
        std::ranges::fill(out, 0.0F);
        return;
    }
}

} // namespace latent
