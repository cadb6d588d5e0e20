#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/shard_index.hpp>

#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::string shard_of(const std::string& name, float value) {
    return safetensors_file(R"({")" + name +
                                R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                            little(value));
}

std::string index_refusal(const std::string& text) {
    const auto message =
        message_of([&] { static_cast<void>(read_shard_index("i.json", text)); });
    CHECK(message.starts_with("i.json: got "));
    return message;
}

} // namespace

TEST_CASE("sharded: several files as one checkpoint") {
    const TemporaryFolder folder;
    write_text(folder / "one.safetensors", shard_of("a", 1));
    write_text(
        folder / "two.bin",
        torch_file(
            whole_pickle(pickle_dictionary(
                {{"b", pickle_tensor(pickle_storage("FloatStorage", "0", 1), 0, {1}, {1})}})),
            {{"0", little(2.0F)}}));
    const auto index = folder / "model.safetensors.index.json";
    const auto with_map = [&](const std::string& map) {
        write_text(index, R"({"metadata": {"total_size": "8"}, "weight_map": )" + map + "}");
        return Checkpoint::open(index);
    };
    const auto file = with_map(R"({"a": "one.safetensors", "b": "two.bin"})");
    CHECK(file.path() == index.string());
    REQUIRE(file.tensors().size() == 2);
    CHECK(values_of(file, "a") == std::vector<double>{1});
    CHECK(values_of(file, "b") == std::vector<double>{2});

    const auto refusal = [&](const std::string& map) {
        return message_of([&] { static_cast<void>(with_map(map)); });
    };
    CHECK(contains(refusal(R"({"a": "one.safetensors", "b": "one.safetensors"})"),
                   "index.json: got no tensor \"b\" in \"one.safetensors\""));
    CHECK(contains(refusal(R"({"b": "two.bin", "c": "one.safetensors"})"),
                   "one.safetensors: got tensor \"a\", expected only the tensors that"));
    CHECK(contains(refusal(R"({"a": "one.safetensors", "b": "three.bin"})"),
                   "three.bin: got no file of that name"));
    // A tensor in two files belongs to the one that the index gives it to.
    write_text(folder / "again.safetensors", shard_of("a", 1));
    CHECK(contains(refusal(R"({"a": "one.safetensors", "c": "again.safetensors"})"),
                   "again.safetensors: got tensor \"a\""));
}

TEST_CASE("sharded: an index that is none, or leads elsewhere") {
    CHECK(contains(index_refusal("[]"), "JSON that is no object"));
    CHECK(contains(index_refusal("{}"), "no weight_map"));
    CHECK(contains(index_refusal(R"({"weight_map": {}})"), "a weight_map without files"));
    CHECK(contains(index_refusal(R"({"weight_map": []})"), "a weight_map without files"));
    CHECK(contains(index_refusal(R"({"weight_map": {"a": 1}})"),
                   "no file name for tensor \"a\""));
    CHECK(contains(index_refusal(R"({"weight_map": {"a": "x", "a": "y"}})"), "\"a\" twice"));
    for (const std::string name :
         {"", ".", "..", "../x", "/etc/passwd", "a/b", "a\\\\b", "c:x", "a\\u0000b"}) {
        CAPTURE(name);
        CHECK(contains(index_refusal(R"({"weight_map": {"a": ")" + name + "\"}}"),
                       "expected a plain name in the index's folder"));
    }
}
