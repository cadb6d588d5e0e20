#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/linear.hpp>

using namespace latent;
using namespace latent::test;

namespace {

/// NAME.case of generate/ops.py: in_features, out_features, bias, seed, other dimensions of x.
template <class S>
struct Inputs {
    Tensor<Cpu<S>> x, weight, bias;

    Inputs(const Golden& golden, const std::string& name) {
        const auto n = golden.numbers(name + ".case");
        Generator random(static_cast<std::uint64_t>(n.at(3)));
        std::vector<std::int64_t> dims(n.begin() + 4, n.end());
        dims.push_back(n[0]);
        x = as<S>(uniform(random, Shape(dims)));
        weight = as<S>(uniform(random, {n[1], n[0]}));
        if (n[2] != 0) bias = as<S>(uniform(random, {n[1]}));
    }
    [[nodiscard]] Tensor<Cpu<S>> fast() const { return linear(x, weight, bias); }
    [[nodiscard]] Tensor<Cpu<S>> defined() const { return reference::linear(x, weight, bias); }
};

} // namespace

TEST_CASE("linear is as close to the truth as torch", "[linear]") {
    const Golden golden("ops/linear");
    const auto cases = golden.cases();
    REQUIRE(cases.size() >= 7);
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
        CHECK(closeness(exact.fast(), truth).relative <= 1e-14);
    }
}

TEST_CASE("linear has the same bits for any number of threads", "[linear]") {
    const Golden golden("ops/linear");
    for (const auto& name : golden.cases()) {
        const Inputs<float> in(golden, name);
        INFO(name);
        CHECK(same_bits_for_threads([&] { return in.fast(); }));
    }
}

TEST_CASE("linear on Meta has the same shapes and counts", "[linear]") {
    const Golden golden("ops/linear");
    for (const auto& name : golden.cases()) {
        const Inputs<float> in(golden, name);
        const Workspace run;
        const auto y = linear(Tensor<Meta>(in.x.shape()), Tensor<Meta>(in.weight.shape()),
                              Tensor<Meta>(in.bias.shape()));
        CHECK(y.shape() == in.fast().shape());
        CHECK(run.report().multiply_adds == y.numel() * in.weight.dim(1));
    }
}

TEST_CASE("linear takes no rows, and says what is wrong", "[linear]") {
    using T = Tensor<Cpu<float>>;
    Generator random(0);
    const auto weight = uniform(random, {4, 20});
    CHECK(linear(T(Shape{0, 20}), weight, T()).shape() == Shape{0, 4});
    const auto says = [](const auto& call) {
        const auto message = message_of(call);
        INFO(message);
        CHECK(contains(message, "linear"));
        CHECK(contains(message, "in_features"));
    };
    says([&] { (void)linear(T(Shape{3, 19}), weight, T()); });
    says([&] { (void)linear(T(Shape{}), weight, T()); });
    says([&] { (void)linear(T(Shape{3, 20}), T(Shape{20}), T()); });
    const auto message = message_of([&] {
        (void)linear(T(Shape{3, 20}), weight, T(Shape{5}));
    });
    CHECK(contains(message, "bias"));
}
