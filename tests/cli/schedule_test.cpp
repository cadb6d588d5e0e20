#include "support/catch.hpp"
#include "support/golden.hpp"
#include "cli/command.hpp"
#include "../../examples/latent/schedule_list.hpp"

#include <latent/schedulers/all.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A folder with a config of Stable Diffusion's.
struct ScheduleFolder : TemporaryFolder {
    ScheduleFolder() {
        save("pndm.json", R"({"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0",
            "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
            "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
            "steps_offset": 1, "trained_betas": null})");
    }
    [[nodiscard]] std::string at(std::string_view name) const {
        return (*this / name).string();
    }
    void save(std::string_view name, std::string_view text) const {
        write_text(*this / name, text);
    }
    /// One line on stderr, this exit code, no file.
    void refuse(std::vector<std::string> rest, int code, const std::string& part) const {
        rest.insert(rest.begin(), {"schedule", "-o", at("refused.svg")});
        const auto outcome = run_latent(rest);
        CAPTURE(rest, outcome.err);
        CHECK(outcome.code == code);
        CHECK(outcome.out.empty());
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(contains(outcome.err, part));
        CHECK_FALSE(std::filesystem::exists(*this / "refused.svg"));
    }
};

Outcome schedule(std::vector<std::string> rest) {
    rest.insert(rest.begin(), "schedule");
    auto outcome = run_latent(rest);
    CAPTURE(rest, outcome.err);
    CHECK(outcome.code == 0);
    return outcome;
}

struct TableRow {
    std::string step;
    double timestep = 0, sigma = 0, decibels = 0;
};

/// The rows of a table below its two lines of heads; the one of the end, if any, with NaN.
std::vector<TableRow> rows_of(const std::string& text) {
    std::vector<TableRow> rows;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream cells(line);
        std::string step, timestep, sigma, decibels, none;
        if (!(cells >> step >> timestep >> sigma >> decibels) || cells >> none) continue;
        const auto number = [](const std::string& cell) {
            return cell == "-" ? std::nan("") : std::strtod(cell.c_str(), nullptr);
        };
        rows.push_back({step, number(timestep), number(sigma), number(decibels)});
    }
    return rows;
}

/// Whether tags are closed in their order, and quotes, too: what is no XML is no SVG.
bool well_formed(std::string_view text) {
    std::vector<std::string> open;
    bool any = false;
    while (!text.empty()) {
        const auto begin = text.find('<');
        if (text.substr(0, begin).find_first_of("&>") != std::string_view::npos) return false;
        if (begin == std::string_view::npos) break;
        const auto end = text.find('>', begin);
        if (end == std::string_view::npos) return false;
        const auto tag = text.substr(begin + 1, end - begin - 1);
        text.remove_prefix(end + 1);
        if (tag.find('<') != std::string_view::npos || std::ranges::count(tag, '"') % 2 != 0)
            return false;
        const auto name = std::string(tag.substr(0, tag.find(' ')));
        if (tag.starts_with('/')) {
            if (open.empty() || open.back() != tag.substr(1)) return false;
            open.pop_back();
        } else if (!tag.ends_with('/')) {
            if (open.empty() && any) return false;
            open.push_back(name);
        }
        any = true;
    }
    return any && open.empty();
}

constexpr double schedule_tolerance = 1e-6; // of a table with six decimals

} // namespace

