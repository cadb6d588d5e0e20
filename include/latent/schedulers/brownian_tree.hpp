#pragma once

#include "latent/schedulers/scheduler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>

namespace latent {

/// A path of Brownian motion W from `first` to `last`, for each element of a tensor: nothing of
/// it is stored, and yet each question about the same path has the same answer, in any order.
///
///   W(t) = z_0 (t - first) / sqrt(last - first)
///          + sum over nodes of sqrt(h / 2) hat((t - m) / h) z_node,   hat(u) = max(1 - |u|, 0)
///
/// The nodes are the interval, its halves, its quarters and so on, h to either side of their
/// middle m. z are normal tensors, each drawn by a generator of its own, whose seed comes of
/// the tree's seed and the node's number. At a time t one node a level counts; `levels` of them
/// are summed, and beyond W is a straight line.
/// Source: Levy's construction in the form of Ciesielski 1961; a tree of seeds: Li et al. 2020,
/// arXiv:2001.01328, section 4. Its numbers are not those of torchsde.
template <class Device>
class BrownianTree {
public:
    static constexpr int levels = 24;

    /// Throws Error unless first < last.
    BrownianTree(double first, double last, std::uint64_t seed)
        : first_(first), last_(last), seed_(seed) {
        if (!(first < last && std::isfinite(last - first)))
            fail("BrownianTree", std::to_string(first) + " to " + std::to_string(last),
                 "an interval, its end above its beginning");
    }

    /// (W(to) - W(from)) / sqrt(|to - from|), of variance 1, in a buffer that is used again; a
    /// pass over memory a node. Throws Error where the times are equal or beyond the interval.
    [[nodiscard]] const Tensor<Device>& draw(double from, double to, const Shape& shape) {
        check(from), check(to);
        if (from == to) fail("BrownianTree", "equal times", "an interval between them");
        if (sum_.shape() != shape) sum_ = Tensor<Device>(shape);
        const auto unit = 1 / std::sqrt(std::abs(to - from));
        // 1. The straight line between the ends.
        const auto& line = normal(0, shape);
        detail::weigh<Device>(sum_,
                              {{&line, 0, unit * (to - from) / std::sqrt(last_ - first_)}});
        // 2. Level by level, what is off it: of both times, which share a node at first.
        for (int level = 0; level < levels; ++level) {
            const auto a = node_at(from, level), b = node_at(to, level);
            if (a.number == b.number) {
                add(a.number, unit * (b.value - a.value), shape);
            } else {
                add(a.number, -unit * a.value, shape);
                add(b.number, unit * b.value, shape);
            }
        }
        return sum_;
    }

private:
    void check(double t) const {
        if (t >= first_ && t <= last_) return;
        fail("BrownianTree", std::to_string(t),
             std::to_string(first_) + " to " + std::to_string(last_));
    }

    struct Node {
        std::uint64_t number; ///< 1, then 2 and 3, then 4 to 7
        double value;         ///< height hat((t - m) / h)
    };
    [[nodiscard]] Node node_at(double t, int level) const {
        const auto count = std::uint64_t{1} << level;
        const auto place = (t - first_) / (last_ - first_) * static_cast<double>(count);
        const auto index = std::min(static_cast<std::uint64_t>(place), count - 1);
        const auto half = (last_ - first_) / static_cast<double>(count) / 2;
        const auto hat = 1 - std::abs(2 * (place - static_cast<double>(index)) - 1);
        return {count + index, std::sqrt(half / 2) * hat};
    }
    void add(std::uint64_t number, double weight, const Shape& shape) {
        if (weight == 0) return;
        const auto& z = normal(number, shape);
        detail::weigh<Device>(sum_, {{&sum_, 0, 1}, {&z, 0, weight}});
    }
    [[nodiscard]] const Tensor<Device>& normal(std::uint64_t number, const Shape& shape) {
        Generator generator(mixed(seed_ + mixed(number)));
        return noise_.draw(generator, shape);
    }
    /// A number whose every bit depends on every bit of `x`. Source: Steele et al. 2014,
    /// SplitMix64.
    [[nodiscard]] static std::uint64_t mixed(std::uint64_t x) {
        x += 0x9E3779B97F4A7C15U;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
        return x ^ (x >> 31);
    }

    double first_, last_;
    std::uint64_t seed_;
    Tensor<Device> sum_;
    NoiseBuffer<Device> noise_;
};

} // namespace latent
