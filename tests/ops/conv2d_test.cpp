#include "ops/conv2d_cases.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"

#include <limits>

using namespace latent;
using namespace latent::test;

namespace {

using Inputs = Conv2dInputs<float>;
using ExactInputs = Conv2dInputs<double>;

/// The definition in double, with what a fused call adds to it.
Tensor<Cpu<double>> truth_of(const Conv2dCase& c) {
    const ExactInputs in(c);
    return in.composed(c, [&](const Tensor<Cpu<double>>& x) {
        return reference::conv2d(x, in.weight, in.bias, c.options);
    });
}

} // namespace

TEST_CASE("conv2d is as close to the truth as torch, in every stored case", "[conv2d]") {
    const Golden golden("ops/conv2d");
    const auto cases = conv2d_cases(golden);
    REQUIRE(cases.size() >= 46);
    for (const auto& c : cases) {
        const auto truth = truth_of(c);
        const auto fast = judge(golden, c.name, Inputs(c).fused(c), truth);
        INFO(fast.text);
        CHECK(fast.good);

        // The definition in float32 is rounded once: nothing can be closer.
        const Inputs in(c);
        const auto defined = in.composed(c, [&](const Tensor<Cpu<float>>& x) {
            return reference::conv2d(x, in.weight, in.bias, c.options);
        });
        const auto reference = judge(golden, c.name, defined, truth);
        INFO("reference: " << reference.text);
        CHECK(reference.good);

        // In double the fast form differs from the definition by roundings alone.
        const auto exact = closeness(ExactInputs(c).fused(c), truth);
        INFO("fast in double: " << exact.text);
        CHECK(exact.relative <= 1e-13);
    }
}

TEST_CASE("conv2d has the same bits for any number of threads", "[conv2d]") {
    for (const auto& c : conv2d_cases(Golden("ops/conv2d"))) {
        const Inputs in(c);
        INFO(c.name);
        CHECK(same_bits_for_threads([&] { return in.fused(c); }));
    }
}

TEST_CASE("a fused conv2d has the bits of its steps", "[conv2d]") {
    for (const auto& c : conv2d_cases(Golden("ops/conv2d"))) {
        const Inputs in(c);
        const auto kernel = in.kernel(c);
        const auto fused = in.fused(c);
        const auto steps =
            in.composed(c, [&](const Tensor<Cpu<float>>& x) { return conv2d(x, kernel); });
        INFO(c.name);
        if (kernel.geometry().fuses_upsampling(c.upsample)) {
            // 9 products in place of 16, so other roundings: the bound is a few of them, of
            // sums over up to 300 channels.
            const auto close = closeness(fused, as<double>(steps));
            INFO(close.text);
            CHECK(close.relative <= 1e-6);
        } else {
            CHECK(same_bits(fused, steps));
        }
    }
}

TEST_CASE("conv2d agrees with its definition for every small image", "[conv2d]") {
    Generator random(0);
    const auto draw = [&](const Shape& shape) { return as<double>(uniform(random, shape)); };
    const auto weight = draw({9, 5, 3, 3});
    const auto bias = draw({9});
    for (const std::int64_t stride : {1, 2}) {
        const Conv2dOptions options{.stride = {stride, stride}, .padding = Padding::all(1)};
        const Conv2dKernel<Cpu<double>> kernel(weight, bias.clone(), options);
        for (const std::int64_t height : {1, 2, 3, 4, 5, 11}) {
            // Around the widths at which runs of tiles end: 16, 48 and 96 outputs.
            for (const std::int64_t width :
                 {1, 2, 3, 7, 16, 17, 47, 48, 49, 95, 96, 97, 98, 193}) {
                const auto x = draw({1, 5, height, width});
                CAPTURE(stride, height, width);
                const auto plain =
                    closeness(conv2d(x, kernel), reference::conv2d(x, weight, bias, options));
                CHECK(plain.relative <= 1e-14);
                const auto up =
                    closeness(conv2d(x, kernel, {.upsample = 2}),
                              reference::conv2d(upsample_nearest(x, 2), weight, bias, options));
                CHECK(up.relative <= 1e-14);
            }
        }
    }
}

