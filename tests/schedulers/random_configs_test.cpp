#include "schedulers/any_step.hpp"
#include "support/catch.hpp"

#include <latent/io/config.hpp>
#include <latent/schedulers/all.hpp>

#include <algorithm>
#include <cmath>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

using Names = std::vector<std::string>;

/// The names that some scheduler has for a field; each takes some of them.
const std::map<std::string_view, Names> known_names{
    {"beta_schedule",
     {"linear", "scaled_linear", "squaredcos_cap_v2", "exp", "laplace", "sigmoid"}},
    {"prediction_type", {"epsilon", "sample", "v_prediction", "flow_prediction"}},
    {"timestep_spacing", {"linspace", "leading", "trailing"}},
    {"variance_type",
     {"fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned",
      "learned_range"}},
    {"interpolation_type", {"linear", "log_linear"}},
    {"timestep_type", {"discrete", "continuous"}},
    {"final_sigmas_type", {"zero", "sigma_min"}},
    {"algorithm_type",
     {"dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis", "data_prediction",
      "noise_prediction"}},
    {"solver_type", {"midpoint", "heun", "logrho", "bh1", "bh2"}},
    {"time_shift_type", {"exponential", "linear"}},
    {"sigma_schedule", {"karras", "exponential"}},
};

/// Values that a number may have, where they are not some part of its default.
struct Span {
    double low, high;
};
const std::map<std::string_view, Span> number_spans{
    {"num_train_timesteps", {20, 60}},
    {"beta_start", {0.0001, 0.01}},
    {"beta_end", {0.01, 0.2}},
    {"clip_sample_range", {0.3, 3}},
    {"dynamic_thresholding_ratio", {0, 1}},
    {"sample_max_value", {0.5, 5}},
    {"steps_offset", {0, 1}},
    {"solver_order", {1, 4}},
    {"lambda_min_clipped", {-6, 2}},
    {"flow_shift", {0.2, 6}},
    {"shift", {0.2, 6}},
    {"shift_terminal", {0, 0.3}},
    {"sigma_min", {0.002, 0.2}},
    {"sigma_max", {5, 100}},
    {"eta", {0, 1}},
    {"timestep_scaling", {0.1, 20}},
    {"original_inference_steps", {12, 20}},
    {"disable_corrector", {0, 5}},
    {"predictor_order", {1, 4}},
    {"corrector_order", {1, 4}},
};

/// Draws fields of configs.
class Draw {
public:
    explicit Draw(std::uint32_t seed) : engine_(seed) {}

    [[nodiscard]] double unit() { return static_cast<double>(engine_()) * 0x1p-32; }
    [[nodiscard]] std::int64_t whole(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(unit() * static_cast<double>(high - low + 1));
    }
    [[nodiscard]] bool one_in(std::int64_t n) { return whole(1, n) == 1; }

    template <class T>
    void field(std::string_view name, T& value) {
        if constexpr (std::same_as<T, bool>) {
            // Of ways to spread sigmas at most one is chosen: most are left alone.
            value = one_in(name.starts_with("use_") ? 5 : 2);
        } else if constexpr (std::same_as<T, std::string>) {
            const auto known = known_names.find(name);
            if (known == known_names.end()) return;
            value =
                known
                    ->second[static_cast<std::size_t>(whole(0, std::ssize(known->second) - 1))];
        } else if constexpr (std::is_arithmetic_v<T>) {
            const auto known = number_spans.find(name);
            const auto [low, high] = known != number_spans.end()
                                         ? known->second
                                         : Span{double(value) / 2, double(value) * 2};
            if constexpr (std::integral<T>)
                value = static_cast<T>(whole(static_cast<T>(low), static_cast<T>(high)));
            else
                value = static_cast<T>(low + unit() * (high - low));
        } else if constexpr (detail::is_optional<T>) {
            value.reset();
            if (name == "solver_p" || !one_in(4)) return;
            field(name, value.emplace());
        } else if constexpr (detail::is_vector<T>) {
            value.resize(static_cast<std::size_t>(whole(0, 3)));
            for (auto& x : value) field(name, x);
        }
    }

    template <class Config>
    [[nodiscard]] Config config() {
        Config made;
        fields(made, [&](std::string_view name, auto& value) { field(name, value); });
        if constexpr (requires { made.trained_betas; }) {
            if (made.trained_betas) {
                made.trained_betas->resize(static_cast<std::size_t>(made.num_train_timesteps));
                for (auto& beta : *made.trained_betas) beta = 0.001 + 0.2 * unit();
            }
        }
        return made;
    }

private:
    std::mt19937 engine_;
};

/// A text of one line that says what was expected.
[[nodiscard]] bool is_one_line(std::string_view text) {
    return !text.empty() && text.size() <= 400 && text.find('\n') == text.npos &&
           contains(text, ": got ") && contains(text, ", expected ");
}

