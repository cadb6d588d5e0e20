// latent convert IN OUT: a checkpoint of any kind as one safetensors file, or the autoencoder
// in it under other names.

#include "commands.hpp"
#include "files.hpp"

#include <latent/io/autoencoder_kl_keys.hpp>
#include <latent/io/checkpoint.hpp>
#include <latent/io/convert_file.hpp>
#include <latent/io/convert_keys.hpp>
#include <latent/io/dtype.hpp>
#include <latent/io/load_autoencoder_kl.hpp>
#include <latent/io/model_files.hpp>
#include <latent/io/model_kind.hpp>

#include <CLI/CLI.hpp>

#include <cctype>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace latent::command {

namespace {

/// The tensors that are written: all as they are, or the autoencoder's under those names.
std::vector<TensorCopy> chosen_tensors(const std::string& path, const Checkpoint& file,
                                       const std::string& keys) {
    if (keys.empty()) return all_tensors(file);
    const auto kind = model_kind(file.tensors(), file.path());
    if (kind != ModelKind::autoencoder_kl) {
        fail(file.path(), std::string(to_string(kind)), "AutoencoderKL",
             "the others have no other names");
    }
    check_autoencoder_kl(open_autoencoder_kl(path));
    return autoencoder_kl_copies(file.tensors(), *find_autoencoder_kl_keys(file.tensors()),
                                 keys == "ldm" ? AutoencoderKLLayout::ldm
                                               : AutoencoderKLLayout::diffusers);
}

} // namespace

void Convert::add_to(CLI::App& app) {
    auto* const command =
        app.add_subcommand("convert", "A checkpoint of any kind to one safetensors file");
    command
        ->add_option("IN", in,
                     "A checkpoint: safetensors (also the index of a sharded one), a file of "
                     "torch.save, .npy, or a model's folder")
        ->required();
    command->add_option("OUT", out, "The .safetensors file to write")->required();
    command
        ->add_option("--dtype", dtype,
                     "f32, f16 or bf16 for every tensor, integers too, rounded once to nearest "
                     "even (default: nothing changes)")
        ->check(CLI::IsMember({"f32", "f16", "bf16"}, CLI::ignore_case));
    command
        ->add_option(
            "--keys", keys,
            "diffusers or ldm: of a file in any names, or a whole checkpoint, write the "
            "AutoencoderKL alone under these names (default: all tensors, no name "
            "changes)")
        ->check(CLI::IsMember({"diffusers", "ldm"}));
    command->footer("Examples:\n  latent convert model.ckpt model.safetensors --dtype f16\n"
                    "  latent convert v1-5.ckpt vae.safetensors --keys diffusers");
    command->callback([this] { run(); });
}

void Convert::run() const {
    require_output(out, {".safetensors"});
    std::optional<DType> to;
    if (!dtype.empty()) {
        auto name = dtype;
        for (auto& letter : name) {
            letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
        }
        to = dtype_named(name);
    }
    const auto file = open_checkpoint(find_model(in).weights);
    for (const auto& [name, count] : convert_tensors(file, chosen_tensors(in, file, keys), out,
                                                     to, [] { stop_if_interrupted(); })) {
        std::cerr << display(out) << ": warning: " << count << " of " << in_quotes(name)
                  << " became infinite, too large for " << to_string(*to) << '\n';
    }
}

} // namespace latent::command
