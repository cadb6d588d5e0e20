// latent compare A B [-o OUT.png]: how alike two images are, and where they are not.

#include "files.hpp"

#include "commands.hpp"

#include <latent/io/image.hpp>
#include <latent/pipelines/image.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace latent::command {

void Compare::add_to(CLI::App& app) {
    auto* const command =
        app.add_subcommand("compare", "How alike two images are, and where they are not");
    command->add_option("A", a, "A PNG or JPEG")->required();
    command->add_option("B", b, "Another one of that size")->required();
    auto* const picture = command->add_option(
        "-o,--out", out, "A .png of B - A in each colour: grey where they are alike");
    command->add_option("--gain", gain, "How many times the difference is shown (default: 4)")
        ->check(CLI::Range(0.1, 255.0))
        ->needs(picture);
    command->footer("Prints psnr_db, mean_error and max_error, of bytes.\n"
                    "Example:\n  latent compare photo.png back.png -o difference.png");
    command->callback([this] { run(); });
}

void Compare::run() const {
    if (!out.empty()) require_output(out, {".png"});
    const auto first = read_image(a), second = read_image(b);
    const auto size = [](const Image& image) {
        return std::to_string(image.width) + " x " + std::to_string(image.height) + " pixels";
    };
    if (first.width != second.width || first.height != second.height)
        fail(display(b), size(second), size(first) + ", as " + display(a));
    Image difference{first.width, first.height, 3, {}};
    double sum = 0;
    int most = 0;
    for (std::size_t i = 0; i < first.pixels.size(); ++i) {
        const auto apart = int{second.pixels[i]} - int{first.pixels[i]};
        sum += std::abs(apart);
        most = std::max(most, std::abs(apart));
        const auto shown = std::clamp(128 + gain * apart, 0.0, 255.0);
        difference.pixels.push_back(static_cast<std::uint8_t>(std::lround(shown)));
    }
    stop_if_interrupted();
    if (!out.empty()) write_png(out, difference);
    std::printf("psnr_db %.4f\nmean_error %.4f\nmax_error %d\n",
                psnr_db(first.pixels, second.pixels),
                sum / static_cast<double>(first.pixels.size()), most);
}

} // namespace latent::command
