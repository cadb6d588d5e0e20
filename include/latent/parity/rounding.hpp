#pragma once

#include "latent/parity/replay.hpp"
#include "latent/parity/samples.hpp"
#include "latent/parity/steps.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// How much of an error is rounding, and nobody's mistake.

namespace latent {

namespace detail {

[[nodiscard]] inline double root_mean_square(std::span<const double> values) {
    double sum = 0;
    for (const auto value : values) sum += value * value;
    return std::sqrt(sum / static_cast<double>(std::max<std::size_t>(values.size(), 1)));
}

} // namespace detail

/// How much larger the relative error of a step's result may be than that of its numbers:
/// `stored` for inputs, parameters and results that are rounded when they are stored, each by
/// itself; `summed` for the roundings while products are summed up, in float32 at least.
struct Amplification {
    double stored = 1, summed = 1;
};

/// Of one step with these inputs and this result.
[[nodiscard]] inline Amplification amplification(const Step& step,
                                                 std::span<const Exact* const> inputs,
                                                 const Exact& result,
                                                 const Parameters& parameters) {
    const auto& x = *inputs[0];
    const auto size = std::max(detail::root_mean_square(result.values()), 1e-300);
    switch (step.op) {
    case Step::Op::conv2d:
    case Step::Op::linear: {
        const auto weight = detail::step_weight(step, parameters);
        const auto* const bias = parameters(step.module + ".bias");
        const auto places = sample_places(result.numel(), 64);
        std::vector<double> sizes, squares, values;
        for (const auto& e : compute_at(step, x, weight, bias, places)) {
            values.push_back(e.value);
            sizes.push_back(e.sum_of_sizes);
            squares.push_back(std::sqrt(e.sum_of_squares));
        }
        const auto here = std::max(detail::root_mean_square(values), 0.1 * size);
        return {1 + 2 * detail::root_mean_square(squares) / here,
                1 + detail::root_mean_square(sizes) / here};
    }
    case Step::Op::group_norm: {
        // x / deviation, which is large where the mean is.
        const auto per_group = x.numel() / std::max<std::int64_t>(x.dim(0) * step.groups, 1);
        const auto* const weight = parameters(step.module + ".weight");
        const auto per_channel = x.numel() / std::max<std::int64_t>(x.dim(0) * x.dim(1), 1);
        double sum = 0;
        for (std::int64_t first = 0; first < x.numel(); first += per_group) {
            const auto group = x.values().subspan(static_cast<std::size_t>(first),
                                                  static_cast<std::size_t>(per_group));
            double mean = 0, square = 0;
            for (const auto value : group) mean += value;
            mean /= static_cast<double>(per_group);
            for (const auto value : group) square += (value - mean) * (value - mean);
            const auto variance = square / static_cast<double>(per_group) + step.eps;
            for (std::int64_t i = 0; i < per_group; ++i) {
                const auto channel = (first + i) / per_channel % x.dim(1);
                const auto w = weight ? weight->data()[channel] : 1.0;
                const auto value = std::abs(group[static_cast<std::size_t>(i)]);
                sum += w * w * (value + std::abs(mean)) * (value + std::abs(mean)) /
                       std::max(variance, 1e-300);
            }
        }
        const auto scale = std::sqrt(sum / static_cast<double>(x.numel())) / size;
        return {2 + scale, 2 + 2 * scale};
    }
    case Step::Op::attention: {
        // An error of a logit is a relative error of its exponential. Those of q and k are
        // independent of each other; those of a sum may all be of one sign.
        const auto lengths = [](const Exact& t) {
            double most = 0, all = 0;
            const auto C = t.dim(2), rows = t.numel() / C;
            for (std::int64_t row = 0; row < rows; ++row) {
                double sum = 0;
                for (std::int64_t c = 0; c < C; ++c) {
                    sum += t.data()[row * C + c] * t.data()[row * C + c];
                }
                most = std::max(most, sum);
                all += sum;
            }
            return std::pair(std::sqrt(most), std::sqrt(all / static_cast<double>(rows)));
        };
        const auto [most_q, mean_q] = lengths(x);
        const auto [most_k, mean_k] = lengths(*inputs[1]);
        const auto scale = std::abs(step.factor), heads = static_cast<double>(step.heads);
        const auto width = static_cast<double>(x.dim(2)) / heads;
        return {2 + 3 * scale * mean_q * mean_k / (heads * std::sqrt(width)),
                3 + 2 * scale * most_q * most_k};
    }
    case Step::Op::sum: {
        const auto parts = detail::root_mean_square(x.values()) +
                           detail::root_mean_square(inputs[1]->values());
        return {1 + parts / size, 1 + parts / size};
    }
    case Step::Op::affine: {
        const auto parts = std::abs(step.factor) * detail::root_mean_square(x.values()) +
                           std::abs(step.offset);
        return {1 + parts / size, 1 + parts / size};
    }
    case Step::Op::pass:
    case Step::Op::permute:
    case Step::Op::pad:
        return {0, 0};
    default:
        return {3, 3};
    }
}

/// The relative L2 error that rounding explains at the end of a region: `unit` is the roundoff
/// of the numbers that the subject stores. `kept` has the values inside of the region.
[[nodiscard]] inline double rounding(const Replay& replay, const Region& region,
                                     const Exact& result,
                                     const std::map<std::string, Exact>& kept, double unit) {
    double stored = 1, summed = 1;
    for (const auto& node : region) {
        const auto& step = *replay.graph().step(node);
        const bool last = node == region.back();
        const auto there = [&](const std::string& name) {
            return kept.contains(name) || replay.reference().has(name);
        };
        Amplification more{3, 3}; // of a sum, say, that stands between two values
        if ((last || there(node)) && std::ranges::all_of(step.sources, there)) {
            std::vector<Exact> inputs;
            std::vector<const Exact*> pointers;
            for (const auto& name : step.sources) {
                inputs.push_back(replay.source(name, region, {}, kept));
            }
            for (const auto& input : inputs) pointers.push_back(&input);
            const auto value = last ? result.clone() : replay.source(node, region, {}, kept);
            more = amplification(step, pointers, value, replay.parameters());
        }
        stored += more.stored;
        summed += more.summed;
    }
    // The roundings of the float32 sums that also half precision is computed with.
    const auto accumulated = std::min(unit, unit_roundoff(Precision::f32));
    constexpr double margin = 2;
    return margin * (unit * stored + accumulated * summed);
}

} // namespace latent
