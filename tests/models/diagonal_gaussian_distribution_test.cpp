#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/models/diagonal_gaussian_distribution.hpp>

using namespace latent;
using namespace latent::test;

namespace {

/// uniform() of a seed in [2, 8, 3, 5], times spread.
template <class S>
DiagonalGaussianDistribution<Cpu<S>> posterior(std::uint64_t seed, std::int64_t spread) {
    Generator random(seed);
    auto moments = uniform(random, {2, 8, 3, 5});
    for (auto& value : moments.values()) value *= static_cast<float>(spread);
    return DiagonalGaussianDistribution<Cpu<S>>(as<S>(moments));
}

template <class S>
Tensor<Cpu<S>> as_tensor(const std::vector<double>& values) {
    Tensor<Cpu<S>> tensor(Shape{static_cast<std::int64_t>(values.size())});
    for (std::size_t i = 0; i < values.size(); ++i)
        tensor.data()[i] = static_cast<S>(values[i]);
    return tensor;
}

/// mean + std * noise, the noise in float32.
Tensor<Cpu<double>> shifted(const Tensor<Cpu<double>>& mean, const Tensor<Cpu<double>>& std) {
    Generator random(7);
    const auto noise = random.randn<Cpu<float>>(mean.shape());
    auto y = mean.clone();
    for (std::int64_t i = 0; i < y.numel(); ++i)
        y.data()[i] += std.data()[i] * static_cast<double>(noise.data()[i]);
    return y;
}

} // namespace

TEST_CASE("DiagonalGaussianDistribution is diffusers'", "[models]") {
    const Golden golden("models/diagonal_gaussian_distribution");
    const auto cases = golden.cases();
    REQUIRE(cases.size() == 2);
    std::size_t checked = 0;
    for (const auto& name : cases) {
        const auto spread = golden.numbers(name + ".case").at(0);
        const auto single = posterior<float>(1, spread), other = posterior<float>(2, spread);
        const auto exact = posterior<double>(1, spread);
        const auto exact_other = posterior<double>(2, spread);
        Generator third(3), seventh(7), same(7);
        const auto at = uniform(third, {2, 4, 3, 5});
        const auto check = [&](const std::string& what, const Tensor<Cpu<float>>& ours,
                               const Tensor<Cpu<double>>& truth) {
            const auto verdict = judge(golden, name + "." + what, ours, truth);
            INFO(verdict.text);
            CHECK(verdict.good);
            ++checked;
        };
        check("mode", single.mode(), exact.mode());
        check("std", single.std, exact.std);
        check("var", single.var, exact.var);
        check("sample", single.sample(seventh), shifted(exact.mean, exact.std));
        check("kl", as_tensor<float>(single.kl()), as_tensor<double>(exact.kl()));
        check("kl_other", as_tensor<float>(single.kl(other)),
              as_tensor<double>(exact.kl(exact_other)));
        check("nll", as_tensor<float>(single.nll(at)),
              as_tensor<double>(exact.nll(as<double>(at))));
        const auto parts = chunk(exact.parameters, 2, 1);
        auto std = parts[1].clone();
        for (auto& value : std.values()) value = std::exp(value / 2);
        check("unclamped", sample_unclamped(single.parameters, same), shifted(parts[0], std));
    }
    CHECK(checked == golden.outputs().size());
}

TEST_CASE("a deterministic distribution is its mean", "[models]") {
    Generator random(1), any(2);
    const DiagonalGaussianDistribution<Cpu<float>> certain(uniform(random, {1, 2, 3, 4}), true);
    CHECK(same_bits(certain.sample(any), certain.mode()));
    CHECK(same_bits(certain.mode(), certain.mean));
    for (const auto* zero : {&certain.std, &certain.var}) {
        for (const auto value : zero->values()) CHECK(value == 0.0F);
    }
    CHECK(certain.kl() == std::vector<double>{0.0});
    CHECK(certain.nll(certain.mean) == std::vector<double>{0.0});
}

TEST_CASE("DiagonalGaussianDistribution says what is wrong", "[models]") {
    using T = Tensor<Cpu<float>>;
    const auto odd = message_of([] {
        DiagonalGaussianDistribution<Cpu<float>>(T(Shape{1, 3, 2, 2}));
    });
    CHECK(contains(odd, "[1, 3, 2, 2]"));
    const auto one = posterior<float>(1, 1);
    const auto shape = message_of([&] { (void)one.nll(T(Shape{2, 4, 5, 3})); });
    CHECK(contains(shape, "[2, 4, 5, 3]"));
}
