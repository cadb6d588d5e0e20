/// Results must not depend on the number of threads.
#pragma once

#include "support/closeness.hpp"

#include <latent/tensor/workspace.hpp>

namespace latent::test {

/// Whether `run()` gives a tensor of the same bits on 1, 2 and 3 threads, in fresh memory that
/// is filled with NaN and in memory that is used again.
template <class Run>
[[nodiscard]] bool same_bits_for_threads(const Run& run) {
    const auto with = [&](int threads) {
        const Workspace workspace({.threads = threads, .poison = true});
        (void)run();
        return run();
    };
    const auto one = with(1);
    return same_bits(one, with(2)) && same_bits(one, with(3)) && same_bits(one, run());
}

} // namespace latent::test
