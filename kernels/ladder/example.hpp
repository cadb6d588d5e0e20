#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

/// What the ladders' examples share. An `Example` of a ladder is a problem with numbers in it,
/// and its truth:
///   inputs(), results()             what goes to the device, and how many numbers come back
///   problem(inputs, y, scratch)     the same as the rungs get it, with addresses on the device
///   truth(i)                        the i-th result by the definition, in double
///   text(), work(), bytes()         its size in words; how many `unit`s there are to do; what
///                                   must be read and written at least
///   awkward(), measured(on_a_gpu)   small problems of odd and prime sizes, which are held
///                                   against the truth whole; the one that is measured
///   places                          of the measured one, that are held against the truth

namespace ladder {

using Numbers = std::vector<float>;

/// Normal numbers of a seed.
[[nodiscard]] inline Numbers normal(std::uint32_t seed, std::int64_t count) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> distribution;
    Numbers numbers(static_cast<std::size_t>(count));
    for (auto& number : numbers) number = distribution(engine);
    return numbers;
}

} // namespace ladder
