#include "support/catch.hpp"
#include "support/golden.hpp"
#include "io/file_bytes.hpp"

#include <latent/io/load_vae_approx.hpp>
#include <latent/io/safetensors_writer.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// Saves the VAEApprox of seed 17, each tensor as `change` has it: an empty name leaves it out.
void save_vae_approx(const std::filesystem::path& path,
                     const std::function<void(ParameterRequest&)>& change) {
    Recorder recorder;
    (void)VAEApprox<Meta>(Weights(recorder));
    TorchInit init(17);
    std::vector<std::vector<float>> values;
    std::vector<NamedTensor> tensors;
    values.reserve(recorder.requests().size());
    for (auto request : recorder.requests()) {
        auto& data = values.emplace_back(static_cast<std::size_t>(request.shape.numel()));
        init.read(request, std::span<float>(data));
        change(request);
        if (request.name.empty()) continue;
        tensors.emplace_back(request.name, DType::F32, request.shape,
                             std::as_bytes(std::span(data)));
    }
    save_safetensors(path, std::move(tensors));
}

} // namespace

TEST_CASE("a VAEApprox comes out of a file as it went in", "[load]") {
    const TemporaryFolder folder;
    save_vae_approx(folder / "vae_approx.safetensors", [](ParameterRequest&) {});
    TorchInit init(17);
    const VAEApprox<Cpu<float>> expected{Weights(init)};
    const auto loaded = load_vae_approx(folder / "vae_approx.safetensors");
    const auto z = Generator(18).randn<Cpu<float>>({1, 4, 3, 2});
    CHECK(same_bits(loaded.forward(z), expected.forward(z)));
    CHECK(loaded.conv1.path == "conv1");
    CHECK(loaded.path.empty());
}

TEST_CASE("all that is wrong with a VAEApprox's file is one report", "[load]") {
    const TemporaryFolder folder;
    const auto path = folder / "odd.safetensors";
    save_vae_approx(path, [](ParameterRequest& request) {
        if (request.name == "conv3.bias") request.name = "conv3.bais";
        if (request.name == "conv8.weight") request.shape = Shape{3, 72};
    });
    const auto message = message_of([&] { (void)load_vae_approx(path); });
    CHECK(message.starts_with(display(path) + ": got 1 missing: conv3.bias"));
    CHECK(contains(message, "nearest: conv3.bais"));
    CHECK(contains(message, "1 misshapen: conv8.weight [3, 72] instead of [3, 8, 3, 3]"));
    CHECK(contains(message, "1 unexpected: conv3.bais"));
    CHECK(contains(message, "exactly the 16 parameters"));

    save_vae_approx(path, [](ParameterRequest& request) { request.name += "x"; });
    CHECK(contains(message_of([&] { (void)load_vae_approx(path); }),
                   "x\", expected a VAEApprox"));
    CHECK(
        contains(message_of([&] { (void)load_vae_approx(folder / "none"); }), "none: got no"));
}

TEST_CASE("the webui's trained file loads", "[load]") {
    const auto data = latent_data();
    if (!data) return skip(no_latent_data);
    const auto network = load_vae_approx(*data / "weights" / "vae_approx_sd.pt");
    CHECK(network.conv8.kernel.geometry().out_channels == 3);
    // The decoders of other networks are none.
    const auto path = *data / "weights" / "taef2_decoder.pth";
    const auto message = message_of([&] { (void)load_vae_approx(path); });
    CHECK(contains(message, "expected a VAEApprox"));
}

TEST_CASE("a VAEApprox's folder may have a table of colours", "[load]") {
    const TemporaryFolder folder;
    save_vae_approx(folder / "diffusion_pytorch_model.safetensors", [](ParameterRequest&) {});
    const auto config = [&](const std::string& text) {
        write_text(folder / "config.json", text);
    };
    const auto& path = folder.path();
    CHECK(contains(message_of([&] { (void)load_latent_colours(path); }), "no config.json"));
    config(R"({"_class_name": "VAEApprox"})");
    CHECK(contains(message_of([&] { (void)load_latent_colours(path); }),
                   "config.json: got no latent_rgb_factors"));
    config(R"({"latent_rgb_factors": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]})");
    CHECK(contains(message_of([&] { (void)load_latent_colours(path); }),
                   "expected numbers [4][3]"));
    config(R"({"latent_rgb_factors": [[1, 2, 3], [4, 5, 6], [7, 8, 9], [0.5, -1, "x"]]})");
    CHECK(contains(message_of([&] { (void)load_latent_colours(path); }),
                   "expected numbers [4][3]"));
    config(R"({"latent_rgb_factors": [[1, 2, 3], [4, 5, 6], [7, 8, 9], [0.5, -1, 0]]})");
    const auto colours = load_latent_colours(path);
    CHECK(colours[0] == std::array<float, 3>{1, 2, 3});
    CHECK(colours[3] == std::array<float, 3>{0.5F, -1, 0});
    CHECK(load_vae_approx(path).conv1.path == "conv1"); // the folder is the model
}
