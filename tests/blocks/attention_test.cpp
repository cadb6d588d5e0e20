#include "support/blocks.hpp"
#include "support/catch.hpp"

#include <latent/blocks/attention.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("Attention is diffusers', layer by layer", "[blocks]") {
    check_blocks<Attention, AttentionConfig>(
        Golden("blocks/attention"),
        {
            {"one_head", {32, 1, 8}, {1, 32, 5, 7}},
            {"four_heads", {32, 4, 8}, {2, 32, 3, 5}},
            {"a_head_a_channel", {12, 12, 3}, {1, 12, 4, 4}},
            {"one_pixel", {16, 2, 4}, {1, 16, 1, 1}},
            {"long", {16, 2, 2}, {1, 16, 21, 13}},
            {"wide", {64, 1, 32}, {1, 64, 9, 11}},
        },
        {"fused"});
}

TEST_CASE("Attention with fused projections is diffusers', layer by layer", "[blocks]") {
    const BlockCase<AttentionConfig> c{"fused", {32, 2, 8}, {2, 32, 3, 4}};
    auto single = seeded_block<Attention, Cpu<float>>(c);
    auto exact = seeded_block<Attention, Cpu<double>>(c);
    const auto apart = run_block(c, single);
    single.fuse_projections();
    exact.fuse_projections();
    check_layers(
        Golden("blocks/attention"), c.name,
        [&](const auto& trace) { return run_block(c, single, trace); },
        [&](const auto& trace) { return run_block(c, exact, trace); }, Recorder());
    const auto fused = run_block(c, single);
    CHECK(closeness(fused, as<double>(apart)).relative <= 1e-6);
    single.unfuse_projections();
    CHECK(same_bits(run_block(c, single), apart));
}
