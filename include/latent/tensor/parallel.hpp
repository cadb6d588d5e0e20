#pragma once

#include "latent/tensor/workspace.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>

namespace latent {

/// How many workers parallel_for will use for `count` items: a place to size scratch memory.
[[nodiscard]] inline int worker_count(std::int64_t count) {
    const auto* run = Workspace::current();
    const int threads =
        run ? run->threads()
            : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    return static_cast<int>(std::clamp<std::int64_t>(count, 1, threads));
}

/// Calls `body(index, worker)` for every index 0 .. count - 1, on the threads of the open
/// Workspace.
/// Which worker (0 .. worker_count(count) - 1) takes an index is left to chance, so a body
/// whose result does not depend on `worker` gives the same bits for any number of threads.
/// The first exception that a body throws stops the handing out of indices and is thrown again
/// here.
template <class Body>
void parallel_for(std::int64_t count, const Body& body) {
    const int workers = worker_count(count);
    if (workers == 1) {
        for (std::int64_t index = 0; index < count; ++index) body(index, 0);
        return;
    }
    std::optional<Workspace> once;
    if (!Workspace::current()) once.emplace();

    std::atomic<std::int64_t> next{0};
    std::mutex mutex;
    std::exception_ptr error;
    Workspace::current()->execute(workers, [&](int worker) {
        try {
            for (std::int64_t index = next++; index < count; index = next++)
                body(index, worker);
        } catch (...) {
            const std::lock_guard lock(mutex);
            if (!error) error = std::current_exception();
            next = count;
        }
    });
    if (error) std::rethrow_exception(error);
}

/// Working memory for each worker of a parallel_for: `scratch.of(worker)` is `each` scalars,
/// uninitialised, from the open Workspace. It is no tensor, so the run's report leaves it out.
template <class Scalar>
class Scratch {
public:
    Scratch(int workers, std::int64_t each)
        : each_((static_cast<std::size_t>(each) * sizeof(Scalar) + sizeof(CacheLine) - 1) /
                sizeof(CacheLine)) {
        const auto bytes = each_ * static_cast<std::size_t>(workers) * sizeof(CacheLine);
        auto* run = Workspace::current();
        buffer_ = run ? run->take(bytes) : make_buffer(bytes);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        if (auto* run = Workspace::current()) run->give(std::move(buffer_));
    }

    [[nodiscard]] Scalar* of(int worker) {
        return reinterpret_cast<Scalar*>(buffer_.lines.get() +
                                         static_cast<std::size_t>(worker) * each_);
    }

private:
    std::size_t each_; // in cache lines
    Buffer buffer_;
};

} // namespace latent
