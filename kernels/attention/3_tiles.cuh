#pragma once

#include "../attention.cuh"
#include "problem.cuh"

/// Rung 3: 32 queries at a time. Rung 2 fetches every key and every value once for each query;
/// a block that takes 32 queries fetches them once for all of these.
/// It is the library's own kernel: ../attention.cuh.

namespace ladder::attention::tiles {

inline void run(const Problem& p, Launcher& launch) {
    const AttentionArguments<float> arguments{.tokens = p.tokens,
                                              .keys = p.tokens,
                                              .channels = p.channels,
                                              .head_dim = p.channels,
                                              .scale = p.scale(),
                                              .q = p.q,
                                              .k = p.k,
                                              .v = p.v,
                                              .y = p.y};
    launch(attention_kernel<float>, dim3(blocks(p.tokens, attention_rows)), attention_threads,
           sizeof(AttentionShared), arguments);
}

inline constexpr Rung<Problem> rung{"3_tiles", "32 queries share what a block reads", run};

} // namespace ladder::attention::tiles