/// A run of n steps, with a mu where the config wants one.
template <class S>
void set_steps(S& scheduler, std::int64_t n) {
    if constexpr (requires { scheduler.config.use_dynamic_shifting; }) {
        if (scheduler.config.use_dynamic_shifting) return scheduler.set_timesteps(n, 0.7);
    }
    scheduler.set_timesteps(n);
}

/// What went wrong, if anything did.
template <class Call>
[[nodiscard]] std::string error_of(const Call& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

/// Whether all is finite behind a run's steps of random outputs.
template <class S>
[[nodiscard]] bool stays_finite(S& scheduler, std::uint32_t seed) {
    Generator generator(seed);
    const Shape shape{2, 2, 2, 3};
    auto variance = std::string();
    if constexpr (requires { scheduler.config.variance_type; }) {
        if constexpr (requires { scheduler.config.variance_type.value_or(""); })
            variance = scheduler.config.variance_type.value_or("");
        else
            variance = scheduler.config.variance_type;
    }
    const Shape out_shape{2, variance.starts_with("learned") ? 4 : 2, 2, 3};
    auto x = generator.randn<Cpu<float>>(shape);
    for (auto& value : x.values()) value *= static_cast<float>(scheduler.init_noise_sigma());
    const auto image = Generator(5).rand<Cpu<float>>(shape);
    const auto mask = Generator(6).rand<Cpu<float>>(shape);
    const auto timesteps = scheduler.timesteps;
    auto before = std::numeric_limits<double>::infinity();
    for (const auto t : timesteps) {
        x = scheduler.scale_model_input(std::move(x), t);
        auto out = generator.randn<Cpu<float>>(out_shape);
        if (variance == "learned") // a variance itself, which is not negative
            for (auto& value : out.values()) value = std::abs(value);
        x = any_step(scheduler, out, t, before, std::move(x), generator, image, mask);
        before = t;
        if (!std::ranges::all_of(x.values(), [](float value) { return std::isfinite(value); }))
            return false;
    }
    return true;
}

} // namespace

TEST_CASE("random configs run without NaN, or are refused in one line", "[schedulers]") {
    constexpr int wanted = 60; // of each scheduler: a thousand in all
    // What shows in a run alone: weights that are not finite, a timestep where all is noise,
    // and one where nothing is.
    const auto may_end = [](std::string_view message) {
        return message.starts_with("step: got a weight that is not finite") ||
               message.starts_with("prediction_type: got 'epsilon' where all is noise") ||
               message.starts_with("prediction_type: got 'sample' where nothing is noise");
    };
    int runs = 0;
    std::uint32_t seed = 1;
    for_each_scheduler<Cpu<float>>([&](auto type) {
        using S = typename decltype(type)::type;
        if constexpr (Scheduler<S, Cpu<float>> && std::default_initializable<S>) {
            int made = 0, tries = 0, ended = 0;
            for (; made < wanted && tries < 100 * wanted; ++tries, ++seed) {
                Draw draw(seed);
                const auto config = draw.template config<ConfigOf<S>>();
                const auto n = draw.whole(1, 12);
                INFO(S::class_name << ", " << n << " steps, seed " << seed << ": "
                                   << config_to_json(config).dump());
                std::optional<S> scheduler;
                const auto refused = error_of([&] {
                    scheduler.emplace(config);
                    set_steps(*scheduler, n);
                });
                if (!refused.empty()) {
                    INFO(refused);
                    CHECK(is_one_line(refused));
                    continue;
                }
                bool finite = false;
                const auto end = error_of([&] { finite = stays_finite(*scheduler, seed); });
                if (end.empty()) {
                    CHECK(finite);
                    ++made;
                } else {
                    INFO(end);
                    CHECK(is_one_line(end));
                    CHECK(may_end(end));
                    ++ended;
                }
            }
            INFO(S::class_name << ": " << made << " of " << tries << ", " << ended << " ended");
            CHECK(ended <= made);
            CHECK(made == wanted);
            runs += made;
        }
    });
    CHECK(runs >= 1000);
}

