#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/group_norm.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace latent;
using namespace latent::test;

namespace {

constexpr double eps = 1e-5;

/// NAME.case of generate/ops.py: N, C, H, W, groups, activation, spread, offset, seed.
template <class S>
struct Inputs {
    Tensor<Cpu<S>> x, weight, bias;
    std::int64_t groups;
    Activation after;

    Inputs(const Golden& golden, const std::string& name) {
        const auto n = golden.numbers(name + ".case");
        Generator random(static_cast<std::uint64_t>(n.at(8)));
        groups = n[4], after = static_cast<Activation>(n[5]);
        auto values = uniform(random, {n[0], n[1], n[2], n[3]});
        // The spread is a power of two, so that its product is exact.
        for (auto& value : values.values()) {
            value = value * static_cast<float>(n[6]) + static_cast<float>(n[7]);
        }
        x = as<S>(values);
        weight = as<S>(uniform(random, {n[1]}));
        bias = as<S>(uniform(random, {n[1]}));
    }
    [[nodiscard]] Tensor<Cpu<S>> fast() const {
        return group_norm(x, weight, bias, groups, eps, after);
    }
    [[nodiscard]] Tensor<Cpu<S>> steps() const {
        return activation(after, group_norm(x, weight, bias, groups, eps));
    }
    [[nodiscard]] Tensor<Cpu<S>> defined() const {
        return reference::activation(after,
                                     reference::group_norm(x, weight, bias, groups, eps));
    }
};

} // namespace

TEST_CASE("group_norm is as close to the truth as torch", "[group_norm]") {
    const Golden golden("ops/group_norm");
    const auto cases = golden.cases();
    REQUIRE(cases.size() >= 12);
    for (const auto& name : cases) {
        const Inputs<float> in(golden, name);
        const Inputs<double> exact(golden, name);
        const auto truth = exact.defined();
        const auto fast = judge(golden, name, in.fast(), truth);
        INFO(fast.text);
        CHECK(fast.good);
        const auto reference = judge(golden, name, in.defined(), truth);
        INFO("reference: " << reference.text);
        CHECK(reference.good);
        CHECK(closeness(exact.fast(), truth).relative <= 1e-13);
    }
}

TEST_CASE("group_norm with an activation has the bits of its two steps", "[group_norm]") {
    const Golden golden("ops/group_norm");
    for (const auto& name : golden.cases()) {
        const Inputs<float> in(golden, name);
        INFO(name);
        CHECK(same_bits(in.fast(), in.steps()));
    }
}

TEST_CASE("group_norm has the same bits for any number of threads", "[group_norm]") {
    const Golden golden("ops/group_norm");
    for (const auto& name : golden.cases()) {
        const Inputs<float> in(golden, name);
        INFO(name);
        CHECK(same_bits_for_threads([&] { return in.fast(); }));
    }
}

TEST_CASE("group_norm of a constant is the bias", "[group_norm]") {
    Tensor<Cpu<float>> x(Shape{1, 4, 30, 30}), weight(Shape{4}), bias(Shape{4});
    std::ranges::fill(x.values(), 0.7F);
    std::ranges::fill(weight.values(), 1.0F);
    std::ranges::fill(bias.values(), 0.25F);
    const auto y = group_norm(x, weight, bias, 2, eps);
    for (const auto value : y.values()) CHECK(std::abs(value - 0.25F) <= 1e-6F);
}

TEST_CASE("group_norm keeps images and groups apart", "[group_norm]") {
    Generator random(0);
    auto x = uniform(random, {2, 4, 5, 5});
    const auto weight = uniform(random, {4});
    const auto bias = uniform(random, {4});
    const auto before = group_norm(x, weight, bias, 2, eps);
    x.data()[0] = std::numeric_limits<float>::quiet_NaN();
    const auto after = group_norm(x, weight, bias, 2, eps);
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        CAPTURE(i);
        if (i < 50) {
            CHECK(std::isnan(after.data()[i]));
        } else {
            CHECK(after.data()[i] == before.data()[i]);
        }
    }
}

TEST_CASE("group_norm says what is wrong, on Meta too", "[group_norm]") {
    const auto says = [](const std::string& part, const Shape& x, const Shape& weight,
                         const Shape& bias, std::int64_t groups) {
        for (const auto& message : {message_of([&] {
                                        using T = Tensor<Cpu<float>>;
                                        (void)group_norm(T(x), T(weight), T(bias), groups, eps);
                                    }),
                                    message_of([&] {
                                        using T = Tensor<Meta>;
                                        (void)group_norm(T(x), T(weight), T(bias), groups, eps);
                                    })}) {
            INFO(message);
            CHECK(contains(message, "group_norm"));
            CHECK(contains(message, part));
        }
    };
    says("divisible", {1, 6, 2, 2}, {6}, {6}, 4);
    says("divisible", {1, 6, 2, 2}, {6}, {6}, 0);
    says("[6]", {1, 6, 2, 2}, {5}, {6}, 2);
    says("[6]", {1, 6, 2, 2}, {6}, {7}, 2);
    says("[N, C, H, W]", {6, 2, 2}, {6}, {6}, 2);
    const auto y = group_norm(Tensor<Meta>(Shape{1, 6, 2, 2}), Tensor<Meta>(Shape{6}),
                              Tensor<Meta>(Shape{6}), 2, eps);
    CHECK(y.shape() == Shape{1, 6, 2, 2});
}

TEST_CASE("group_norm of numbers whose squares are too large for float", "[group_norm]") {
    Generator random(9);
    for (const double size : {1e-20, 1e18, 1e20, 1e30, 1e37}) {
        for (const std::int64_t side : {5, 40}) {
            auto x = random.randn<Cpu<float>>({1, 8, side, side});
            for (auto& value : x.values()) value *= static_cast<float>(size);
            const auto weight = uniform(random, {8}), bias = uniform(random, {8});
            const auto truth = reference::group_norm(as<double>(x), as<double>(weight),
                                                     as<double>(bias), 4, 1e-6);
            CAPTURE(size, side);
            CHECK(closeness(group_norm(x, weight, bias, 4, 1e-6), truth).relative <= 3e-7);
        }
    }
}
