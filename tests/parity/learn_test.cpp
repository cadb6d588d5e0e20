#include "support/catch.hpp"
#include "parity/small_network.hpp"

#include <latent/models/autoencoder_tiny.hpp>
#include <latent/parity/learn.hpp>

#include <string>

using namespace latent;
using namespace latent::test;

namespace {

Graph graph_of(const Recording& recording) {
    std::map<std::string, Exact> kept;
    const Parameters parameters = [&](const std::string& name) -> const Exact* {
        if (!recording.has("parameter:" + name)) return nullptr;
        return &kept.insert_or_assign(name, recording.read("parameter:" + name)).first->second;
    };
    return Learner(recording, parameters).learn();
}

template <template <class> class Network, class Config>
Recording recorded(const Config& config, const Shape& shape) {
    auto weights = std::make_unique<KeptWeights>(std::make_unique<LivelyWeights>(5));
    const auto root = Weights(*weights)["net"];
    const Network<Cpu<double>> network(root, config);
    Recorder wanted;
    const auto meta = Weights(wanted)["net"];
    (void)Network<Meta>(meta, config);
    const RecordTrace<Cpu<double>> record;
    (void)network.forward(Generator(2).randn<Cpu<double>>(shape), record);
    auto recording = record.finish();
    add_parameters(recording, std::move(weights), wanted.requests());
    return recording;
}

/// Every node is made by a known step, or comes from outside.
void check_known(const Graph& graph) {
    for (const auto& node : graph.order) {
        INFO(node);
        CHECK((graph.step(node) != nullptr || graph.is_root.contains(node)));
    }
}

} // namespace

TEST_CASE("learn: the steps of a decoder are found from its numbers") {
    const auto graph = graph_of(SmallDecoder().reference());
    check_known(graph);
    const auto op = [&](const std::string& node) {
        INFO(node);
        REQUIRE(graph.step(node) != nullptr);
        return graph.step(node)->op;
    };
    CHECK(op("post_quant_conv") == Step::Op::conv2d);
    CHECK(op("decoder.mid_block.resnets.0.norm1") == Step::Op::group_norm);
    CHECK(op("decoder.mid_block.resnets.0.conv1:input") == Step::Op::activation);
    CHECK(graph.step("decoder.mid_block.resnets.0.conv1:input")->sources ==
          std::vector<std::string>{"decoder.mid_block.resnets.0.norm1"});
    CHECK(op("decoder.mid_block.resnets.0") == Step::Op::sum);
    CHECK(op("decoder.mid_block.attentions.0.to_q:input") == Step::Op::permute);
    CHECK(op("decoder.mid_block.attentions.0.to_out.0:input") == Step::Op::attention);
    CHECK(op("decoder.mid_block.attentions.0") == Step::Op::sum);
    CHECK(op("decoder.up_blocks.0.upsamplers.0.conv:input") == Step::Op::upsample);
    CHECK(op("decoder.up_blocks.0") == Step::Op::pass);
    CHECK(op("decoder") == Step::Op::pass);
    CHECK(graph.is_root.contains("post_quant_conv:input"));
    CHECK(graph.is_root.size() == 1);
}

TEST_CASE("learn: an encoder, whose convolutions see zeros on two sides") {
    auto config = SmallDecoder().config;
    const auto graph = graph_of(recorded<Encoder>(config, {1, 3, 12, 16}));
    check_known(graph);
    const auto* const down = graph.step("net.down_blocks.0.downsamplers.0.conv");
    REQUIRE(down != nullptr);
    CHECK(down->padding == Padding{.left = 0, .right = 1, .top = 0, .bottom = 1});
    CHECK(down->stride == std::array<std::int64_t, 2>{2, 2});
}

TEST_CASE("learn: a tiny autoencoder, with its limiter and its ReLUs") {
    AutoencoderTinyConfig config;
    config.encoder_block_out_channels = config.decoder_block_out_channels = {16, 16};
    config.num_encoder_blocks = {1, 2};
    config.num_decoder_blocks = {2, 1};
    const auto decoder = graph_of(recorded<DecoderTiny>(config, {1, 4, 6, 5}));
    check_known(decoder);
    CHECK(decoder.step("net.layers.0:input")->op == Step::Op::limit);
    CHECK(decoder.step("net")->op == Step::Op::affine);
    CHECK(std::abs(decoder.step("net")->factor - 2) <= 1e-9);
    CHECK(std::abs(decoder.step("net")->offset + 1) <= 1e-9);
    check_known(graph_of(recorded<EncoderTiny>(config, {1, 3, 12, 10})));
}
