#include "kernels/on_device.hpp"
#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <cmath>
#include <functional>

using namespace latent;
using namespace latent::test;
using kernels::Scalar;

namespace {

using Truth = Tensor<Cpu<double>>;

/// The bound of what is one number of each operand: its own rounding, and the result's.
double element_bound(Scalar scalar) { return scalar == Scalar::f32 ? 2e-7 : bound_of(scalar); }

Numbers run_map(kernels::Map map, const Numbers& x, const Numbers* other, Scalar scalar) {
    const TestStream stream;
    const OnDevice in(x, scalar), second(other ? *other : x, scalar), y(scalar, x.numel());
    map.scalar = scalar, map.count = x.numel();
    map.x = in.data(), map.other = other ? second.data() : nullptr, map.y = y.data();
    kernels::map(map, stream);
    kernels::synchronize(stream);
    return y.back(x.shape());
}

void check_map(const kernels::Map& map, const Numbers& x, const Numbers* other,
               const std::function<double(double, double)>& definition) {
    for (const auto scalar : scalars) {
        auto truth = rounded(x, scalar);
        const auto second = rounded(other ? *other : x, scalar);
        for (std::int64_t i = 0; i < x.numel(); ++i)
            truth.data()[i] = definition(truth.data()[i], second.data()[i]);
        in_every_order([&] {
            const auto close = closeness(run_map(map, x, other, scalar), truth);
            INFO("operation " << static_cast<int>(map.what) << ": " << close.text);
            CHECK(close.relative <= element_bound(scalar));
        });
    }
}

} // namespace

TEST_CASE("what looks at one number is close to its definition", "[kernels]") {
    using kernels::Elementwise;
    const auto x = normal_image(1, {2, 3, 7, 13}), other = normal_image(2, {2, 3, 7, 13});
    check_map({.what = Elementwise::add}, x, &other, [](double a, double b) { return a + b; });
    check_map({.what = Elementwise::multiply}, x, &other,
              [](double a, double b) { return a * b; });
    check_map({.what = Elementwise::scale, .a = 3, .b = -0.5F}, x, nullptr,
              [](double a, double) { return 3 * a - 0.5; });
    check_map({.what = Elementwise::tanh}, x, nullptr,
              [](double a, double) { return std::tanh(a); });
    check_map({.what = Elementwise::exp}, x, nullptr,
              [](double a, double) { return std::exp(a); });
    check_map({.what = Elementwise::clamp, .a = -0.5F, .b = 0.75F}, x, nullptr,
              [](double a, double) { return std::clamp(a, -0.5, 0.75); });
    check_map({.what = Elementwise::leaky_relu, .a = 0.25F}, x, nullptr,
              [](double a, double) { return a < 0 ? 0.25 * a : a; });
    for (const auto kind : {Activation::none, Activation::relu, Activation::silu,
                            Activation::mish, Activation::gelu}) {
        check_map({.what = Elementwise::activation,
                   .activation = static_cast<kernels::Activation>(kind)},
                  x, nullptr, [&](double a, double) { return activate(kind, a); });
    }
}

TEST_CASE("two sums in one pass are close to their definition", "[kernels]") {
    const auto a = normal_image(1, {777}), b = normal_image(2, {777}),
               c = normal_image(3, {777});
    for (const auto scalar : scalars) {
        const auto x = rounded(a, scalar), y = rounded(b, scalar), z = rounded(c, scalar);
        Tensor<Cpu<double>> p({777}), sum({777});
        for (std::int64_t i = 0; i < 777; ++i) {
            p.data()[i] = std::clamp(0.75 * x.data()[i] - 1.5 * y.data()[i], -1.0, 1.0);
            sum.data()[i] = -x.data()[i] + 0.125 * z.data()[i] + 2.5 * p.data()[i];
        }
        in_every_order([&] {
            const TestStream stream;
            // The sums stand where two of the operands stood.
            const OnDevice first(a, scalar), second(b, scalar), third(c, scalar);
            kernels::combine({.scalar = scalar,
                              .count = 777,
                              .terms = 3,
                              .term = {{first.data(), 0.75F, -1},
                                       {second.data(), -1.5F, 0},
                                       {third.data(), 0, 0.125F}},
                              .p_to_y = 2.5F,
                              .limit = 1,
                              .p = second.data(),
                              .y = first.data()},
                             stream);
            kernels::synchronize(stream);
            CHECK(closeness(second.back({777}), p).relative <= bound_of(scalar));
            CHECK(closeness(first.back({777}), sum).relative <= bound_of(scalar));
        });
    }
}

