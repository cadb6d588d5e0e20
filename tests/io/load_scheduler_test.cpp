#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/load_scheduler.hpp>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// What a JSON text makes: the class, its timesteps' count and its unknown fields.
struct LoadedScheduler {
    std::string class_name;
    std::vector<std::string> unknown;
    std::string prediction_type, timestep_spacing;
};

[[nodiscard]] LoadedScheduler load_scheduler_text(const std::string& text,
                                                  std::string_view chosen = {}) {
    LoadedScheduler loaded;
    with_scheduler<Meta>(Json::parse(text), "scheduler_config.json", chosen,
                         [&](auto scheduler, const std::vector<std::string>& unknown) {
                             loaded.class_name = scheduler.class_name;
                             loaded.unknown = unknown;
                             if constexpr (requires { scheduler.config.prediction_type; })
                                 loaded.prediction_type = scheduler.config.prediction_type;
                             if constexpr (requires { scheduler.config.timestep_spacing; })
                                 loaded.timestep_spacing = scheduler.config.timestep_spacing;
                         });
    return loaded;
}

} // namespace

TEST_CASE("a scheduler_config.json names its scheduler", "[load]") {
    // Stable Diffusion 1.5's, as it is published.
    const std::string text = R"({"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0",
        "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
        "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
        "steps_offset": 1, "trained_betas": null, "clip_sample": false})";
    const auto loaded = load_scheduler_text(text);
    CHECK(loaded.class_name == "PNDMScheduler");
    CHECK(loaded.unknown == std::vector<std::string>{"clip_sample"});
    CHECK(loaded.prediction_type == "epsilon");
    // Another in its place takes the fields that it knows, by its name or the short one.
    for (const auto* chosen : {"EulerDiscreteScheduler", "EulerDiscrete"}) {
        const auto euler = load_scheduler_text(text, chosen);
        CHECK(euler.class_name == "EulerDiscreteScheduler");
        CHECK(euler.unknown ==
              std::vector<std::string>{"clip_sample", "set_alpha_to_one", "skip_prk_steps"});
        CHECK(euler.timestep_spacing == "linspace");
    }
    const TemporaryFolder folder;
    const auto path = folder / "scheduler_config.json";
    write_text(path, text);
    int calls = 0;
    with_scheduler<Cpu<float>>(path, {}, [&](auto scheduler, const auto& unknown) {
        ++calls;
        CHECK(scheduler.class_name == "PNDMScheduler");
        CHECK(scheduler.timesteps.size() >= 1000);
        CHECK(unknown.size() == 1);
    });
    CHECK(calls == 1);
    // What diffusers writes of an infinite field, which is no JSON.
    write_text(path, R"({"_class_name": "DPMSolverMultistepScheduler",
        "lambda_min_clipped": -Infinity, "solver_order": 3})");
    with_scheduler<Meta>(path, "DPMSolverMultistep", [&](auto scheduler, const auto& unknown) {
        ++calls;
        CHECK(scheduler.class_name == "DPMSolverMultistepScheduler");
        CHECK(unknown.empty());
    });
    CHECK(calls == 2);
}

TEST_CASE("every scheduler is found by its name", "[load]") {
    int count = 0;
    for_each_scheduler<Meta>([&](auto type) {
        using S = typename decltype(type)::type;
        ++count;
        const std::string name(S::class_name);
        CHECK(name.ends_with("Scheduler"));
        // VQDiffusion's config has no default: how many classes there are.
        const std::string classes = R"({"num_vec_classes": 16})";
        auto json = config_to_json(ConfigOf<S>(), name);
        if (json.contains("num_vec_classes")) json["num_vec_classes"] = 16;
        const auto loaded = load_scheduler_text(json.dump());
        CHECK(loaded.class_name == name);
        CHECK(loaded.unknown.empty());
        CHECK(load_scheduler_text(classes, short_name(name)).class_name == name);
    });
    CHECK(count == 29);
}

TEST_CASE("a file that makes no scheduler says why", "[load]") {
    const auto refused = [](const std::string& text, std::string_view chosen = {}) {
        return message_of([&] { (void)load_scheduler_text(text, chosen); });
    };
    CHECK(refused("{}") == "scheduler_config.json: got no _class_name, expected a "
                           "scheduler_config.json that names its scheduler");
    CHECK(contains(refused("[1]"), "no _class_name"));
    CHECK(contains(refused("[1]", "DDIM"), "a JSON object"));
    const auto unknown = refused(R"({"_class_name": "EulerDiscretScheduler"})");
    CHECK(contains(unknown, "got no scheduler \"EulerDiscretScheduler\", expected one of "
                            "CMStochasticIterative, DDIM"));
    CHECK(contains(unknown, "did you mean EulerDiscrete?"));
    CHECK(!contains(refused("{}", "Unlike anything"), "did you mean"));
    CHECK(refused(R"({"beta_schedule": "cosine"})", "DDIM") ==
          "scheduler_config.json: beta_schedule: got 'cosine', expected linear, scaled_linear, "
          "squaredcos_cap_v2, exp, laplace or sigmoid");
    CHECK(contains(refused(R"({"beta_start": "small"})", "DDIM"),
                   "got beta_start = \"small\", expected a number"));
}
