#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/name_map.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

using NamePairs = std::map<std::string, std::string>;

/// A recording of tensors of one element, whose value is their number.
Recording numbered_recording(const std::vector<std::string>& names) {
    Recording recording;
    recording.where = "dump";
    auto store = std::make_unique<MemoryStore>();
    for (const auto& name : names) {
        Tensor<Cpu<double>> tensor(Shape{1});
        tensor.data()[0] = static_cast<double>(recording.order.size());
        store->add(name, std::move(tensor));
        recording.order.push_back(name);
    }
    recording.tensors = std::move(store);
    return recording;
}

double number_at(const Recording& recording, const std::string& name) {
    return recording.read(name).data()[0];
}

NameMap map_in(const TemporaryFolder& folder, std::string_view text) {
    write_text(folder / "names.tsv", text);
    return read_name_map(folder / "names.tsv");
}

std::string rename_refusal(const std::vector<std::string>& names, NamePairs map) {
    return message_of([&] {
        static_cast<void>(renamed(numbered_recording(names), {"m.tsv", std::move(map)}));
    });
}

} // namespace

TEST_CASE("name_map: a table of names") {
    const TemporaryFolder folder;
    const auto map = map_in(folder, "# mine\nother\treference\r\na.b\tc.d\n\nx\ty\n");
    CHECK(map.names == NamePairs{{"a.b", "c.d"}, {"x", "y"}});
    CHECK(map.where == display(folder / "names.tsv"));
    CHECK(map_in(folder, "").names.empty());
    // The header is one only where it stands above.
    CHECK(map_in(folder, "x\ty\nother\treference\n").names.size() == 2);

    const auto refusal = [&](std::string_view text) {
        return message_of([&] { static_cast<void>(map_in(folder, text)); });
    };
    CHECK(contains(refusal("a\tb\nc\td\na\te\n"), "names.tsv:3: got a duplicate: \"a\" twice"));
    CHECK(contains(refusal("a\tb\n#\nc\tb\n"), "names.tsv:3: got a duplicate: \"b\" twice"));
    CHECK(contains(refusal("a\tb\nc d\n"), "names.tsv:2: got 1 column, expected 2"));
    CHECK(contains(refusal("a\tb\tc\n"), "names.tsv:1: got 3 columns"));
    CHECK(contains(refusal("a\t \n"), "an empty name"));
}

TEST_CASE("name_map: what is not named stays, and a swap is no clash") {
    auto recording = numbered_recording({"a", "b", "c"});
    recording.modules["a"] = {"a", "Conv2d", {}};
    recording.modules["c"] = {"c", "SiLU", {}};
    recording.aliases = {{"c:input", "b"}, {"b:input", "a"}};
    const auto swapped = renamed(std::move(recording), {"m", {{"a", "b"}, {"b", "a"}}});
    CHECK(swapped.order == std::vector<std::string>{"b", "a", "c"});
    CHECK(number_at(swapped, "b") == 0);
    CHECK(number_at(swapped, "a") == 1);
    CHECK(number_at(swapped, "c") == 2);
    CHECK(swapped.aliases == NamePairs{{"c:input", "a"}, {"a:input", "b"}});
    CHECK(swapped.modules.at("b").class_name == "Conv2d");
    CHECK(swapped.modules.at("b").path == "b");
    CHECK(swapped.modules.at("c").class_name == "SiLU");
    CHECK_FALSE(swapped.modules.contains("a"));
}

TEST_CASE("name_map: with a module goes what belongs to it") {
    const auto recording = renamed(
        numbered_recording({"m#0", "m#1", "m#0:input", "parameter:m.weight", "m.n", "w:0"}),
        {"map", {{"m", "x.y"}, {"w:0", "v"}}});
    CHECK(number_at(recording, "x.y#0") == 0);
    CHECK(number_at(recording, "x.y#1") == 1);
    CHECK(number_at(recording, "x.y#0:input") == 2);
    CHECK(number_at(recording, "parameter:x.y.weight") == 3);
    CHECK(number_at(recording, "m.n") == 4); // another module
    CHECK(number_at(recording, "v") == 5);
    CHECK(recording.tensors->names().size() == 6);
    CHECK_FALSE(recording.has("m#0"));
    CHECK(recording.shape("v") == Shape{1});
    CHECK(recording.precision("v") == Precision::f64);
    CHECK(contains(message_of([&] { static_cast<void>(recording.read("m#0")); }),
                   "dump: got no tensor \"m#0\""));

    // One call of several, and one input, by their own names.
    const auto calls = renamed(numbered_recording({"m#0", "m#1", "m#1:input"}),
                               {"map", {{"m#1", "b"}, {"m", "a"}}});
    CHECK(number_at(calls, "a#0") == 0);
    CHECK(number_at(calls, "b") == 1);
    CHECK(number_at(calls, "b:input") == 2);
}

TEST_CASE("name_map: files' names will do") {
    const auto recording = renamed(numbered_recording({"dec.conv_in", "dec.out"}),
                                   {"map", {{"dec/conv_in.npy", "a"}, {"dec/out", "b"}}});
    CHECK(number_at(recording, "a") == 0);
    CHECK(number_at(recording, "b") == 1);
}

TEST_CASE("name_map: names that are not there, and two of one name") {
    CHECK(rename_refusal({"decoder.conv_in"}, {{"decoder.conv_im", "x"}}) ==
          "m.tsv: got the name \"decoder.conv_im\", expected names of dump; "
          "nearest: \"decoder.conv_in\"");
    CHECK(
        contains(rename_refusal({"a"}, {{"quite different", "x"}}), "expected names of dump"));
    CHECK(
        contains(rename_refusal({"a", "b"}, {{"a", "b"}}), "m.tsv: got two tensors for \"b\""));
    auto recording = numbered_recording({"a", "b"});
    recording.aliases = {{"c", "b"}};
    CHECK(contains(message_of([&] {
                       static_cast<void>(renamed(std::move(recording), {"m", {{"a", "c"}}}));
                   }),
                   "got two tensors for \"c\""));
}