TEST_CASE("the square root is close to its definition", "[kernels]") {
    auto x = normal_image(1, {501});
    for (auto& value : x.values()) value = std::abs(value);
    check_map({.what = kernels::Elementwise::sqrt}, x, nullptr,
              [](double a, double) { return std::sqrt(a); });
}

TEST_CASE("numbers are rounded to the nearest", "[kernels]") {
    // Every half, and what lies between two of them.
    Numbers x({3 * 63488});
    for (std::int64_t i = 0; i < 63488; ++i) {
        const auto bits = static_cast<std::uint16_t>(i < 31744 ? i : i - 31744 + 32768);
        const float value = Half{bits};
        const float next = Half{static_cast<std::uint16_t>(bits + (bits % 32768 < 31743))};
        x.data()[3 * i] = value;
        x.data()[3 * i + 1] = (value + next) / 2;
        x.data()[3 * i + 2] = std::nextafter((value + next) / 2, value);
    }
    const auto got = OnDevice(x, Scalar::f16).back(x.shape());
    bool equal = true;
    for (std::int64_t i = 0; i < x.numel(); ++i)
        equal = equal && got.data()[i] == static_cast<float>(Half::nearest(x.data()[i]));
    CHECK(equal);

    Numbers y({4});
    y.data()[0] = 1 + 0x1p-8F;            // halfway between 1 and the next: to the even one
    y.data()[1] = 1 + 3 * 0x1p-8F;        // halfway, the even one is above
    y.data()[2] = 1 + 0x1p-8F + 0x1p-20F; // above halfway
    y.data()[3] = -3.389e38F;
    const auto coarse = OnDevice(y, Scalar::bf16).back(y.shape());
    CHECK(coarse.data()[0] == 1);
    CHECK(coarse.data()[1] == 1 + 0x1p-6F);
    CHECK(coarse.data()[2] == 1 + 0x1p-7F);
    CHECK(std::isfinite(coarse.data()[3]));
}

TEST_CASE("linear on the device is close to the definition", "[kernels]") {
    struct Case {
        std::int64_t rows, in, out;
        bool bias;
    };
    for (const auto& c : {Case{5, 7, 3, true}, Case{131, 33, 17, false},
                          Case{64, 512, 132, true}, Case{1, 1, 1, true}}) {
        const auto rows = c.rows, in = c.in, out = c.out;
        const auto bias = c.bias;
        const auto x = normal_image(1, {rows, in}), weight = normal_image(2, {out, in});
        const auto offsets = normal_image(3, {out});
        for (const auto scalar : scalars) {
            const auto truth = reference::linear(rounded(x, scalar), rounded(weight, scalar),
                                                 bias ? rounded(offsets, scalar) : Truth());
            in_every_order([&] {
                const TestStream stream;
                const OnDevice given(x, scalar), w(weight, scalar), b(offsets, scalar);
                const OnDevice y(scalar, rows * out);
                kernels::linear({.scalar = scalar,
                                 .rows = rows,
                                 .in_features = in,
                                 .out_features = out,
                                 .x = given.data(),
                                 .weight = w.data(),
                                 .bias = bias ? b.data() : nullptr,
                                 .y = y.data()},
                                stream);
                kernels::synchronize(stream);
                const auto close = closeness(y.back({rows, out}), truth);
                INFO(rows << " rows, " << in << " to " << out << ": " << close.text);
                CHECK(close.relative <= bound_of(scalar));
            });
        }
    }
}

