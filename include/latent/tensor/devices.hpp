#pragma once

#include "latent/tensor/tensor.hpp"

#include <concepts>
#include <cstdint>
#include <cstring>
#include <utility>

namespace latent {

/// The processor, with float (to use) or double (the truth that errors are measured against).
template <std::floating_point Scalar>
struct Cpu {
    using scalar = Scalar;
    static constexpr bool on_host = true;
    class Storage;
};

/// Shapes without data: running a model on Meta gives its shapes, its multiply-adds and the
/// order of its allocations (Workspace::report) without computing or holding anything.
/// Memory is counted as on Cpu<float>.
struct Meta {
    using scalar = float;
    static constexpr bool on_host = false;
    class Storage;
};

namespace detail {

/// A tensor's entry in the run's report, from its making to its end.
class MemoryNote {
public:
    MemoryNote() = default;
    explicit MemoryNote(std::int64_t bytes) : bytes_(bytes) {
        if (auto* run = Workspace::current())
            run_ = run->serial(), id_ = run->note_take(bytes_);
    }
    MemoryNote(MemoryNote&& other) noexcept
        : run_(std::exchange(other.run_, 0)), bytes_(other.bytes_), id_(other.id_) {}
    MemoryNote& operator=(MemoryNote&& other) noexcept {
        std::swap(run_, other.run_);
        std::swap(bytes_, other.bytes_);
        std::swap(id_, other.id_);
        return *this;
    }
    ~MemoryNote() {
        // A tensor that outlives its run, or dies inside another one, is no longer counted.
        auto* run = Workspace::current();
        if (run && run->serial() == run_) run->note_release(id_, bytes_);
    }

private:
    std::uint64_t run_ = 0; // Workspace::serial, 0 for none
    std::int64_t bytes_ = 0;
    std::int64_t id_ = 0;
};

} // namespace detail

template <std::floating_point Scalar>
class Cpu<Scalar>::Storage {
public:
    Storage() = default;
    explicit Storage(std::int64_t count) : note_(count * std::int64_t{sizeof(Scalar)}) {
        const auto bytes = static_cast<std::size_t>(count) * sizeof(Scalar);
        if (auto* run = Workspace::current()) {
            buffer_ = run->take(bytes);
        } else {
            buffer_ = make_buffer(bytes);
        }
    }
    Storage(Storage&&) noexcept = default;
    Storage& operator=(Storage&& other) noexcept {
        std::swap(buffer_, other.buffer_);
        note_ = std::move(other.note_);
        return *this;
    }
    ~Storage() {
        auto* run = Workspace::current();
        if (run && buffer_.lines) run->give(std::move(buffer_));
    }

    // Scalars are created in the buffer's bytes by the first write: they need no construction.
    [[nodiscard]] Scalar* data() { return reinterpret_cast<Scalar*>(buffer_.lines.get()); }
    [[nodiscard]] const Scalar* data() const {
        return reinterpret_cast<const Scalar*>(buffer_.lines.get());
    }

private:
    Buffer buffer_;
    detail::MemoryNote note_;
};

class Meta::Storage {
public:
    Storage() = default;
    explicit Storage(std::int64_t count) : note_(count * std::int64_t{sizeof(scalar)}) {}

private:
    detail::MemoryNote note_;
};

} // namespace latent
