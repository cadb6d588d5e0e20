#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/upsample_nearest.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("upsample_nearest has torch's bits", "[upsample_nearest]") {
    const Golden golden("ops/upsample_nearest");
    const auto cases = golden.cases();
    REQUIRE(cases.size() >= 4);
    for (const auto& name : cases) {
        const auto n = golden.numbers(name + ".case"); // N, C, H, W, factor, seed
        Generator random(static_cast<std::uint64_t>(n.at(5)));
        const auto x = uniform(random, {n[0], n[1], n[2], n[3]});
        const auto stored = golden.tensor<float>(name + ".float32");
        INFO(name);
        CHECK(same_bits(upsample_nearest(x, n[4]), stored));
        CHECK(same_bits(reference::upsample_nearest(x, n[4]), stored));
        CHECK(same_bits(as<float>(upsample_nearest(as<double>(x), n[4])), stored));
        CHECK(same_bits_for_threads([&] { return upsample_nearest(x, n[4]); }));
        CHECK(upsample_nearest(Tensor<Meta>(x.shape()), n[4]).shape() == stored.shape());
    }
}

TEST_CASE("upsample_nearest says what is wrong", "[upsample_nearest]") {
    using T = Tensor<Cpu<float>>;
    const auto factor = message_of([] { (void)upsample_nearest(T(Shape{1, 1, 2, 2}), 0); });
    CHECK(contains(factor, "factor"));
    const auto rank = message_of([] { (void)upsample_nearest(T(Shape{1, 2, 2}), 2); });
    CHECK(contains(rank, "[N, C, H, W]"));
    CHECK(contains(rank, "upsample_nearest"));
}
