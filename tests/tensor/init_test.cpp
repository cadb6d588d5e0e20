#include "support/catch.hpp"
#include "tensor/random_cases.hpp"

#include <latent/tensor/init.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

using namespace latent;

TEST_CASE("fresh layers have torch's bits", "[init]") {
    int layers = 0;
    for (const auto& row : test::random_cases()) {
        if (!test::is_layer(row)) continue;
        ++layers;
        CAPTURE(row.name, row.seed, row.count, row.first);
        const auto drawn = test::draw(row);
        CHECK(drawn.count() == row.count);
        CHECK(drawn.hash() == row.hash);
    }
    CHECK(layers == 4 * 8); // seeds * layers of the table
}

TEST_CASE("a weight's bound is Kaiming's, in torch's arithmetic", "[init]") {
    // torch.nn.init.kaiming_uniform_ step by step: gain, standard deviation, bound.
    const double gain = std::sqrt(2.0 / 6.000000000000001); // 1 + math.sqrt(5)**2
    for (std::int64_t fan_in = 1; fan_in <= 20000; ++fan_in) {
        const double deviation = gain / std::sqrt(static_cast<double>(fan_in));
        const auto bound = static_cast<float>(std::sqrt(3.0) * deviation);
        CAPTURE(fan_in);
        REQUIRE(Init::kaiming_uniform(fan_in).bound == bound);
    }
    CHECK(Init::bias_uniform(576).bound == static_cast<float>(1.0 / 24.0));
}

TEST_CASE("ones and zeros draw nothing", "[init]") {
    Generator generator(5), fresh(5);
    std::vector<float> values(10, -3.0F);
    fill(Init::ones(), generator, values);
    CHECK(values == std::vector<float>(10, 1.0F));
    fill(Init::zeros(), generator, values);
    CHECK(values == std::vector<float>(10, 0.0F));
    CHECK(generator.random() == fresh.random());
}

TEST_CASE("a uniform start takes one word an element", "[init]") {
    Generator generator(5), fresh(5);
    std::vector<float> values(10);
    fill(Init::kaiming_uniform(9), generator, values);
    CHECK(std::ranges::all_of(values, [](float value) { return std::abs(value) <= 1.0F / 3; }));
    for (std::size_t i = 0; i < values.size(); ++i) (void)fresh.random();
    CHECK(generator.random() == fresh.random());
}

TEST_CASE("a start without inputs is refused", "[init]") {
    for (const std::int64_t fan_in : {0, -4}) {
        const auto weight = test::message_of([&] { (void)Init::kaiming_uniform(fan_in); });
        CHECK(test::contains(weight,
                             "Init::kaiming_uniform: got fan_in " + std::to_string(fan_in)));
        const auto bias = test::message_of([&] { (void)Init::bias_uniform(fan_in); });
        CHECK(test::contains(bias, "Init::bias_uniform: got fan_in " + std::to_string(fan_in)));
    }
}
