// latent reconstruct IMAGE -m MODEL -o OUT: there and back, and how well.

#include "files.hpp"
#include "network.hpp"

#include <latent/io/image.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>

namespace latent::command {

void Reconstruct::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand("reconstruct", "An image to latents and back");
    command->add_option("IMAGE", in, "A PNG or JPEG")->required();
    command->add_option("-o,--out", out, "What came back: a .png")->required();
    add_network_options(*command, network);
    add_device_option(*command, options);
    add_run_options(*command, options);
    add_tiling_options(*command, options);
    add_stream_option(*command, options);
    command->footer("Prints psnr_db, encode_s, decode_s and peak_mib.\n"
                    "Example:\n  latent reconstruct photo.png -m small -o back.png");
    command->callback([this, command] {
        require_network(network, true, true);
        require_device(*command, options);
        run();
    });
}

void Reconstruct::run() const {
    require_output(out, {".png"});
    const auto image = read_image(in);
    const auto result = reconstruct_pixels(network, options, display(in), image.pixels,
                                           {image.width, image.height});
    stop_if_interrupted();
    write_png(out, {image.width, image.height, 3, result.pixels});
    std::printf("psnr_db %.4f\nencode_s %.4f\ndecode_s %.4f\npeak_mib %.1f\n", result.psnr_db,
                result.encode_seconds, result.decode_seconds, peak_memory_mib());
}

} // namespace latent::command
