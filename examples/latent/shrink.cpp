// latent shrink IMAGE --side N -o OUT.png: a photo of a size that networks are quick with.

#include "files.hpp"

#include "commands.hpp"

#include <latent/io/image.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace latent::command {

namespace {

/// Each pixel is the mean of times x times; what is left over at the right and below is cut.
Image shrunk(const Image& image, std::int64_t times) {
    Image small{image.width / times, image.height / times, 3, {}};
    small.pixels.reserve(static_cast<std::size_t>(3 * small.width * small.height));
    const auto count = times * times;
    for (std::int64_t y = 0; y < small.height; ++y) {
        for (std::int64_t x = 0; x < 3 * small.width; ++x) {
            std::int64_t sum = count / 2; // rounds to nearest
            for (std::int64_t i = 0; i < count; ++i) {
                const auto row = y * times + i / times, column = x / 3 * times + i % times;
                sum += image.pixels[static_cast<std::size_t>(3 * (row * image.width + column) +
                                                             x % 3)];
            }
            small.pixels.push_back(static_cast<std::uint8_t>(sum / count));
        }
    }
    return small;
}

} // namespace

void Shrink::add_to(CLI::App& app) {
    auto* const command =
        app.add_subcommand("shrink", "An image made smaller by a whole number, if it is large");
    command->add_option("IMAGE", in, "A PNG or JPEG")->required();
    command->add_option("--side", side, "No side of the result is longer, in pixels")
        ->check(CLI::Range(8, 1 << 20))
        ->capture_default_str();
    command->add_option("-o,--out", out, "The result: a .png")->required();
    command->footer("Prints width, height and how many times smaller they are.\n"
                    "Example:\n  latent shrink photo.jpg --side 768 -o photo.png");
    command->callback([this] { run(); });
}

void Shrink::run() const {
    require_output(out, {".png"});
    const auto image = read_image(in);
    const auto times = (std::max(image.width, image.height) + side - 1) / side;
    if (std::min(image.width, image.height) < times) {
        fail(display(in),
             std::to_string(image.width) + " x " + std::to_string(image.height) + " pixels",
             "an image that is still one when it is " + std::to_string(times) +
                 " times smaller");
    }
    const auto small = shrunk(image, times);
    stop_if_interrupted();
    write_png(out, small);
    std::printf("width %lld\nheight %lld\ntimes %lld\n", static_cast<long long>(small.width),
                static_cast<long long>(small.height), static_cast<long long>(times));
}

} // namespace latent::command
