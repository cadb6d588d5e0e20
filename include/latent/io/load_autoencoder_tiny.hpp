#pragma once

#include "latent/io/autoencoder_tiny_keys.hpp"
#include "latent/io/checkpoint.hpp"
#include "latent/io/config.hpp"
#include "latent/io/load.hpp"
#include "latent/io/model_files.hpp"
#include "latent/io/text.hpp"
#include "latent/io/weight_source.hpp"
#include "latent/models/autoencoder_tiny.hpp"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// From files to a tiny autoencoder, in one call:
///     const auto vae = load_autoencoder_tiny("taesd");               // a folder, or one file
///     const auto vae = load_autoencoder_tiny("taef2_encoder.pth", "taef2_decoder.pth");
///     const auto decoder = load_decoder_tiny("taef2_decoder.pth");   // one side alone

namespace latent {

namespace detail {

/// What one or both sides tell; `where` begins an Error.
[[nodiscard]] inline AutoencoderTinyConfig
config_of_sides(const std::string& where, const std::optional<AutoencoderTinySide>& encoder,
                const std::optional<AutoencoderTinySide>& decoder) {
    AutoencoderTinyConfig config;
    if (encoder) {
        config.in_channels = encoder->in_channels;
        config.latent_channels = encoder->out_channels;
        config.encoder_block_out_channels = encoder->channels;
        config.num_encoder_blocks = encoder->blocks;
        config.encoder_stem_channels = encoder->stem_channels;
        config.use_midblock_gn = encoder->pooled.back();
    }
    if (encoder && decoder && encoder->out_channels != decoder->in_channels) {
        fail(where,
             std::to_string(encoder->out_channels) + " latent channels in the encoder and " +
                 std::to_string(decoder->in_channels) + " in the decoder",
             "one number", "they belong to different networks");
    }
    if (decoder) {
        config.latent_channels = decoder->in_channels;
        config.out_channels = decoder->out_channels;
        config.decoder_block_out_channels = decoder->channels;
        config.block_out_channels = decoder->channels;
        config.num_decoder_blocks = decoder->blocks;
        config.use_midblock_gn = config.use_midblock_gn || decoder->pooled.front();
    }
    check_config(where, config);
    return config;
}

[[nodiscard]] inline std::optional<AutoencoderTinySide>
side_of(const std::string& where, std::span<const TensorInfo> tensors,
        const std::optional<AutoencoderTinyKeys>& keys) {
    if (!keys) return std::nullopt;
    return describe_side(where, keys->side, numbered_layers(tensors, *keys));
}

} // namespace detail

/// The config that names and shapes tell: channels, stages, blocks, the group-norm pool, the
/// stem. What shapes cannot tell (act_fn, the upsampling) has its default, and so has a side
/// that is not there. `where` begins an Error: for no side at all, or two that do not fit each
/// other.
[[nodiscard]] inline AutoencoderTinyConfig
infer_autoencoder_tiny_config(std::span<const TensorInfo> tensors,
                              const std::string& where = "checkpoint") {
    const auto encoder = find_autoencoder_tiny_keys(tensors, "encoder");
    const auto decoder = find_autoencoder_tiny_keys(tensors, "decoder");
    if (!encoder && !decoder) {
        detail::fail_names(
            where, tensors, "a tiny autoencoder",
            "its names begin with encoder.layers, decoder.layers or, as taesd has "
            "it, a number");
    }
    return detail::config_of_sides(where, detail::side_of(where, tensors, encoder),
                                   detail::side_of(where, tensors, decoder));
}

/// Reads and checks config.json of diffusers' AutoencoderTiny. Missing fields have diffusers'
/// defaults; the two that diffusers has no name for are taken from `inferred`.
[[nodiscard]] inline ReadConfig<AutoencoderTinyConfig>
load_autoencoder_tiny_config(const std::filesystem::path& path,
                             const AutoencoderTinyConfig& inferred = {}) {
    AutoencoderTinyConfig defaults;
    defaults.use_midblock_gn = inferred.use_midblock_gn;
    defaults.encoder_stem_channels = inferred.encoder_stem_channels;
    auto read =
        load_config<AutoencoderTinyConfig>(path, "AutoencoderTiny", std::move(defaults));
    read.config.block_out_channels = read.config.decoder_block_out_channels;
    detail::check_config(display(path), read.config);
    return read;
}

/// The files of a network that stand open: what they hold is known, no value is read yet.
struct AutoencoderTinyFiles {
    std::string path; ///< begins an Error
    AutoencoderTinyConfig config;
    std::optional<AutoencoderTinyKeys> encoder,
        decoder; ///< nothing for a side that is not there
    std::vector<CheckpointPart> parts;
    bool check_finite = false; ///< whether a weight that is NaN or infinite is an Error
    WeightOptions weights{};   ///< how the network keeps and uses them
};

namespace detail {

/// One side's file, of the taesd project or any other that has this side.
[[nodiscard]] inline CheckpointPart open_side(const std::filesystem::path& path,
                                              const std::string& side,
                                              AutoencoderTinyKeys& keys) {
    CheckpointPart part{.file = Checkpoint::open(path)};
    const auto found = find_autoencoder_tiny_keys(part.file.tensors(), side);
    if (!found) {
        const bool encoder = side == "encoder";
        if (find_autoencoder_tiny_keys(part.file.tensors(), encoder ? "decoder" : "encoder")) {
            fail(part.file.path(), encoder ? "a decoder alone" : "an encoder alone",
                 encoder ? "an encoder" : "a decoder", "the two files may be swapped");
        }
        fail_names(part.file.path(), part.file.tensors(), "a tiny autoencoder's " + side);
    }
    keys = *found;
    part.rules = {keys.rule()};
    part.serves = side + ".";
    part.within = {keys.prefix};
    return part;
}

} // namespace detail

/// Opens a model: whatever find_model() understands (model_files.hpp), in diffusers' names or
/// taesd's, with both sides or one. The network is read off the tensors' names and shapes;
/// config.json, where there is one, holds instead.
[[nodiscard]] inline AutoencoderTinyFiles
open_autoencoder_tiny(const std::filesystem::path& path) {
    const auto [weights, config] = find_model(path);
    CheckpointPart part{.file = Checkpoint::open(weights)};
    const auto tensors = part.file.tensors();
    AutoencoderTinyFiles files{.path = part.file.path(),
                               .config =
                                   infer_autoencoder_tiny_config(tensors, part.file.path()),
                               .encoder = find_autoencoder_tiny_keys(tensors, "encoder"),
                               .decoder = find_autoencoder_tiny_keys(tensors, "decoder"),
                               .parts = {}};
    if (config) files.config = load_autoencoder_tiny_config(*config, files.config).config;
    if (files.encoder) part.rules.push_back(files.encoder->rule());
    if (files.decoder) part.rules.push_back(files.decoder->rule());
    files.parts.push_back(std::move(part));
    return files;
}

/// Opens an encoder's file and a decoder's, as the taesd project has them.
[[nodiscard]] inline AutoencoderTinyFiles
open_autoencoder_tiny(const std::filesystem::path& encoder_path,
                      const std::filesystem::path& decoder_path) {
    AutoencoderTinyKeys encoder, decoder;
    AutoencoderTinyFiles files;
    files.parts.push_back(detail::open_side(encoder_path, "encoder", encoder));
    files.parts.push_back(detail::open_side(decoder_path, "decoder", decoder));
    const auto& first = files.parts.front().file;
    const auto& second = files.parts.back().file;
    files.path = first.path() + " and " + second.path();
    files.config = detail::config_of_sides(
        files.path, detail::side_of(first.path(), first.tensors(), encoder),
        detail::side_of(second.path(), second.tensors(), decoder));
    files.encoder = std::move(encoder);
    files.decoder = std::move(decoder);
    return files;
}

namespace detail {

template <template <class> class Model, class Device>
[[nodiscard]] Model<Device> build_tiny(AutoencoderTinyFiles files, const std::string& place) {
    CheckpointSource source(std::move(files.parts));
    if (files.check_finite) source.require_finite();
    return build_checked<Model, Device>(files.path, std::move(source), files.config,
                                        files.weights, place);
}

template <template <class> class Model, class Device>
[[nodiscard]] Model<Device> build_side(AutoencoderTinyFiles files,
                                       const std::optional<AutoencoderTinyKeys>& keys,
                                       const std::string& side) {
    if (!keys) fail(files.path, "no " + side, "a tiny autoencoder's " + side);
    // The other side's tensors are nobody's mistake.
    std::erase_if(files.parts, [&](const CheckpointPart& part) {
        return !part.serves.empty() && part.serves != side + ".";
    });
    files.parts.front().within = {keys->prefix};
    return build_tiny<Model, Device>(std::move(files), side);
}

} // namespace detail

/// Both sides of an autoencoder, with weights widened to the device's numbers.
template <class Device = Cpu<float>>
[[nodiscard]] AutoencoderTiny<Device> load_autoencoder_tiny(AutoencoderTinyFiles files) {
    if (!files.encoder || !files.decoder) {
        fail(files.path, files.encoder ? "an encoder alone" : "a decoder alone", "both sides",
             "give the encoder's file and the decoder's");
    }
    return detail::build_tiny<AutoencoderTiny, Device>(std::move(files), {});
}
template <class Device = Cpu<float>>
[[nodiscard]] AutoencoderTiny<Device> load_autoencoder_tiny(const std::filesystem::path& path) {
    return load_autoencoder_tiny<Device>(open_autoencoder_tiny(path));
}
template <class Device = Cpu<float>>
[[nodiscard]] AutoencoderTiny<Device>
load_autoencoder_tiny(const std::filesystem::path& encoder_path,
                      const std::filesystem::path& decoder_path) {
    return load_autoencoder_tiny<Device>(open_autoencoder_tiny(encoder_path, decoder_path));
}

/// The encoder alone; what else the file holds is not looked at.
template <class Device = Cpu<float>>
[[nodiscard]] EncoderTiny<Device> load_encoder_tiny(AutoencoderTinyFiles files) {
    const auto keys = files.encoder;
    return detail::build_side<EncoderTiny, Device>(std::move(files), keys, "encoder");
}
template <class Device = Cpu<float>>
[[nodiscard]] EncoderTiny<Device> load_encoder_tiny(const std::filesystem::path& path) {
    return load_encoder_tiny<Device>(open_autoencoder_tiny(path));
}

/// The decoder alone, likewise.
template <class Device = Cpu<float>>
[[nodiscard]] DecoderTiny<Device> load_decoder_tiny(AutoencoderTinyFiles files) {
    const auto keys = files.decoder;
    return detail::build_side<DecoderTiny, Device>(std::move(files), keys, "decoder");
}
template <class Device = Cpu<float>>
[[nodiscard]] DecoderTiny<Device> load_decoder_tiny(const std::filesystem::path& path) {
    return load_decoder_tiny<Device>(open_autoencoder_tiny(path));
}

} // namespace latent
