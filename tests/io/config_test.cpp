#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/config.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

struct TinyConfig {
    std::int64_t channels = 3;
    std::vector<std::int64_t> blocks{1, 2};
    std::string act_fn = "relu";
    bool upcast = false;
    double scale = 0.18215;
    float shift = 0.1F;
    std::optional<std::int64_t> groups = 4;
    std::optional<double> mean;
};

template <class Config, class F>
void fields(Config& config, F&& f) {
    f("channels", config.channels);
    f("blocks", config.blocks);
    f("act_fn", config.act_fn);
    f("upcast", config.upcast);
    f("scale", config.scale);
    f("shift", config.shift);
    f("groups", config.groups);
    f("mean", config.mean);
}

ReadConfig<TinyConfig> read(const std::string& text) {
    return read_config<TinyConfig>(parse_json("config.json", text), "config.json", "Tiny");
}

std::string config_refusal(const std::string& text) {
    const auto message = message_of([&] { static_cast<void>(read(text)); });
    CHECK(message.starts_with("config.json: got "));
    CHECK_FALSE(contains(message, "\n"));
    return message;
}

} // namespace

TEST_CASE("config: what is missing keeps its default, what is there is read") {
    const auto none = read("{}");
    CHECK(none.config.channels == 3);
    CHECK(none.config.blocks == std::vector<std::int64_t>{1, 2});
    CHECK(none.unknown.empty());

    const auto all = read(R"({"_class_name": "Tiny", "_diffusers_version": "0.1", "channels": 8,
        "blocks": [], "act_fn": "silu", "upcast": true, "scale": 1, "shift": 2.5,
        "groups": null, "mean": 0.5, "z_new": 1, "sample_size": {"a": []}})");
    CHECK(all.config.channels == 8);
    CHECK(all.config.blocks.empty());
    CHECK(all.config.act_fn == "silu");
    CHECK(all.config.upcast);
    CHECK(all.config.scale == 1.0);
    CHECK(all.config.shift == 2.5F);
    CHECK_FALSE(all.config.groups);
    CHECK(all.config.mean == 0.5);
    CHECK(all.unknown == std::vector<std::string>{"sample_size", "z_new"});
}

TEST_CASE("config: a wrong type names file, field, value and rule") {
    CHECK(config_refusal(R"({"channels": "8"})") ==
          "config.json: got channels = \"8\", expected a whole number");
    CHECK(contains(config_refusal(R"({"channels": 8.0})"),
                   "channels = 8.0, expected a whole number"));
    CHECK(contains(config_refusal(R"({"channels": true})"), "expected a whole number"));
    CHECK(contains(config_refusal(R"({"channels": null})"), "expected a whole number"));
    CHECK(contains(config_refusal(R"({"channels": 9223372036854775808})"),
                   "expected a whole number"));
    CHECK(contains(config_refusal(R"({"blocks": 1})"),
                   "blocks = 1, expected a list, each of it a whole number"));
    CHECK(contains(config_refusal(R"({"blocks": [1, "2"]})"), "expected a list"));
    CHECK(contains(config_refusal(R"({"act_fn": 1})"), "act_fn = 1, expected a string"));
    CHECK(contains(config_refusal(R"({"upcast": 1})"), "upcast = 1, expected true or false"));
    CHECK(contains(config_refusal(R"({"scale": "1"})"), "expected a number"));
    CHECK(contains(config_refusal(R"({"groups": "4"})"), "expected a whole number or null"));
    CHECK(contains(config_refusal(R"({"scale": {}})"), "scale = an object"));
    CHECK(contains(config_refusal(R"([])"), "expected a JSON object"));
    CHECK(config_refusal(R"({"act_fn": [")" + std::string(100'000, 'x') + "\"]}").size() < 300);
    CHECK(contains(config_refusal(R"({"_class_name": "Huge"})"),
                   "_class_name \"Huge\", expected \"Tiny\""));
    CHECK(contains(config_refusal(R"({"_class_name": 1})"), "_class_name 1"));
}

TEST_CASE("config: printed back with its defaults, in the order of its fields") {
    const auto json = config_to_json(TinyConfig{}, "Tiny");
    CHECK(json.dump() ==
          R"({"_class_name":"Tiny","channels":3,"blocks":[1,2],"act_fn":"relu",)"
          R"("upcast":false,"scale":0.18215,"shift":0.1,"groups":4,"mean":null})");
    const auto again = read(json.dump());
    CHECK(config_to_json(again.config, "Tiny") == json);
    CHECK(again.unknown.empty());
}

TEST_CASE("config: from a file") {
    const TemporaryFolder folder;
    const auto path = folder / "config.json";
    write_text(path, R"({"channels": 5})");
    CHECK(load_config<TinyConfig>(path).config.channels == 5);
    write_text(path, "{\"channels\": 5");
    CHECK(contains(message_of([&] { static_cast<void>(load_config<TinyConfig>(path)); }),
                   "strict JSON"));
    write_text(path, std::string((1U << 20U) + 1, ' '));
    CHECK(contains(message_of([&] { static_cast<void>(load_config<TinyConfig>(path)); }),
                   "at most 1 MiB"));
}

TEST_CASE("a config's infinity is read as Python writes it", "[config]") {
    const TemporaryFolder folder;
    const auto path = folder / "config.json";
    const auto read_scale = [&](const std::string& text) {
        write_text(path, text);
        return read_config<TinyConfig>(load_config_json(path, true), "config.json").config;
    };
    CHECK(read_scale(R"({"scale": -Infinity, "mean":Infinity})").scale ==
          -std::numeric_limits<double>::infinity());
    const auto config = read_scale(
        R"({"mean": Infinity, "act_fn": "of -Infinity, \" Infinity", "blocks": [7]})");
    CHECK(config.mean == std::numeric_limits<double>::infinity());
    CHECK(config.act_fn == "of -Infinity, \" Infinity");
    CHECK(config.blocks == std::vector<std::int64_t>{7});
    // As a config is written, which is JSON.
    const auto json = config_to_json(config);
    CHECK(json["mean"] == "Infinity");
    CHECK(read(json.dump()).config.mean == config.mean);
    for (const auto* text :
         {R"({"scale": NaN})", R"({"channels": Infinity})", R"({"scale": --Infinity})",
          R"({"scale": "infinity"})", "Infinity", R"({"scale": Infinity)"}) {
        CAPTURE(text);
        CHECK(!message_of([&] { (void)read_scale(text); }).empty());
    }
    // A network's config has no use for it.
    write_text(path, R"({"scale": Infinity})");
    CHECK(!message_of([&] { (void)load_config<TinyConfig>(path); }).empty());
}
