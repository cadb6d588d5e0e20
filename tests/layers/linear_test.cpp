#include "support/catch.hpp"
#include "support/layers.hpp"

#include <latent/layers/linear.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("Linear is torch.nn.Linear, from its seed on", "[layers]") {
    const Golden golden("layers/linear");
    struct Case {
        std::string name;
        LinearConfig config;
        Shape x;
    };
    const std::vector<Case> cases{
        {"linear", {.in_features = 40, .out_features = 24}, {3, 11, 40}},
        {"no_bias", {.in_features = 9, .out_features = 5, .bias = false}, {4, 9}},
    };
    CHECK(golden.outputs().size() == cases.size());
    for (const auto& [name, config, shape] : cases) {
        Generator random(2);
        const auto x = uniform(random, shape);
        const auto exact_x = as<double>(x);
        TorchInit init(1), same(1);
        const Linear<Cpu<float>> single(Weights{init}[name], config);
        const Linear<Cpu<double>> exact(Weights{same}[name], config);
        Recorder recorder;
        const Linear<Meta> meta(Weights{recorder}[name], config);
        CHECK(recorder.requests().size() == (config.bias ? 2 : 1));
        check_layers(
            golden, name, [&](const auto& trace) { return single.forward(x, trace); },
            [&](const auto& trace) { return exact.forward(exact_x, trace); }, recorder);
        CHECK(meta.forward(Tensor<Meta>(shape)).shape() == single.forward(x).shape());
    }
}
