/// A step of any scheduler, with whatever it wants beside the output.
#pragma once

#include <latent/schedulers/scheduler.hpp>

#include <utility>

namespace latent::test {

/// From timestep t on, `before` being that of the step before. An image that is painted into is
/// given as `image` and `mask`; a step up undoes what was done.
template <class S, class Device>
[[nodiscard]] Tensor<Device> any_step(S& scheduler, const Tensor<Device>& out, double t,
                                      double before, Tensor<Device> x, Generator& generator,
                                      const Tensor<Device>& image, const Tensor<Device>& mask) {
    if constexpr (requires { scheduler.undo_step(std::move(x), t, generator); }) {
        if (t > before) return scheduler.undo_step(std::move(x), before, generator);
        return scheduler.step(out, t, std::move(x), generator,
                              {.original_image = &image, .mask = &mask});
    } else {
        return scheduler.step(out, t, std::move(x), generator);
    }
}

} // namespace latent::test
