#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/combine.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

template <class S>
using CpuTerm = CombineTerm<Cpu<S>>;
template <class S>
using CpuTerms = std::vector<CpuTerm<S>>;

constexpr auto no_limit = std::numeric_limits<double>::infinity();

template <class S>
struct Sums {
    Tensor<Cpu<S>> p, y;
    explicit Sums(const Shape& shape) : p(shape), y(shape) {}
};

template <class S>
[[nodiscard]] Sums<S> fast(const CpuTerms<S>& terms, double p_to_y, double limit = no_limit) {
    Sums<S> sums(terms.front().x->shape());
    combine(sums.p, sums.y, std::span<const CpuTerm<S>>(terms), p_to_y, limit);
    return sums;
}
template <class S>
[[nodiscard]] Sums<S> defined(const CpuTerms<S>& terms, double p_to_y,
                              double limit = no_limit) {
    Sums<S> sums(terms.front().x->shape());
    reference::combine(sums.p, sums.y, std::span<const CpuTerm<S>>(terms), p_to_y, limit);
    return sums;
}

[[nodiscard]] Tensor<Cpu<float>> numbers(std::vector<float> values) {
    Tensor<Cpu<float>> x({std::ssize(values)});
    std::ranges::copy(values, x.data());
    return x;
}

} // namespace

TEST_CASE("combine is two weighted sums, for every count of operands", "[combine]") {
    Generator random(0);
    // One lane, a block of lanes and one more, a worker's block and one more.
    for (const auto& shape :
         {Shape{1}, Shape{63}, Shape{64}, Shape{2, 65}, Shape{1, 3, 43, 127}, Shape{0, 4}}) {
        for (std::size_t count = 1; count <= most_terms; ++count) {
            CAPTURE(to_string(shape), count);
            std::vector<Tensor<Cpu<float>>> x;
            std::vector<Tensor<Cpu<double>>> exact;
            CpuTerms<float> terms;
            CpuTerms<double> exact_terms;
            for (std::size_t i = 0; i < count; ++i) {
                x.push_back(uniform(random, shape));
                exact.push_back(as<double>(x.back()));
            }
            for (std::size_t i = 0; i < count; ++i) {
                const auto k = static_cast<double>(i);
                // Some operands add to one of the sums alone.
                const auto to_p = i % 3 == 2 ? 0 : 0.3 + k, to_y = i % 4 == 1 ? 0 : 1.7 - k;
                terms.push_back({&x[i], to_p, to_y});
                exact_terms.push_back({&exact[i], to_p, to_y});
            }
            for (const auto limit : {no_limit, 0.4}) {
                const auto truth = defined(exact_terms, -0.8, limit);
                const auto got = fast(terms, -0.8, limit);
                // Nine roundings of weights and as many of products and sums.
                CHECK(closeness(got.p, truth.p).relative <= 4e-7);
                CHECK(closeness(got.y, truth.y).relative <= 8e-7);
                const auto in_double = fast(exact_terms, -0.8, limit);
                CHECK(closeness(in_double.p, truth.p).relative <= 1e-15);
                CHECK(closeness(in_double.y, truth.y).relative <= 2e-15);
                // The definition rounds once.
                const auto rounded = defined(terms, -0.8, limit);
                CHECK(same_bits(rounded.p, as<float>(truth.p)));
                CHECK(same_bits(rounded.y, as<float>(truth.y)));
            }
        }
    }
}

TEST_CASE("combine limits p, and y has the limited p", "[combine]") {
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    const auto infinite = std::numeric_limits<float>::infinity();
    const auto x = numbers({-3, -1, -0.5, 0, 0.5, 1, 3, nan, infinite, -infinite});
    const CpuTerms<float> terms{{&x, 2, 0}};
    for (const auto& got : {fast(terms, 10, 2), defined(terms, 10, 2)}) {
        const std::vector<float> p{-2, -2, -1, 0, 1, 2, 2, nan, 2, -2};
        for (std::size_t i = 0; i < p.size(); ++i) {
            CAPTURE(i, got.p.data()[i], got.y.data()[i]);
            if (std::isnan(p[i])) {
                CHECK(std::isnan(got.p.data()[i]));
                CHECK(std::isnan(got.y.data()[i]));
            } else {
                CHECK(got.p.data()[i] == p[i]);
                CHECK(got.y.data()[i] == 10 * p[i]);
            }
        }
    }
    const auto free = fast(terms, 1);
    CHECK(free.p.data()[0] == -6);
    CHECK(free.p.data()[8] == infinite);
    CHECK(std::isnan(free.p.data()[7]));
}

