// latent explain -m MODEL: the architecture as a tree, and what each module costs.

#include "commands.hpp"
#include "explain_table.hpp"
#include "files.hpp"
#include "model_config.hpp"
#include "network.hpp"

#include <latent/io/json.hpp>
#include <latent/models/vae_approx.hpp>
#include <latent/parity/explain_time.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace latent::command {

namespace {

/// One side of a network, explained.
struct ExplainedSide {
    std::string side; ///< "encode" or "decode"
    Explanation explanation;
    std::optional<ModuleTimes> times;
};

/// "512" or "768x512", in pixels. Throws a usage error where it is neither.
Size pixels_of(const std::string& text) {
    const auto number = [&](std::string_view digits) {
        std::int64_t value = 0;
        const auto* const end = digits.data() + digits.size();
        const auto read = std::from_chars(digits.data(), end, value);
        const bool whole = read.ec == std::errc() && read.ptr == end;
        if (whole && value >= 1 && value <= 65536) return value;
        throw CLI::ValidationError("--size", in_quotes(text) +
                                                 " is no WIDTHxHEIGHT, and no single number, "
                                                 "of 1 to 65536 pixels");
    };
    const auto cross = text.find('x');
    if (cross == std::string::npos) return {number(text), number(text)};
    return {number(std::string_view(text).substr(0, cross)),
            number(std::string_view(text).substr(cross + 1))};
}

void require_multiple(Size size, std::int64_t factor, const std::string& path) {
    if (size.width % factor == 0 && size.height % factor == 0) return;
    fail("--size", std::to_string(size.width) + "x" + std::to_string(size.height) + " pixels",
         "multiples of " + std::to_string(factor),
         "so many are one latent of " + path + " each way");
}

/// What one side's network does with this input.
template <template <class> class Network, class... Settings>
ExplainedSide explain_side(const Explain& asked, std::string side, const Shape& input,
                           const std::string& place, const Settings&... settings) {
    ExplainedSide result{std::move(side), explain<Network>(input, place, settings...), {}};
    if (asked.time) {
        result.times = time_modules<Network>(
            result.explanation,
            {.threads = asked.threads, .between = [] { stop_if_interrupted(); }}, place,
            settings...);
    }
    return result;
}

/// The shapes [1, C, H, W] that go in: images of this size, and their latents.
Shape explained_images(Size size, std::int64_t channels) {
    return {1, channels, size.height, size.width};
}
Shape explained_latents(Size size, std::int64_t channels, std::int64_t factor) {
    return {1, channels, size.height / factor, size.width / factor};
}

ExplainedSide explain_encoder(const Explain& asked, Size size,
                              const AutoencoderKLConfig& config) {
    return explain_side<EncoderKL>(asked, "encode", explained_images(size, config.in_channels),
                                   "", config);
}
ExplainedSide explain_encoder(const Explain& asked, Size size,
                              const AutoencoderTinyConfig& config) {
    return explain_side<EncoderTiny>(
        asked, "encode", explained_images(size, config.in_channels), "encoder", config);
}
ExplainedSide explain_decoder(const Explain& asked, Size size,
                              const AutoencoderKLConfig& config) {
    return explain_side<DecoderKL>(
        asked, "decode", explained_latents(size, config.latent_channels, config.factor()), "",
        config);
}
ExplainedSide explain_decoder(const Explain& asked, Size size,
                              const AutoencoderTinyConfig& config) {
    return explain_side<DecoderTiny>(
        asked, "decode",
        explained_latents(size, config.latent_channels, config.decoder_factor()), "decoder",
        config);
}
ExplainedSide explain_decoder(const Explain& asked, Size size, const VAEApproxConfig& config) {
    return explain_side<VAEApprox>(asked, "decode",
                                   explained_latents(size, 4, config.decoder_factor()), "");
}

/// Both sides, or the one that is asked for, or is there.
std::vector<ExplainedSide> explain_sides(const Explain& asked, const ModelConfig& model,
                                         Size size) {
    if (asked.side == "encode" && !model.encoder)
        fail(model.path, "a decoder alone", "an encoder for --side encode");
    if (asked.side == "decode" && !model.decoder)
        fail(model.path, "an encoder alone", "a decoder for --side decode");
    return std::visit(
        [&](const auto& config) {
            std::vector<ExplainedSide> sides;
            if constexpr (requires { config.encoder_factor(); }) {
                if (model.encoder && asked.side != "decode") {
                    require_multiple(size, config.encoder_factor(), model.path);
                    sides.push_back(explain_encoder(asked, size, config));
                }
            }
            if (model.decoder && asked.side != "encode") {
                require_multiple(size, config.decoder_factor(), model.path);
                sides.push_back(explain_decoder(asked, size, config));
            }
            return sides;
        },
        model.config);
}

/// As many threads as the run had.
int threads_of(const Explain& asked) { return Workspace({.threads = asked.threads}).threads(); }

std::string_view class_of_config(const ModelConfig& model) {
    constexpr std::array kinds{ModelKind::autoencoder_kl, ModelKind::autoencoder_tiny,
                               ModelKind::vae_approx};
    return to_string(kinds[model.config.index()]);
}

void print_explanation(const ModelConfig& model, Size size,
                       const std::vector<ExplainedSide>& sides, const Explain& asked) {
    std::cout << class_of_config(model) << ", " << model.path << ", " << size.width << "x"
              << size.height << " pixels\n";
    for (const auto& [side, explanation, times] : sides) {
        const std::string unit = side == "encode" ? "pixels" : "latents";
        std::cout << '\n'
                  << side << ": " << shape_text(explanation.input) << " to "
                  << shape_text(explanation.output) << "\n\n"
                  << table_text(explanation, asked.depth.value_or(1 << 20), times, unit)
                  << '\n';
        Table totals(1);
        totals.add({"parameters", with_separators(explanation.parameters)});
        totals.add({"multiply-adds", with_separators(explanation.multiply_adds)});
        totals.add({"weights, float32", bytes_text(4 * explanation.parameters)});
        totals.add({"planned peak", bytes_text(explanation.peak_bytes)});
        if (times) {
            totals.add({"time", with_separators(1000 * times->total_seconds, 2) + " ms"});
            totals.add(
                {"direct arithmetic",
                 with_separators(gflops(explanation.multiply_adds, times->total_seconds), 1) +
                     " GFLOP/s"});
        }
        std::cout << totals.text();
    }
    if (asked.time) {
        const auto threads = threads_of(asked);
        std::cout << "\nMeasured with seeded weights, those of torch.manual_seed(0), on "
                  << threads << (threads == 1 ? " thread" : " threads")
                  << "; of short runs\nthe fastest. An activation counts to the norm or "
                     "convolution in front of it, an addition\nto its convolution. GFLOP/s "
                     "are of direct arithmetic, 2 for a multiply-add.\n";
    } else {
        std::cout << "\nA row counts what is below it. The planned peak is the most that "
                     "tensors hold at one time;\nweights come on top. (all): through a group "
                     "norm or attention, every value of the input.\n";
    }
}

std::vector<std::int64_t> json_of_shape(const Shape& shape) {
    return {shape.dims().begin(), shape.dims().end()};
}

OrderedJson json_of_row(const ExplanationRow& row) {
    return {{"path", row.path},
            {"class", row.class_name},
            {"depth", row.depth},
            {"input", json_of_shape(row.input)},
            {"output", json_of_shape(row.output)},
            {"parameters", row.parameters},
            {"multiply_adds", row.multiply_adds},
            {"output_bytes", row.output_bytes},
            {"receptive_field", row.receptive_field},
            {"sees_all", row.sees_all}};
}

void print_explanation_json(const ModelConfig& model, Size size,
                            const std::vector<ExplainedSide>& sides, const Explain& asked) {
    OrderedJson json = {{"model", printable(model.path)},
                        {"class", class_of_config(model)},
                        {"width", size.width},
                        {"height", size.height},
                        {"sides", OrderedJson::array()}};
    for (const auto& [side, explanation, times] : sides) {
        OrderedJson entry = {{"side", side},
                             {"input", json_of_shape(explanation.input)},
                             {"output", json_of_shape(explanation.output)},
                             {"parameters", explanation.parameters},
                             {"multiply_adds", explanation.multiply_adds},
                             {"planned_peak_bytes", explanation.peak_bytes}};
        if (times) {
            entry["weights"] = "torch.manual_seed(0)";
            entry["threads"] = threads_of(asked);
            entry["runs"] = times->runs;
            entry["seconds"] = times->total_seconds;
        }
        auto& rows = entry["modules"] = OrderedJson::array();
        for (const auto i : rows_within(explanation, asked.depth.value_or(1 << 20))) {
            auto row = json_of_row(explanation.rows[i]);
            if (times) {
                row["seconds"] = times->seconds[i];
                row["gflops"] = gflops(explanation.rows[i].multiply_adds, times->seconds[i]);
            }
            rows.push_back(std::move(row));
        }
        json["sides"].push_back(std::move(entry));
    }
    std::cout << json.dump(2) << '\n';
}

} // namespace