TEST_CASE("conv2d takes an empty batch", "[conv2d]") {
    Generator random(0);
    for (const std::int64_t size : {1, 3}) {
        const Conv2dKernel<Cpu<float>> kernel(uniform(random, {4, 3, size, size}),
                                              std::nullopt);
        const auto y = conv2d(Tensor<Cpu<float>>(Shape{0, 3, 5, 6}), kernel);
        CHECK(y.shape() == Shape{0, 4, 6 - size, 7 - size});
    }
}

TEST_CASE("one bad pixel stays where it is", "[conv2d]") {
    Generator random(0);
    auto x = uniform(random, {2, 5, 20, 20});
    const Conv2dKernel<Cpu<float>> kernel(uniform(random, {4, 5, 3, 3}), std::nullopt,
                                          {.padding = Padding::all(1)});
    x.data()[10 * 20 + 10] = std::numeric_limits<float>::quiet_NaN();
    const auto y = conv2d(x, kernel);
    // Its tile is 2x2 outputs of a 4x4 window, so the damage reaches 4 rows and columns at
    // most.
    std::int64_t bad = 0;
    for (std::int64_t i = 0; i < y.numel(); ++i) {
        if (!std::isnan(y.data()[i])) continue;
        ++bad;
        CHECK(i / 1600 == 0);
        CHECK(std::abs(i % 400 / 20 - 10) <= 2);
        CHECK(std::abs(i % 20 - 10) <= 2);
    }
    CHECK(bad >= 4 * 9);
}

TEST_CASE("conv2d on Meta has the same shapes and counts", "[conv2d]") {
    for (const auto& c : conv2d_cases(Golden("ops/conv2d"))) {
        const Conv2dKernel<Meta> kernel(Tensor<Meta>(c.weight), std::nullopt, c.options);
        const Conv2dGeometry geometry(c.weight, c.options);
        Tensor<Meta> add;
        if (c.add) add = Tensor<Meta>(geometry.output_shape(c.x, c.upsample));
        const Workspace run({.record_memory = true});
        const Tensor<Meta> x(c.x);
        const auto y =
            conv2d(x, kernel, {.upsample = c.upsample, .add = c.add ? &add : nullptr});
        INFO(c.name);
        CHECK(y.shape() == geometry.output_shape(c.x, c.upsample));
        CHECK(run.report().multiply_adds == y.numel() * geometry.depth());
        const auto planned = run.report().memory;

        // Tensors are made and dropped in the same order on the processor.
        const Inputs in(c);
        const auto own = in.kernel(c);
        const Workspace host({.record_memory = true});
        const auto input = in.x.clone();
        const auto out =
            conv2d(input, own, {.upsample = c.upsample, .add = c.add ? &in.add : nullptr});
        CHECK(out.shape() == y.shape());
        CHECK(host.report().memory == planned);
    }
}

TEST_CASE("conv2d says what is wrong", "[conv2d]") {
    using T = Tensor<Cpu<float>>;
    const auto says = [](const std::string& part, const auto& call) {
        const auto message = message_of(call);
        INFO(message);
        CHECK(contains(message, "conv2d"));
        CHECK(contains(message, part));
    };
    Generator random(0);
    const Conv2dKernel<Cpu<float>> kernel(uniform(random, {4, 3, 3, 3}), std::nullopt);
    says("[1, 5, 8, 8]", [&] { (void)conv2d(T(Shape{1, 5, 8, 8}), kernel); });
    says("[N, 3, H, W]", [&] { (void)conv2d(T(Shape{3, 8, 8}), kernel); });
    says("pixels", [&] { (void)conv2d(T(Shape{1, 3, 2, 8}), kernel); });
    says("equal shapes", [&] {
        const T wrong(Shape{1, 4, 8, 8});
        (void)conv2d(T(Shape{1, 3, 8, 8}), kernel, {.add = &wrong});
    });
    const auto make = [](const Shape& weight, const Shape& bias, const Conv2dOptions& options) {
        return [=] { (void)Conv2dKernel<Cpu<float>>(T(weight), T(bias), options); };
    };
    says("weight", make({4, 3, 3}, {4}, {}));
    says("weight", make({0, 3, 3, 3}, {0}, {}));
    says("bias", make({4, 3, 3, 3}, {3}, {}));
    says("stride", make({4, 3, 3, 3}, {4}, {.stride = {1, 0}}));
    says("padding", make({4, 3, 3, 3}, {4}, {.padding = {.left = -1}}));
}
