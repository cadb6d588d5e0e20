#include "support/catch.hpp"
#include "cli/command.hpp"
#include "parity/outside_bench.hpp"

#include <latent/io/config.hpp>
#include <latent/io/json.hpp>
#include <latent/io/npy.hpp>
#include <latent/io/rounding.hpp>
#include <latent/io/safetensors_writer.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;
using outside::Numbers;

namespace {

/// A person's folder: a model as diffusers saves it, recordings of it, and the dumps of a port,
/// as one file or as a folder of .npy, with a table of its names.
class ParityBench : TemporaryFolder {
public:
    ParityBench(outside::Architecture chosen, bool as_npy)
        : architecture(std::move(chosen)), as_npy_(as_npy) {
        // A checkpoint says nothing of heads: there is one.
        architecture.settings.heads = 1;
    }

    /// What `latent parity` says of the port's run.
    struct Said {
        int code = -1;
        std::string first, cause, err;
    };
    Said parity(const outside::Planted& planted, Numbers numbers, bool faulty = true) {
        const auto& side = this->side(planted.decodes, planted.louder);
        const auto rows = port_run(architecture, side.weights, planted.decodes, side.input,
                                   numbers, faulty ? planted.fault : outside::Fault{});
        const auto dump = save(rows, numbers);
        const auto json = at("out.json");
        const auto outcome = run_latent({"parity", side.recording, dump, "--map",
                                         at("NAMES.tsv"), "--layout", "nhwc", "--json", json});
        Said said{.code = outcome.code, .first = {}, .cause = {}, .err = outcome.err};
        if (outcome.code == 0 || outcome.code == 3) {
            const auto parsed = Json::parse(read_text(json));
            const auto& subject = parsed.at("subjects").at(0);
            if (subject.at("first").is_string()) {
                said.first = subject.at("first").get<std::string>();
                said.cause = subject.at("cause").at("name").get<std::string>();
            }
        }
        std::filesystem::remove(json);
        std::filesystem::remove_all(dump);
        return said;
    }

    outside::Architecture architecture;

private:
    struct Side {
        outside::Weights weights;
        PortInput input;
        std::string recording;
    };

    [[nodiscard]] std::string at(const std::string& name) const {
        return (*this / name).string();
    }

    const Side& side(bool decodes, const outside::Louder& louder) {
        const auto [found, is_new] = sides_.try_emplace({decodes, louder});
        if (!is_new) return found->second;
        auto& made = found->second;
        const auto& settings = architecture.settings;
        const auto config = config_of(settings);
        const int scale = decodes ? 1 : architecture.scale();
        const auto number = std::to_string(sides_.size());
        made.weights = weights_of(config, architecture.seed, louder);
        made.input = PortInput::of(settings, decodes, 1, architecture.latent_h * scale,
                                   architecture.latent_w * scale, architecture.seed);
        made.recording = at("reference" + number + ".safetensors");
        save_model("model" + number, config, made.weights);
        const auto x = made.input.raw(settings, decodes);
        save_safetensors(*this / "x.safetensors", {{decodes ? "latents" : "image", x}});
        const auto outcome =
            run_latent({"record", at("x.safetensors"), "-m", at("model" + number), "--side",
                        decodes ? "decode" : "encode", "-o", made.recording});
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return made;
    }

    void save_model(const std::string& folder, const AutoencoderKLConfig& config,
                    const outside::Weights& weights) const {
        std::filesystem::create_directories(*this / folder);
        Recorder recorder;
        (void)AutoencoderKL<Meta>(Weights(recorder), config);
        std::vector<NamedTensor> tensors;
        for (const auto& request : recorder.requests()) {
            tensors.emplace_back(request.name, DType::F32, request.shape,
                                 std::as_bytes(std::span(weights.at(request.name))));
        }
        save_safetensors(*this / folder / "diffusion_pytorch_model.safetensors",
                         std::move(tensors));
        Json json{{"_class_name", "AutoencoderKL"}};
        fields(config, [&]<class Field>(const char* name, const Field& field) {
            if constexpr (requires { field.has_value(); }) {
                json[name] = field ? Json(*field) : Json(nullptr);
            } else {
                json[name] = field;
            }
        });
        write_text(*this / folder / "config.json", json.dump(2));
    }

