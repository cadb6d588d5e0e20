#pragma once

#include "../device.cuh"
#include "../launch.cuh"

#include <algorithm>

/// What a rung is. A ladder (../conv2d, ../group_norm, ../attention) solves one problem several
/// times: a file a rung, and one idea in each. The ladder's problem.cuh says what all of them
/// compute, its example.hpp on which numbers they are tried. `./dev kernel` runs them.

namespace ladder {

using namespace latent::kernels;

/// What the emulator counts. A request is one instruction of a warp; a sector is a piece of 32
/// bytes of global memory, the least that moves.
struct Counts {
    std::uint64_t global_requests = 0, global_sectors = 0;
    std::uint64_t shared_requests = 0, bank_conflicts = 0;
};

/// Launches a rung's kernels, one after the other, and takes notes.
class Launcher {
public:
    Launcher(const char* rung, Stream* stream) : rung_(rung), stream_(stream) {}

    template <class... P, class... A>
    void operator()(void (*kernel)(P...), dim3 grid, unsigned block_threads,
                    std::size_t shared_bytes, A... arguments) {
        launch(rung_, kernel, grid, block_threads, shared_bytes, stream_, arguments...);
        const auto all = std::uint64_t{grid.x} * grid.y * grid.z * block_threads;
        threads = launches++ == 0 ? all : std::min(threads, all);
#if !defined(__CUDACC__)
        if (!cuda_emulation::settings.count) return;
        check(cudaStreamSynchronize(cuda_stream(stream_)), rung_);
        const auto& more = cuda_emulation::counts; // of the last launch
        counts.global_requests += more.global_requests;
        counts.global_sectors += more.global_sectors;
        counts.shared_requests += more.shared_requests;
        counts.bank_conflicts += more.bank_conflicts;
#endif
    }

    unsigned launches = 0;
    std::uint64_t threads = 0; ///< of the narrowest launch
    Counts counts;

private:
    const char* rung_;
    Stream* stream_;
};

template <class Problem>
struct Rung {
    const char* name; ///< its file's
    const char* idea;
    void (*run)(const Problem&, Launcher&);
    /// So many floats of memory between its launches.
    std::int64_t (*scratch_floats)(const Problem&) = [](const Problem&) -> std::int64_t {
        return 0;
    };
};

} // namespace ladder
