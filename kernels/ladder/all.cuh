#pragma once

#include "../attention/1_matrix.cuh"
#include "../attention/2_online.cuh"
#include "../attention/3_tiles.cuh"
#include "../attention/99_yours.cuh"
#include "../attention/example.hpp"
#include "../conv2d/1_naive.cuh"
#include "../conv2d/2_coalesced.cuh"
#include "../conv2d/3_shared_memory.cuh"
#include "../conv2d/4_register_tiles.cuh"
#include "../conv2d/5_vectorised.cuh"
#include "../conv2d/6_winograd.cuh"
#include "../conv2d/99_yours.cuh"
#include "../conv2d/example.hpp"
#include "../group_norm/1_naive.cuh"
#include "../group_norm/2_block.cuh"
#include "../group_norm/3_pieces.cuh"
#include "../group_norm/99_yours.cuh"
#include "../group_norm/example.hpp"

#include <array>

/// All ladders, for who wants every rung at once: the tests, and all.cu.

namespace ladder {

namespace conv2d {
inline constexpr std::array rungs{naive::rung,          coalesced::rung,  shared_memory::rung,
                                  register_tiles::rung, vectorised::rung, winograd::rung};
}
namespace group_norm {
inline constexpr std::array rungs{naive::rung, block::rung, pieces::rung};
}
namespace attention {
inline constexpr std::array rungs{matrix::rung, online::rung, tiles::rung};
}

} // namespace ladder
