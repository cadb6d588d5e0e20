#pragma once

#include "latent/tensor/devices.hpp"
#include "latent/tensor/normal.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>

namespace latent {

/// PyTorch's random numbers for the CPU, bit for bit: the same seed gives the same latents, and
/// (in torch's order of construction) the same freshly initialised network.
///
///     Generator generator(42);
///     auto latents = generator.randn<Cpu<float>>({1, 4, 64, 64}); // torch.randn(1, 4, 64, 64)
///
/// A generator is a value: its state (624 words of a Mersenne Twister, perhaps a spare normal)
/// advances with each number drawn, and a copy goes its own way from there.
///
/// Parity: torch.Generator of torch 2.13 on x86-64 with ATEN_CPU_CAPABILITY=avx2; avx512 gives
/// the same bits. `default` fuses no multiply-add and takes the C library's logarithm, sine and
/// cosine: its bits differ in uniform_, in normal_, and in randn of 16 or more float32.
/// What takes the C library's functions here too (fewer than 16 normals, normals in float64)
/// has torch's bits where the C library is the same: glibc.
/// Source: Matsumoto and Nishimura 1998 (MT19937); Box and Muller 1958 (normals).
class Generator {
public:
    /// torch's default seed is 67280421310721.
    explicit Generator(std::uint64_t seed = 67280421310721) { manual_seed(seed); }

    /// Starts again, as new. Seeds that are equal modulo 2^32 give the same numbers.
    void manual_seed(std::uint64_t seed) {
        engine_.seed(static_cast<std::uint32_t>(seed));
        spare_normal_.reset();
    }

    /// The next 32 random bits of the engine.
    [[nodiscard]] std::uint32_t random() { return static_cast<std::uint32_t>(engine_()); }

    /// The next 64, from two words of the engine, the first one on top.
    [[nodiscard]] std::uint64_t random64() {
        const std::uint64_t high = random();
        return high << 32 | random();
    }

    /// Uniform in [0, 1): the last 24 bits of a word (float), the last 53 of two (double).
    void rand(std::span<float> out) { fill_units(out); }
    void rand(std::span<double> out) { fill_units(out); }

    /// Uniform in [low, high). Throws unless low <= high and the interval's width is finite.
    void uniform_(std::span<float> out, float low, float high) { scale_units(out, low, high); }
    void uniform_(std::span<double> out, double low, double high) {
        scale_units(out, low, high);
    }

    /// Normal with mean 0 and standard deviation 1.
    /// Fewer than 16 are drawn one by one, in pairs whose second half waits in the generator
    /// for the next such call. 16 or more are drawn in blocks of 16, and leave the spare one
    /// alone. So randn(4) is not the beginning of randn(16), and randn(20) shares 4 numbers
    /// with it: the last block is made anew.
    void randn(std::span<float> out) { normal_(out, 0.0, 1.0); }
    void randn(std::span<double> out) { normal_(out, 0.0, 1.0); }

    /// Normal, as randn, with this mean and standard deviation. Throws unless deviation >= 0.
    void normal_(std::span<float> out, double mean, double deviation) {
        fill_normal(out, mean, deviation);
    }
    void normal_(std::span<double> out, double mean, double deviation) {
        fill_normal(out, mean, deviation);
    }

    /// A new tensor of such numbers: torch.rand(shape), torch.randn(shape).
    template <class Device>
    [[nodiscard]] Tensor<Device> rand(Shape shape) {
        static_assert(Device::on_host, "random numbers are drawn on Cpu<float> or Cpu<double>");
        Tensor<Device> y(std::move(shape));
        rand(y.values());
        return y;
    }
    template <class Device>
    [[nodiscard]] Tensor<Device> randn(Shape shape) {
        Tensor<Device> y(std::move(shape));
        if constexpr (Device::on_host) {
            randn(y.values());
        } else { // drawn on the processor
            static_assert(
                requires(std::span<const float> values) { upload(y, values); },
                "random numbers are drawn where there is memory for them");
            std::vector<float> values(static_cast<std::size_t>(y.numel()));
            randn(std::span<float>(values));
            upload(y, std::span<const float>(values));
        }
        return y;
    }

private:
    [[nodiscard]] float unit(float) {
        return static_cast<float>(random() & 0xFFFFFFU) * 0x1p-24F;
    }
    [[nodiscard]] double unit(double) {
        return static_cast<double>(random64() & 0x1FFFFFFFFFFFFFU) * 0x1p-53;
    }

    template <class Scalar>
    void fill_units(std::span<Scalar> out) {
        for (Scalar& value : out) value = unit(Scalar{});
    }

    template <class Scalar>
    void scale_units(std::span<Scalar> out, Scalar low, Scalar high) {
        const Scalar width = high - low;
        if (!(low <= high && width <= std::numeric_limits<Scalar>::max())) {
            fail("Generator::uniform_",
                 "[" + std::to_string(low) + ", " + std::to_string(high) + ")",
                 "low <= high and a finite width");
        }
        for (Scalar& value : out) {
            const Scalar drawn = std::fma(unit(Scalar{}), width, low);
            value = drawn == high ? low : drawn; // it may have been rounded up to `high`
        }
    }

    [[nodiscard]] double next_normal() {
        if (spare_normal_) return *std::exchange(spare_normal_, std::nullopt);
        const double angle = 2.0 * std::numbers::pi * unit(double{});
        const double radius = std::sqrt(-2.0 * std::log1p(-unit(double{})));
        spare_normal_ = radius * std::sin(angle);
        return radius * std::cos(angle);
    }

    template <class Scalar>
    void fill_normal(std::span<Scalar> out, double mean, double deviation) {
        if (!(deviation >= 0.0)) {
            fail("Generator::normal_", "deviation " + std::to_string(deviation), "at least 0");
        }
        constexpr std::size_t block = 16;
        if (out.size() < block) {
            for (Scalar& value : out) {
                value = static_cast<Scalar>(std::fma(next_normal(), deviation, mean));
            }
            return;
        }

        const auto transform = [=](std::span<Scalar> tail) {
            torch_math::normal_fill_16(tail.template first<block>(), static_cast<Scalar>(mean),
                                       static_cast<Scalar>(deviation));
        };
        rand(out);
        const std::size_t whole = out.size() / block * block;
        for (std::size_t start = 0; start < whole; start += block)
            transform(out.subspan(start));

        // The rest shares its block with numbers that are already made: all 16 are drawn anew.
        if (whole < out.size()) {
            rand(out.last(block));
            transform(out.last(block));
        }
    }

    std::mt19937 engine_;
    std::optional<double> spare_normal_;
};

} // namespace latent
