#pragma once

#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/tensor/random.hpp>

#include <cstdint>
#include <string>

namespace latent::test {

/// The latents of a case: normal numbers times 2.
[[nodiscard]] inline Tensor<Cpu<float>> latents_of_case(const Golden& golden,
                                                        const std::string& name) {
    const auto numbers = golden.numbers(name + ".case");
    REQUIRE(numbers.size() == 5);
    Generator random(static_cast<std::uint64_t>(numbers[4]));
    auto z = random.randn<Cpu<float>>({numbers[0], numbers[1], numbers[2], numbers[3]});
    for (auto& value : z.values()) value *= 2;
    return z;
}

} // namespace latent::test