namespace {

/// Whether there is exactly one Error, of one line, and within a second.
template <class Call>
void check_refused(std::string_view what, const Call& call) {
    INFO(what);
    const auto begin = std::chrono::steady_clock::now();
    const auto message = message_of(call);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    INFO(message);
    CHECK(is_one_line(message));
    CHECK(seconds.count() <= 1);
}

/// The fields that a scheduler has for the sake of the file alone.
[[nodiscard]] bool without_effect(std::string_view class_name, std::string_view field) {
    const bool distilled = class_name == "LCMScheduler" || class_name == "TCDScheduler";
    // IPNDM's betas are another thing, from 0 to 1.
    return (distilled && field == "timestep_spacing") ||
           (class_name == "IPNDMScheduler" && field == "trained_betas");
}

/// How many steps a config's training has, where it has such a field.
template <class Config>
[[nodiscard]] std::size_t steps_of(const Config& config) {
    if constexpr (requires { config.num_train_timesteps; })
        return static_cast<std::size_t>(config.num_train_timesteps);
    else
        return 1;
}

/// Each field of a config set to each of these, the others as they are by default.
template <class S, class T>
void check_values(std::initializer_list<T> wrong, auto wanted) {
    using Config = ConfigOf<S>;
    Config defaults;
    fields(defaults, [&](std::string_view name, auto& sample) {
        using Field = std::remove_cvref_t<decltype(sample)>;
        if (!wanted(name) || without_effect(S::class_name, name)) return;
        for (const auto& value : wrong) {
            Config config;
            bool set = false;
            fields(config, [&](std::string_view other, auto& field) {
                using Other = std::remove_cvref_t<decltype(field)>;
                if (other != name) return;
                if constexpr (std::same_as<Other, Field>) {
                    if constexpr (std::same_as<T, std::string>) {
                        if constexpr (std::same_as<Field, std::string> ||
                                      std::same_as<Field, std::optional<std::string>>)
                            field = value, set = true;
                    } else if constexpr (std::is_arithmetic_v<Field> &&
                                         !std::same_as<Field, bool>) {
                        if (std::floating_point<Field> ||
                            (std::isfinite(value) && value == std::trunc(value)))
                            field = static_cast<Field>(value), set = true;
                    } else if constexpr (std::same_as<Field, std::optional<double>>) {
                        field = value, set = true;
                    } else if constexpr (std::same_as<Field,
                                                      std::optional<std::vector<double>>>) {
                        field.emplace(steps_of(config), 0.01);
                        field->back() = value, set = true;
                    }
                }
            });
            if (!set) continue;
            std::string text(S::class_name);
            text += ", " + std::string(name) + " = " + Json(value).dump();
            check_refused(text, [&] { S scheduler(config); });
        }
    });
}

} // namespace

TEST_CASE("configs that make no scheduler are refused in one line", "[schedulers]") {
    for_each_scheduler<Meta>([&](auto type) {
        using S = typename decltype(type)::type;
        const auto any = [](std::string_view) { return true; };
        check_values<S, std::string>({"unknown name", ""}, any);
        const auto limited_below = [](std::string_view name) {
            return name != "lambda_min_clipped"; // -infinity where none is clipped
        };
        check_values<S, double>({-1, -1e12}, limited_below);
        check_values<S, double>({1e12, std::numeric_limits<double>::quiet_NaN()}, any);
        check_values<S, double>(
            {0, 1e9, std::numeric_limits<double>::infinity()}, [](std::string_view name) {
                return name == "num_train_timesteps" || name == "trained_betas";
            });
        const auto beta = [](std::string_view name) {
            return name == "beta_start" || name == "beta_end";
        };
        check_values<S, double>({0, 1, 1.5, -0.1}, beta);
        check_values<S, double>({0, 1.5, -0.1}, [](std::string_view name) {
            return name == "trained_betas"; // 1: nothing is left of the image
        });
    });
}

namespace {

template <class S>
void check_impossible_runs() {
    S scheduler;
    const std::string name(S::class_name);
    if constexpr (requires { scheduler.set_timesteps(1); }) {
        for (const auto n : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 62}) {
            if (n > 0 && name == "RePaintScheduler") continue; // as many as in training
            check_refused(name + " of " + std::to_string(n) + " steps",
                          [&] { scheduler.set_timesteps(n); });
        }
    }
    using List = std::vector<double>;
    constexpr auto nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<List> lists{{}, {1, 2}, {5, 5}, {-1, -2}, {nan}, {nan, nan}};
    if constexpr (requires { scheduler.set_custom_timesteps(List()); }) {
        for (const auto& list : lists) {
            check_refused(name + ", timesteps", [&] { scheduler.set_custom_timesteps(list); });
        }
        check_refused(name + ", timesteps", [&] { scheduler.set_custom_timesteps({1e9, 1}); });
    }
    if constexpr (requires { scheduler.set_sigmas(List()); }) {
        for (const auto& list : lists)
            check_refused(name + ", sigmas", [&] { scheduler.set_sigmas(list); });
    }
}

} // namespace

TEST_CASE("runs that cannot be are refused in one line", "[schedulers]") {
    for_each_scheduler<Meta>([](auto type) {
        using S = typename decltype(type)::type;
        // VQDiffusion's config has no default: how many classes there are.
        if constexpr (std::default_initializable<S>) check_impossible_runs<S>();
    });
}
