#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/ops/arithmetic.hpp>
#include <latent/schedulers/brownian_tree.hpp>

using namespace latent;
using namespace latent::test;

using BrownianPath = BrownianTree<Cpu<double>>;

namespace {

const Shape path_shape{40000};

double mean_product(const Tensor<Cpu<double>>& a, const Tensor<Cpu<double>>& b) {
    double sum = 0;
    for (std::int64_t i = 0; i < a.numel(); ++i) sum += a.data()[i] * b.data()[i];
    return sum / static_cast<double>(a.numel());
}

} // namespace

TEST_CASE("A Brownian path adds up, in any order of asking", "[schedulers]") {
    BrownianPath tree(0.03, 14.6, 7), other(0.03, 14.6, 7);
    const auto whole = tree.draw(9.5, 0.7, path_shape).clone();
    const auto first = tree.draw(9.5, 2.2, path_shape).clone();
    const auto second = tree.draw(2.2, 0.7, path_shape).clone();
    auto sum = scale(first.clone(), std::sqrt(9.5 - 2.2));
    sum = add(std::move(sum), scale(second.clone(), std::sqrt(2.2 - 0.7)));
    sum = scale(std::move(sum), 1 / std::sqrt(9.5 - 0.7));
    CHECK(closeness(sum, whole).relative <= 1e-12);
    // The other way round it is the opposite, and the order of questions is all the same.
    const auto again = other.draw(0.7, 2.2, path_shape).clone();
    CHECK(closeness(scale(again.clone(), -1), second).relative <= 1e-12);
    const auto later = other.draw(9.5, 0.7, path_shape).clone();
    CHECK(closeness(later, whole).relative == 0);
}

TEST_CASE("A Brownian path's increments are normal and independent", "[schedulers]") {
    BrownianPath tree(0.03, 14.6, 1);
    // 40000 numbers: a mean is off by 1 / 200, a variance by sqrt(2) / 200, on the average.
    std::vector<Tensor<Cpu<double>>> parts;
    const std::vector<double> times{14.6, 8, 3, 1.1, 0.4, 0.1, 0.05, 0.03};
    for (std::size_t i = 0; i + 1 < times.size(); ++i)
        parts.push_back(tree.draw(times[i], times[i + 1], path_shape).clone());
    auto ones = Tensor<Cpu<double>>(path_shape);
    for (auto& one : ones.values()) one = 1;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        INFO("from " << times[i] << " to " << times[i + 1]);
        CHECK(std::abs(mean_product(parts[i], ones)) <= 0.02);
        CHECK(std::abs(mean_product(parts[i], parts[i]) - 1) <= 0.03);
        for (std::size_t j = 0; j < i; ++j)
            CHECK(std::abs(mean_product(parts[i], parts[j])) <= 0.02);
    }
    const auto elsewhere = BrownianPath(0.03, 14.6, 2).draw(8, 3, path_shape).clone();
    CHECK(std::abs(mean_product(elsewhere, parts[1])) <= 0.02);
}

TEST_CASE("A Brownian path says what is wrong", "[schedulers]") {
    CHECK_THROWS_AS(BrownianPath(2, 2, 0), Error);
    CHECK_THROWS_AS(BrownianPath(3, 2, 0), Error);
    BrownianPath tree(1, 2, 0);
    CHECK_THROWS_AS(tree.draw(1.5, 1.5, path_shape), Error);
    CHECK_THROWS_AS(tree.draw(0.5, 1.5, path_shape), Error);
    CHECK_THROWS_AS(tree.draw(1.5, 2.5, path_shape), Error);
    CHECK_THROWS_AS(tree.draw(1.5, std::nan(""), path_shape), Error);
}
