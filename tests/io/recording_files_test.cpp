#include "io/file_bytes.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/io/recording_files.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numbers>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

Recording stored_recording(const std::string& name) {
    return load_recording(reference_data() / "parity" / (name + ".safetensors"));
}

std::vector<double> numbers_of(const Recording& recording, const std::string& name) {
    const auto tensor = recording.read(name);
    const auto values = tensor.values();
    return {values.begin(), values.end()};
}

/// A recording in memory, of float and of double.
Recording small_recording() {
    Recording recording;
    auto store = std::make_unique<MemoryStore>();
    Tensor<Cpu<float>> single(Shape{2, 3000});
    for (std::int64_t i = 0; i < single.numel(); ++i) {
        single.data()[i] = 1.0F / static_cast<float>(i + 1);
    }
    single.data()[7] = std::numeric_limits<float>::infinity();
    single.data()[8] = -0.0F;
    single.data()[9] = std::numeric_limits<float>::denorm_min();
    Tensor<Cpu<double>> number(Shape{});
    number.data()[0] = std::numbers::pi;
    store->add("conv", std::move(single));
    store->add("norm", std::move(number));
    store->add("empty", Tensor<Cpu<float>>(Shape{0, 4}));
    recording.order = {"norm", "conv", "empty"};
    recording.modules["conv"] = {"conv", "Conv2d", {{"stride", {1, 2}}}};
    recording.aliases = {{"conv:input", "norm"}};
    recording.not_stored = {"conv:input.1: None"};
    recording.metadata = {{"latent", "1"}};
    recording.tensors = std::move(store);
    return recording;
}

/// What a replay needs: whether the parameter of a module is there, in that shape.
bool has_parameter(const Recording& recording, const std::string& name, const Shape& shape) {
    const auto stored = "parameter:" + name;
    return recording.has(stored) && recording.shape(stored) == shape;
}

} // namespace

TEST_CASE("recording_files: written and read back") {
    const TemporaryFolder folder;
    const auto recording = small_recording();
    save_recording(folder / "r.safetensors", recording);
    CHECK(folder.entries() == 1);
    const auto back = load_recording(folder / "r.safetensors");
    CHECK(back.where == display(folder / "r.safetensors"));
    CHECK(back.order == recording.order);
    CHECK(back.aliases == recording.aliases);
    CHECK(back.not_stored == recording.not_stored);
    CHECK(back.metadata == recording.metadata);
    CHECK(back.modules.at("conv").settings == recording.modules.at("conv").settings);
    CHECK(back.precision("conv") == Precision::f32);
    CHECK(back.precision("norm") == Precision::f64);
    CHECK(back.precision("conv:input") == Precision::f64);
    CHECK(back.shape("empty") == Shape{0, 4});
    CHECK(numbers_of(back, "conv") == numbers_of(recording, "conv"));
    CHECK(std::signbit(numbers_of(back, "conv")[8]));
    CHECK(numbers_of(back, "conv:input") == std::vector<double>{std::numbers::pi});
    CHECK(contains(message_of([&] { static_cast<void>(back.read("convv")); }),
                   "r.safetensors: got no tensor \"convv\""));

    // What was read can be written again, to the same bytes.
    save_recording(folder / "again.safetensors", back);
    CHECK(read_text(folder / "again.safetensors") == read_text(folder / "r.safetensors"));
}

