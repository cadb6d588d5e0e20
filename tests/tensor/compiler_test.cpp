#include "support/catch.hpp"

#include <latent/tensor/compiler.hpp>

#include <Eigen/Core>

#include <array>
#include <utility>

using namespace latent;

TEST_CASE("shuffle takes elements of two vectors by their indices", "[compiler]") {
    using Packet = Eigen::internal::packet_traits<double>::type;
    constexpr std::size_t width = sizeof(Packet) / sizeof(double);
    if constexpr (compiler::has_shuffle && width > 1 && requires(Packet p) { p[0]; }) {
        std::array<double, 2 * width> row{};
        for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<double>(i);
        const auto a = Eigen::internal::ploadu<Packet>(row.data());
        const auto b = Eigen::internal::ploadu<Packet>(row.data() + width);
        const auto second = [&]<std::size_t... I>(std::index_sequence<I...>) {
            return compiler::shuffle(a, b, std::index_sequence<(I + width)...>());
        }
        (std::make_index_sequence<width>());
        for (std::size_t i = 0; i < width; ++i) CHECK(second[i] == row[width + i]);
    } else {
        CHECK_FALSE((compiler::has_shuffle && width > 1)); // the portable branch is in use
    }
}
