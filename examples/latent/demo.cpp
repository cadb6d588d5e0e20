// latent demo [IMAGE]: an image through an autoencoder and back, with whatever is at hand, as a
// picture of both side by side.

#include "files.hpp"
#include "network.hpp"
#include "sha256.hpp"

#include <latent/io/image.hpp>
#include <latent/io/system.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

namespace latent::command {

namespace {

/// Files whose digest is known, of github.com/madebyollin/taesd.
struct KnownFile {
    std::string_view name, sha256;
};
constexpr std::array<KnownFile, 2> known_files{{
    {"taef2_encoder.pth", "10a4e1021e89d7551eaf161352da8dbd0b1aa83872ae28b150c1df1ce2f147b6"},
    {"taef2_decoder.pth", "0a44a31e1ae59eb9dbf9359d24942fd3ef5928162c1800d97a28c61d51be0ab5"},
}};

/// What is to be said about a file of weights. Throws Error when its name is known and it is
/// another.
std::string check_digest(const std::filesystem::path& path) {
    const auto where = display(path);
    for (const auto& known : known_files) {
        if (path.filename() != known.name) continue;
        const auto digest = sha256(MappedFile(path).bytes());
        if (digest == known.sha256) return where + " (sha256 as expected)";
        fail(where, "sha256 " + digest, std::string(known.sha256),
             "the download was cut short, or this is another file of that name");
    }
    return where + " (unknown file, not checked)";
}

/// A picture to try when there is none: a sunset over stripes, with soft and hard edges.
Image paint() {
    constexpr std::int64_t side = 256;
    Image image{side, side, 3, {}};
    for (std::int64_t y = 0; y < side; ++y) {
        for (std::int64_t x = 0; x < side; ++x) {
            const double height = static_cast<double>(y) / side;
            const double distance =
                std::hypot(static_cast<double>(x) - 160, static_cast<double>(y) - 110);
            std::array<double, 3> color{0.9 - 0.5 * height, 0.45 + 0.2 * height,
                                        0.35 + 0.4 * height};
            if (distance < 48) color = {1.0, 0.9, 0.55};
            if (height > 0.65) {
                const double wave =
                    std::sin(static_cast<double>(x) / (4 + 20 * (height - 0.65)));
                color = {0.1 + 0.08 * wave, 0.25 + 0.1 * wave, 0.45 + 0.15 * wave};
            }
            for (const auto value : color) {
                image.pixels.push_back(static_cast<std::uint8_t>(std::lround(value * 255)));
            }
        }
    }
    return image;
}

/// Both pictures in one, with a white strip between them.
Image side_by_side(const Image& left, const std::vector<std::uint8_t>& right) {
    constexpr std::int64_t gap = 8;
    const auto row = static_cast<std::size_t>(3 * left.width);
    Image both{2 * left.width + gap, left.height, 3, {}};
    for (std::size_t y = 0; y < static_cast<std::size_t>(left.height); ++y) {
        const auto add = [&](const std::vector<std::uint8_t>& pixels) {
            const auto from = pixels.begin() + static_cast<std::ptrdiff_t>(y * row);
            both.pixels.insert(both.pixels.end(), from,
                               from + static_cast<std::ptrdiff_t>(row));
        };
        add(left.pixels);
        both.pixels.insert(both.pixels.end(), 3 * gap, 255);
        add(right);
    }
    return both;
}

/// The files of $LATENT_DATA that a demonstration can use; empty where there are none.
std::string data_file(const std::string& name) {
    const auto data = environment("LATENT_DATA");
    if (!data) return {};
    const auto path = std::filesystem::path(*data) / name;
    std::error_code error;
    return std::filesystem::is_regular_file(path, error) ? path.string() : std::string();
}

} // namespace

void Demo::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand(
        "demo",
        "An image there and back with whatever is at hand, side by side in one picture");
    command->add_option("IMAGE", in, "A PNG or JPEG (default: a painted one)");
    command->add_option("-o,--out", out, "The picture: a .png")->capture_default_str();
    add_network_options(*command, network);
    add_run_options(*command, options);
    command->footer("Example:\n  latent demo photo.jpg --encoder taef2_encoder.pth "
                    "--decoder taef2_decoder.pth");
    command->callback([this] {
        if (!network.empty()) require_network(network, true, true);
        run();
    });
}

void Demo::run() const {
    require_output(out, {".png"});
    auto files = network;
    if (files.empty()) {
        files.encoder = data_file("weights/taef2_encoder.pth");
        files.decoder = data_file("weights/taef2_decoder.pth");
        if (files.encoder.empty() || files.decoder.empty()) files = {};
    }
    const auto source = in.empty() ? data_file("photos/astronaut.png") : in;
    const auto image = source.empty() ? paint() : read_image(source);
    const auto say = [&](const std::string& text) {
        if (!options.quiet) std::cout << text << std::endl;
    };

    say("image    " + (source.empty() ? "painted here" : display(source)) + ", " +
        std::to_string(image.width) + " x " + std::to_string(image.height));
    for (const auto& path : {files.model, files.encoder, files.decoder}) {
        if (!path.empty()) say("weights  " + check_digest(path));
    }
    if (files.empty()) {
        say("weights  none given: an untrained TAESD of seed 0, so what comes back is no "
            "picture\n"
            "         trained ones: taef2_encoder.pth and taef2_decoder.pth of "
            "github.com/madebyollin/taesd\n"
            "         (--encoder FILE --decoder FILE), or the folder "
            "huggingface.co/madebyollin/taesd (-m FOLDER)");
    }

    auto result =
        reconstruct_pixels(files, options, source.empty() ? "painted image" : display(source),
                           image.pixels, {image.width, image.height});
    stop_if_interrupted();
    write_png(out, side_by_side(image, result.pixels));
    print_figures(result);
    say("wrote    " + display(out) + ": on the left what went in, on the right what came back");
}

} // namespace latent::command
