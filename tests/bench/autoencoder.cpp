// One side of an autoencoder, and how long it took: our side of `./dev bench`.
// usage: autoencoder CASE SIZE INPUT THREADS RUNS OUT [fast] [half] [stream]
//   CASE:       sd1-decode, sd1-encode, tiny-decode (TAESD), with the weights of seed 0;
//               taef2-decode, taef2-encode, with trained weights from $LATENT_DATA/weights
//   SIZE:       the image's side in pixels
//   INPUT, OUT: raw float32 numbers
//   fast, half: the convolutions' fast form, weights kept in half precision
//   stream:     decode in strips
#include "measured.hpp"

#include "latent/io.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using measured::Device;

struct Arguments {
    std::string name;
    std::int64_t size;
    std::string input;
    measured::Way way;
    std::vector<std::string> options;

    [[nodiscard]] bool has(const std::string& option) const {
        return std::ranges::find(options, option) != options.end();
    }
};

latent::AutoencoderKLConfig stable_diffusion() {
    latent::AutoencoderKLConfig config;
    config.block_out_channels = {128, 256, 512, 512};
    config.down_block_types.assign(4, "DownEncoderBlock2D");
    config.up_block_types.assign(4, "UpDecoderBlock2D");
    config.layers_per_block = 2;
    return config;
}

template <class Options>
Options options_of(const Arguments& chosen) {
    Options options{.fast = chosen.has("fast")};
    if constexpr (requires { options.half; }) {
        options.half = chosen.has("half");
    } else if (chosen.has("half")) {
        latent::fail("half", "an option", "no option of this version");
    }
    return options;
}

latent::AutoencoderTiny<Device> trained_taef2(const latent::WeightOptions& options) {
    const auto data = latent::environment("LATENT_DATA");
    if (!data) latent::fail("LATENT_DATA", "nothing", "a folder with weights/taef2_*.pth");
    const auto weights = std::filesystem::path(*data) / "weights";
    auto files = latent::open_autoencoder_tiny(weights / "taef2_encoder.pth",
                                               weights / "taef2_decoder.pth");
    latent::CheckpointSource source(std::move(files.parts));
    return latent::AutoencoderTiny<Device>(latent::Weights(source, "", options), files.config);
}

latent::Shape input_shape(const Arguments& chosen, std::int64_t latent_channels) {
    if (chosen.name.ends_with("encode")) return {1, 3, chosen.size, chosen.size};
    return {1, latent_channels, chosen.size / 8, chosen.size / 8};
}

/// Both sides of either kind of network; an AutoencoderKL's encoder gives its moments.
template <class Network>
void run(const Network& vae, const Arguments& chosen) {
    const auto x =
        measured::read(chosen.input, input_shape(chosen, vae.config.latent_channels));
    measured::report(chosen.way, [&] {
        if (chosen.name.ends_with("decode")) return vae.decode(x);
        if constexpr (requires { vae.encode(x).parameters; }) {
            return std::move(vae.encode(x).parameters);
        } else {
            return vae.encode(x);
        }
    });
}

} // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 6) {
        std::fputs(
            "usage: autoencoder CASE SIZE INPUT THREADS RUNS OUT [fast] [half] [stream]\n",
            stderr);
        return 2;
    }
    const Arguments chosen{words[0],
                           std::stoll(words[1]),
                           words[2],
                           {std::stoi(words[3]), std::stoi(words[4]), words[5]},
                           {words.begin() + 6, words.end()}};
    const auto options = options_of<latent::WeightOptions>(chosen);
    latent::TorchInit init(0);
    const latent::Weights weights(init, "", options);
    if (chosen.name.starts_with("sd1-")) {
        latent::AutoencoderKL<Device> vae(weights, stable_diffusion());
        vae.use_streaming = chosen.has("stream");
        run(vae, chosen);
    } else if (chosen.name.starts_with("tiny-")) {
        run(latent::AutoencoderTiny<Device>(weights), chosen);
    } else if (chosen.name.starts_with("taef2-")) {
        run(trained_taef2(options), chosen);
    } else {
        latent::fail("CASE", chosen.name, "a network and its side, as in sd1-decode");
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