    /// Writes the dump and its table of names; returns where the dump is.
    [[nodiscard]] std::string save(const std::vector<PortRow>& rows, Numbers numbers) const {
        const auto dtype = numbers == Numbers::single ? DType::F32
                           : numbers == Numbers::half ? DType::F16
                                                      : DType::BF16;
        // numpy knows no brain floats.
        const bool as_file = !as_npy_ || dtype == DType::BF16;
        std::string names = "other\treference\n";
        std::vector<std::vector<std::byte>> bytes;
        std::vector<NamedTensor> tensors;
        bytes.reserve(rows.size()); // spans of them must last
        for (const auto& row : rows) {
            auto& values =
                bytes.emplace_back(row.values.size() * (dtype == DType::F32 ? 4 : 2));
            (void)round_elements(DType::F32, std::as_bytes(std::span(row.values)), dtype,
                                 std::span(values));
            tensors.emplace_back(row.name, dtype, row.shape, std::span(values));
            if (!row.torch.empty()) names += row.name + "\t" + row.torch + "\n";
        }
        write_text(*this / "NAMES.tsv", names);
        if (as_file) {
            save_safetensors(*this / "dump.safetensors", std::move(tensors));
            return at("dump.safetensors");
        }
        for (const auto& tensor : tensors) {
            const auto path = *this / "dump" / (tensor.name + ".npy");
            std::filesystem::create_directories(path.parent_path());
            save_npy(path, tensor);
        }
        return at("dump");
    }

    bool as_npy_;
    std::map<std::pair<bool, outside::Louder>, Side> sides_;
};

/// One architecture's dumps are files, the other's are folders.
struct ParityBenches {
    ParityBench narrow{outside::narrow(), false};
    ParityBench deep{outside::deep(), true};

    template <class F>
    void each(F&& f) {
        f(narrow);
        f(deep);
    }
};

/// How many of these faults the command names right; each must be in its row.
int named_faults(ParityBench& bench, const std::vector<outside::Planted>& faults) {
    int named = 0;
    for (const auto& planted : faults) {
        const auto said = bench.parity(planted, planted.numbers);
        CAPTURE(bench.architecture.name, planted.title, said.cause, said.err);
        CHECK(said.code == 3);
        CHECK(said.first == planted.row);
        const bool unknown = planted.causes.empty() && said.cause == "unknown";
        const bool right = unknown || std::ranges::count(planted.causes, said.cause) > 0;
        if (said.first == planted.row && right) ++named;
    }
    return named;
}

} // namespace

TEST_CASE("latent parity finds the first wrong layer of a port") {
    if (command_path().empty()) return skip(no_command);
    ParityBenches benches;
    benches.each([](ParityBench& bench) {
        // One with its cause at the entrance, one behind a gap, one in half precision.
        std::vector<outside::Planted> some;
        for (const auto& planted : outside::faults_of(bench.architecture)) {
            const auto slip = planted.fault.slip;
            if (slip == outside::Slip::factor || slip == outside::Slip::scale ||
                planted.numbers == Numbers::half) {
                some.push_back(planted);
            }
        }
        CHECK(some.size() == 3);
        (void)named_faults(bench, some);
    });
}

TEST_CASE("latent parity finds twenty faults in each of two ports", "[large]") {
    if (command_path().empty()) return skip(no_command);
    ParityBenches benches;
    benches.each([](ParityBench& bench) {
        const auto faults = outside::faults_of(bench.architecture);
        CHECK(faults.size() == 20);
        CHECK(named_faults(bench, faults) >= 17);
        const auto unnamed = outside::unnamed_faults_of(bench.architecture);
        CHECK(named_faults(bench, unnamed) == static_cast<int>(unnamed.size()));
    });
}

TEST_CASE("latent parity raises no alarm about a port that is right") {
    if (command_path().empty()) return skip(no_command);
    ParityBenches benches;
    benches.each([](ParityBench& bench) {
        for (const bool decodes : {true, false}) {
            for (const auto numbers : {Numbers::single, Numbers::half, Numbers::brain}) {
                const outside::Planted nothing{"", decodes, {}, "", {}};
                const auto said = bench.parity(nothing, numbers, false);
                CAPTURE(bench.architecture.name, decodes, said.cause, said.err);
                CHECK(said.code == 0);
                CHECK(said.first == "");
            }
        }
    });
}