void Explain::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand(
        "explain", "The architecture as a tree: shapes, parameters, work, memory, time");
    add_model_option(*command, model,
                     "A config.json, a folder with one, with weights or without, or a file of "
                     "weights")
        ->required();
    command->add_option("--size", size,
                        "The image in pixels: 512, or WIDTHxHEIGHT (default: 512)");
    command->add_option("--side", side, "One side alone (default: both)")
        ->check(CLI::IsMember({"encode", "decode"}));
    command->add_option("--depth", depth, "Show so many levels of the tree (default: all)")
        ->check(CLI::Range(1, 1000));
    auto* const timing = command->add_flag(
        "--time", time, "Run it, with seeded weights, and tell each module's time");
    command->add_option("--threads", threads, "At most this many threads (default: all)")
        ->check(CLI::Range(1, 1024))
        ->needs(timing);
    command->add_flag("--json", json, "Print JSON");
    command->footer("Example:\n  latent explain -m vae/config.json --side decode --depth 3");
    command->callback([this] {
        (void)pixels_of(size); // a usage error where it is none
        run();
    });
}

void Explain::run() const {
    const auto pixels = pixels_of(size);
    if (time && pixels.width * pixels.height > max_pixels) {
        fail("--size", size + " pixels",
             "at most " + std::to_string(max_pixels) + " for --time");
    }
    const auto found = model_config(model);
    const auto sides = explain_sides(*this, found, pixels);
    json ? print_explanation_json(found, pixels, sides, *this)
         : print_explanation(found, pixels, sides, *this);
}

} // namespace latent::command