TEST_CASE("group_norm on the device is close to the definition", "[kernels]") {
    struct Case {
        Shape x;
        std::int64_t groups;
        float offset; ///< far from zero, squares alone would drown
        kernels::Activation after;
    };
    const auto none = kernels::Activation::none, silu = kernels::Activation::silu;
    for (const auto& c :
         {Case{{2, 6, 5, 7}, 3, 0, none}, Case{{1, 4, 1, 3}, 4, 0, silu},
          Case{{1, 8, 61, 89}, 2, 5, silu}, Case{{1, 2, 13, 17}, 1, 300, none}}) {
        auto x = normal_image(1, c.x);
        for (auto& value : x.values()) value += c.offset;
        const auto weight = normal_image(2, {c.x[1]}), bias = normal_image(3, {c.x[1]});
        for (const auto scalar : scalars) {
            if (scalar != Scalar::f32 && c.offset > 100)
                continue; // 300 in bfloat16 has no tenths
            const auto normal =
                reference::group_norm(rounded(x, scalar), rounded(weight, scalar),
                                      rounded(bias, scalar), c.groups, 1e-6);
            const auto truth = reference::activation(static_cast<Activation>(c.after), normal);
            in_every_order([&] {
                const TestStream stream;
                const OnDevice given(x, scalar), w(weight, scalar), b(bias, scalar);
                const OnDevice y(scalar, x.numel());
                kernels::GroupNorm what{.scalar = scalar,
                                        .images = c.x[0],
                                        .channels = c.x[1],
                                        .pixels = c.x[2] * c.x[3],
                                        .groups = c.groups,
                                        .eps = 1e-6F,
                                        .x = given.data(),
                                        .weight = w.data(),
                                        .bias = b.data(),
                                        .after = c.after,
                                        .y = y.data()};
                const OnDevice scratch(Scalar::f32, kernels::group_norm_scratch(what));
                what.scratch = scratch.floats();
                kernels::group_norm(what, stream);
                kernels::synchronize(stream);
                const auto close = closeness(y.back(c.x), truth);
                INFO(to_string(c.x) << ": " << close.text);
                // A mean of 300 is itself rounded to 2e-5 deviations.
                CHECK(close.relative <= (c.offset > 100 ? 3e-5 : bound_of(scalar)));
            });
        }
    }
}

TEST_CASE("attention on the device is close to the definition", "[kernels]") {
    struct Case {
        std::int64_t images, tokens, channels, heads;
    };
    for (const auto& how :
         {Case{1, 5, 3, 1}, Case{2, 37, 24, 2}, Case{1, 33, 512, 1}, Case{1, 64, 64, 4}}) {
        const auto images = how.images, tokens = how.tokens, channels = how.channels,
                   heads = how.heads;
        const Shape shape{images, tokens, channels};
        for (const auto scalar : scalars) {
            const auto q = normal_image(1, shape), k = normal_image(2, shape),
                       v = normal_image(3, shape);
            const auto truth = reference::scaled_dot_product_attention(
                rounded(q, scalar), rounded(k, scalar), rounded(v, scalar), heads);
            in_every_order([&] {
                const TestStream stream;
                const OnDevice a(q, scalar), b(k, scalar), c(v, scalar), y(scalar, q.numel());
                kernels::attention({.scalar = scalar,
                                    .images = images,
                                    .tokens = tokens,
                                    .keys = tokens,
                                    .channels = channels,
                                    .heads = heads,
                                    .q = a.data(),
                                    .k = b.data(),
                                    .v = c.data(),
                                    .y = y.data()},
                                   stream);
                kernels::synchronize(stream);
                const auto close = closeness(y.back(shape), truth);
                INFO(to_string(shape) << ", " << heads << " heads: " << close.text);
                CHECK(close.relative <= bound_of(scalar));
            });
        }
    }
}

TEST_CASE("what moves numbers moves their bits", "[kernels]") {
    const auto x = normal_image(1, {3, 37, 70});
    for (const auto scalar : scalars) {
        const OnDevice given(x, scalar);
        const auto held = given.back({3, 1, 37, 70});
        in_every_order([&] {
            const TestStream stream;
            const OnDevice turned(scalar, x.numel()), large(scalar, 9 * x.numel());
            kernels::transpose(scalar, given.data(), 3, 37, 70, turned.data(), stream);
            kernels::upsample_nearest(scalar, given.data(), 3, 37, 70, 3, large.data(), stream);
            kernels::synchronize(stream);
            const auto flat = given.back({3, 37, 70});
            CHECK(same_bits(turned.back({3, 70, 37}), reference::transpose(flat)));
            CHECK(
                same_bits(large.back({3, 1, 111, 210}), reference::upsample_nearest(held, 3)));
        });
    }
}
