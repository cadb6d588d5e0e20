// latent walk FROM TO -m MODEL -o OUT.png: the images between two latents.

#include "files.hpp"
#include "latents.hpp"
#include "network.hpp"
#include "pictures.hpp"

#include <latent/io/image.hpp>
#include <latent/pipelines/image.hpp>

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace latent::command {

namespace {

/// z [1, C, h, w] cut to this height and width, or continued as in a mirror.
Tensor<Cpu<float>> fitted(const Tensor<Cpu<float>>& z, std::int64_t height,
                          std::int64_t width) {
    const auto [N, C, H, W] = nchw(z, "walk");
    const auto mirrored = [](std::int64_t i, std::int64_t size) {
        const auto place = i % (2 * size);
        return place < size ? place : 2 * size - 1 - place;
    };
    Tensor<Cpu<float>> y({N, C, height, width});
    for (std::int64_t i = 0; i < y.numel(); ++i) {
        const auto channel = i / (height * width);
        const auto row = mirrored(i / width % height, H), column = mirrored(i % width, W);
        y.data()[i] = z.data()[(channel * H + row) * W + column];
    }
    return y;
}

/// What says how latents are scaled, of a file's metadata.
std::string scaling_of(const TensorFile& file) {
    std::string text;
    for (const auto* name : {"latents", "scaling_factor", "shift_factor"}) {
        const auto found = file.metadata.find(name);
        text += found == file.metadata.end() ? " -" : " " + found->second;
    }
    return text;
}

} // namespace

void Walk::add_to(CLI::App& app) {
    auto* const command =
        app.add_subcommand("walk", "Images on the straight line between two latents");
    command->add_option("FROM", from, "Latents of one image, as latent encode writes them")
        ->required();
    command->add_option("TO", to, "Others; of another size they are cut, or mirrored")
        ->required();
    command->add_option("-o,--out", out, "A .png; the images are NAME-0.png, NAME-1.png, ...")
        ->required();
    command->add_option("--frames", frames, "How many images, both ends among them")
        ->check(CLI::Range(2, 1000))
        ->capture_default_str();
    command->add_option("--key", key, "The tensor in both (default: latents, or the only one)");
    add_network_options(*command, network);
    add_device_option(*command, options);
    add_run_options(*command, options);
    add_tiling_options(*command, options);
    add_stream_option(*command, options);
    command->footer("Example:\n  latent walk a.safetensors b.safetensors -m small -o walk.png");
    command->callback([this, command] {
        require_network(network, false, true);
        require_device(*command, options);
        run();
    });
}

void Walk::run() const {
    require_output(out, {".png"});
    const auto first = read_tensor(from, key, "latents", 3 * max_pixels);
    auto last = read_tensor(to, key, "latents", 3 * max_pixels);
    for (const auto* file : {&first, &std::as_const(last)})
        if (file->tensor.dim(0) != 1)
            fail(file->where, to_string(file->tensor.shape()), "latents of one image");
    if (last.tensor.dim(1) != first.tensor.dim(1))
        fail(last.where, std::to_string(last.tensor.dim(1)) + " channels",
             std::to_string(first.tensor.dim(1)) + ", as in " + display(from));
    if (scaling_of(last) != scaling_of(first))
        fail(last.where, "latents that are scaled in another way", "as in " + display(from),
             "latent encode tells in the metadata how they are; --scaled makes them alike");
    last.tensor = fitted(last.tensor, first.tensor.dim(2), first.tensor.dim(3));
    const auto size = size_of(first);
    // One image at a time, so that a long walk needs no more memory than a step.
    const NetworkFiles side{network.model, "", network.decoder};
    auto how = options;
    write_pictures(out, frames, options.quiet, [&](std::int64_t n) {
        const auto share = static_cast<float>(n) / static_cast<float>(frames - 1);
        TensorFile between{first.where, first.tensor.clone(), first.metadata};
        auto values = between.tensor.values();
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = std::lerp(values[i], last.tensor.values()[i], share);
        const auto image = decode_latents(side, how, {}, std::move(between), size);
        how.quiet = true; // what is to be said of the latents was said
        return Image{image.dim(3), image.dim(2), 3, rgb_from_image(image)};
    });
}

} // namespace latent::command
