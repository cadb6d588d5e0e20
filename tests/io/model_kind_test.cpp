#include "io/file_bytes.hpp"
#include "io/kl_files.hpp"
#include "support/catch.hpp"

#include <latent/io/model_kind.hpp>

#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::vector<TensorInfo> called(const std::vector<std::string>& names) {
    std::vector<TensorInfo> tensors;
    for (const auto& name : names)
        tensors.push_back({.name = name, .shape = Shape{1, 1, 1, 1}});
    return tensors;
}

ModelKind kind_of(const std::vector<std::string>& names) {
    return model_kind(called(names), "file");
}

std::string kind_refusal(const std::vector<std::string>& names) {
    return message_of([&] { (void)kind_of(names); });
}

constexpr const char* conv_in = "encoder.conv_in.weight";

} // namespace

TEST_CASE("the three networks are told apart by their names", "[kind]") {
    CHECK(model_kind(kl_tensors(three_block_config()), "file") == ModelKind::autoencoder_kl);
    CHECK(kind_of({"model.diffusion_model.x", "first_stage_model.decoder.conv_in.weight"}) ==
          ModelKind::autoencoder_kl);
    CHECK(kind_of({"encoder.layers.0.weight"}) == ModelKind::autoencoder_tiny);
    CHECK(kind_of({"1.weight", "3.conv.0.weight"}) == ModelKind::autoencoder_tiny);
    CHECK(kind_of({"conv1.weight", "conv1.bias", "conv8.weight"}) == ModelKind::vae_approx);
    CHECK(to_string(ModelKind::autoencoder_kl) == "AutoencoderKL");
    CHECK(to_string(ModelKind::autoencoder_tiny) == "AutoencoderTiny");
    CHECK(to_string(ModelKind::vae_approx) == "VAEApprox");
}

TEST_CASE("other networks are refused by name", "[kind]") {
    const std::string end = ", expected AutoencoderKL, AutoencoderTiny or VAEApprox";
    CHECK(kind_refusal({conv_in, "bn.running_mean"}) == "file: got AutoencoderKLFlux2" + end);
    CHECK(kind_refusal({conv_in, "quantize.embedding.weight"}) == "file: got VQModel" + end);
    CHECK(kind_refusal({conv_in, "decoder.condition_encoder.layers.0.weight"}) ==
          "file: got AsymmetricAutoencoderKL" + end);
    CHECK(kind_refusal({"vae.encoder.conv_in.weight", "vae.decoder.time_conv_out.weight"}) ==
          "file: got AutoencoderKLTemporalDecoder" + end);
    CHECK(kind_refusal({conv_in, "encoder.down_blocks.0.0.conv1.weight"}) ==
          "file: got AutoencoderDC" + end);
    CHECK(kind_refusal({"encoder.conv_in.conv.weight"}) ==
          "file: got a video autoencoder" + end);
    const std::vector<TensorInfo> video{{.name = conv_in, .shape = Shape{96, 3, 3, 3, 3}}};
    CHECK(contains(message_of([&] { (void)model_kind(video, "file"); }),
                   "got a video autoencoder"));
    CHECK(kind_refusal({"conv_in.weight", "time_embedding.linear_1.weight"}) ==
          "file: got UNet2DConditionModel" + end);
    CHECK(kind_refusal({"model.diffusion_model.input_blocks.0.0.weight"}) ==
          "file: got a checkpoint without its autoencoder" + end);
    CHECK(kind_refusal({"text_model.embeddings.position_ids"}) ==
          "file: got a text encoder" + end);
    CHECK(kind_refusal({"linear.weight"}) ==
          "file: got a tensor named \"linear.weight\"" + end);
    CHECK(kind_refusal({}) == "file: got no tensors" + end);
}

TEST_CASE("config.json says which network a folder holds", "[kind]") {
    const TemporaryFolder folder;
    write_text(folder / "diffusion_pytorch_model.safetensors", "not looked at");
    const auto kind_with = [&](const std::string& config) {
        write_text(folder / "config.json", config);
        return model_kind(folder.path());
    };
    CHECK(kind_with(R"({"_class_name": "AutoencoderKL"})") == ModelKind::autoencoder_kl);
    CHECK(kind_with(R"({"_class_name": "AutoencoderTiny"})") == ModelKind::autoencoder_tiny);
    // The file under diffusers' name has the same config.
    CHECK(model_kind(folder / "diffusion_pytorch_model.safetensors") ==
          ModelKind::autoencoder_tiny);
    const auto refused = [&](const std::string& config) {
        return message_of([&] { (void)kind_with(config); });
    };
    CHECK(refused(R"({"_class_name": "AutoencoderKLWan"})") ==
          (folder / "config.json").string() +
              ": got _class_name \"AutoencoderKLWan\", expected AutoencoderKL, "
              "AutoencoderTiny or VAEApprox");
    CHECK(contains(refused(R"({"_class_name": 1})"), "got _class_name 1"));
    // A config that does not say leaves it to the names.
    save_kl(folder / "diffusion_pytorch_model.safetensors", three_block_config(), 0);
    CHECK(kind_with("{}") == ModelKind::autoencoder_kl);
    CHECK(kind_with("[]") == ModelKind::autoencoder_kl);
    CHECK(contains(message_of([&] { (void)model_kind(folder / "none"); }),
                   "no file of that name"));
}
