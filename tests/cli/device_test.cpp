#include "support/catch.hpp"
#include "support/closeness.hpp"
#include "support/network_files.hpp"
#include "cli/command.hpp"
#include "io/kl_files.hpp"

#include <latent/io/checkpoint.hpp>
#include <latent/io/image.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

constexpr const char* no_emulator = "LATENT_EMULATED_CLI is not set: no emulated GPU";

/// Seeded networks of each class, latents and an image for them.
struct DeviceFolder : TemporaryFolder {
    DeviceFolder() {
        AutoencoderTinyConfig tiny;
        tiny.encoder_block_out_channels = tiny.decoder_block_out_channels = {8, 8, 8, 8};
        tiny.num_encoder_blocks = tiny.num_decoder_blocks = {1, 1, 1, 1};
        save_network(*this / "tiny", tiny, 13, diffusers_name);
        save_vae_approx(*this / "approx", 17);
        save_kl(*this / "kl", three_block_config(), 3);
        save_safetensors(*this / "z",
                         {{"latents", Generator(5).randn<Cpu<float>>({1, 4, 3, 5})}});
        save_safetensors(*this / "x", {{"x", Generator(6).randn<Cpu<float>>({1, 3, 16, 24})}});
    }

    [[nodiscard]] std::string at(const std::string& name) const {
        return (*this / name).string();
    }
    /// `latent ARGUMENTS -o OUT`, on an emulated GPU or on the processor; what it wrote.
    [[nodiscard]] Tensor<Cpu<double>> run(std::vector<std::string> arguments, bool gpu,
                                          const std::string& key) const {
        arguments.insert(arguments.end(), {"-o", at("out.safetensors")});
        const auto outcome = gpu ? run_emulated(arguments) : run_latent(arguments);
        CAPTURE(arguments, outcome.err);
        REQUIRE(outcome.code == 0);
        const auto file = Checkpoint::open(at("out.safetensors"));
        Tensor<Cpu<double>> y(file.find(key)->shape);
        file.read(*file.find(key), y.values());
        return y;
    }
    /// The processor's tensor, and that of a GPU, of each kind: no farther apart than these.
    void check(const std::vector<std::string>& arguments, const std::string& key) const {
        const auto truth = run(arguments, false, key);
        for (const auto& [device, bound] :
             {std::pair("cuda", 1e-5), std::pair("cuda:0:f32", 1e-5),
              std::pair("cuda:f16", 5e-3), std::pair("cuda:bf16", 3e-2)}) {
            auto there = arguments;
            there.insert(there.end(), {"--device", device});
            const auto close = closeness(run(there, true, key), truth);
            CAPTURE(there, close.text);
            CHECK(close.relative <= bound);
            // Half precision cannot be as close, so it was asked for and used.
            if (bound > 1e-4) CHECK(close.relative > 1e-6);
        }
    }
    /// One line on stderr, this exit code, no file.
    void refuse(std::vector<std::string> arguments, bool gpu, int code,
                const std::string& part) const {
        arguments.insert(arguments.end(), {"-o", at("refused.png")});
        const auto outcome = gpu ? run_emulated(arguments) : run_latent(arguments);
        CAPTURE(arguments, outcome.err);
        CHECK(outcome.code == code);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(contains(outcome.err, part));
        CHECK_FALSE(std::filesystem::exists(*this / "refused.png"));
    }
};

} // namespace

TEST_CASE("devices tells what there is", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const auto plain = run_latent({"devices"});
    CHECK(plain.code == 0);
    CHECK(plain.out.starts_with("cpu     "));
    CHECK(contains(plain.out, "\ncuda"));
    if (emulated_command_path().empty()) return skip(no_emulator);
    const auto emulated = run_emulated({"devices"});
    CHECK(contains(emulated.out, "cuda    emulated, 132 multiprocessors, 8.0 GiB"));
}

