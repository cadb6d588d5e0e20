#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/threads.hpp"

#include <latent/ops/interpolate.hpp>

#include <limits>

using namespace latent;
using namespace latent::test;

namespace {

/// NAME.case of generate/ops.py: N, C, H, W, factor, mode, seed.
template <class S>
struct Inputs {
    Tensor<Cpu<S>> x;
    std::int64_t factor;
    Interpolation mode;

    Inputs(const Golden& golden, const std::string& name) {
        const auto n = golden.numbers(name + ".case");
        Generator random(static_cast<std::uint64_t>(n.at(6)));
        x = as<S>(uniform(random, {n[0], n[1], n[2], n[3]}));
        factor = n[4], mode = static_cast<Interpolation>(n[5]);
    }
    [[nodiscard]] Tensor<Cpu<S>> fast() const { return interpolate(x, factor, mode); }
    [[nodiscard]] Tensor<Cpu<S>> defined() const {
        return reference::interpolate(x, factor, mode);
    }
};

} // namespace

TEST_CASE("interpolate is as close to the truth as torch", "[interpolate]") {
    const Golden golden("ops/interpolate");
    const auto cases = golden.cases();
    REQUIRE(cases.size() >= 8);
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
        CHECK(same_bits_for_threads([&] { return in.fast(); }));
        CHECK(interpolate(Tensor<Meta>(in.x.shape()), in.factor, in.mode).shape() ==
              truth.shape());
    }
}

TEST_CASE("interpolate by name", "[interpolate]") {
    CHECK(interpolation_named("nearest") == Interpolation::nearest);
    CHECK(interpolation_named("nearest-exact") == Interpolation::nearest);
    CHECK(interpolation_named("bilinear") == Interpolation::bilinear);
    CHECK(interpolation_named("bicubic") == Interpolation::bicubic);
    const auto message = message_of([] { (void)interpolation_named("lanczos"); });
    CHECK(contains(message, "upsample_fn"));
    CHECK(contains(message, "'lanczos'"));
}

TEST_CASE("interpolate says what is wrong", "[interpolate]") {
    using T = Tensor<Cpu<float>>;
    for (const auto mode : {Interpolation::bilinear, Interpolation::bicubic}) {
        CHECK(contains(message_of([&] {
                           (void)interpolate(T(Shape{1, 1, 2, 2}), 0, mode);
                       }),
                       "factor"));
        CHECK(contains(message_of([&] {
                           (void)interpolate(T(Shape{1, 2, 2}), 2, mode);
                       }),
                       "[N, C, H, W]"));
    }
}