TEST_CASE("recording_files: every precision keeps its numbers") {
    const TemporaryFolder folder;
    const std::string header = R"({"__metadata__":{"format":"latent recording 1",)"
                               R"("order":"[\"h\",\"b\",\"i\",\"f\"]"},)"
                               R"("h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},)"
                               R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[6,10]},)"
                               R"("i":{"dtype":"I64","shape":[1],"data_offsets":[10,18]},)"
                               R"("f":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[18,19]},)"
                               R"("c":{"dtype":"C64","shape":[1],"data_offsets":[19,27]}})";
    const auto data = little_all<std::uint16_t>({0x3C01, 0x0001, 0xFC00}) +
                      little_all<std::uint16_t>({0x3F81, 0x8000}) + little<std::int64_t>(-7) +
                      raw("\x38") + std::string(8, 'c');
    write_text(folder / "in", safetensors_file(header, data));
    const auto recording = load_recording(folder / "in");
    CHECK(recording.precision("h") == Precision::f16);
    CHECK(recording.precision("b") == Precision::bf16);
    CHECK(recording.precision("i") == Precision::other);
    CHECK(recording.precision("f") == Precision::other);
    const std::vector<double> halves = {1 + 0x1p-10, 0x1p-24,
                                        -std::numeric_limits<double>::infinity()};
    CHECK(numbers_of(recording, "h") == halves);
    CHECK(numbers_of(recording, "b") == std::vector<double>{1 + 0x1p-7, -0.0});
    CHECK(numbers_of(recording, "i") == std::vector<double>{-7});
    CHECK(numbers_of(recording, "f") == std::vector<double>{1});
    // It stands in the file, but is no number of a network.
    CHECK(recording.has("c"));
    CHECK(contains(message_of([&] { static_cast<void>(recording.read("c")); }), "dtype C64"));
    CHECK(contains(message_of([&] { save_recording(folder / "out", recording); }), "C64"));
    CHECK(folder.entries() == 1);
}

TEST_CASE("recording_files: halves are written as halves") {
    const TemporaryFolder folder;
    const std::string header = R"({"__metadata__":{"format":"latent recording 1"},)"
                               R"("h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},)"
                               R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}})";
    const auto data = little_all<std::uint16_t>({0x3C01, 0x83FF}) +
                      little_all<std::uint16_t>({0x3F81, 0xFF80});
    write_text(folder / "in", safetensors_file(header, data));
    save_recording(folder / "out", load_recording(folder / "in"));
    const auto file = Checkpoint::open(folder / "out");
    for (const auto* const name : {"h", "b"}) {
        const auto& tensor = file.at(name);
        CHECK(tensor.dtype == (name[0] == 'h' ? DType::F16 : DType::BF16));
        std::string bytes(4, ' ');
        file.read_bytes(tensor, std::as_writable_bytes(std::span(bytes)));
        CHECK(bytes == data.substr(name[0] == 'h' ? 0 : 4, 4));
    }
}

TEST_CASE("recording_files: what is no recording, and what cannot be written") {
    const TemporaryFolder folder;
    save_safetensors(folder / "plain.safetensors", {});
    CHECK(contains(
        message_of([&] { static_cast<void>(load_recording(folder / "plain.safetensors")); }),
        "got a safetensors file that is no recording"));
    CHECK(contains(message_of([&] { save_recording(folder / "none", Recording{}); }),
                   "a recording without tensors"));
    CHECK(
        contains(message_of([&] { save_recording(folder / "no" / "file", small_recording()); }),
                 "expected a path that can be written to"));
    CHECK(folder.entries() == 1);
}

