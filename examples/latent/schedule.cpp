// latent schedule NAME [--config FILE]: the timesteps and sigmas of a scheduler, and a picture
// of what it does to noise.

#include "commands.hpp"
#include "explain_table.hpp"
#include "files.hpp"
#include "schedule_list.hpp"
#include "schedule_picture.hpp"

#include <latent/io/load_scheduler.hpp>
#include <latent/schedulers/gaussian_mixture.hpp>

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace latent::command {

namespace {

using Exact = Cpu<double>;

void list_schedulers() {
    Table table(4);
    table.add({"scheduler", "order", "paper", "use"});
    for_each_scheduler<Meta>([&](auto type) {
        const auto note = schedule_note(short_name(decltype(type)::type::class_name));
        table.add({std::string(note.name), std::string(note.order), std::string(note.paper),
                   std::string(note.use)});
    });
    std::cout << table.text();
}

/// The betas of Stable Diffusion, where a scheduler of this name has such fields; or the number
/// of classes, which has no default, of the network that VQDiffusion was published with.
Json default_config(std::string_view name) {
    Json json = Json::object();
    for_each_scheduler<Meta>([&](auto type) {
        using S = typename decltype(type)::type;
        if (plain_name(S::class_name) != plain_name(name)) return;
        if constexpr (requires(ConfigOf<S> c) { c.beta_start, c.beta_end, c.beta_schedule; }) {
            json["beta_start"] = 0.00085;
            json["beta_end"] = 0.012;
            json["beta_schedule"] = "scaled_linear";
        }
        if constexpr (requires(ConfigOf<S> c) { c.num_vec_classes; })
            json["num_vec_classes"] = 4097;
    });
    return json;
}

/// How far a run's sigmas are shifted.
struct Shift {
    std::optional<double> mu; ///< none where the config knows no such thing
    std::string remark;       ///< where nobody said it
};

/// --mu, or else what fits the largest image that the config speaks of. Throws Error where
/// there is no telling, or nothing to be shifted.
template <class S>
Shift shift_of(const S& scheduler, std::optional<double> mu) {
    bool shifts = false;
    if constexpr (requires { scheduler.config.use_dynamic_shifting; })
        shifts = scheduler.config.use_dynamic_shifting;
    if (mu && !shifts)
        fail("--mu", short_number(*mu, 4), "none, or a --config with use_dynamic_shifting");
    if (mu || !shifts) return {mu, ""};
    if constexpr (requires { scheduler.mu_of(1); }) {
        const auto tokens = scheduler.config.max_image_seq_len;
        mu = scheduler.mu_of(tokens);
        return {mu, "Without --mu: " + short_number(*mu, 4) + ", that of " +
                        std::to_string(tokens) + " tokens, max_image_seq_len.\n"};
    }
    fail("--mu", "none", "a number, such as 1.15",
         "the config's use_dynamic_shifting shifts sigmas by it");
}

/// So many steps, if the scheduler of this config, "" of none, can. Throws Error otherwise.
template <class S>
void set_steps(S& scheduler, std::int64_t steps, std::optional<double> mu,
               const std::string& config) {
    std::int64_t most = 1'000'000;
    if constexpr (requires { scheduler.config.num_train_timesteps; })
        most = static_cast<std::int64_t>(scheduler.config.num_train_timesteps);
    if (steps < 1 || steps > most) {
        fail("--steps", std::to_string(steps),
             "1 to " + std::to_string(most) + ", as many as in training");
    }
    try {
        if constexpr (requires { scheduler.set_timesteps(steps, mu); })
            scheduler.set_timesteps(steps, mu);
        else if constexpr (requires { scheduler.set_timesteps(steps); })
            scheduler.set_timesteps(steps);
    } catch (const Error& error) {
        throw Error((config.empty() ? "" : display(config) + ": ") + error.what());
    }
}

/// As a network is shown it: of variance 1 where sigmas grow without bounds.
double shown_size(const NoiseLevel& level) {
    return level.signal == 1 ? std::hypot(1, level.deviation) : 1;
}

/// Points spread as a normal distribution is, the same for every scheduler.
Tensor<Exact> even_noise(std::int64_t n, double size) {
    Tensor<Exact> x({n, 2, 1, 1});
    for (std::int64_t i = 0; i < n; ++i) {
        const auto share = (static_cast<double>(i) + 0.5) / static_cast<double>(n + 2);
        const auto radius = size * std::sqrt(-2 * std::log(1 - share));
        const auto angle = 2 * std::numbers::pi * static_cast<double>(i) / std::numbers::phi;
        x.data()[2 * i] = radius * std::cos(angle);
        x.data()[2 * i + 1] = radius * std::sin(angle);
    }
    return x;
}

std::vector<PlanePoint> points_of(const Tensor<Exact>& x, double size) {
    std::vector<PlanePoint> points;
    for (std::int64_t i = 0; i < x.dim(0); ++i)
        points.push_back({x.data()[2 * i] / size, x.data()[2 * i + 1] / size});
    return points;
}

/// A walk of points from noise to data, or back, through a scheduler's steps: what its levels
/// are, and where the points stand between whole steps.
template <class S>
void walk(S& scheduler, ScheduleRun& run) {
    constexpr std::int64_t count = 40;
    const auto data = GaussianMixture::ring();
    Generator generator(0);
    run.data = points_of(data.sample<Exact>(240, generator), 1);
    auto x = is_inverse<S> ? data.sample<Exact>(count, generator)
                           : even_noise(count, scheduler.init_noise_sigma());
    run.paths.resize(count);
    const auto keep = [&](double size) {
        const auto points = points_of(x, size);
        for (std::size_t i = 0; i < points.size(); ++i) run.paths[i].push_back(points[i]);
    };
    NoiseLevel level;
    for (std::size_t i = 0; i < run.rows.size(); ++i) {
        level = noise_level<Exact>(scheduler, i).value();
        run.rows[i].sigma = level.sigma();
        run.rows[i].signal_to_noise = level.signal_to_noise();
        // Of two calls of the network the first one begins a step.
        if (i == 0)
            keep(scheduler.init_noise_sigma());
        else if (S::order == 1 || i % 2 == 1)
            keep(shown_size(level));
        x = exact_step(scheduler, data, i, std::move(x), generator);
    }
    keep(level.signal == 1 ? std::hypot(1, run.last_sigma.value_or(0)) : 1);
}

template <class S>
ScheduleRun run_of(S& scheduler, std::int64_t steps, std::optional<double> mu,
                   const std::string& config) {
    set_steps(scheduler, steps, mu, config);
    ScheduleRun run;
    run.name = short_name(S::class_name);
    run.steps = static_cast<std::size_t>(steps);
    run.inverse = is_inverse<S>;
    if constexpr (requires { S::order; }) run.order = S::order;
    if constexpr (requires { scheduler.init_noise_sigma(); })
        run.init_noise_sigma = scheduler.init_noise_sigma();
    if constexpr (requires { scheduler.timesteps[0]; }) {
        for (const auto t : scheduler.timesteps)
            run.rows.push_back({static_cast<double>(t), {}, {}});
        if constexpr (requires { scheduler.sigmas.back(); }) {
            if (scheduler.sigmas.size() == run.rows.size() + 1)
                run.last_sigma = scheduler.sigmas.back();
        }
        if constexpr (steps_by_prediction<S, Exact>) {
            if (noise_level<Exact>(scheduler, 0)) walk(scheduler, run);
        } else {
            for (std::size_t i = 0; i < run.rows.size(); ++i) {
                const auto level = noise_level<Exact>(scheduler, i);
                if (!level) continue;
                run.rows[i].sigma = level->sigma();
                run.rows[i].signal_to_noise = level->signal_to_noise();
            }
        }
    }
    return run;
}

void print_run(const ScheduleRun& run) {
    Table table(0);
    table.add({"step", "timestep", "sigma", "SNR, dB"});
    const auto cell = [](const std::optional<double>& x, const char* format) {
        if (!x) return std::string("-");
        char text[40];
        std::snprintf(text, sizeof text, format, *x);
        return std::string(text);
    };
    for (std::size_t i = 0; i < run.rows.size(); ++i) {
        const auto& row = run.rows[i];
        table.add({std::to_string(i), short_number(row.timestep, 7), cell(row.sigma, "%.6f"),
                   cell(row.signal_to_noise, "%.2f")});
    }
    if (run.last_sigma) table.add({"end", "-", cell(run.last_sigma, "%.6f"), "-"});
    std::cout << run.name << ": " << schedule_summary(run) << ", order " << run.order << '\n'
              << table.text();
}

} // namespace

void ShowSchedule::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand(
        "schedule", "A scheduler's timesteps and sigmas, and what it does to noise");
    auto* const named = command->add_option(
        "NAME", name, "A scheduler, such as EulerDiscrete (default: the config's own)");
    auto* const file = command->add_option(
        "--config", config,
        "A scheduler_config.json; of another scheduler's what NAME knows is taken");
    auto* const count = command->add_option("--steps", steps, "How many (default: 20)");
    auto* const shift = command->add_option(
        "--mu", mu,
        "How far the sigmas are shifted, with use_dynamic_shifting (default: as "
        "far as for the largest image)");
    auto* const picture = command->add_option("-o,--out", out, "A picture of it: a .svg");
    command->add_flag("--list", list, "List the schedulers, with a line each")
        ->excludes(named)
        ->excludes(file)
        ->excludes(count)
        ->excludes(shift)
        ->excludes(picture);
    command->footer("Example:\n  latent schedule DPMSolverMultistep --steps 15 -o dpm.svg");
    command->callback([this] {
        if (!list && name.empty() && config.empty())
            throw CLI::RequiredError("NAME, --config or --list");
        run();
    });
}

