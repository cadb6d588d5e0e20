/// Tensors on a device, for tests of kernels; on the emulated one, every way that it may run.
#pragma once

#include "kernels/launch.hpp"

#include <latent/latent.hpp>

#include <array>
#include <cstdint>
#include <utility>

#if defined(LATENT_EMULATION)
#include "support/catch.hpp"

#include <cuda_runtime.h>
#endif

namespace latent::test {

using Numbers = Tensor<Cpu<float>>;

class TestStream {
public:
    TestStream() : stream_(kernels::make_stream(0)) {}
    TestStream(const TestStream&) = delete;
    TestStream& operator=(const TestStream&) = delete;
    ~TestStream() { kernels::destroy(stream_); }
    [[nodiscard]] operator kernels::Stream*() const { return stream_; }

private:
    kernels::Stream* stream_;
};

/// Numbers in a device's memory, of their exact size, so that what is behind them is nobody's.
class OnDevice {
public:
    OnDevice(kernels::Scalar scalar, std::int64_t count)
        : scalar_(scalar),
          count_(count),
          memory_(kernels::allocate(0, static_cast<std::size_t>(count) *
                                           kernels::size_of(scalar))) {
        // On the emulated device it is NaN: so is what a kernel does not write.
    }
    explicit OnDevice(const Numbers& x, kernels::Scalar scalar = kernels::Scalar::f32)
        : OnDevice(scalar, x.numel()) {
        const TestStream stream;
        if (scalar == kernels::Scalar::f32) {
            kernels::copy_to_device(memory_, x.data(), bytes(), stream);
        } else {
            const OnDevice exact(x);
            kernels::convert(kernels::Scalar::f32, exact.data(), scalar, memory_, count_,
                             stream);
            kernels::synchronize(stream);
        }
        kernels::synchronize(stream);
    }
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;
    ~OnDevice() { kernels::free(memory_); }

    [[nodiscard]] void* data() const { return memory_; }
    [[nodiscard]] float* floats() const { return static_cast<float*>(memory_); }

    [[nodiscard]] Numbers back(Shape shape) const {
        const TestStream stream;
        Numbers y(std::move(shape));
        if (scalar_ == kernels::Scalar::f32) {
            kernels::copy_to_host(y.data(), memory_, bytes(), stream);
            kernels::synchronize(stream);
            return y;
        }
        const OnDevice exact(kernels::Scalar::f32, count_);
        kernels::convert(scalar_, memory_, kernels::Scalar::f32, exact.data(), count_, stream);
        kernels::synchronize(stream);
        return exact.back(y.shape());
    }

private:
    [[nodiscard]] std::size_t bytes() const {
        return static_cast<std::size_t>(count_) * kernels::size_of(scalar_);
    }
    kernels::Scalar scalar_;
    std::int64_t count_;
    void* memory_;
};

#if defined(LATENT_EMULATION)
/// Runs it in every order of threads, with early and late copies.
template <class Run>
void in_every_order(const Run& run) {
    using namespace cuda_emulation;
    const auto before = settings;
    for (const auto order : {Order::forward, Order::reverse, Order::random}) {
        for (const auto copies : {Copies::early, Copies::late}) {
            settings.order = order, settings.copies = copies;
            INFO("order " << static_cast<int>(order) << ", copies "
                          << static_cast<int>(copies));
            run();
        }
    }
    settings = before;
}
#else
template <class Run>
void in_every_order(const Run& run) {
    run();
}
#endif

/// The bound of a kernel's relative error, by what it stores: the float32 sums are exact to
/// some 1e-7; half rounds the result to 11 bits, bfloat16 to 8.
[[nodiscard]] inline double bound_of(kernels::Scalar scalar) {
    if (scalar == kernels::Scalar::f32) return 1e-6;
    return scalar == kernels::Scalar::f16 ? 4e-4 : 3e-3;
}

inline constexpr std::array scalars{kernels::Scalar::f32, kernels::Scalar::f16,
                                    kernels::Scalar::bf16};

/// Normal numbers of a seed.
[[nodiscard]] inline Numbers normal_image(std::uint64_t seed, Shape shape) {
    Numbers x(std::move(shape));
    Generator random(seed);
    random.normal_(x.values(), 0, 1);
    return x;
}

/// What the device holds of x: rounded to its storage.
[[nodiscard]] inline Tensor<Cpu<double>> rounded(const Numbers& x, kernels::Scalar scalar) {
    const auto held = OnDevice(x, scalar).back(x.shape());
    Tensor<Cpu<double>> y(x.shape());
    std::ranges::copy(held.values(), y.data());
    return y;
}

} // namespace latent::test