TEST_CASE("recording_files: a decoder that record.py recorded") {
    const auto recording = stored_recording("kl_decode");
    CHECK(recording.metadata.at("model") == "AutoencoderKL");
    CHECK(recording.metadata.contains("torch"));
    REQUIRE(recording.order.size() == 67);
    CHECK(recording.order.front() == "post_quant_conv");
    CHECK(recording.order[1] == "decoder.conv_in");
    CHECK(recording.order[2] == "decoder.mid_block.resnets.0.norm1");
    CHECK(recording.order[3] == "decoder.mid_block.resnets.0.nonlinearity#0");
    CHECK(recording.order.back() == "decoder");
    CHECK(recording.shape("decoder") == Shape{1, 3, 6, 10});
    CHECK(recording.shape("post_quant_conv:input") == Shape{1, 4, 3, 5});
    CHECK(recording.not_stored.front() == "decoder.mid_block:input.1: None");

    // Every output has an input, and a module; every input leads to what is stored.
    for (const auto& name : recording.order) {
        INFO(name);
        CHECK(recording.precision(name) == Precision::f32);
        CHECK(recording.has(name + ":input"));
        CHECK(recording.module_of(name) != nullptr);
    }
    CHECK(recording.aliases.at("decoder.conv_in:input") == "post_quant_conv");
    CHECK(recording.stored("decoder.mid_block.resnets.0.conv1:input") ==
          "decoder.mid_block.resnets.0.nonlinearity#0");
    CHECK(numbers_of(recording, "decoder.conv_out:input") ==
          numbers_of(recording, "decoder.conv_act"));

    const auto& conv = recording.modules.at("decoder.conv_in");
    CHECK(conv.class_name == "Conv2d");
    CHECK(conv.settings.at("kernel_size") == std::vector<double>{3, 3});
    CHECK(conv.settings.at("stride") == std::vector<double>{1, 1});
    CHECK(conv.settings.at("padding") == std::vector<double>{1, 1, 1, 1});
    CHECK(has_parameter(recording, "decoder.conv_in.weight", {8, 4, 3, 3}));
    CHECK(has_parameter(recording, "decoder.conv_in.bias", {8}));
    const auto& norm = recording.modules.at("decoder.conv_norm_out");
    CHECK(norm.class_name == "GroupNorm");
    CHECK(norm.setting("num_groups") == 2);
    CHECK(norm.setting("num_channels") == 4);
    CHECK(norm.setting("eps") == 1e-6);
    const auto& attention = recording.modules.at("decoder.mid_block.attentions.0");
    CHECK(attention.class_name == "Attention");
    CHECK(attention.setting("heads") == 1);
    CHECK(std::abs(attention.setting("scale") - std::sqrt(1.0 / 8)) <= 1e-15);
    CHECK(recording.modules.at("decoder.mid_block.attentions.0.to_q").class_name == "Linear");
    // The encoder did not run.
    CHECK_FALSE(recording.has("parameter:encoder.conv_in.weight"));
}

TEST_CASE("recording_files: an encoder and a tiny decoder") {
    const auto encoder = stored_recording("kl_encode");
    CHECK(encoder.order.back() == "quant_conv");
    CHECK(encoder.shape("quant_conv") == Shape{1, 8, 3, 5});
    const auto& down = encoder.modules.at("encoder.down_blocks.0.downsamplers.0.conv");
    CHECK(down.settings.at("stride") == std::vector<double>{2, 2});
    CHECK(down.settings.at("padding") == std::vector<double>{0, 0, 0, 0});
    // The zeros that diffusers puts around the image are seen by the convolution alone.
    CHECK(encoder.shape("encoder.down_blocks.0.downsamplers.0:input") == Shape{1, 4, 6, 10});
    CHECK(encoder.shape("encoder.down_blocks.0.downsamplers.0.conv:input") ==
          Shape{1, 4, 7, 11});

    const auto tiny = stored_recording("tiny_decode");
    CHECK(tiny.order.back() == "decoder");
    // One ReLU in two places: it is told from where it is called.
    CHECK(tiny.has("decoder.layers.2.conv.1"));
    CHECK(tiny.has("decoder.layers.2.conv.3"));
    CHECK(tiny.aliases.at("decoder.layers.2.conv.4:input") == "decoder.layers.2.conv.3");
    CHECK(tiny.not_stored.empty());
    CHECK(tiny.modules.at("decoder.layers.3").class_name == "Upsample");
    CHECK(tiny.modules.at("decoder.layers.3").setting("scale_factor") == 2);
    CHECK(tiny.modules.at("decoder.layers.2").class_name == "AutoencoderTinyBlock");
    CHECK(has_parameter(tiny, "decoder.layers.0.weight", {6, 4, 3, 3}));
    CHECK_FALSE(has_parameter(tiny, "decoder.layers.4.bias", {6})); // without a bias
    for (const auto value : numbers_of(tiny, "decoder.layers.2.conv.1")) CHECK(value >= 0);
}
