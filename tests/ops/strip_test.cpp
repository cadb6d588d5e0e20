#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/ops/conv2d.hpp>
#include <latent/ops/group_norm.hpp>

using namespace latent;
using namespace latent::test;

namespace {

/// Rows begin .. end - 1 of every plane.
Tensor<Cpu<float>> rows_of(const Tensor<Cpu<float>>& x, Range rows) {
    return cut(x, {{0, x.dim(0)}, rows, {0, x.dim(3)}});
}

} // namespace

TEST_CASE("a strip of a convolution has the bits of the whole", "[strip]") {
    Generator random(1);
    const auto x = uniform(random, {2, 5, 23, 18});
    const auto w = uniform(random, {7, 5, 3, 3}), weight = uniform(random, {5});
    const auto bias = uniform(random, {5});
    const auto norm = group_norm_coefficients(x, weight, bias, 5, 1e-6);
    for (const bool fast : {false, true}) {
        for (const std::int64_t upsample : {1, 2}) {
            if (fast && upsample == 2) continue; // not in one pass
            const Conv2dKernel<Cpu<float>> kernel(w, {},
                                                  {.padding = Padding::all(1), .fast = fast});
            Conv2dFusion<Cpu<float>> fusion{
                .upsample = upsample, .norm = &norm, .before = Activation::silu};
            const auto whole = conv2d(x, kernel, fusion);
            const auto height = whole.dim(2);
            for (const Range rows :
                 {Range{0, 8}, Range{4, 12}, Range{8, 20}, Range{16, height}}) {
                const Range seen{std::max<std::int64_t>(rows.begin - 1, 0) / upsample,
                                 std::min((rows.end + upsample) / upsample, std::int64_t{23})};
                const auto part = rows_of(x, seen);
                const auto y =
                    conv2d(Strip<Cpu<float>>{&part, seen.begin, 23}, kernel, rows, fusion);
                CAPTURE(fast, upsample, rows.begin, rows.end);
                CHECK(same_bits(y, rows_of(whole, rows)));
            }
        }
    }
}

TEST_CASE("a strip for a 1x1 kernel and for a stride", "[strip]") {
    Generator random(2);
    const auto x = uniform(random, {1, 3, 20, 9});
    const Conv2dKernel<Cpu<float>> pixel(uniform(random, {4, 3, 1, 1}), {});
    const Conv2dKernel<Cpu<float>> half(uniform(random, {4, 3, 3, 3}), {},
                                        {.stride = {2, 2}, .padding = Padding::all(1)});
    const auto part = rows_of(x, {7, 17});
    const Strip<Cpu<float>> strip{&part, 7, 20};
    CHECK(same_bits(conv2d(strip, pixel, {8, 16}), rows_of(conv2d(x, pixel), {8, 16})));
    CHECK(same_bits(conv2d(strip, half, {4, 8}), rows_of(conv2d(x, half), {4, 8})));
}

TEST_CASE("moments gathered in strips have the bits of the whole", "[strip]") {
    Generator random(3);
    const auto x = uniform(random, {2, 6, 13, 11});
    const auto weight = uniform(random, {6}), bias = uniform(random, {6});
    GroupMoments moments(2, 6);
    moments.add(rows_of(x, {0, 4}));
    moments.add(rows_of(x, {4, 5}));
    moments.add(rows_of(x, {5, 13}));
    const auto strips = moments.coefficients(weight, bias, 3, 1e-5);
    const auto whole = group_norm_coefficients(x, weight, bias, 3, 1e-5);
    CHECK(same_bits(strips.center, whole.center));
    CHECK(same_bits(strips.factor, whole.factor));
    CHECK(same_bits(strips.offset, whole.offset));
}

TEST_CASE("a strip says which rows are missing", "[strip]") {
    const Tensor<Cpu<float>> part(Shape{1, 3, 4, 5});
    const Conv2dKernel<Cpu<float>> kernel(Tensor<Cpu<float>>(Shape{2, 3, 3, 3}), {},
                                          {.padding = Padding::all(1)});
    const Strip<Cpu<float>> strip{&part, 4, 20};
    const auto missing = message_of([&] { (void)conv2d(strip, kernel, {4, 8}); });
    CHECK(contains(missing, "rows 4..8 of 20"));
    CHECK(contains(missing, "at least rows 3..9"));
    const auto odd = message_of([&] { (void)conv2d(strip, kernel, {5, 8}); });
    CHECK(contains(odd, "a multiple of 4"));
    const auto outside = message_of([&] { (void)conv2d(strip, kernel, {4, 40}); });
    CHECK(contains(outside, "4..40 of 20"));
}
