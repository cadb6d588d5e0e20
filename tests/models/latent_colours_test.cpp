#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/preview_case.hpp"

#include <latent/models/latent_colours.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

using namespace latent;
using namespace latent::test;

namespace {

[[nodiscard]] const LatentColours& table_of(bool is_sdxl) {
    return is_sdxl ? latent_colours_sdxl : latent_colours_sd;
}

} // namespace

TEST_CASE("cheap_approximation is the webui's, with both tables", "[preview]") {
    const Golden golden("pipelines/preview");
    for (const bool is_sdxl : {false, true}) {
        const std::string name = is_sdxl ? "linear_sdxl" : "linear_sd";
        const auto z = latents_of_case(golden, name);
        const auto exact = cheap_approximation(as<double>(z), table_of(is_sdxl));
        const auto verdict =
            judge(golden, name, cheap_approximation(z, table_of(is_sdxl)), exact);
        INFO(verdict.text);
        CHECK(verdict.good);
        // One image, without the N, is the same.
        Tensor<Cpu<float>> first(Shape{4, z.dim(2), z.dim(3)});
        std::copy_n(z.data(), first.numel(), first.data());
        const auto y = cheap_approximation(first, table_of(is_sdxl));
        CHECK(y.shape() == Shape{3, z.dim(2), z.dim(3)});
        const auto both = cheap_approximation(z, table_of(is_sdxl));
        CHECK(std::equal(y.values().begin(), y.values().end(), both.data()));
    }
}

TEST_CASE("each entry of a table is one channel's colour", "[preview]") {
    for (const bool is_sdxl : {false, true}) {
        const auto& table = table_of(is_sdxl);
        for (std::int64_t channel = 0; channel < 4; ++channel) {
            Tensor<Cpu<float>> z({1, 4, 1, 1});
            std::ranges::fill(z.values(), 0.0F);
            z.data()[channel] = 1;
            const auto y = cheap_approximation(z, table_of(is_sdxl));
            for (std::size_t r = 0; r < 3; ++r) {
                CHECK(y.values()[r] == table[static_cast<std::size_t>(channel)][r]);
            }
        }
    }
    CHECK(latent_colours_sd[3][2] == -0.473F);
    CHECK(latent_colours_sdxl[1][0] == -0.1953F);
}