TEST_CASE("an operand without weight is not looked at", "[combine]") {
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    const auto x = numbers({1, 2, 3}), bad = numbers({nan, nan, nan});
    const auto got = fast<float>({{&x, 1, 0}, {&bad, 0, 1}}, 0);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(got.p.values()[i] == x.values()[i]);
        CHECK(std::isnan(got.y.values()[i]));
    }
    // Nor is p, which is infinite here.
    const auto infinite = numbers({std::numeric_limits<float>::infinity()}), one = numbers({1});
    CHECK(fast<float>({{&infinite, 1, 0}, {&one, 0, 5}}, 0).y.data()[0] == 5);
    // No operand at all: both sums are 0.
    Sums<float> none({2});
    combine(none.p, none.y, std::span<const CpuTerm<float>>(), 3.0);
    CHECK(same_bits(none.p, numbers({0, 0})));
    CHECK(same_bits(none.y, numbers({0, 0})));
}

TEST_CASE("combine writes over its operands", "[combine]") {
    Generator random(2);
    const Shape shape{3, 50, 400};
    const auto a = uniform(random, shape), b = uniform(random, shape);
    const CpuTerms<float> apart{{&a, 0.7, -1.2}, {&b, 0.4, 0.9}};
    const auto expected = fast(apart, 0.6, 0.5);
    const auto in_place = [&](bool p_is_a) {
        auto first = a.clone(), second = b.clone();
        const CpuTerms<float> terms{{&first, 0.7, -1.2}, {&second, 0.4, 0.9}};
        auto& p = p_is_a ? first : second;
        auto& y = p_is_a ? second : first;
        combine(p, y, std::span<const CpuTerm<float>>(terms), 0.6, 0.5);
        CHECK(same_bits(p, expected.p));
        CHECK(same_bits(y, expected.y));
    };
    in_place(true), in_place(false);
    // One tensor for both results holds y; so does one that is an operand, too.
    auto both = a.clone();
    const CpuTerms<float> terms{{&both, 0.7, -1.2}, {&b, 0.4, 0.9}};
    combine(both, both, std::span<const CpuTerm<float>>(terms), 0.6, 0.5);
    CHECK(same_bits(both, expected.y));
    // An operand may come twice.
    const auto twice = fast<float>({{&a, 0, 1}, {&a, 0, 1}}, 0);
    const auto once = fast<float>({{&a, 0, 2}}, 0);
    CHECK(same_bits(twice.y, once.y));
}

TEST_CASE("combine has the same bits for any number of threads", "[combine]") {
    Generator random(3);
    const Shape shape{3, 50, 401};
    const auto a = uniform(random, shape), b = uniform(random, shape);
    const CpuTerms<float> terms{{&a, 0.7, -1.2}, {&b, 0.4, 0.9}};
    CHECK(same_bits_for_threads([&] { return fast(terms, 0.6, 0.5).p; }));
    CHECK(same_bits_for_threads([&] { return fast(terms, 0.6, 0.5).y; }));
}

TEST_CASE("combine takes no memory", "[combine]") {
    Generator random(4);
    const auto a = uniform(random, {4000});
    auto p = uniform(random, {4000}), y = uniform(random, {4000});
    const Workspace run({.record_memory = true});
    const std::array<CpuTerm<float>, 1> terms{{{&a, 0.5, 2}}};
    combine(p, y, std::span<const CpuTerm<float>>(terms), 1.0);
    CHECK(run.report().memory.empty());
    CHECK(run.report().clones == 0);
    CHECK(y.data()[0] == 2 * a.data()[0] + a.data()[0] / 2);
}

TEST_CASE("combine says what is wrong", "[combine]") {
    const auto message = [](auto device, const Shape& p_shape, const Shape& x_shape,
                            std::size_t count) {
        using Device = decltype(device);
        Tensor<Device> p(p_shape), y(Shape{2, 3});
        const Tensor<Device> x(x_shape);
        const std::vector<CombineTerm<Device>> terms(count, {&x, 1, 1});
        return message_of(
            [&] { combine(p, y, std::span<const CombineTerm<Device>>(terms), 0.0); });
    };
    const auto all = [&](auto device) {
        CHECK(message(device, {3, 2}, {2, 3}, 1) ==
              "combine: got [3, 2] and [2, 3], expected two equal shapes");
        CHECK(message(device, {2, 3}, {6}, 1) ==
              "combine: got [6] and [2, 3], expected two equal shapes");
        CHECK(message(device, {2, 3}, {2, 3}, 9) == "combine: got 9 terms, expected at most 8");
    };
    all(Cpu<float>());
    all(Cpu<double>());
    all(Meta());
    // What is right goes through on Meta, too.
    Tensor<Meta> p(Shape{2, 3}), y(Shape{2, 3});
    const std::vector<CombineTerm<Meta>> terms(most_terms, {&p, 1, 1});
    combine(p, y, std::span<const CombineTerm<Meta>>(terms), 1.0, 2.0);
    CHECK(y.shape() == Shape{2, 3});
}
