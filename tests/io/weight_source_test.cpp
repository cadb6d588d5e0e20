#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/weight_source.hpp>

#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A file of F32 tensors; the values of each are 1, 2, 3, ...
Checkpoint file_of(const std::vector<std::pair<std::string, Shape>>& tensors,
                   std::string path) {
    std::string header = "{", data;
    for (const auto& [name, shape] : tensors) {
        const auto begin = data.size();
        for (std::int64_t i = 0; i < shape.numel(); ++i)
            data += little(static_cast<float>(i + 1));
        auto dims = to_string(shape);
        header += (header.size() > 1 ? ",\"" : "\"") + name +
                  "\":{\"dtype\":\"F32\",\"shape\":" + dims + ",\"data_offsets\":[" +
                  std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
    }
    return checkpoint_of(safetensors_file(header + "}", data), std::move(path));
}

std::string report(const CheckpointSource& source,
                   const std::vector<ParameterRequest>& requests) {
    const auto message = message_of([&] { source.check(requests); });
    CHECK_FALSE(contains(message, "\n"));
    return message;
}

} // namespace

TEST_CASE("CheckpointSource: parameters by name, through the rules") {
    CheckpointPart encoder{
        file_of({{"0.weight", Shape{2}}}, "e.pth"), {{"encoder.layers", ""}}, "encoder."};
    CheckpointPart decoder{file_of({{"1.weight", Shape{3}}, {"u-net", Shape{1}}}, "d.pth"),
                           {{"decoder.layers.#", "#", 1}},
                           "decoder.",
                           {"1"}};
    std::vector<CheckpointPart> parts;
    parts.push_back(std::move(encoder));
    parts.push_back(std::move(decoder));
    CheckpointSource source(std::move(parts));

    const std::vector<ParameterRequest> requests{{"encoder.layers.0.weight", Shape{2}, {}},
                                                 {"decoder.layers.0.weight", Shape{3}, {}}};
    source.check(requests);
    const Weights weights(source);
    const auto a =
        weights["encoder"]["layers"][0].parameter<Cpu<float>>("weight", Shape{2}, {});
    const auto b = weights["decoder.layers.0"].parameter<Cpu<double>>("weight", Shape{3}, {});
    CHECK(a.values()[1] == 2.0F);
    CHECK(b.values()[2] == 3.0);

    CHECK(contains(
        report(source, {{"encoder.layers.1.weight", Shape{2}, {}}}),
        "e.pth and d.pth: got 1 missing: encoder.layers.1.weight, in the file 1.weight"));
    CHECK(contains(message_of([&] {
                       static_cast<void>(
                           weights.parameter<Cpu<float>>("encoder.x", Shape{1}, {}));
                   }),
                   "no tensor \"encoder.x\""));
    CHECK(contains(message_of([&] {
                       static_cast<void>(weights.parameter<Cpu<float>>(
                           "encoder.layers.0.weight", Shape{1, 2}, {}));
                   }),
                   "e.pth: got [2] for \"0.weight\", expected [1, 2]"));
}

TEST_CASE("CheckpointSource: one report of all that is wrong") {
    const CheckpointSource source(
        file_of({{"conv1.weight", Shape{2, 3}}, {"conv1.bais", Shape{2}}, {"other", Shape{1}}},
                "m.safetensors"));
    CHECK(report(source, {{"conv1.weight", Shape{3, 2}, {}},
                          {"conv1.bias", Shape{2}, {}},
                          {"norm.scale", Shape{2}, {}}}) ==
          "m.safetensors: got 2 missing: conv1.bias (nearest: conv1.bais); norm.scale, "
          "and 1 misshapen: conv1.weight [2, 3] instead of [3, 2], "
          "and 2 unexpected: conv1.bais; other, "
          "expected exactly the 3 parameters of the network");
    std::vector<ParameterRequest> many;
    for (int i = 0; i < 20; ++i) many.push_back({"layer" + std::to_string(i), Shape{1}, {}});
    const auto message = report(source, many);
    CHECK(contains(message, "20 missing: layer0; layer1;"));
    CHECK(contains(message, "layer7; and 12 more"));
    CHECK_FALSE(contains(message, "layer8"));
}

TEST_CASE("CheckpointSource: shapes may differ in ones at their end") {
    CheckpointSource source(file_of(
        {{"linear", Shape{2, 3, 1, 1}}, {"conv", Shape{3, 2}}, {"bias", Shape{1, 2}}}, "m"));
    source.check(std::vector<ParameterRequest>{{"linear", Shape{2, 3}, {}},
                                               {"conv", Shape{3, 2, 1, 1}, {}},
                                               {"bias", Shape{1, 2}, {}}});
    const Weights weights(source);
    const auto linear = weights.parameter<Cpu<float>>("linear", Shape{2, 3}, {});
    CHECK(linear.shape() == Shape{2, 3});
    CHECK(linear.values()[5] == 6.0F);
    // Ones elsewhere count.
    CHECK(contains(report(source, {{"bias", Shape{2}, {}}}),
                   "1 misshapen: bias [1, 2] instead of [2]"));
    CHECK(contains(report(source, {{"linear", Shape{3, 2}, {}}}), "1 misshapen"));
}

TEST_CASE("CheckpointSource: only what lies within can be unexpected, and nothing spare") {
    const auto names = {"a.x", "a.y", "b.x", "c.x"};
    std::vector<std::pair<std::string, Shape>> tensors;
    for (const auto* const name : names) tensors.emplace_back(name, Shape{1});
    std::vector<CheckpointPart> parts;
    parts.push_back({.file = file_of(tensors, "m"), .within = {"a.", "b."}, .spare = {"a.y"}});
    const CheckpointSource source(std::move(parts));
    source.check(std::vector<ParameterRequest>{{"a.x", Shape{1}, {}}, {"b.x", Shape{1}, {}}});
    CHECK(contains(report(source, {{"b.x", Shape{1}, {}}}), "got 1 unexpected: a.x, expected"));
}

TEST_CASE("CheckpointSource: on request every weight must be finite") {
    const auto source_of = [](const std::string& dtype, const std::string& data) {
        const auto width = dtype == "F16" ? 2U : 4U;
        return CheckpointSource(checkpoint_of(
            safetensors_file("{\"w\":{\"dtype\":\"" + dtype + "\",\"shape\":[2," +
                                 std::to_string(data.size() / width / 2) +
                                 "],\"data_offsets\":[0," + std::to_string(data.size()) + "]}}",
                             data),
            "m"));
    };
    const auto read = [](CheckpointSource& source) {
        return Weights(source).parameter<Cpu<double>>("w", Shape{2, 2}, {}).values()[1];
    };
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    auto floats = source_of("F32", little_all<float>({1, 2, nan, nan}));
    CHECK(read(floats) == 2.0);
    floats.require_finite();
    CHECK(message_of([&] { (void)read(floats); }) ==
          "m: got \"w\" with nan at [1, 0], 2 in all, expected finite weights");
    auto halves = source_of("F16", little_all<std::uint16_t>({0x3C00, 0xFC00, 0, 0x3C00}));
    halves.require_finite();
    CHECK(message_of([&] { (void)read(halves); })
              .starts_with("m: got \"w\" with inf at [0, 1], 1 in all, expected finite "
                           "weights; a number beyond 65504"));
    auto good = source_of("F16", little_all<std::uint16_t>({0x3C00, 0, 0, 0x7BFF}));
    good.require_finite();
    CHECK(read(good) == 0.0);
}
