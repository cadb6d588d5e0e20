#include "ops/conv2d_cases.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"

using namespace latent;
using namespace latent::test;

namespace {

template <class S>
Tensor<Cpu<S>> rounded_to_half(const Tensor<Cpu<S>>& x) {
    auto y = x.clone();
    for (auto& value : y.values()) value = static_cast<float>(Half::nearest(value));
    return y;
}

template <class S>
void check_half(const Conv2dCase& stored) {
    const Conv2dInputs<S> in(stored);
    for (const bool fast : {false, true}) {
        auto c = stored;
        c.options.fast = fast;
        const Conv2dFusion<Cpu<S>> fusion{.upsample = c.upsample, .activation = c.activation};
        const Conv2dKernel<Cpu<S>> rounded(rounded_to_half(in.weight), std::nullopt, c.options);
        c.options.half = true;
        const Conv2dKernel<Cpu<S>> half(in.weight, std::nullopt, c.options);
        INFO(c.name << (fast ? ", fast" : ""));
        const auto y = conv2d(in.x, half, fusion);
        CHECK(same_bits(y, conv2d(in.x, rounded, fusion)));
        CHECK_FALSE(same_bits(
            y, conv2d(in.x, Conv2dKernel<Cpu<S>>(in.weight, std::nullopt, stored.options),
                      fusion)));
        CHECK(same_bits_for_threads([&] { return conv2d(in.x, half, fusion); }));
    }
}

} // namespace

TEST_CASE("a convolution with weights in half is one with rounded weights", "[conv2d]") {
    for (const auto& c : conv2d_cases(Golden("ops/conv2d"))) {
        check_half<float>(c);
        check_half<double>(c);
    }
}

TEST_CASE("filters in half are made for each run, and foretold", "[conv2d]") {
    for (const auto& c : conv2d_cases(Golden("ops/conv2d"))) {
        auto options = c.options;
        options.half = true;
        const Conv2dInputs<float> in(c);
        const Conv2dKernel<Cpu<float>> own(in.weight, std::nullopt, options);
        const Conv2dKernel<Meta> meta(Tensor<Meta>(c.weight), std::nullopt, options);
        INFO(c.name);
        CHECK(own.filters().widened().shape() == meta.filters().widened().shape());
        const auto memory = [&](const auto& kernel, const auto& x) {
            const Workspace run({.record_memory = true});
            (void)conv2d(x, kernel, {.upsample = c.upsample});
            return run.report().memory;
        };
        CHECK(memory(own, in.x) == memory(meta, Tensor<Meta>(c.x)));
    }
    // Else nothing is made.
    const Conv2dGeometry geometry({8, 4, 3, 3}, {});
    CHECK(Conv2dFilters<Meta>(Tensor<Meta>(Shape{8, 4, 3, 3}), geometry).widened().numel() ==
          0);
}