void ShowSchedule::run() const {
    if (list) return list_schedulers();
    if (!out.empty()) require_output(out, {".svg"});
    const auto show = [this](auto scheduler, const std::vector<std::string>& unknown) {
        const auto shift = shift_of(scheduler, mu);
        const auto run = run_of(scheduler, steps, shift.mu, config);
        if (!unknown.empty()) {
            std::string names;
            for (const auto& field : unknown)
                names += (names.empty() ? "" : ", ") + brief(field, 60);
            std::cerr << display(config) << ": remark: without a meaning for " << run.name
                      << ": " << names << '\n';
        }
        if (!out.empty()) {
            const auto svg = schedule_picture(run);
            write_atomically(
                out, [&](OutputFile& file) { file.write(std::as_bytes(std::span(svg))); });
        }
        print_run(run);
        std::cout << shift.remark;
        if (!out.empty() && run.paths.empty())
            std::cout << run.name << " has a step of its own, and no points in the picture.\n";
    };
    if (!config.empty()) return with_scheduler<Exact>(config, name, show);
    const auto defaults = default_config(name);
    with_scheduler<Exact>(defaults, "NAME", name, show);
    if (defaults.contains("beta_schedule")) {
        std::cout << "Without --config: the betas of Stable Diffusion, 0.00085 to 0.012, "
                     "scaled_linear.\n";
    }
}

} // namespace latent::command
