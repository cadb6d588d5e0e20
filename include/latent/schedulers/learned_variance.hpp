#pragma once

#include "latent/ops/arithmetic.hpp"
#include "latent/ops/concat.hpp"
#include "latent/schedulers/scheduler.hpp"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

/// Networks that say how much noise a step puts back, in as many channels again behind their
/// prediction.

namespace latent {

/// The logarithms between which a network chooses; none: it says the variance itself.
struct VarianceRange {
    double min_log = 0, max_log = 0;
};

/// A network's output [N, 2 C, ...] in its halves [N, C, ...], in memory that is used again.
template <class Device>
class LearnedVariance {
public:
    /// The prediction, for samples like x; all of `out`, where no variance is learned. Throws
    /// Error where channels for a variance are wanted and there are none.
    [[nodiscard]] const Tensor<Device>& prediction(const Tensor<Device>& out,
                                                   const Tensor<Device>& x, bool learned) {
        if (!learned) return out;
        if (x.shape().rank() < 2 || out.shape().rank() < 2 || out.dim(1) != 2 * x.dim(1)) {
            fail("step", to_string(out.shape()) + " of a model",
                 "twice the channels of " + to_string(x.shape()),
                 "a learned variance stands behind the prediction");
        }
        chunk(out, 2, 1, halves_);
        return halves_.front();
    }

    /// x + deviation noise, in the memory of x, with the deviation of each number for itself:
    ///   exp(log variance / 2),  log variance = max_log (v + 1) / 2 + min_log (1 - v) / 2
    /// for the v in [-1, 1] that was predicted; or sqrt(v) of no range.
    /// Source: Nichol and Dhariwal 2021, arXiv:2102.09672, equation 15.
    [[nodiscard]] Tensor<Device> add_noise(Tensor<Device> x, const Tensor<Device>& noise,
                                           const std::optional<VarianceRange>& range) {
        auto& deviation = halves_.back();
        if (range) {
            deviation = exp(scale(std::move(deviation), (range->max_log - range->min_log) / 4,
                                  (range->max_log + range->min_log) / 4));
        } else {
            deviation = sqrt(std::move(deviation));
        }
        deviation = multiply(std::move(deviation), noise);
        return add(std::move(x), deviation);
    }

private:
    std::vector<Tensor<Device>> halves_;
};

} // namespace latent
