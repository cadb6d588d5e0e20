#pragma once

#include "latent/tensor/buffer.hpp"
#include "latent/tensor/processor.hpp"
#include "latent/tensor/threads.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace latent {

/// One step in the life of a run's tensors: `bytes` are taken (or given back) by tensor `id`.
struct MemoryEvent {
    std::int64_t id = 0;
    std::int64_t bytes = 0;
    bool taken = true;

    friend bool operator==(const MemoryEvent&, const MemoryEvent&) = default;
};

/// What a run used. On Meta it is known without computing anything.
struct RunReport {
    std::int64_t multiply_adds = 0; ///< by definition, on Meta; fast forms need fewer
    std::int64_t live_bytes = 0;    ///< held by tensors now
    std::int64_t peak_bytes = 0;    ///< the most held by tensors at one time
    std::int64_t clones = 0;
    std::vector<MemoryEvent> memory; ///< in order; only when Options::record_memory is set
};

/// The memory and the threads of a run. While a Workspace is open, tensors made on its thread
/// reuse the buffers of tensors that died before them (best fit), and operations use its
/// threads. Closing it lets the idle buffers go; a tensor may outlive it. This is the library's
/// one thread-local state.
///
///     Workspace run({.threads = 2});
///     auto image = vae.decode(latents);
///
/// Workspaces nest; the innermost one that is open on a thread serves it.
class Workspace {
public:
    struct Options {
        int threads = 0;        ///< at most this many; 0: as many as the machine has
        Executor executor = {}; ///< a pool of the caller's own
        Instructions instructions = best_instructions(); ///< of the processor, for kernels
        bool poison = false; ///< fill new tensors with NaN, to find what is never written
        bool record_memory = false; ///< keep RunReport::memory
    };

    Workspace() : Workspace(Options()) {}
    explicit Workspace(Options options) : options_(std::move(options)), outer_(current_) {
        if (options_.threads <= 0) {
            options_.threads =
                std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
        }
        current_ = this;
        serial_ = ++opened_;
    }
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    ~Workspace() { current_ = outer_; }

    /// The innermost open workspace of this thread, or nullptr.
    [[nodiscard]] static Workspace* current() { return current_; }

    /// Tells this run from every other of its thread.
    [[nodiscard]] std::uint64_t serial() const { return serial_; }
    [[nodiscard]] int threads() const { return options_.threads; }
    [[nodiscard]] Instructions instructions() const { return options_.instructions; }
    [[nodiscard]] const RunReport& report() const { return report_; }
    [[nodiscard]] RunReport& report() { return report_; }

    /// The smallest idle buffer that holds `bytes` without being more than twice as large, else
    /// a new one. Before memory grows beyond the largest amount that was in use at one time,
    /// idle buffers that do not fit give up their pages to it, or to the system.
    [[nodiscard]] Buffer take(std::size_t bytes);
    void give(Buffer buffer);

    /// Counts a tensor's memory, on any device; returns its id for `note_release`.
    std::int64_t note_take(std::int64_t bytes);
    void note_release(std::int64_t id, std::int64_t bytes);

    void execute(int workers, const std::function<void(int)>& body) {
        if (workers <= 1) return body(0);
        options_.executor ? options_.executor(workers, body) : pool_.run(workers, body);
    }

private:
    void keep(Buffer buffer);

    static inline thread_local Workspace* current_ = nullptr;
    static inline thread_local std::uint64_t opened_ = 0;

    Options options_;
    Workspace* outer_;
    std::uint64_t serial_ = 0;
    ThreadPool pool_;
    RunReport report_;
    std::vector<Buffer> idle_;
    std::size_t idle_bytes_ = 0;
    std::size_t used_bytes_ = 0, most_used_bytes_ = 0;
    std::int64_t next_id_ = 0;
};

/// Opens a Workspace unless one is open: what a model's run does, so that it reuses memory even
/// when its caller did not ask for that.
class RunScope {
public:
    RunScope() {
        if (!Workspace::current()) own_.emplace();
    }

private:
    std::optional<Workspace> own_;
};

inline Buffer Workspace::take(std::size_t bytes) {
    auto best = idle_.end();
    for (auto it = idle_.begin(); it != idle_.end(); ++it) {
        const bool fits = it->size_bytes() >= bytes && it->size_bytes() / 2 <= bytes;
        if (fits && (best == idle_.end() || it->count < best->count)) best = it;
    }
    Buffer buffer;
    if (best != idle_.end()) {
        buffer = std::move(*best);
        idle_.erase(best);
        idle_bytes_ -= buffer.size_bytes();
        if (const auto kept = movable_bytes(bytes); kept > 0) keep(split(buffer, kept));
    } else {
        buffer = make_buffer(bytes);
        auto untouched = movable_bytes(bytes);
        while (!idle_.empty() && used_bytes_ + idle_bytes_ + bytes > most_used_bytes_) {
            const auto excess = used_bytes_ + idle_bytes_ + bytes - most_used_bytes_;
            auto donor = std::move(idle_.back());
            idle_.pop_back();
            idle_bytes_ -= donor.size_bytes();
            const auto size = movable_bytes(donor.size_bytes());
            const auto cut = std::min(movable_bytes(std::max(excess, huge_page)), size);
            give_pages(split(donor, size - cut), buffer, untouched);
            keep(std::move(donor));
        }
    }
    used_bytes_ += buffer.size_bytes();
    most_used_bytes_ = std::max(most_used_bytes_, used_bytes_);
    if (options_.poison) std::memset(buffer.lines.get(), 0xFF, buffer.size_bytes());
    return buffer;
}

inline void Workspace::give(Buffer buffer) {
    used_bytes_ -=
        std::min(used_bytes_, buffer.size_bytes()); // it may come from before the run
    keep(std::move(buffer));
}

inline void Workspace::keep(Buffer buffer) {
    if (!buffer.lines) return;
    idle_bytes_ += buffer.size_bytes();
    idle_.push_back(std::move(buffer));
}

inline std::int64_t Workspace::note_take(std::int64_t bytes) {
    report_.live_bytes += bytes;
    report_.peak_bytes = std::max(report_.peak_bytes, report_.live_bytes);
    if (options_.record_memory) report_.memory.push_back({next_id_, bytes, true});
    return next_id_++;
}

inline void Workspace::note_release(std::int64_t id, std::int64_t bytes) {
    report_.live_bytes -= bytes;
    if (options_.record_memory) report_.memory.push_back({id, bytes, false});
}

} // namespace latent