TEST_CASE("schedule prints what the library reckons", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    EulerDiscreteSchedulerConfig config;
    config.beta_start = 0.00085, config.beta_end = 0.012;
    config.beta_schedule = "scaled_linear";
    EulerDiscreteScheduler<Cpu<float>> scheduler(config);
    scheduler.set_timesteps(7);
    const auto told = schedule({"EulerDiscrete", "--steps", "7"}).out;
    CHECK(contains(told, "EulerDiscrete: 7 steps, init_noise_sigma 14.6146, order 1\n"));
    CHECK(contains(told, "Without --config: the betas of Stable Diffusion"));
    const auto rows = rows_of(told.substr(told.find("dB")));
    REQUIRE(rows.size() == 8);
    for (std::size_t i = 0; i < 7; ++i) {
        CHECK(rows[i].step == std::to_string(i));
        CHECK(std::abs(rows[i].timestep - scheduler.timesteps.at(i)) <= 1e-4);
        CHECK(std::abs(rows[i].sigma - scheduler.sigmas.at(i)) <= schedule_tolerance);
        CHECK(std::abs(rows[i].decibels + 20 * std::log10(scheduler.sigmas.at(i))) <= 0.006);
    }
    CHECK(rows[7].step == "end");
    CHECK(rows[7].sigma == 0);

    // One without sigmas; 20 steps unless told otherwise.
    DDIMSchedulerConfig plain;
    plain.beta_start = 0.00085, plain.beta_end = 0.012, plain.beta_schedule = "scaled_linear";
    DDIMScheduler<Cpu<float>> ddim(plain);
    ddim.set_timesteps(20);
    const auto text = schedule({"DDIM"}).out;
    const auto of_ddim = rows_of(text.substr(text.find("dB")));
    REQUIRE(of_ddim.size() == 20);
    for (std::size_t i = 0; i < 20; ++i) {
        const auto abar =
            double{ddim.alphas_cumprod.at(static_cast<std::size_t>(ddim.timesteps.at(i)))};
        CHECK(of_ddim[i].timestep == ddim.timesteps.at(i));
        CHECK(std::abs(of_ddim[i].sigma - std::sqrt((1 - abar) / abar)) <= schedule_tolerance);
    }
    CHECK(contains(schedule({"HeunDiscrete"}).out, "20 steps, 39 calls of the network"));
}

TEST_CASE("schedule takes a config, and makes another scheduler's of it", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ScheduleFolder folder;
    const auto own = schedule({"--config", folder.at("pndm.json"), "--steps", "5"});
    CHECK(own.err.empty());
    CHECK(contains(own.out, "PNDM: 5 steps, 6 calls of the network"));
    CHECK_FALSE(contains(own.out, "Without --config"));
    const auto rows = rows_of(own.out.substr(own.out.find("dB")));
    REQUIRE(rows.size() == 6);
    CHECK(rows[0].timestep == 801);
    CHECK(rows[5].timestep == 1);

    const auto other = schedule({"EulerDiscrete", "--config", folder.at("pndm.json")});
    CHECK(other.err == folder.at("pndm.json") + ": remark: without a meaning for EulerDiscrete:"
                                                " set_alpha_to_one, skip_prk_steps\n");
    CHECK(contains(other.out, "EulerDiscrete: 20 steps, init_noise_sigma 14.6146"));
    CHECK(contains(schedule({"EulerDiscreteScheduler", "--config", folder.at("pndm.json")}).out,
                   "EulerDiscrete: 20 steps"));
}

TEST_CASE("schedule shifts sigmas by mu", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ScheduleFolder folder;
    folder.save("flux.json", R"({"_class_name": "FlowMatchEulerDiscreteScheduler",
                                 "use_dynamic_shifting": true, "max_shift": 1.25})");
    const auto sigmas = [&](std::vector<std::string> rest) {
        rest.insert(rest.begin(), {"--config", folder.at("flux.json"), "--steps", "2"});
        return schedule(std::move(rest)).out;
    };
    const auto usual = sigmas({});
    CHECK(contains(usual, "Without --mu: 1.25, that of 4096 tokens, max_image_seq_len.\n"));
    const auto same = sigmas({"--mu", "1.25"});
    CHECK(usual.find(same) == 0);
    CHECK_FALSE(contains(same, "Without --mu"));
    CHECK(sigmas({"--mu", "0.5"}) != same);

    folder.refuse({"--config", folder.at("flux.json"), "--mu", "1e9"}, 1, "mu: got 1");
    folder.refuse({"DDIM", "--mu", "1"}, 1, "a --config with use_dynamic_shifting");
    folder.save("unipc.json", R"({"_class_name": "UniPCMultistepScheduler",
                                  "use_flow_sigmas": true, "use_dynamic_shifting": true})");
    folder.refuse({"--config", folder.at("unipc.json")}, 1, "--mu: got none");
}

