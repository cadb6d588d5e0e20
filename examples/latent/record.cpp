// latent record IN -m MODEL -o REF: what goes into and comes out of every module.

#include "commands.hpp"
#include "files.hpp"
#include "network_input.hpp"
#include "record_network.hpp"

#include <latent/io/recording_files.hpp>

#include <CLI/CLI.hpp>

namespace latent::command {

void Record::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand(
        "record", "What goes into and comes out of every module of a network");
    command
        ->add_option("IN", in,
                     "A PNG or JPEG to encode, or a safetensors or .npy file with images or "
                     "latents [N, C, H, W]")
        ->required();
    add_model_option(*command, model, "A folder with config.json and weights, or one file")
        ->required();
    command->add_option("-o,--out", out, "The recording, a .safetensors file")->required();
    command->add_option("--key", key, "The tensor in IN (default: latents, or its only one)");
    command->add_option("--side", side, "Where IN's channels do not tell: encode or decode")
        ->check(CLI::IsMember({"encode", "decode"}));
    command
        ->add_option("--dtype", dtype,
                     "f64 computes in double, the truth that others are held against (the "
                     "default); f32 as latent encode and decode do")
        ->check(CLI::IsMember({"f64", "f32"}));
    command->add_flag("--no-inputs", no_inputs, "Without what goes in: half the size");
    command->add_flag("--no-parameters", no_parameters, "Without the weights");
    command->add_option("--threads", threads, "At most this many threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command->footer(
        "Example:\n  latent record latents.safetensors -m vae -o reference.safetensors");
    command->callback([this] { run(); });
}

void Record::run() const {
    require_output(out, {".safetensors"});
    const auto sides = sides_of_network(model);
    const auto input = input_from_file(in, key, sides, side);
    const auto recording =
        record_network(model, input.direction, input.values,
                       {.precision = dtype == "f64" ? Precision::f64 : Precision::f32,
                        .inputs = !no_inputs,
                        .parameters = !no_parameters,
                        .isolated = nullptr,
                        .entry = {},
                        .threads = threads});
    stop_if_interrupted();
    save_recording(out, recording);
}

} // namespace latent::command
