#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/io/system.hpp>
#include <latent/ops/attention.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A case of generate/ops.py, make_attention.
struct AttentionInputs {
    Tensor<Cpu<float>> q, k, v;
    std::int64_t heads;
};

/// N, L, S, heads, D, spread, seed.
AttentionInputs attention_inputs(const std::vector<std::int64_t>& n) {
    Generator random(static_cast<std::uint64_t>(n.at(6)));
    const auto C = n[3] * n[4];
    auto q = uniform(random, {n[0], n[1], C});
    auto k = uniform(random, {n[0], n[2], C});
    auto v = uniform(random, {n[0], n[2], C});
    for (auto* x : {&q, &k}) {
        for (auto& value : x->values()) value *= static_cast<float>(n[5]);
    }
    return {std::move(q), std::move(k), std::move(v), n[3]};
}

} // namespace

TEST_CASE("scaled_dot_product_attention is as close to the truth as torch's", "[attention]") {
    const Golden golden("ops/attention");
    const auto cases = golden.cases();
    REQUIRE(cases.size() >= 12);
    CHECK(golden.outputs().size() == cases.size());
    for (const auto& name : cases) {
        const auto [q, k, v, heads] = attention_inputs(golden.numbers(name + ".case"));
        const auto wide_q = as<double>(q), wide_k = as<double>(k), wide_v = as<double>(v);
        const auto truth =
            reference::scaled_dot_product_attention(wide_q, wide_k, wide_v, heads);
        const auto run = [&, &q = q, &k = k, &v = v, heads = heads] {
            return scaled_dot_product_attention(q, k, v, heads);
        };
        const auto fast = judge(golden, name, run(), truth);
        INFO(fast.text);
        CHECK(fast.good);
        const auto defined =
            judge(golden, name, reference::scaled_dot_product_attention(q, k, v, heads), truth);
        INFO("reference: " << defined.text);
        CHECK(defined.good);
        const auto exact =
            closeness(scaled_dot_product_attention(wide_q, wide_k, wide_v, heads), truth);
        INFO("fast in double: " << exact.text);
        CHECK(exact.relative <= 1e-13);
        CHECK(same_bits_for_threads(run));
        const Tensor<Meta> shape_q(q.shape()), shape_k(k.shape()), shape_v(v.shape());
        CHECK(scaled_dot_product_attention(shape_q, shape_k, shape_v, heads).shape() ==
              q.shape());
    }
}

TEST_CASE("scaled_dot_product_attention hides no NaN and no infinity", "[attention]") {
    const std::vector<std::int64_t> sizes{1, 70, 150, 2, 8, 1, 3};
    constexpr auto infinity = std::numeric_limits<float>::infinity();
    for (const auto broken : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
        auto in_q = attention_inputs(sizes), in_k = attention_inputs(sizes),
             in_v = attention_inputs(sizes);
        in_q.q.data()[66 * 16 + 3] = broken;   // the first head of query 66
        in_k.k.data()[140 * 16 + 12] = broken; // the second head of key 140
        in_v.v.data()[140 * 16 + 12] = broken;
        const auto run = [](const AttentionInputs& x) {
            return scaled_dot_product_attention(x.q, x.k, x.v, x.heads);
        };
        const auto y_q = run(in_q), y_k = run(in_k), y_v = run(in_v);
        CAPTURE(broken);
        for (std::int64_t l = 0; l < 70; ++l) {
            CHECK(std::isfinite(y_q.data()[l * 16]) == (l != 66));
            CHECK(std::isfinite(y_q.data()[l * 16 + 8]));
            CHECK(std::isfinite(y_v.data()[l * 16 + 11]));
            CHECK_FALSE(std::isfinite(y_v.data()[l * 16 + 12]));
        }
        if (std::isnan(broken)) CHECK(std::isnan(y_k.data()[8]));
    }
}

TEST_CASE("scaled_dot_product_attention needs no memory for its scores", "[attention]") {
    // 4,096 queries and keys, as 64 x 64 latents have them: all scores would be 64 MiB.
    const Tensor<Meta> x(Shape{1, 4096, 512});
    const Workspace run;
    (void)scaled_dot_product_attention(x, x, x, 1);
    CHECK(run.report().peak_bytes == 4096 * 512 * 4);
    CHECK(run.report().multiply_adds == std::int64_t{2} * 4096 * 4096 * 512);

    // What the process holds: a few tensors of 128 KiB and a block of scores a thread.
    Generator random(1);
    const auto q = uniform(random, {1, 4096, 8}), v = uniform(random, {1, 4096, 8});
    const Workspace two({.threads = 2});
    const double before = peak_memory_mib();
    (void)scaled_dot_product_attention(q, q, v, 1);
    CHECK(peak_memory_mib() - before < 16.0);
}

TEST_CASE("scaled_dot_product_attention says what is wrong", "[attention]") {
    const auto message = [](const Shape& q, const Shape& k, const Shape& v,
                            std::int64_t heads) {
        return message_of([&] {
            (void)scaled_dot_product_attention(Tensor<Meta>(q), Tensor<Meta>(k),
                                               Tensor<Meta>(v), heads);
        });
    };
    CHECK(contains(message({1, 2, 6}, {1, 3, 4}, {1, 3, 4}, 1), "[N, S, C]"));
    CHECK(contains(message({1, 2, 6}, {1, 3, 6}, {1, 4, 6}, 1), "[1, 4, 6]"));
    CHECK(contains(message({1, 2, 6}, {2, 3, 6}, {2, 3, 6}, 1), "[N, L, C]"));
    CHECK(contains(message({1, 2, 6}, {1, 3, 6}, {1, 3, 6}, 4), "4 heads"));
    CHECK(contains(message({1, 2, 6}, {1, 3, 6}, {1, 3, 6}, 0), "0 heads"));
}
