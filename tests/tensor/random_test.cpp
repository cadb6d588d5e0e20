#include "support/catch.hpp"
#include "tensor/random_cases.hpp"

#include <latent/tensor/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

using namespace latent;

TEST_CASE("random numbers have torch's bits", "[random]") {
    const auto cases = test::random_cases();
    const auto has = [&](const std::string& name, std::uint64_t seed, std::size_t count) {
        return std::ranges::any_of(cases, [&](const auto& row) {
            return row.name == name && row.seed == seed && row.count == count;
        });
    };

    // The table covers what it should: all of these, and no row was lost on the way.
    const std::array<std::uint64_t, 4> seeds = {0, 42, 1432216924, (1ULL << 32) + 5};
    const std::array<std::size_t, 9> sizes = {1, 5, 15, 16, 17, 20, 100, 768, 16384};
    for (const auto seed : seeds) {
        CHECK(has("interleaved", seed, 1004));
        for (const auto size : sizes) {
            for (const std::string type : {".float32", ".float64"}) {
                CAPTURE(seed, size, type);
                CHECK(has("rand" + type, seed, size));
                CHECK(has("randn" + type, seed, size));
                CHECK(has("uniform_(-0.3,1.5)" + type, seed, size));
                CHECK(has("normal_(0.7,1.3)" + type, seed, size));
            }
        }
    }

    for (const auto& row : cases) {
        if (test::is_layer(row)) continue; // init_test.cpp
        CAPTURE(row.name, row.seed, row.count, row.first);
        const auto drawn = test::draw(row);
        CHECK(drawn.count() == row.count);
        CHECK(drawn.hash() == row.hash);
    }
}

TEST_CASE("the engine is MT19937", "[random]") {
    Generator generator(0);
    CHECK(generator.random() == 2357136044U);
    CHECK(generator.random() == 2546248239U);
    CHECK(generator.random64() == (3071714933ULL << 32 | 3626093760ULL));
    CHECK(generator.random() == 2588848963U);
}

TEST_CASE("torch's documented first numbers", "[random]") {
    Generator generator(0);
    std::array<float, 2> uniform{};
    generator.rand(uniform);
    CHECK(uniform == std::array{0.49625658988952637F, 0.7682217955589294F});

    // Without a seed the generator is torch.Generator(), or torch's own before any manual_seed.
    Generator unseeded, seeded(67280421310721ULL);
    CHECK(unseeded.random64() == seeded.random64());
}

TEST_CASE("seeds count modulo 2^32", "[random]") {
    Generator small(5), large((1ULL << 32) + 5), other(6);
    const auto first = test::randn(small, 100);
    CHECK(first == test::randn(large, 100));
    CHECK(first != test::randn(other, 100));
}

TEST_CASE("a copy of a generator goes its own way", "[random]") {
    Generator generator(7);
    (void)test::randn(generator, 3); // leaves a spare normal behind, which the copy gets too
    Generator copy = generator;
    const auto drawn = test::randn(generator, 5);
    CHECK(test::randn(copy, 5) == drawn);
}

TEST_CASE("manual_seed forgets the spare normal", "[random]") {
    Generator generator(7), fresh(7);
    (void)test::randn(generator, 3);
    generator.manual_seed(7);
    CHECK(test::randn(generator, 2) == test::randn(fresh, 2));
}

TEST_CASE("tensors of random numbers", "[random]") {
    Generator generator(42), again(42);
    const auto x = generator.randn<Cpu<float>>({1, 4, 5, 6});
    const auto y = generator.rand<Cpu<double>>({3, 2});
    CHECK(x.shape() == Shape{1, 4, 5, 6});
    CHECK(y.shape() == Shape{3, 2});
    CHECK(std::ranges::equal(x.values(), test::randn(again, 120)));
    CHECK(std::ranges::equal(y.values(), test::rand<double>(again, 6)));
}

TEST_CASE("uniform_ stays in its interval", "[random]") {
    // Nothing between the ends: what rounds up to the upper one becomes the lower one.
    const float low = 1.0F, high = std::nextafter(low, 2.0F);
    Generator generator(1);
    for (const float value : test::uniform(generator, 1000, low, high)) REQUIRE(value == low);
    CHECK(test::uniform(generator, 3, 2.0F, 2.0F) == std::vector<float>(3, 2.0F));
}

TEST_CASE("normal numbers have their moments", "[random]") {
    Generator generator(3);
    std::vector<float> values(100000);
    generator.normal_(values, 2.0, 0.5);
    double sum = 0.0, squares = 0.0;
    for (const double value : values) sum += value;
    const double mean = sum / static_cast<double>(values.size());
    for (const double value : values) squares += (value - mean) * (value - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
    CHECK(std::abs(mean - 2.0) <= 0.01);
    CHECK(std::abs(deviation - 0.5) <= 0.01);
}

TEST_CASE("nothing is drawn for nothing", "[random]") {
    Generator generator(9), fresh(9);
    generator.rand(std::span<float>());
    generator.randn(std::span<float>());
    generator.uniform_(std::span<float>(), 0.0F, 1.0F);
    CHECK(generator.random() == fresh.random());
}

TEST_CASE("random numbers refuse what torch refuses", "[random]") {
    Generator generator;
    std::vector<float> values(3);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float huge = std::numeric_limits<float>::max();
    const auto uniform = [&](float low, float high) {
        return test::message_of([&] { generator.uniform_(values, low, high); });
    };
    CHECK(test::contains(uniform(2.0F, 1.0F), "Generator::uniform_: got [2.0"));
    CHECK(test::contains(uniform(nan, 1.0F), "expected low <= high"));
    CHECK(test::contains(uniform(-huge, huge), "a finite width"));
    const auto normal = test::message_of([&] { generator.normal_(values, 0.0, -1.0); });
    CHECK(test::contains(normal, "Generator::normal_: got deviation -1.0"));
}