TEST_CASE("schedule draws every scheduler small and well-formed", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ScheduleFolder folder;
    const auto list = schedule({"--list"}).out;
    std::ptrdiff_t count = 1; // the line of heads
    for_each_scheduler<Meta>([&](auto type) {
        const std::string name(short_name(decltype(type)::type::class_name));
        ++count;
        CAPTURE(name);
        CHECK(contains(list, '\n' + name + "  "));
        const auto told = schedule({name, "-o", folder.at(name + ".svg")}).out;
        CHECK_FALSE(contains(told, "nan"));
        const auto svg = read_text(folder / (name + ".svg"));
        CHECK(svg.size() < 20'000);
        CHECK(well_formed(svg));
        CHECK(contains(svg, ">" + name + "</text>"));
        CHECK_FALSE(contains(svg, "nan"));
        // Either points on their way, or a word why there are none.
        CHECK(contains(svg, ">data</text>") != contains(told, "has a step of its own"));
    });
    CHECK(std::ranges::count(list, '\n') == count);
    CHECK(std::ssize(latent::command::schedule_notes) ==
          count - 1); // nothing that is not there
    CHECK_FALSE(contains(list, "See its header"));
    (void)schedule({"DDPM", "--steps", "1000", "-o", folder.at("long.svg")});
    CHECK(read_text(folder / "long.svg").size() < 20'000);
    (void)schedule({"DPMSolverMultistep", "--steps", "1", "-o", folder.at("one.svg")});
    CHECK(well_formed(read_text(folder / "one.svg")));
    CHECK_FALSE(well_formed("<svg><g></svg>"));
    CHECK_FALSE(well_formed("<svg a=\"></svg>"));
}

TEST_CASE("a wrong call of schedule is one line", "[cli]") {
    if (command_path().empty()) return skip(no_command);
    const ScheduleFolder folder;
    folder.refuse({"EulerDiscrte"}, 1, "did you mean EulerDiscrete?");
    folder.refuse({"ddimm"}, 1, "did you mean DDIM?");
    CHECK(contains(schedule({"ddim", "--steps", "2"}).out, "DDIM: 2 steps"));
    folder.save("offset.json", R"({"_class_name": "DDIMScheduler", "steps_offset": 500})");
    folder.refuse({"--config", folder.at("offset.json"), "--steps", "10"}, 1,
                  "offset.json: steps_offset: got 500, expected 99 at most, with 10 steps");
    folder.refuse({"DDIM", "--steps", "0"}, 1, "--steps: got 0, expected 1 to 1000");
    folder.refuse({"DDIM", "--steps", "1001"}, 1, "--steps: got 1001, expected 1 to 1000");
    folder.refuse({"DDIM", "--steps", "many"}, 2, "--steps");
    folder.refuse({}, 2, "NAME, --config or --list");
    folder.refuse({"--list"}, 2, "excludes");
    folder.refuse({"--config", folder.at("none.json")}, 1, "got no file of that name");
    const auto config = [&](std::string_view text, const std::string& part) {
        folder.save("odd.json", text);
        folder.refuse({"--config", folder.at("odd.json")}, 1, part);
        if (!contains(part, "_class_name"))
            folder.refuse({"DDIM", "--config", folder.at("odd.json")}, 1, part);
    };
    config("{", "no valid JSON");
    config("[1]", "_class_name");
    config("{}", "got no _class_name");
    config(R"({"_class_name": "DDIMScheduler", "beta_start": "x"})", "expected a number");
    config(R"({"_class_name": "DDIMScheduler", "beta_schedule": "x"})", "beta_schedule");
    folder.save("foo.json", R"({"_class_name": "DDIMMScheduler"})");
    folder.refuse({"--config", folder.at("foo.json")}, 1, "did you mean DDIM?");
    folder.save("list.json", "[1]");
    folder.refuse({"DDIM", "--config", folder.at("list.json")}, 1, "a JSON object");
    const auto nowhere = run_latent({"schedule", "DDIM", "-o", folder.at("none/a.svg")});
    CHECK(nowhere.code == 1);
    CHECK(nowhere.out.empty());
    CHECK(contains(nowhere.err, "expected a path that can be written to"));
    CHECK(contains(run_latent({"schedule", "DDIM", "-o", folder.at("a.png")}).err,
                   "the extension \".png\""));
    CHECK(contains(run_latent({"schedule", "--help"}).out, "Example:\n  latent schedule"));
}
