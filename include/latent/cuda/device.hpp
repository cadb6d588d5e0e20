#pragma once

#include "kernels/launch.hpp"
#include "latent/cuda/first_fit.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/half.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

namespace latent {

/// A GPU, with tensors of float, Half or BFloat16; sums and statistics are float always.
/// Work goes to the stream of the CudaRun that is open when a tensor is made.
template <class Scalar>
struct Cuda {
    using scalar = Scalar;
    static constexpr bool on_host = false;
    static constexpr kernels::Scalar kind = std::is_same_v<Scalar, float> ? kernels::Scalar::f32
                                            : std::is_same_v<Scalar, Half>
                                                ? kernels::Scalar::f16
                                                : kernels::Scalar::bf16;
    class Storage;
};

/// The memory and the stream of a GPU's work on this thread, from its opening to its end. It
/// outlives all tensors that are made while it is open, a network's weights too: so it is
/// declared first.
///
///     CudaRun gpu;                                  // the first GPU
///     const AutoencoderKL<Cuda<float>> vae(weights);
///     const auto image = to<Cpu<float>>(vae.decode(to<Cuda<float>>(latents)));
///
/// Tensors of a planned run stand in one piece of memory; others, as weights do, each in their
/// own.
/// A thread has one at a time. Throws Error where there is no GPU, or no memory left; what else
/// fails on a GPU is a kernels::Error, behind which no CudaRun of the process works any more.
class CudaRun {
public:
    explicit CudaRun(int device = 0) : device_(device) {
        if (current_) fail("cuda", "a second CudaRun on this thread", "one at a time");
        std::string why;
        const auto found = kernels::devices(&why);
        if (found.empty()) {
            fail("cuda", why.empty() ? "no GPU" : why, "a GPU and its driver",
                 "cpu is there always");
        }
        if (device < 0 || device >= static_cast<int>(found.size())) {
            fail("cuda:" + std::to_string(device), "GPU number " + std::to_string(device),
                 "0 to " + std::to_string(found.size() - 1), "latent devices lists them");
        }
        about_ = found[static_cast<std::size_t>(device)];
        stream_ = kernels::make_stream(device);
        current_ = this;
    }
    CudaRun(const CudaRun&) = delete;
    CudaRun& operator=(const CudaRun&) = delete;
    ~CudaRun() {
        current_ = nullptr;
        if (arena_) kernels::free(arena_); // CUDA waits until nobody works on it
        kernels::destroy(stream_);
    }

    /// The one that is open on this thread. Throws Error when there is none.
    [[nodiscard]] static CudaRun& current() {
        if (!current_) fail("cuda", "a tensor without a CudaRun", "one that is open");
        return *current_;
    }

    [[nodiscard]] const kernels::Device& about() const { return about_; }
    [[nodiscard]] kernels::Stream* stream() const { return stream_; }
    void synchronize() const { kernels::synchronize(stream_); }

    /// Sets one piece of memory aside for `run`, a function: what is made from here on stands
    /// in it, until release(). For that `run` is called once without a stream, which computes
    /// nothing, and only counts.
    template <class Run>
    void plan(const Run& run) {
        release();
        places_ = {};
        {
            const Rehearsal rehearsal(*this);
            run();
        }
        arena_bytes_ = places_.extent();
        places_ = {};
        arena_ = static_cast<std::byte*>(allocate(arena_bytes_));
    }
    /// Gives it back, when none of its tensors is left.
    void release() {
        if (!arena_) return;
        kernels::free(std::exchange(arena_, nullptr));
        places_ = {};
        arena_bytes_ = 0;
    }

    [[nodiscard]] void* take(std::size_t bytes) {
        if (!stream_) return imagined(places_.take(bytes));
        if (arena_) {
            const auto offset = places_.take(bytes);
            if (offset + bytes <= arena_bytes_) return arena_ + offset;
            places_.give(offset);
        }
        return allocate(bytes);
    }
    void give(void* memory) {
        if (!stream_) return places_.give(offset_of(memory));
        auto* place = static_cast<std::byte*>(memory);
        if (arena_ && place >= arena_ && place < arena_ + arena_bytes_) {
            return places_.give(static_cast<std::size_t>(place - arena_));
        }
        kernels::free(memory);
    }
    [[nodiscard]] std::size_t planned_bytes() const { return arena_bytes_; }
    /// How often memory was asked of the system.
    [[nodiscard]] std::int64_t allocations() const { return allocations_; }

private:
    /// While one is there, tensors have places in no memory.
    class Rehearsal {
    public:
        explicit Rehearsal(CudaRun& run)
            : run_(run), stream_(std::exchange(run.stream_, nullptr)) {}
        Rehearsal(const Rehearsal&) = delete;
        Rehearsal& operator=(const Rehearsal&) = delete;
        ~Rehearsal() { run_.stream_ = stream_; }

    private:
        CudaRun& run_;
        kernels::Stream* stream_;
    };
    [[nodiscard]] static void* imagined(std::size_t offset) {
        return reinterpret_cast<void*>(offset + 256); // not nullptr
    }
    [[nodiscard]] static std::size_t offset_of(void* memory) {
        return reinterpret_cast<std::size_t>(memory) - 256;
    }
    [[nodiscard]] void* allocate(std::size_t bytes) {
        ++allocations_;
        try {
            return kernels::allocate(device_, std::max<std::size_t>(bytes, 1));
        } catch (const kernels::Error& error) {
            fail("cuda", error.what(), "memory for it",
                 "tiles, slices, or half the precision take less");
        }
    }

    static inline thread_local CudaRun* current_ = nullptr;

    int device_;
    kernels::Device about_{};
    kernels::Stream* stream_ = nullptr;
    std::byte* arena_ = nullptr;
    std::size_t arena_bytes_ = 0;
    FirstFit places_;
    std::int64_t allocations_ = 0;
};

template <class Scalar>
class Cuda<Scalar>::Storage {
public:
    Storage() = default;
    explicit Storage(std::int64_t count)
        : run_(&CudaRun::current()),
          memory_(run_->take(static_cast<std::size_t>(count) * sizeof(Scalar))),
          note_(count * std::int64_t{sizeof(Scalar)}) {}
    Storage(Storage&& other) noexcept
        : run_(other.run_),
          memory_(std::exchange(other.memory_, nullptr)),
          note_(std::move(other.note_)) {}
    Storage& operator=(Storage&& other) noexcept {
        std::swap(run_, other.run_);
        std::swap(memory_, other.memory_);
        note_ = std::move(other.note_);
        return *this;
    }
    ~Storage() {
        if (memory_) run_->give(memory_);
    }

    void copy_from(const Storage& other, std::int64_t count) {
        kernels::copy_on_device(memory_, other.memory_,
                                static_cast<std::size_t>(count) * sizeof(Scalar), stream());
    }
    [[nodiscard]] void* memory() const { return memory_; }
    [[nodiscard]] kernels::Stream* stream() const { return run_->stream(); }

private:
    CudaRun* run_ = nullptr;
    void* memory_ = nullptr;
    detail::MemoryNote note_;
};

} // namespace latent
