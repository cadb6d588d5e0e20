#pragma once

#include "../group_norm.cuh"
#include "problem.cuh"

/// Rung 3: many blocks to a group. 32 blocks leave three quarters of a large GPU idle. Here a
/// group is cut into up to 64 pieces. One launch finds the mean and the squares of each; in a
/// second one every block puts its group's together, and normalises its own piece.
/// These are the library's own kernels: ../group_norm.cuh.

namespace ladder::group_norm::pieces {

[[nodiscard]] inline std::int64_t scratch_floats(const Problem& p) {
    return 2 * p.groups * norm_pieces(p.count()); // the two moments of each piece
}

inline void run(const Problem& p, Launcher& launch) {
    const auto pieces = norm_pieces(p.count());
    const GroupNormArguments<float> arguments{.run = p.count(),
                                              .piece = (p.count() + pieces - 1) / pieces,
                                              .pixels = p.pixels,
                                              .groups = p.groups,
                                              .channels = p.channels,
                                              .pieces = static_cast<int>(pieces),
                                              .eps = p.eps,
                                              .x = p.x,
                                              .weight = p.weight,
                                              .bias = p.bias,
                                              .after = Activation::none,
                                              .y = p.y,
                                              .moments = reinterpret_cast<float2*>(p.scratch)};
    const dim3 grid(static_cast<unsigned>(pieces), static_cast<unsigned>(p.groups));
    launch(group_norm_moments<float>, grid, norm_threads, sizeof(NormShared), arguments);
    launch(group_norm_apply<float>, grid, norm_threads, 0, arguments);
}

inline constexpr Rung<Problem> rung{"3_pieces", "many blocks to a group", run, scratch_floats};

} // namespace ladder::group_norm::pieces
