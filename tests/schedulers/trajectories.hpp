/// The stored runs of diffusers' schedulers, and ours held against them, step by step.
/// reference_data/generate/schedulers.py tells what is stored.
#pragma once

#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/io/config.hpp>
#include <latent/ops/arithmetic.hpp>
#include <latent/schedulers/scheduler.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace latent::test {

inline const Shape scheduler_shape{2, 3, 4, 5};

/// A stored case.
struct SchedulerCase {
    std::string name;
    Json json; ///< config, steps or timesteps or sigmas, seed, options, ...

    [[nodiscard]] Json option(const std::string& key) const {
        return json.contains("options") ? json["options"].value(key, Json()) : Json();
    }
    [[nodiscard]] double number(const std::string& key, double otherwise) const {
        const auto found = option(key);
        return found.is_number() ? found.get<double>() : otherwise;
    }
    [[nodiscard]] bool flag(const std::string& key) const {
        const auto found = option(key);
        return found.is_boolean() && found.get<bool>();
    }
};

[[nodiscard]] inline std::vector<SchedulerCase> scheduler_cases(const std::string& class_name) {
    std::ifstream file(reference_data() / "schedulers" / (class_name + ".json"));
    std::vector<SchedulerCase> cases;
    const auto json = Json::parse(file);
    for (const auto& [name, value] : json.items()) cases.push_back({name, value});
    return cases;
}

