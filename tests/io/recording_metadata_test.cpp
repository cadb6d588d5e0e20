#include "support/catch.hpp"

#include <latent/io/recording_metadata.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace latent;

namespace {

using Strings = std::map<std::string, std::string>;

/// A recording of the outputs "a" and "b", about which `metadata` speaks.
Recording two_outputs(const Strings& metadata = {}) {
    Recording recording;
    recording.where = "r";
    auto store = std::make_unique<MemoryStore>();
    store->add("a", Tensor<Cpu<float>>(Shape{1}));
    store->add("b", Tensor<Cpu<float>>(Shape{2}));
    recording.tensors = std::move(store);
    read_recording_metadata(metadata, recording);
    return recording;
}

std::string metadata_refusal(const std::string& key, const std::string& text) {
    const auto message = message_of([&] { static_cast<void>(two_outputs({{key, text}})); });
    CHECK(message.starts_with("r: "));
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.size() < 400);
    return message;
}

} // namespace

TEST_CASE("recording_metadata: there and back") {
    auto recording = two_outputs();
    recording.order = {"b", "a"};
    recording.modules["b"] = {"b", "Conv2d", {{"stride", {1, 2}}, {"eps", {1e-6}}}};
    recording.modules[""] = {"", "Sequential", {}};
    recording.aliases = {{"a:input", "b"}};
    recording.not_stored = {"a:input.1: None", "\"\n"};
    recording.metadata = {{"torch", "2.13.0"}};
    const std::vector<std::string> names = {"parameter:b.weight", "parameter:weight",
                                            "parameter:c.weight", "a"};
    const auto metadata = recording_metadata("r", recording, names);
    CHECK(metadata.at("format") == recording_format);
    CHECK(is_recording("r", metadata));
    CHECK(contains(metadata.at("modules"), R"("parameters":["b.weight"])"));
    CHECK(contains(metadata.at("modules"), R"("parameters":["weight"])"));

    const auto back = two_outputs(metadata);
    CHECK(back.order == recording.order);
    CHECK(back.aliases == recording.aliases);
    CHECK(back.not_stored == recording.not_stored);
    CHECK(back.metadata == recording.metadata);
    REQUIRE(back.modules.size() == 2);
    CHECK(back.modules.at("b").class_name == "Conv2d");
    CHECK(back.modules.at("b").path == "b");
    CHECK(back.modules.at("b").settings == recording.modules.at("b").settings);
    CHECK(back.modules.at("").class_name == "Sequential");
}

TEST_CASE("recording_metadata: what is missing says nothing, what is unknown is left alone") {
    const auto recording = two_outputs({{"future", "{"}});
    CHECK(recording.order.empty());
    CHECK(recording.modules.empty());
    const auto module = two_outputs({{"modules", R"({"a":{"settings":{"eps":1e-5},"x":[]}})"}});
    CHECK(module.modules.at("a").class_name.empty());
    CHECK(module.modules.at("a").settings.at("eps") == std::vector<double>{1e-5});
    CHECK_FALSE(is_recording("r", {}));
    CHECK_FALSE(is_recording("r", {{"format", "pt"}}));
    CHECK(contains(message_of([] {
                       static_cast<void>(is_recording("r", {{"format", "latent recording 2"}}));
                   }),
                   "r: got format \"latent recording 2\", expected \"latent recording 1\""));
}

TEST_CASE("recording_metadata: lies are told by the key they stand in") {
    CHECK(contains(metadata_refusal("order", "[\"a\", \"c\"]"), "\"c\" in the recording's"));
    CHECK(contains(metadata_refusal("order", "[\"a\", \"a\"]"), "a duplicate: \"a\""));
    CHECK(contains(metadata_refusal("order", "{}"), "expected an array of strings"));
    CHECK(contains(metadata_refusal("order", "[1]"), "expected strings"));
    CHECK(contains(metadata_refusal("order", "["), "r: order: got no valid JSON"));
    CHECK(contains(metadata_refusal("order", std::string(1000, '[')), "nested deeper"));
    CHECK(contains(metadata_refusal("order", std::string(max_recording_text + 1, ' ')),
                   "expected at most 16777216"));
    CHECK(contains(metadata_refusal("not_stored", "[null]"), "expected strings"));
    CHECK(contains(metadata_refusal("versions", "[]"), "\"versions\", expected an object"));
    CHECK(contains(metadata_refusal("versions", R"({"torch":2})"), "expected strings"));
    CHECK(contains(metadata_refusal("aliases", R"({"c":"d"})"), "\"c\" for \"d\""));
    CHECK(contains(metadata_refusal("aliases", R"({"c":"e","d":"c"})"), "\"c\" for \"e\""));
    CHECK(contains(metadata_refusal("aliases", R"({"c":"a","d":"c"})"), "\"d\" for \"c\""));
    CHECK(contains(metadata_refusal("aliases", R"({"a":"b"})"), "which is stored itself"));
    CHECK(contains(metadata_refusal("modules", "[]"), "expected an object"));
    CHECK(contains(metadata_refusal("modules", R"({"a":1})"), "module \"a\" as no object"));
    CHECK(contains(metadata_refusal("modules", R"({"a":{"class":1}})"), "expected strings"));
    CHECK(contains(metadata_refusal("modules", R"({"a":{"settings":[]}})"),
                   "settings that are no object"));
    CHECK(contains(metadata_refusal("modules", R"({"a":{"settings":{"eps":"x"}}})"),
                   "module \"a\", \"eps\" as no number"));
    CHECK(contains(metadata_refusal("modules", R"({"a":{"settings":{"eps":[[1]]}}})"),
                   "\"eps\" as no number"));
    CHECK(contains(metadata_refusal("modules", R"({"a":{},"a":{}})"), "\"a\" twice"));
}

TEST_CASE("recording_metadata: names that no JSON can hold") {
    auto recording = two_outputs();
    recording.order = {"\xFF"};
    CHECK(contains(
        message_of([&] { static_cast<void>(recording_metadata("out", recording, {})); }),
        "out: got a name that is no UTF-8"));
}
