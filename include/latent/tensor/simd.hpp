#pragma once

#include "latent/tensor/compiler.hpp"

#include <Eigen/Core>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace latent {

namespace detail {

template <class Scalar>
using Register = typename Eigen::internal::packet_traits<Scalar>::type;

template <class Scalar>
inline constexpr std::size_t register_width = sizeof(Register<Scalar>) / sizeof(Scalar);

} // namespace detail

/// A vector register of the processor: `width` scalars that are computed at once. Eigen knows
/// the instructions (SSE, AVX, AVX-512, NEON ...); this gives them operators.
/// The width and the presence of FMA are template parameters, so that translation units
/// compiled for different processors never share one kernel by accident.
template <class Scalar, std::size_t Width = detail::register_width<Scalar>,
          bool HasFma = compiler::has_fma>
struct Simd {
    using scalar = Scalar;
    using Register = detail::Register<Scalar>;
    static constexpr auto width = static_cast<std::int64_t>(Width);
    /// How many registers there are to hold the sums of a matrix product.
    static constexpr int registers = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS;

    Register value;

    [[nodiscard]] static Simd load(const Scalar* from) {
        return {Eigen::internal::ploadu<Register>(from)};
    }
    [[nodiscard]] static Simd broadcast(Scalar scalar) {
        return {Eigen::internal::pset1<Register>(scalar)};
    }
    void store(Scalar* to) const { Eigen::internal::pstoreu(to, value); }

    friend Simd operator+(Simd a, Simd b) { return {Eigen::internal::padd(a.value, b.value)}; }
    friend Simd operator-(Simd a, Simd b) { return {Eigen::internal::psub(a.value, b.value)}; }
    friend Simd operator*(Simd a, Simd b) { return {Eigen::internal::pmul(a.value, b.value)}; }
};

/// a * b + c, rounded once where the processor can.
template <class S, std::size_t W, bool F>
[[nodiscard]] Simd<S, W, F> multiply_add(Simd<S, W, F> a, Simd<S, W, F> b, Simd<S, W, F> c) {
    return {Eigen::internal::pmadd(a.value, b.value, c.value)};
}

namespace detail {

template <std::size_t First, std::size_t Step, std::size_t... I>
constexpr auto every(std::index_sequence<I...>) {
    return std::index_sequence<(First + Step * I)...>();
}

// 0, width, 1, width + 1, ...: the order that zips two vectors, starting at their element
// `First`.
template <std::size_t First, std::size_t Width, std::size_t... I>
constexpr auto zipped(std::index_sequence<I...>) {
    return std::index_sequence<(First + I / 2 + (I % 2) * Width)...>();
}

} // namespace detail

/// The even and the odd elements of the row (a, b): two vectors of a row with stride 2.
template <class S, std::size_t W, bool F>
[[nodiscard]] std::array<Simd<S, W, F>, 2> deinterleave(Simd<S, W, F> a, Simd<S, W, F> b) {
    if constexpr (W == 1) {
        return {a, b};
    } else if constexpr (compiler::has_shuffle && requires(detail::Register<S> r) { r[0]; }) {
        constexpr auto all = std::make_index_sequence<W>();
        return {{{compiler::shuffle(a.value, b.value, detail::every<0, 2>(all))},
                 {compiler::shuffle(a.value, b.value, detail::every<1, 2>(all))}}};
    } else {
        std::array<S, 2 * W> row;
        std::array<S, 2 * W> split;
        a.store(row.data()), b.store(row.data() + W);
        for (std::size_t i = 0; i < W; ++i)
            split[i] = row[2 * i], split[W + i] = row[2 * i + 1];
        return {Simd<S, W, F>::load(split.data()), Simd<S, W, F>::load(split.data() + W)};
    }
}

/// The row a0, b0, a1, b1, ... as two vectors: the inverse of deinterleave.
template <class S, std::size_t W, bool F>
[[nodiscard]] std::array<Simd<S, W, F>, 2> interleave(Simd<S, W, F> a, Simd<S, W, F> b) {
    if constexpr (W == 1) {
        return {a, b};
    } else if constexpr (compiler::has_shuffle && requires(detail::Register<S> r) { r[0]; }) {
        constexpr auto all = std::make_index_sequence<W>();
        return {{{compiler::shuffle(a.value, b.value, detail::zipped<0, W>(all))},
                 {compiler::shuffle(a.value, b.value, detail::zipped<W / 2, W>(all))}}};
    } else {
        std::array<S, 2 * W> split;
        std::array<S, 2 * W> row;
        a.store(split.data()), b.store(split.data() + W);
        for (std::size_t i = 0; i < W; ++i)
            row[2 * i] = split[i], row[2 * i + 1] = split[W + i];
        return {Simd<S, W, F>::load(row.data()), Simd<S, W, F>::load(row.data() + W)};
    }
}

} // namespace latent
