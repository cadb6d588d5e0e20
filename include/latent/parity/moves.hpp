#pragma once

#include "latent/parity/steps.hpp"
#include "latent/tensor/shape.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace latent::detail {

/// The straight line y = a x + b through points, by least squares.
[[nodiscard]] inline std::pair<double, double> line(std::span<const double> x,
                                                    std::span<const double> y) {
    const auto n = static_cast<double>(x.size());
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        sx += x[i], sy += y[i], sxx += x[i] * x[i], sxy += x[i] * y[i];
    }
    const auto spread = n * sxx - sx * sx;
    if (!(spread > 0)) return {0, 0};
    const auto a = (n * sxy - sx * sy) / spread;
    return {a, (sy - a * sx) / n};
}

/// The moves that lead from one shape to another.
[[nodiscard]] inline std::vector<Step> moves(const std::string& source, const Shape& from,
                                             const Shape& to) {
    std::vector<Step> steps;
    const Step step{.sources = {source}, .shape = to};
    if (from.numel() == to.numel() && from.rank() >= 3) {
        // [N, C, H, W] or [N, C, L] to tokens [N, L, C], and tokens to images.
        auto turn = step;
        turn.op = Step::Op::permute;
        turn.axes = {0, 2, 1};
        if (from.rank() == 3) {
            turn.view = from;
        } else {
            turn.view = {from[0], from[1], from.numel() / (from[0] * from[1])};
        }
        steps.push_back(turn);
    }
    if (from.rank() != 4 || to.rank() != 4 || from[0] != to[0] || from[1] != to[1]) {
        return steps;
    }
    const auto times = to[2] / std::max<std::int64_t>(from[2], 1);
    if (times > 1 && to[2] == times * from[2] && to[3] == times * from[3]) {
        for (const auto mode :
             {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic}) {
            auto enlarge = step;
            enlarge.op = Step::Op::upsample;
            enlarge.times = times;
            enlarge.mode = mode;
            steps.push_back(enlarge);
        }
    }
    const auto down = to[2] - from[2], right = to[3] - from[3];
    if (down >= 0 && right >= 0 && down + right > 0 && down <= 4 && right <= 4) {
        for (std::int64_t top = 0; top <= down; ++top) {
            for (std::int64_t left = 0; left <= right; ++left) {
                auto zeros = step;
                zeros.op = Step::Op::pad;
                zeros.padding = {
                    .left = left, .right = right - left, .top = top, .bottom = down - top};
                steps.push_back(zeros);
            }
        }
    }
    return steps;
}

} // namespace latent::detail
