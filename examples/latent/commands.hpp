#pragma once

#include <latent/tensor/weights.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
class Option;
} // namespace CLI

/// The command `latent`: what its subcommands are asked for. Each declares its options in
/// add_to(), works in run(), and has a file of its own.

namespace latent::command {

/// Where a network's weights are: a folder or file with both sides, or a file for each.
struct NetworkFiles {
    std::string model, encoder, decoder;

    [[nodiscard]] bool empty() const {
        return model.empty() && encoder.empty() && decoder.empty();
    }
};

struct RunOptions {
    std::string device = "cpu"; ///< or a GPU: see DeviceName in gpu.hpp
    int threads = 0;            ///< 0: as many as the machine has
    bool quiet = false;
    std::string tiling;     ///< "exact", "diffusers", or empty for whole images
    std::string tile_blend; ///< "smooth" or "diffusers", either of them tiling; or empty
    std::optional<std::int64_t> tile_size; ///< in pixels; none: the network's own
    bool slicing = false;                  ///< the images of a batch one after the other
    bool stream = false;                   ///< decode in strips, with the same bits
    bool check_finite = false;             ///< look at every weight and every layer
    WeightOptions weights{};               ///< --fast, --weights
};

/// latent inspect PATH: what a file holds.
struct Inspect {
    std::string path, tensor;
    bool json = false;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent convert IN OUT: a checkpoint of any kind as one safetensors file.
struct Convert {
    std::string in, out, dtype, keys;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent encode IN -m MODEL -o OUT: an image, or a tensor of images, to latents.
struct Encode {
    std::string in, key, out, seed;
    bool sample = false, scaled = false;
    NetworkFiles network;
    RunOptions options;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent decode IN -m MODEL -o OUT: latents to an image, or a tensor of images.
struct Decode {
    std::string in, key, out;
    bool scaled = false;
    NetworkFiles network;
    RunOptions options;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent walk FROM TO -m MODEL -o OUT.png: what lies between two latents.
struct Walk {
    std::string from, to, key, out;
    std::int64_t frames = 9;
    NetworkFiles network;
    RunOptions options;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent compare A B: how alike two images are, and where not.
struct Compare {
    std::string a, b, out;
    double gain = 4;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent preview LATENTS -o OUT.png: what latents look like, soon.
struct Preview {
    std::string in, key, out, method = "linear";
    bool is_sdxl = false;
    NetworkFiles network;
    RunOptions options;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent reconstruct IMAGE -m MODEL -o OUT: there and back, and how well.
struct Reconstruct {
    std::string in, out;
    NetworkFiles network;
    RunOptions options;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent shrink IMAGE --side N -o OUT.png: an image of which no side is longer.
struct Shrink {
    std::string in, out;
    std::int64_t side = 512;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent devices: what networks can run on here.
struct Devices {
    void add_to(CLI::App& app);
    void run() const;
};

/// latent explain -m MODEL: the architecture as a tree, and what each module costs.
struct Explain {
    std::string model, size = "512", side;
    std::optional<std::int64_t> depth; ///< levels of the tree; none: all
    bool time = false, json = false;
    int threads = 0;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent schedule NAME: a scheduler's timesteps and sigmas, and what it does to noise.
struct ShowSchedule {
    std::string name, config, out;
    std::int64_t steps = 20;
    std::optional<double> mu;
    bool list = false;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent record IN -m MODEL -o REF: what goes into and comes out of every module.
struct Record {
    std::string in, key, model, side, out, dtype = "f64";
    bool no_inputs = false, no_parameters = false;
    int threads = 0;

    void add_to(CLI::App& app);
    void run() const;
};

/// latent parity REFERENCE OTHER, or REFERENCE -m MODEL: where two networks part, and why.
struct Parity {
    std::string reference, other, map, layout = "nchw";
    std::string model, device = "cpu", side, input;
    std::string json, html;
    std::optional<double> tolerance;
    bool isolate = false, brief = false;
    int threads = 0;
    bool within_tolerance = true; ///< what came of it

    void add_to(CLI::App& app);
    void run();
};

/// latent isolate LAYER REFERENCE -o OUT: what one layer is given, has and makes.
struct Isolate {
    std::string layer, reference, map, model, side, input, out, dtype = "f32";
    int threads = 0;

    void add_to(CLI::App& app);
    void run() const;
};

/// Declares -m, which also takes the name of a model that Latent brings.
CLI::Option* add_model_option(CLI::App& command, std::string& model, const std::string& help);
/// Declares -m, --encoder and --decoder.
void add_network_options(CLI::App& command, NetworkFiles& network);
/// Declares --side and --input: what of a recording a network runs on. They need `network`.
void add_recorded_input_options(CLI::App& command, CLI::Option& network, std::string& side,
                                std::string& input);
/// Declares --threads and --quiet.
void add_run_options(CLI::App& command, RunOptions& options);
/// Declares --device. A GPU has no --fast, --weights and --stream: refused by require_device().
void add_device_option(CLI::App& command, RunOptions& options);
void require_device(const CLI::App& command, const RunOptions& options);
/// Declares --tiling, --tile-blend, --tile-size, --fast, --weights, --slicing, --check-finite.
void add_tiling_options(CLI::App& command, RunOptions& options);
/// Declares --stream, of a command that decodes; behind add_tiling_options.
void add_stream_option(CLI::App& command, RunOptions& options);
/// Throws a usage error unless the options name the sides that are needed.
void require_network(const NetworkFiles& network, bool encoder, bool decoder);

} // namespace latent::command
