#include "support/catch.hpp"
#include "support/golden.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace latent;
using namespace latent::test;

namespace {

/// What is stored, off by `relative` in the L2 norm.
template <class S>
Tensor<Cpu<S>> off_by(const Tensor<Cpu<double>>& truth, double relative) {
    auto y = as<S>(truth);
    double square = 0;
    for (const auto value : truth.values()) square += value * value;
    const auto largest = std::ranges::max_element(y.values());
    *largest = static_cast<S>(static_cast<double>(*largest) + relative * std::sqrt(square));
    return y;
}

} // namespace

TEST_CASE("a stored file gives its tensors", "[golden]") {
    const Golden golden("ops/conv2d");
    CHECK(golden.cases().size() == golden.outputs().size());
    CHECK(golden.tensor<float>("3x3_odd.float32").shape() == Shape{1, 3, 7, 9});
    CHECK(golden.numbers("3x3.case").size() == 18);
    CHECK(golden.numbers("3x3_large.shape") == std::vector<std::int64_t>{1, 30, 40, 50});
    CHECK_FALSE(golden.has("3x3_large.float64"));
    CHECK(contains(message_of([&] { (void)golden.tensor<float>("absent"); }), "absent"));
    CHECK(contains(message_of([] { Golden("ops/absent"); }), "absent"));
}

TEST_CASE("positions lie inside and everywhere", "[golden]") {
    const auto positions = sample_positions(5000, 256);
    REQUIRE(positions.size() == 256);
    CHECK(std::ranges::max(positions) < 5000);
    CHECK(std::ranges::max(positions) > 4900);
    CHECK(std::ranges::min(positions) < 100);
}

TEST_CASE("the rule accepts what is as good as torch and nothing worse", "[golden]") {
    const Golden golden("ops/conv2d");
    const std::string name = "3x3_deep";
    const auto truth = golden.tensor<double>(name + ".float64");
    const auto torch = closeness(golden.tensor<float>(name + ".float32"), truth).relative;
    REQUIRE(torch > 1e-8);

    CHECK(judge(golden, name, golden.tensor<float>(name + ".float32"), truth).good);
    const auto worst = std::max(1.1 * torch, 3.6e-7);
    CHECK_FALSE(judge(golden, name, off_by<float>(truth, 1.5 * worst), truth).good);
    CHECK(contains(judge(golden, name, off_by<float>(truth, 1e-3), truth).text, "0.001"));

    CHECK_FALSE(judge_exact(golden, name, off_by<double>(truth, 1e-11)).good);
    CHECK_FALSE(judge(golden, name, golden.tensor<float>(name + ".float32"),
                      off_by<double>(truth, 1e-11))
                    .good);

    auto broken = golden.tensor<float>(name + ".float32");
    broken.data()[3] = std::numeric_limits<float>::quiet_NaN();
    CHECK_FALSE(judge(golden, name, broken, truth).good);
    broken = std::move(broken).reshaped({1, truth.numel(), 1, 1});
    CHECK_FALSE(judge(golden, name, broken, truth).good);
}

TEST_CASE("a sampled output is held by its samples, its norm and its shape", "[golden]") {
    const Golden golden("ops/conv2d");
    const std::string name = "3x3_large";
    Tensor<Cpu<double>> made(Shape{1, 30, 40, 50});
    // All that is stored, at the right places; the rest makes up for the norm.
    std::ranges::fill(made.values(), 0.0);
    const auto stored = golden.tensor<double>(name + ".samples");
    const auto positions = sample_positions(made.numel(), stored.numel());
    CHECK(positions.size() == 256);
    for (std::size_t i = 0; i < positions.size(); ++i) {
        made.data()[positions[i]] = stored.data()[i];
    }
    double square = 0;
    for (const auto value : made.values()) square += value * value;
    const auto norm = golden.tensor<double>(name + ".norm").data()[0];
    CHECK(contains(judge_exact(golden, name, made).text, "norm"));
    const auto free = std::ranges::find(made.values(), 0.0);
    REQUIRE(free != made.values().end());
    *free = std::sqrt(norm * norm - square);
    CHECK(judge_exact(golden, name, made).good);

    made.data()[positions[7]] += 1e-6;
    CHECK_FALSE(judge_exact(golden, name, made).good);
    const auto flat = std::move(made).reshaped({30, 1, 40, 50});
    CHECK(contains(judge_exact(golden, name, flat).text, "shape"));
}
