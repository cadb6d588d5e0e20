// The command `latent`: inspects and converts checkpoints, sends images through an autoencoder
// and back, and holds networks against each other.
// Exit codes: 0 done, 1 an error (one line on stderr), 2 a wrong call, 3 parity: not within
// tolerance, 130 interrupted.

#include "commands.hpp"
#include "gpu.hpp"
#include "named_models.hpp"

#include <latent/io/system.hpp>
#include <latent/io/text.hpp>
#include <latent/tensor/error.hpp>
#include <latent/tensor/trace.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <string>

namespace latent::command {

CLI::Option* add_model_option(CLI::App& command, std::string& model, const std::string& help) {
    return command.add_option("-m,--model", model, help)->transform(by_name());
}

void add_network_options(CLI::App& command, NetworkFiles& network) {
    auto* const model =
        add_model_option(command, network.model,
                         "A folder with config.json and weights, or one file (safetensors, or "
                         "what torch.save writes), or small or tiny, which Latent brings");
    command
        .add_option("--encoder", network.encoder,
                    "The encoder's file, as the taesd project has it")
        ->excludes(model);
    command.add_option("--decoder", network.decoder, "The decoder's file")->excludes(model);
}

void add_recorded_input_options(CLI::App& command, CLI::Option& network, std::string& side,
                                std::string& input) {
    command.add_option("--side", side, "Where REFERENCE has both: encode or decode")
        ->check(CLI::IsMember({"encode", "decode"}))
        ->needs(&network);
    command
        .add_option("--input", input, "What our network runs on, where REFERENCE has no input")
        ->needs(&network);
}

void add_run_options(CLI::App& command, RunOptions& options) {
    command
        .add_option("--threads", options.threads, "At most this many threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command.add_flag("--quiet", options.quiet, "No progress bar and no remarks");
}

void add_device_option(CLI::App& command, RunOptions& options) {
    command
        .add_option("--device", options.device,
                    "cpu, or a GPU: cuda, cuda:f16 or cuda:bf16, the second one cuda:1 ... "
                    "(latent devices lists them)")
        ->capture_default_str()
        ->check(CLI::Validator(
            [](const std::string& text) {
                return DeviceName::from(text) ? std::string()
                                              : "got " + in_quotes(text) +
                                                    ", expected cpu, or cuda[:N][:f16|:bf16]";
            },
            ""));
}

void require_device(const CLI::App& command, const RunOptions& options) {
    if (!on_gpu(options)) return;
    for (const auto* name : {"--fast", "--weights", "--stream"}) {
        const auto* const option = command.get_option_no_throw(name);
        if (option != nullptr && *option)
            throw CLI::ExcludesError("--device " + options.device, name);
    }
}

void add_tiling_options(CLI::App& command, RunOptions& options) {
    auto* const tiling =
        command
            .add_option("--tiling", options.tiling,
                        "Tile by tile, in less memory: exact gives the same image (not for "
                        "TAEF2), diffusers what diffusers' tiles give")
            ->check(CLI::IsMember({"exact", "diffusers"}));
    auto* const blend =
        command
            .add_option("--tile-blend", options.tile_blend,
                        "Tile by tile, and how tiles are joined: smooth is for any network, "
                        "and has the softest seams; diffusers is --tiling diffusers")
            ->check(CLI::IsMember({"smooth", "diffusers"}));
    auto* const size =
        command.add_option("--tile-size", options.tile_size,
                           "The side of a tile in pixels (default: 512, or config.json's "
                           "sample_size)");
    command.add_flag(
        "--fast", options.weights.fast,
        "3x3 convolutions by F(4x4, 3x3): faster, at some three times the rounding "
        "error");
    command
        .add_option_function<std::string>(
            "--weights",
            [&options](const std::string& kind) { options.weights.half = kind == "f16"; },
            "f16 keeps filters in half precision, and computes in float32: a third of the "
            "memory or less (default: f32)")
        ->check(CLI::IsMember({"f32", "f16"}));
    command.add_flag("--slicing", options.slicing, "The images of a batch one after the other");
    command.add_flag("--check-finite", options.check_finite,
                     "Name the first weight or layer that is NaN or infinite, and the first "
                     "layer that half precision could not hold (twice the time)");
    command.parse_complete_callback([&options, tiling, blend, size] {
        if (*size && !*tiling && !*blend) {
            throw CLI::RequiresError("--tile-size", "--tiling or --tile-blend");
        }
        if (*blend && options.tiling == "exact") {
            throw CLI::ExcludesError("--tiling exact", "--tile-blend");
        }
    });
}

void add_stream_option(CLI::App& command, RunOptions& options) {
    auto* const stream = command.add_flag(
        "--stream", options.stream,
        "Decode in strips of rows: the same image in a fraction of the memory, and more time "
        "(an AutoencoderKL)");
    for (const auto* other : {"--tiling", "--tile-blend", "--check-finite"})
        stream->excludes(command.get_option(other));
}

void require_network(const NetworkFiles& network, bool encoder, bool decoder) {
    if (!network.model.empty()) return;
    if (encoder && network.encoder.empty()) throw CLI::RequiredError("--model or --encoder");
    if (decoder && network.decoder.empty()) throw CLI::RequiredError("--model or --decoder");
}

} // namespace latent::command

namespace {

int complain(const std::string& text, int code) {
    std::cout.flush();
    std::cerr << latent::printable(text) << '\n';
    return code;
}

int run(int argc, char* argv[]) {
    namespace command = latent::command;
    command::Inspect inspect;
    command::Convert convert;
    command::Encode encode;
    command::Decode decode;
    command::Preview preview;
    command::Reconstruct reconstruct;
    command::Walk walk;
    command::Compare compare;
    command::Shrink shrink;
    command::Devices devices;
    command::Explain explain;
    command::ShowSchedule schedule;
    command::Record record;
    command::Parity parity;
    command::Isolate isolate;

    CLI::App app("Latent: images through an autoencoder, and back.", "latent");
    app.require_subcommand(1);
    inspect.add_to(app);
    convert.add_to(app);
    encode.add_to(app);
    decode.add_to(app);
    preview.add_to(app);
    reconstruct.add_to(app);
    walk.add_to(app);
    compare.add_to(app);
    shrink.add_to(app);
    devices.add_to(app);
    explain.add_to(app);
    schedule.add_to(app);
    record.add_to(app);
    parity.add_to(app);
    isolate.add_to(app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error); // --help
        const auto rest = app.remaining();
        const bool unknown = app.get_subcommands().empty() && !rest.empty();
        const auto text =
            unknown ? "no subcommand " + latent::in_quotes(rest.front()) : error.what();
        return complain(text + "; see latent --help", 2);
    }
    if (!std::cout.flush()) latent::fail("stdout", "a failed write", "an output that takes it");
    return parity.within_tolerance ? 0 : 3;
}

} // namespace

int main(int argc, char* argv[]) {
    latent::catch_interrupts();
    try {
        return run(argc, argv);
    } catch (const latent::Stopped&) {
        return complain("interrupted", 130);
    } catch (const std::bad_alloc&) {
        return complain("latent: got no more memory, expected enough for this image", 1);
    } catch (const std::exception& error) {
        return complain(error.what(), 1);
    }
}
