#include "kernels/on_device.hpp"
#include "support/catch.hpp"
#include "support/closeness.hpp"

using namespace latent;
using namespace latent::test;

namespace {

struct Case {
    Shape x, weight;
    Conv2dOptions options{};
    int upsample = 1;
    bool bias = true, add = false;
    kernels::Activation after = kernels::Activation::none;
};

Tensor<Cpu<double>> truth_of(const Case& c, kernels::Scalar scalar) {
    auto x = rounded(normal_image(1, c.x), scalar);
    if (c.upsample > 1) x = reference::upsample_nearest(x, c.upsample);
    const auto bias =
        c.bias ? rounded(normal_image(3, {c.weight[0]}), scalar) : Tensor<Cpu<double>>();
    auto y = reference::conv2d(x, rounded(normal_image(2, c.weight), scalar), bias, c.options);
    if (c.add) {
        const auto add = rounded(normal_image(4, y.shape()), scalar);
        for (std::int64_t i = 0; i < y.numel(); ++i) y.data()[i] += add.data()[i];
    }
    return reference::activation(static_cast<Activation>(c.after), y);
}

Numbers on_device(const Case& c, kernels::Scalar scalar) {
    const TestStream stream;
    const Conv2dGeometry geometry(c.weight, c.options);
    const auto shape = geometry.output_shape(c.x, c.upsample);
    const OnDevice x(normal_image(1, c.x), scalar), weight(normal_image(2, c.weight), scalar);
    const OnDevice bias(normal_image(3, {c.weight[0]}), scalar);
    const auto depth = geometry.depth();
    const OnDevice packed(scalar, depth * kernels::packed_rows(c.weight[0]));
    kernels::pack_weight(scalar, weight.data(), c.weight[0], depth, packed.data(), stream);
    // What is added may stand where the result goes.
    const OnDevice y =
        c.add ? OnDevice(normal_image(4, shape), scalar) : OnDevice(scalar, shape.numel());
    kernels::conv2d({.scalar = scalar,
                     .images = c.x[0],
                     .in_channels = c.x[1],
                     .height = c.x[2],
                     .width = c.x[3],
                     .out_channels = shape[1],
                     .out_height = shape[2],
                     .out_width = shape[3],
                     .kernel_h = static_cast<int>(c.weight[2]),
                     .kernel_w = static_cast<int>(c.weight[3]),
                     .stride_down = static_cast<int>(c.options.stride[0]),
                     .stride_right = static_cast<int>(c.options.stride[1]),
                     .top = static_cast<int>(c.options.padding.top),
                     .left = static_cast<int>(c.options.padding.left),
                     .upsample = c.upsample,
                     .x = x.data(),
                     .weight = packed.data(),
                     .bias = c.bias ? bias.data() : nullptr,
                     .add = c.add ? y.data() : nullptr,
                     .after = c.after,
                     .y = y.data()},
                    stream);
    kernels::synchronize(stream);
    return y.back(shape);
}

const Conv2dOptions same{.padding = Padding::all(1)};

const std::vector<Case> cases{
    {{1, 3, 5, 7}, {4, 3, 3, 3}, same},
    {{2, 5, 11, 13}, {17, 5, 3, 3}, same},
    {{1, 128, 3, 5}, {130, 128, 3, 3}, same}, // K = 1152, two blocks of channels
    {{1, 7, 13, 17}, {3, 7, 3, 3}, same},
    {{1, 6, 12, 11}, {19, 6, 1, 1}},
    {{1, 4, 9, 10}, {5, 4, 3, 3}, {.stride = {2, 2}, .padding = {0, 1, 0, 1}}},
    {{1, 4, 9, 10}, {5, 4, 3, 3}, {.stride = {2, 1}, .padding = {3, 0, 2, 1}}},
    {{1, 3, 11, 11}, {5, 3, 7, 7}},
    {{1, 2, 8, 9}, {3, 2, 2, 5}, {.padding = {1, 2, 0, 3}}},
    {{1, 9, 5, 6}, {18, 9, 3, 3}, same, 2},
    {{1, 3, 4, 5}, {2, 3, 3, 3}, same, 3},
    {{1, 5, 6, 7}, {9, 5, 3, 3}, same, 1, false},
    {{1, 5, 6, 7}, {20, 5, 3, 3}, same, 1, true, true},
    {{1, 5, 6, 7}, {9, 5, 3, 3}, same, 1, true, true, kernels::Activation::relu},
    {{1, 5, 6, 7}, {9, 5, 3, 3}, same, 1, true, false, kernels::Activation::silu},
    {{1, 1, 1, 1}, {1, 1, 1, 1}},
};

} // namespace

TEST_CASE("conv2d on the device is close to the definition", "[kernels]") {
    for (const auto scalar : scalars) {
        for (const auto& c : cases) {
            const auto truth = truth_of(c, scalar);
            in_every_order([&] {
                const auto close = closeness(on_device(c, scalar), truth);
                INFO(to_string(c.x) << " by " << to_string(c.weight) << ": " << close.text);
                CHECK(close.relative <= bound_of(scalar));
            });
        }
    }
}
