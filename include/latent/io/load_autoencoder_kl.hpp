#pragma once

#include "latent/io/autoencoder_kl_keys.hpp"
#include "latent/io/checkpoint.hpp"
#include "latent/io/load.hpp"
#include "latent/io/load_autoencoder_kl_config.hpp"
#include "latent/io/model_files.hpp"
#include "latent/io/model_kind.hpp"
#include "latent/io/text.hpp"
#include "latent/io/weight_source.hpp"
#include "latent/models/autoencoder_kl.hpp"
#include "latent/tensor/error.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

/// From a file to Stable Diffusion's autoencoder, in one call:
///     const auto vae = load_autoencoder_kl("stable-diffusion-v1-5");     // a folder
///     const auto vae = load_autoencoder_kl("v1-5-pruned-emaonly.ckpt");  // a whole checkpoint
///     const auto decoder = load_decoder_kl("ae.safetensors");            // a half alone
/// Names may be today's diffusers', old ones, or those of ldm, behind any prefix. Of a whole
/// checkpoint nothing is read but the autoencoder.

namespace latent {

/// The files of an AutoencoderKL that stand open: what they hold is known, no weight is read
/// yet.
struct AutoencoderKLFiles {
    std::string path = {}; ///< begins an Error
    AutoencoderKLConfig config = {};
    /// Whether a config.json, or what stands beside the autoencoder, tells scaling_factor and
    /// shift_factor. Else they are Stable Diffusion 1's, which is a guess: see
    /// require_scaling().
    bool scaling_known = false;
    bool encoder = false, decoder = false; ///< which halves are there
    AutoencoderKLKeys keys = {};
    CheckpointPart part;
    bool check_finite = false; ///< whether a weight that is NaN or infinite is an Error
    WeightOptions weights{};   ///< how the network keeps and uses them
};

/// Opens a model: whatever find_model() understands (model_files.hpp), both halves or one.
/// config.json, where there is one, holds; else names and shapes tell. Throws Error where the
/// file has another network.
[[nodiscard]] inline AutoencoderKLFiles open_autoencoder_kl(const std::filesystem::path& path) {
    const auto [weights, config] = find_model(path);
    AutoencoderKLFiles files{.part = {.file = Checkpoint::open(weights)}};
    const auto& file = files.part.file;
    files.path = file.path();
    if (model_kind(file.tensors(), files.path) != ModelKind::autoencoder_kl) {
        detail::fail_names(files.path, file.tensors(), "an AutoencoderKL");
    }
    files.keys = *find_autoencoder_kl_keys(file.tensors());
    files.encoder = files.keys.encoder;
    files.decoder = files.keys.decoder;
    if (config) {
        files.config = load_autoencoder_kl_config(*config).config;
        files.scaling_known = true;
    } else {
        files.config = infer_autoencoder_kl_config(file.tensors(), files.keys, files.path);
        files.scaling_known = infer_autoencoder_kl_scaling(file, files.config);
    }
    files.part.rules = files.keys.rules();
    files.part.spare = files.keys.twins;
    return files;
}

/// Throws Error where the scaling of latents can only be guessed, and no guess is good: for a
/// file of its own with other than 4 latent channels. With 4 it is taken to be Stable
/// Diffusion 1 or 2.
inline void require_scaling(const AutoencoderKLFiles& files) {
    if (files.scaling_known || files.config.latent_channels == 4) return;
    fail(files.path,
         std::to_string(files.config.latent_channels) + " latent channels, and no config.json",
         "a scaling_factor that is known",
         "SD3 has 1.5305, FLUX.1 has 0.3611: give a folder with config.json, or the whole "
         "checkpoint");
}

/// The parameters of the files under diffusers' names, for a network that is put together by
/// hand:
///     auto source = autoencoder_kl_source(open_autoencoder_kl(path));
///     const Conv2d<Device> conv_in(Weights(source)["decoder"]["conv_in"], {4, 512});
[[nodiscard]] inline CheckpointSource autoencoder_kl_source(AutoencoderKLFiles files) {
    std::vector<CheckpointPart> parts;
    parts.push_back(std::move(files.part));
    CheckpointSource source(std::move(parts));
    if (files.check_finite) source.require_finite();
    return source;
}

namespace detail {

template <template <class> class Model, class Device>
[[nodiscard]] Model<Device> build_kl(AutoencoderKLFiles files, std::vector<std::string> roots) {
    // What stands beside the autoencoder, and the other half, is nobody's mistake.
    files.part.within = std::move(roots);
    const auto path = files.path;
    const auto config = files.config;
    const auto options = files.weights;
    return build_checked<Model, Device>(path, autoencoder_kl_source(std::move(files)), config,
                                        options);
}

} // namespace detail

/// Throws the Error that loading would throw, unless the files have every parameter of the
/// halves that they hold, and no others. No value is read.
inline void check_autoencoder_kl(AutoencoderKLFiles files) {
    Recorder recorder;
    const Weights root(recorder);
    if (files.encoder) (void)EncoderKL<Meta>(root, files.config);
    if (files.decoder) (void)DecoderKL<Meta>(root, files.config);
    files.part.within = files.keys.roots();
    autoencoder_kl_source(std::move(files)).check(recorder.requests());
}

/// Both halves of an autoencoder, with weights widened to the device's numbers.
template <class Device = Cpu<float>>
[[nodiscard]] AutoencoderKL<Device> load_autoencoder_kl(AutoencoderKLFiles files) {
    if (!files.encoder || !files.decoder) {
        fail(files.path, files.encoder ? "an encoder alone" : "a decoder alone", "both halves");
    }
    auto roots = files.keys.roots();
    return detail::build_kl<AutoencoderKL, Device>(std::move(files), std::move(roots));
}
template <class Device = Cpu<float>>
[[nodiscard]] AutoencoderKL<Device> load_autoencoder_kl(const std::filesystem::path& path) {
    return load_autoencoder_kl<Device>(open_autoencoder_kl(path));
}

/// The encoder and quant_conv alone; what else the file holds is not looked at.
template <class Device = Cpu<float>>
[[nodiscard]] EncoderKL<Device> load_encoder_kl(AutoencoderKLFiles files) {
    if (!files.encoder) fail(files.path, "a decoder alone", "an AutoencoderKL's encoder");
    auto roots = files.keys.encoder_roots();
    return detail::build_kl<EncoderKL, Device>(std::move(files), std::move(roots));
}
template <class Device = Cpu<float>>
[[nodiscard]] EncoderKL<Device> load_encoder_kl(const std::filesystem::path& path) {
    return load_encoder_kl<Device>(open_autoencoder_kl(path));
}

/// post_quant_conv and the decoder alone, likewise.
template <class Device = Cpu<float>>
[[nodiscard]] DecoderKL<Device> load_decoder_kl(AutoencoderKLFiles files) {
    if (!files.decoder) fail(files.path, "an encoder alone", "an AutoencoderKL's decoder");
    auto roots = files.keys.decoder_roots();
    return detail::build_kl<DecoderKL, Device>(std::move(files), std::move(roots));
}
template <class Device = Cpu<float>>
[[nodiscard]] DecoderKL<Device> load_decoder_kl(const std::filesystem::path& path) {
    return load_decoder_kl<Device>(open_autoencoder_kl(path));
}

} // namespace latent