TEST_CASE("the command gives the same on a GPU", "[cli]") {
    if (emulated_command_path().empty()) return skip(no_emulator);
    const DeviceFolder folder;
    folder.check({"decode", folder.at("z"), "-m", folder.at("tiny")}, "sample");
    folder.check({"encode", folder.at("x"), "-m", folder.at("tiny")}, "latents");
    folder.check({"decode", folder.at("z"), "-m", folder.at("kl")}, "sample");
    folder.check({"encode", folder.at("x"), "-m", folder.at("kl")}, "parameters");
    folder.check({"decode", folder.at("z"), "-m", folder.at("tiny"), "--tiling", "exact",
                  "--tile-size", "24"},
                 "sample");
    folder.check({"decode", folder.at("z"), "-m", folder.at("kl"), "--tile-blend", "smooth",
                  "--tile-size", "8"},
                 "sample");
}

TEST_CASE("previews and reconstructions come from a GPU, too", "[cli]") {
    if (emulated_command_path().empty()) return skip(no_emulator);
    const DeviceFolder folder;
    const auto pixels = [&](std::vector<std::string> arguments, bool gpu) {
        arguments.insert(arguments.end(), {"-o", folder.at("out.png")});
        if (gpu) arguments.insert(arguments.end(), {"--device", "cuda"});
        const auto outcome = gpu ? run_emulated(arguments) : run_latent(arguments);
        CAPTURE(arguments, outcome.err);
        REQUIRE(outcome.code == 0);
        return read_image(folder / "out.png").pixels;
    };
    const auto same = [&](const std::vector<std::string>& arguments) {
        const auto here = pixels(arguments, false), there = pixels(arguments, true);
        REQUIRE(here.size() == there.size());
        // A byte may fall off its step.
        for (std::size_t i = 0; i < here.size(); ++i)
            CHECK(std::abs(int{here[i]} - int{there[i]}) <= 1);
    };
    same({"preview", folder.at("z"), "--method", "approx", "-m", folder.at("approx")});
    same({"preview", folder.at("z"), "--method", "tiny", "-m", folder.at("tiny")});
    std::filesystem::copy_file(folder / "out.png", folder / "photo.png");
    same({"reconstruct", folder.at("photo.png"), "-m", folder.at("tiny")});
}

TEST_CASE("a GPU that cannot be used is one line", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const DeviceFolder folder;
    const std::vector<std::string> decode{"decode", folder.at("z"), "-m", folder.at("tiny")};
    const auto with = [&](const std::vector<std::string>& more) {
        auto all = decode;
        all.insert(all.end(), more.begin(), more.end());
        return all;
    };
    folder.refuse(with({"--device", "gpu"}), false, 2, "got \"gpu\", expected cpu, or cuda");
    folder.refuse(with({"--device", "cuda:f64"}), false, 2, "expected cpu, or cuda");
    folder.refuse(with({"--device", "cuda", "--fast"}), false, 2, "cuda excludes --fast");
    folder.refuse(with({"--device", "cuda:f16", "--weights", "f16"}), false, 2, "--weights");
    folder.refuse({"preview", folder.at("z"), "--device", "cuda"}, false, 2,
                  "--method linear excludes --device cuda");
    if (!contains(run_latent({"devices"}).out, "multiprocessors"))
        folder.refuse(with({"--device", "cuda"}), false, 1, "expected a GPU and its driver");
    if (emulated_command_path().empty()) return skip(no_emulator);
    folder.refuse(with({"--device", "cuda:1"}), true, 1,
                  "cuda:1: got GPU number 1, expected 0 to 0");
}

TEST_CASE("--check-finite looks at a GPU's layers", "[cli]") {
    if (emulated_command_path().empty()) return skip(no_emulator);
    const DeviceFolder folder;
    auto z = Generator(5).randn<Cpu<float>>({1, 4, 3, 5});
    const std::vector<std::string> arguments{
        "decode",   folder.at("z"), "-m", folder.at("kl"),   "--check-finite",
        "--device", "cuda",         "-o", folder.at("o.png")};
    const auto fine = run_emulated(arguments);
    CHECK(fine.code == 0);
    CHECK(contains(fine.err, "every layer is finite"));
    for (auto& value : z.values()) value *= 1e30F;
    save_safetensors(folder / "z", {{"latents", z}});
    const auto broken = run_emulated(arguments);
    CHECK(broken.code == 1);
    CHECK(contains(broken.err, "expected finite numbers"));
}