/// The largest relative error of two lists of numbers, where those below `least` count as that;
/// NaN where one is, or their lengths differ.
[[nodiscard]] inline double list_error(std::span<const double> got,
                                       std::span<const double> expected, double least = 1e-3) {
    if (got.size() != expected.size()) return std::numeric_limits<double>::quiet_NaN();
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const auto scale = std::max(std::abs(expected[i]), least);
        const auto error = std::abs(got[i] - expected[i]) / scale;
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

/// Begins a run as a case says: any of set_timesteps(steps), set_custom_timesteps(list) and
/// set_sigmas(list), where the scheduler has them.
template <class S>
void begin(S& scheduler, const SchedulerCase& c) {
    std::optional<double> mu;
    if (c.json.contains("set")) mu = c.json["set"]["mu"].get<double>();
    if (c.json.contains("timesteps")) {
        if constexpr (requires { scheduler.set_custom_timesteps(std::vector<double>()); })
            scheduler.set_custom_timesteps(c.json["timesteps"].get<std::vector<double>>());
    } else if (c.json.contains("sigmas")) {
        const auto sigmas = c.json["sigmas"].get<std::vector<double>>();
        if constexpr (requires { scheduler.set_sigmas(sigmas, mu); }) {
            scheduler.set_sigmas(sigmas, mu);
        } else if constexpr (requires { scheduler.set_sigmas(sigmas); }) {
            scheduler.set_sigmas(sigmas);
        }
    } else if constexpr (requires { scheduler.set_timesteps(std::int64_t{1}, mu); }) {
        scheduler.set_timesteps(c.json["steps"].get<std::int64_t>(), mu);
    } else {
        scheduler.set_timesteps(c.json["steps"].get<std::int64_t>());
    }
}

/// The worst of a scheduler's cases, for whoever wants to know how exact it is.
struct TrajectoryReport {
    double worst = 0;
    std::string worst_case;
    int cases = 0;
};

/// A step that takes nothing but what all steps take.
inline constexpr auto usual_step = [](auto& scheduler, const SchedulerCase&,
                                      const Tensor<Cpu<float>>& out, double t,
                                      Tensor<Cpu<float>> x, Generator& noise) {
    return scheduler.step(out, t, std::move(x), noise);
};

/// Runs every stored case of S::class_name on `S` = SomeScheduler<Cpu<float>>; `step(scheduler,
/// case, out, t, x, noise)` makes a step; one that asks the network again takes `outputs`
/// besides, a Generator whose randn are the next outputs. `start(scheduler, case)` sets the
/// timesteps. Samples and inputs are within 1e-5 of diffusers' in float32, most near 1e-7;
/// timesteps within `times_within`, and sigmas within 1e-6.
template <class S, class Step, class Start>
TrajectoryReport check_trajectories(const Step& step, const Start& start,
                                    double times_within = 1e-6) {
    const std::string class_name(S::class_name);
    const Golden golden("schedulers/" + class_name);
    TrajectoryReport report;
    for (const auto& c : scheduler_cases(class_name)) {
        INFO(class_name << " " << c.name);
        const auto read = read_config<decltype(S::config)>(c.json["config"], c.name);
        REQUIRE(read.unknown.empty());
        S scheduler(read.config);
        start(scheduler, c);
        // Where the first two timesteps are one, diffusers was told to begin at the first.
        if constexpr (requires { scheduler.set_begin_index(std::size_t{0}); }) {
            if (c.json.contains("begin"))
                scheduler.set_begin_index(c.json["begin"].get<std::size_t>());
        }
        const auto stored = [&](const std::string& part) {
            const auto x = golden.tensor<double>(c.name + "." + part);
            return std::vector<double>(x.values().begin(), x.values().end());
        };
        // Timesteps of sigmas come from logarithms, and may be anything near 0: of a tenth.
        const auto times = stored("timesteps");
        const auto largest = *std::ranges::max_element(times);
        CHECK(list_error(scheduler.timesteps, times, std::max(largest / 10, 1e-3)) <=
              times_within);
        if constexpr (requires { scheduler.sigmas; }) {
            CHECK(list_error(scheduler.sigmas, stored("sigmas")) <= 1e-6);
        }
        const auto samples = stored("samples");
        const auto inputs = golden.has(c.name + ".inputs") ? stored("inputs") : samples;
        const auto seed = c.json["seed"].get<std::uint64_t>();
        const auto channels =
            scheduler_shape[1] * c.json.value("output_channels", std::int64_t{1});
        const Shape out_shape{scheduler_shape[0], channels, scheduler_shape[2],
                              scheduler_shape[3]};
        Generator outputs(seed + 1), noise(seed + 2);
        auto x = scale(Generator(seed).randn<Cpu<float>>(scheduler_shape),
                       scheduler.init_noise_sigma());
        const auto each = static_cast<std::size_t>(x.numel());
        const auto near = [&](const std::vector<double>& all, std::size_t i,
                              const Tensor<Cpu<float>>& got, const char* what) {
            REQUIRE(all.size() >= (i + 1) * each);
            const auto close =
                closeness<float, double>(got.values(), std::span(all).subspan(i * each, each));
            INFO(what << " " << i << ": " << close.text);
            CHECK(close.relative <= 1e-5);
            if (close.relative > report.worst)
                report.worst = close.relative, report.worst_case = c.name;
        };
        near(samples, 0, x, "sample");
        const auto timesteps = scheduler.timesteps;
        for (std::size_t i = 0; i < timesteps.size(); ++i) {
            near(inputs, i, scheduler.scale_model_input(x.clone(), timesteps[i]), "input");
            auto out = outputs.randn<Cpu<float>>(out_shape);
            if (c.json.value("squared", false))
                for (auto& value : out.values()) value *= value;
            const auto* const memory = x.data();
            if constexpr (requires { step(scheduler, c, out, 0.0, x.clone(), noise, outputs); })
                x = step(scheduler, c, out, timesteps[i], std::move(x), noise, outputs);
            else
                x = step(scheduler, c, out, timesteps[i], std::move(x), noise);
            CHECK(x.data() == memory); // a step works in the sample's own
            near(samples, i + 1, x, "sample");
        }
        CHECK(samples.size() == (timesteps.size() + 1) * each);
        ++report.cases;
    }
    std::printf("%s: %d runs, relative error at most %.1e (%s)\n", class_name.c_str(),
                report.cases, report.worst, report.worst_case.c_str());
    return report;
}
template <class S, class Step = decltype(usual_step)>
TrajectoryReport check_trajectories(const Step& step = usual_step, double times_within = 1e-6) {
    return check_trajectories<S>(step, begin<S>, times_within);
}

} // namespace latent::test
