#include "support/catch.hpp"
#include "support/closeness.hpp"
#include "parity/small_network.hpp"

#include <latent/models/autoencoder_tiny.hpp>
#include <latent/parity/record.hpp>

#include <set>
#include <string>

using namespace latent;
using namespace latent::test;

TEST_CASE("record: every module's input and output, and no other bits of the result") {
    const SmallDecoder small;
    const auto network = small.make<Cpu<float>>();
    const RecordTrace<Cpu<float>> record;
    const auto image = network.forward(small.latents, record);
    CHECK(same_bits(image, network.forward(small.latents)));
    const auto recording = record.finish();

    Recorder wanted;
    (void)DecoderKL<Meta>(Weights(wanted), small.config);
    const std::set<std::string> seen(recording.order.begin(), recording.order.end());
    for (const auto& request : wanted.requests()) {
        const auto path = request.name.substr(0, request.name.rfind('.'));
        INFO(path);
        CHECK(seen.contains(path));
        CHECK(recording.has(path + ":input"));
        CHECK(recording.modules.contains(path));
    }
    CHECK(recording.order.front() == "post_quant_conv");
    CHECK(recording.order.back() == "decoder");
    CHECK(recording.shape("decoder") == image.shape());
    CHECK(recording.precision("decoder") == Precision::f32);

    // A convolution behind an enlargement gets the large image; a shared value is kept once.
    CHECK(recording.shape("decoder.up_blocks.0.upsamplers.0.conv:input") ==
          Shape{1, 32, 20, 24});
    CHECK(recording.aliases.at("decoder.conv_in:input") == "post_quant_conv");
    CHECK(recording.stored("decoder:input") == "post_quant_conv");

    const auto& conv = recording.modules.at("decoder.conv_out");
    CHECK(conv.class_name == "Conv2d");
    CHECK(conv.settings.at("padding") == std::vector<double>{1, 1, 1, 1});
    const auto& norm = recording.modules.at("decoder.conv_norm_out");
    CHECK(norm.setting("num_groups") == 8);
    CHECK(norm.setting("eps") == 1e-6);
    CHECK(recording.modules.at("decoder.mid_block.attentions.0").setting("heads") == 1);
}

TEST_CASE("record: a module that is called again is numbered from 0 on") {
    const SmallDecoder small;
    const auto network = small.make<Cpu<float>>();
    const RecordTrace<Cpu<float>> record;
    (void)network.post_quant_conv->forward(small.latents, record);
    (void)network.post_quant_conv->forward(scaled(small.latents, 2), record);
    const auto recording = record.finish();
    CHECK(recording.order ==
          std::vector<std::string>{"post_quant_conv#0", "post_quant_conv#1"});
    CHECK(recording.has("post_quant_conv#1:input"));
    CHECK(path_of("post_quant_conv#1:input") == "post_quant_conv");
    CHECK(recording.module_of("post_quant_conv#1")->class_name == "Conv2d");
    CHECK(recording.read("post_quant_conv#1:input").data()[0] ==
          2 * double{small.latents.data()[0]});
    CHECK_THROWS_AS(recording.read("post_quant_conv"), Error);
}

TEST_CASE("record: without inputs, outputs alone") {
    const SmallDecoder small;
    const auto recording = dump(small.make<Cpu<float>>(), small.latents);
    CHECK_FALSE(recording.has("decoder:input"));
    CHECK(recording.tensors->names().size() == recording.order.size());
}

TEST_CASE("isolate: each module works on the recorded input of its own") {
    const SmallDecoder small;
    auto network = small.make<Cpu<float>>();
    const RecordTrace<Cpu<float>> record;
    (void)network.forward(small.latents, record);
    const auto recording = record.finish();

    // A mistake stays where it is made.
    network.decoder.mid_block.resnets[0].norm1.config.eps = 0.5;
    const RecordTrace<Cpu<float>> outputs(false);
    const IsolateTrace<Cpu<float>, RecordTrace<Cpu<float>>> isolate(recording, outputs);
    (void)network.forward(small.latents, isolate);
    const auto alone = outputs.finish();
    CHECK(alone.order == recording.order);
    for (const auto& name : recording.order) {
        const auto s = statistics(recording.read(name), alone.read(name), Precision::f32);
        INFO(name << " " << s.relative_l2);
        if (name == "decoder.mid_block.resnets.0.norm1") {
            CHECK(s.relative_l2 > 0.1);
        } else {
            CHECK(s.relative_l2 <= 1e-6); // an upsampled convolution rounds otherwise
        }
    }
}

TEST_CASE("isolate: PyTorch's shapes are taken, others are refused") {
    const SmallDecoder small;
    const auto network = small.make<Cpu<float>>();
    const auto run = [&](Shape shape) {
        Recording recording;
        auto store = std::make_unique<MemoryStore>();
        Tensor<Cpu<float>> x(std::move(shape));
        std::ranges::fill(x.values(), 1.0F);
        store->add("post_quant_conv:input", std::move(x));
        recording.tensors = std::move(store);
        const RecordTrace<Cpu<float>> outputs;
        const IsolateTrace<Cpu<float>, RecordTrace<Cpu<float>>> isolate(recording, outputs);
        (void)network.forward(small.latents, isolate);
        return outputs.finish().read("post_quant_conv:input").values().front();
    };
    CHECK(run({1, 4, 10, 12}) == 1);
    CHECK(run({1, 4, 120}) == 1);    // pixels in one axis
    CHECK(run({1, 4, 11, 13}) == 1); // with PyTorch's zeros of a downsampling around it
    CHECK_THROWS_AS(run({1, 4, 5, 6}), Error);
}
