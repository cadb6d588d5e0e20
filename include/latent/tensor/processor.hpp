#pragma once

#include "latent/tensor/compiler.hpp"

#include <string_view>

namespace latent {

/// The sets of vector instructions that kernels are written for, from the slowest to the
/// fastest.
enum class Instructions {
    baseline, ///< 16-byte vectors: SSE2 or NEON, which every processor of its kind has
    avx2,     ///< 32 bytes, AVX2 with FMA
    avx512    ///< 64 bytes, AVX-512F
};

[[nodiscard]] inline std::string_view name_of(Instructions instructions) {
    switch (instructions) {
    case Instructions::avx512:
        return "AVX-512";
    case Instructions::avx2:
        return "AVX2 and FMA";
    case Instructions::baseline:
        break;
    }
    return compiler::baseline_name;
}

/// Whether this processor has them, asked when the program runs.
[[nodiscard]] inline bool has(Instructions instructions) {
    switch (instructions) {
    case Instructions::avx512:
        return compiler::processor_has_avx512();
    case Instructions::avx2:
        return compiler::processor_has_avx2();
    case Instructions::baseline:
        break;
    }
    return true;
}

/// The fastest that this processor has.
[[nodiscard]] inline Instructions best_instructions() {
    static const auto best = has(Instructions::avx512) ? Instructions::avx512
                             : has(Instructions::avx2) ? Instructions::avx2
                                                       : Instructions::baseline;
    return best;
}

} // namespace latent
