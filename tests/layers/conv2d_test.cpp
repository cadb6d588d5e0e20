#include "support/catch.hpp"
#include "support/layers.hpp"

#include <latent/layers/conv2d.hpp>

using namespace latent;
using namespace latent::test;

namespace {

template <class Device>
Conv2d<Device> made(const std::string& name, const Conv2dConfig& config) {
    TorchInit init(1);
    return Conv2d<Device>(Weights{init}[name], config);
}

} // namespace

TEST_CASE("Conv2d is torch.nn.Conv2d, from its seed on", "[layers]") {
    const Golden golden("layers/conv2d");
    struct Case {
        std::string name;
        Conv2dConfig config;
        Shape x;
    };
    const std::vector<Case> cases{
        {"plain", {.in_channels = 5, .out_channels = 7}, {2, 5, 9, 8}},
        {"down",
         {.in_channels = 12, .out_channels = 8, .stride = 2, .bias = false},
         {1, 12, 9, 8}},
        {"pixel",
         {.in_channels = 20, .out_channels = 9, .kernel_size = 1, .padding = {}, .bias = false},
         {1, 20, 6, 7}},
        {"patch",
         {.in_channels = 3, .out_channels = 10, .kernel_size = 4, .stride = 4, .padding = {}},
         {1, 3, 16, 12}},
    };
    CHECK(golden.outputs().size() == cases.size());
    for (const auto& [name, config, shape] : cases) {
        Generator random(2);
        const auto x = uniform(random, shape);
        const auto exact_x = as<double>(x);
        const auto single = made<Cpu<float>>(name, config);
        const auto exact = made<Cpu<double>>(name, config);
        Recorder recorder;
        const Conv2d<Meta> meta(Weights{recorder}[name], config);
        CHECK(recorder.requests().size() == (config.bias ? 2 : 1));
        check_layers(
            golden, name, [&](const auto& trace) { return single.forward(x, trace); },
            [&](const auto& trace) { return exact.forward(exact_x, trace); }, recorder);
        CHECK(meta.forward(Tensor<Meta>(shape)).shape() == single.forward(x).shape());
    }
}

TEST_CASE("the fused steps around a Conv2d have the bits of its composition", "[layers]") {
    const auto conv = made<Cpu<float>>("conv", {.in_channels = 6, .out_channels = 6});
    Generator random(3);
    const auto x = uniform(random, {1, 6, 7, 9});
    const auto skip = uniform(random, {1, 6, 7, 9});
    for (const auto act : {Activation::none, Activation::relu, Activation::silu}) {
        LayerOutputs<Cpu<float>> seen;
        const auto plain = conv_activation(conv, x, act, NoTrace());
        CHECK(same_bits(plain, activation(act, conv.forward(x))));
        CHECK(same_bits(plain, conv_activation(conv, x, act, seen.trace())));
        const auto added = conv_add_activation(conv, x, &skip, act, seen.trace());
        CHECK(same_bits(added, activation(act, add(conv.forward(x), skip))));
        // The trace is told what the convolution alone gives.
        REQUIRE(seen.outputs().size() == 2);
        for (const auto& [path, output] : seen.outputs()) {
            CHECK(path.starts_with("conv"));
            CHECK(same_bits(output, conv.forward(x)));
        }
    }
    const auto up = upsample_conv(2, conv, x, NoTrace());
    // Other roundings than of the composition: see conv2d.
    CHECK(closeness(up, as<double>(conv.forward(upsample_nearest(x, 2)))).relative <= 1e-6);
    CHECK(
        same_bits(upsample_conv(3, conv, x, NoTrace()), conv.forward(upsample_nearest(x, 3))));
}

TEST_CASE("a Conv2d in half refuses weights beyond it", "[layers]") {
    class Large final : public WeightSource {
    public:
        explicit Large(float value) : value_(value) {}
        void read(const ParameterRequest&, std::span<float> out) override {
            std::ranges::fill(out, 1.0F);
            out.back() = value_;
        }
        void read(const ParameterRequest&, std::span<double>) override {}

    private:
        float value_;
    };
    const auto make = [](float value) {
        Large source(value);
        return Conv2d<Cpu<float>>(Weights(source, "decoder.conv_in", {.half = true}),
                                  {.in_channels = 4, .out_channels = 4});
    };
    CHECK(
        message_of([&] { (void)make(-70000.0F); }) ==
        "decoder.conv_in.weight: got 7e+04, expected numbers up to 65504, the largest in half "
        "precision; keep the weights in float32");
    // 65519 is rounded to 65504; what is infinite already stays so.
    for (const float value : {65519.0F, std::numeric_limits<float>::infinity()})
        CHECK(make(value).kernel.filters().widened().numel() > 0);
}
