#include "support/catch.hpp"

#include <latent/parity/samples.hpp>
#include <latent/parity/steps.hpp>
#include <latent/tensor/random.hpp>

#include <cmath>
#include <map>
#include <string>
#include <vector>

using namespace latent;

namespace {

const Exact* no_parameter(const std::string&) { return nullptr; }

Exact counting(Shape shape) {
    Exact x(std::move(shape));
    for (std::int64_t i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<double>(i);
    return x;
}

} // namespace

TEST_CASE("steps: axes in another order") {
    const auto y =
        latent::detail::permuted(counting({2, 3, 4}), std::vector<std::size_t>{2, 0, 1});
    REQUIRE(y.shape() == Shape{4, 2, 3});
    for (std::int64_t a = 0; a < 4; ++a) {
        for (std::int64_t b = 0; b < 2; ++b) {
            for (std::int64_t c = 0; c < 3; ++c) {
                CHECK(y.data()[(a * 2 + b) * 3 + c] ==
                      static_cast<double>((b * 3 + c) * 4 + a));
            }
        }
    }
}

TEST_CASE("steps: a product at some places is the product there") {
    Generator random(4);
    const auto x = random.randn<Cpu<double>>({2, 3, 7, 6});
    std::map<std::string, Exact> held;
    held.emplace("c.weight", random.randn<Cpu<double>>({5, 3, 3, 3}));
    held.emplace("c.bias", random.randn<Cpu<double>>({5}));
    held.emplace("l.weight", random.randn<Cpu<double>>({4, 6}));
    const Parameters parameters = [&](const std::string& name) -> const Exact* {
        const auto found = held.find(name);
        return found == held.end() ? nullptr : &found->second;
    };
    const Step conv{.op = Step::Op::conv2d,
                    .shape = {2, 5, 4, 3},
                    .module = "c",
                    .stride = {2, 2},
                    .padding = {.left = 0, .right = 1, .top = 1, .bottom = 1}};
    const Step linear{.op = Step::Op::linear, .shape = {2, 3, 7, 4}, .module = "l"};
    for (const auto& step : {conv, linear}) {
        const Exact* const input = &x;
        const auto whole = compute(step, {&input, 1}, parameters);
        REQUIRE(whole.shape() == step.shape);
        const auto places = sample_places(whole.numel(), 50);
        const auto some = compute_at(step, x, held.at(step.module + ".weight"),
                                     parameters(step.module + ".bias"), places);
        for (std::size_t i = 0; i < places.size(); ++i) {
            CHECK(std::abs(some[i].value - whole.data()[places[i]]) <= 1e-12);
            CHECK(some[i].sum_of_sizes >= std::abs(some[i].value));
            CHECK(some[i].sum_of_squares <= some[i].sum_of_sizes * some[i].sum_of_sizes);
        }
    }
}

TEST_CASE("steps: the scale of attention is the one that is asked for") {
    Generator random(5);
    const auto q = random.randn<Cpu<double>>({1, 2, 4});
    const auto k = random.randn<Cpu<double>>({1, 3, 4});
    const auto v = random.randn<Cpu<double>>({1, 3, 4});
    const std::vector<const Exact*> inputs{&q, &k, &v};
    const Step step{.op = Step::Op::attention, .shape = {1, 2, 4}, .factor = 0.3, .heads = 2};
    const auto y = compute(step, inputs, no_parameter);
    for (int head = 0; head < 2; ++head) {
        for (int row = 0; row < 2; ++row) {
            double sum = 0, first = 0;
            for (int column = 0; column < 3; ++column) {
                double logit = 0;
                for (int c = 2 * head; c < 2 * head + 2; ++c) {
                    logit += q.data()[row * 4 + c] * k.data()[column * 4 + c];
                }
                const auto weight = std::exp(0.3 * logit);
                sum += weight;
                first += weight * v.data()[column * 4 + 2 * head];
            }
            CHECK(std::abs(y.data()[row * 4 + 2 * head] - first / sum) <= 1e-12);
        }
    }
}

TEST_CASE("steps: a layer without parameters to be found says so") {
    const auto x = counting({1, 1, 3, 3});
    const Exact* const input = &x;
    const Step step{.op = Step::Op::conv2d, .shape = {1, 1, 3, 3}, .module = "gone"};
    CHECK_THROWS_AS(compute(step, {&input, 1}, no_parameter), Error);
}

TEST_CASE("samples: places are inside, and all of a small tensor") {
    CHECK(sample_places(3, 8) == std::vector<std::int64_t>{0, 1, 2});
    for (const auto place : sample_places(1000, 64)) {
        CHECK(place >= 0);
        CHECK(place < 1000);
    }
    const std::vector<double> a{3, 4}, b{3, 4.5}, zero{0, 0};
    CHECK(std::abs(relative_error(a, b) - 0.1) <= 1e-15);
    CHECK(relative_error(a, a) == 0);
    CHECK(std::isinf(relative_error(zero, a)));
}
