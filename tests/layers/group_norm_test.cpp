#include "support/catch.hpp"
#include "support/layers.hpp"

#include <latent/layers/group_norm.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("GroupNorm is torch.nn.GroupNorm", "[layers]") {
    const Golden golden("layers/group_norm");
    struct Case {
        std::string name;
        GroupNormConfig config;
        Shape x;
    };
    const std::vector<Case> cases{
        {"norm", {.num_groups = 4, .num_channels = 24}, {2, 24, 5, 7}},
        {"coarse", {.num_groups = 2, .num_channels = 8, .eps = 1e-2}, {1, 8, 6, 5}},
    };
    CHECK(golden.outputs().size() == cases.size());
    for (const auto& [name, config, shape] : cases) {
        Generator random(2);
        const auto x = uniform(random, shape);
        const auto exact_x = as<double>(x);
        TorchInit init(1);
        const GroupNorm<Cpu<float>> single(Weights{init}[name], config);
        const GroupNorm<Cpu<double>> exact(Weights{init}[name], config);
        Recorder recorder;
        const GroupNorm<Meta> meta(Weights{recorder}[name], config);
        CHECK(recorder.requests().size() == 2);
        check_layers(
            golden, name, [&](const auto& trace) { return single.forward(x, trace); },
            [&](const auto& trace) { return exact.forward(exact_x, trace); }, recorder);
        CHECK(meta.forward(Tensor<Meta>(shape)).shape() == shape);

        for (const auto act : {Activation::relu, Activation::silu}) {
            LayerOutputs<Cpu<float>> seen;
            const auto fused = norm_activation(single, x, act, seen.trace());
            CHECK(same_bits(fused, activation(act, single.forward(x))));
            CHECK(same_bits(fused, norm_activation(single, x, act, NoTrace())));
            REQUIRE(seen.outputs().size() == 1);
            CHECK(same_bits(seen.outputs()[0].second, single.forward(x)));
        }
    }
}
