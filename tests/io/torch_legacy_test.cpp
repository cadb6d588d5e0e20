#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/torch_legacy.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

using LegacyStorages = std::vector<std::pair<std::string, std::string>>;

/// A file of torch before 1.6: `storages` are keys, and a count followed by the elements.
std::string legacy_file(const std::string& object, const LegacyStorages& storages,
                        const std::string& version = "M\xe9\x03") {
    std::string keys = "](", data;
    for (const auto& [key, bytes] : storages) {
        keys += pickle_text(key);
        data += bytes;
    }
    return whole_pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") +
           whole_pickle(version) + whole_pickle("}") + whole_pickle(object) +
           whole_pickle(keys + "e") + data;
}

std::string counted(std::int64_t count, const std::string& elements) {
    return little(count) + elements;
}

std::string legacy_refusal(const std::string& file) {
    const auto message = message_of([&] { static_cast<void>(checkpoint_of(file, "made.pt")); });
    CHECK(message.starts_with("made.pt: got "));
    return message;
}

const std::string two_floats = little_all<float>({1, 2});

/// A dictionary of one tensor "a" that looks at both elements of this storage.
std::string one_tensor(const std::string& storage) {
    return pickle_dictionary({{"a", pickle_tensor(storage, 0, {2}, {1})}});
}

/// A storage with a view, as torch before 0.4 has it.
std::string viewed_storage(std::int64_t numel, std::int64_t offset, std::int64_t count) {
    return "(" + pickle_text("storage") + "ctorch\nFloatStorage\n" + pickle_text("k") +
           pickle_text("cpu") + pickle_integer(numel) + "(" + pickle_text("view") +
           pickle_integer(offset) + pickle_integer(count) + "ttQ";
}

} // namespace

TEST_CASE("torch legacy: storages in the order of the list, not of their use") {
    const auto longs = pickle_storage("LongStorage", "10", 1);
    const auto file = checkpoint_of(
        legacy_file(
            pickle_dictionary(
                {{"a", pickle_tensor(pickle_storage("FloatStorage", "2", 2), 1, {1}, {1})},
                 {"n", pickle_dictionary({{"b", pickle_tensor(longs, 0, {}, {})}})},
                 // No tensor here, but its storage must be stepped over.
                 {"c", "cforeign\nThing\n" + pickle_storage("HalfStorage", "1", 3) + "\x85R"}}),
            {{"1", counted(3, "abcdef")},
             {"10", counted(1, little<std::int64_t>(1) + "")},
             {"2", counted(2, two_floats)}}) +
        "bytes that nobody asked for");
    CHECK(file.format() == "torch");
    REQUIRE(file.tensors().size() == 2);
    CHECK(values_of(file, "a") == std::vector<double>{2});
    CHECK(values_of(file, "n.b") == std::vector<double>{1});
}

TEST_CASE("torch legacy: a view of a storage") {
    const auto four = counted(4, little_all<float>({1, 2, 3, 4}));
    const auto file =
        checkpoint_of(legacy_file(one_tensor(viewed_storage(4, 2, 2)), {{"k", four}}));
    CHECK(values_of(file, "a") == std::vector<double>{3, 4});
    for (const auto& [offset, count] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{3, 2}, {-1, 2}, {5, 0}, {0, -1}}) {
        CHECK(contains(legacy_refusal(legacy_file(one_tensor(viewed_storage(4, offset, count)),
                                                  {{"k", four}})),
                       "a view beyond its storage"));
    }
    // The view holds the tensor, not the storage.
    CHECK(contains(
        legacy_refusal(legacy_file(one_tensor(viewed_storage(4, 2, 1)), {{"k", four}})),
        "beyond the end of its storage"));
}

TEST_CASE("torch legacy: lies about versions, keys and counts") {
    const auto floats = pickle_storage("FloatStorage", "k", 2);
    const auto object = one_tensor(floats);
    const auto good = counted(2, two_floats);
    CHECK(contains(legacy_refusal(legacy_file(object, {{"k", good}}, "M\xea\x03")), "version"));
    CHECK(contains(legacy_refusal(legacy_file(object, {{"k", good}}, "N")), "version"));
    CHECK(contains(legacy_refusal(legacy_file(object, {})), "no bytes for storage \"k\""));
    CHECK(contains(legacy_refusal(legacy_file(object, {{"j", good}})),
                   "storage \"j\", which the saved object does not have"));
    CHECK(contains(legacy_refusal(legacy_file(object, {{"k", good}, {"k", good}})),
                   "a duplicate: storage \"k\" twice"));
    CHECK(contains(legacy_refusal(legacy_file(object, {{"k", counted(3, two_floats)}})),
                   "3 elements for storage \"k\", expected 2"));
    CHECK(contains(legacy_refusal(legacy_file(object, {{"k", counted(2, "1234567")}})),
                   "7 bytes left for storage \"k\""));
    CHECK(contains(legacy_refusal(legacy_file(object, {{"k", "1234567"}})),
                   "no element count for storage \"k\""));
    CHECK(contains(legacy_refusal(legacy_file(
                       one_tensor(pickle_storage("FloatStorage", "k", INT64_MAX / 2)),
                       {{"k", counted(INT64_MAX / 2, two_floats)}})),
                   "8 bytes left"));
    CHECK(contains(legacy_refusal(legacy_file(
                       one_tensor(pickle_storage("StrangeStorage", "k", 2)), {{"k", good}})),
                   "torch.StrangeStorage"));
    CHECK(contains(legacy_refusal(legacy_file(
                       pickle_dictionary({{"a", pickle_tensor(floats, 0, {2}, {1})},
                                          {"b", pickle_storage("HalfStorage", "k", 2)}}),
                       {{"k", good}})),
                   "storage \"k\" with two descriptions"));
    CHECK(contains(
        legacy_refusal(legacy_file("(" + pickle_text("module") + "cmy\nNetwork\nNNtQ", {})),
        "save the module's state_dict()"));
}

TEST_CASE("torch legacy: a file cut anywhere is refused") {
    const auto whole = legacy_file(one_tensor(pickle_storage("FloatStorage", "k", 2)),
                                   {{"k", counted(2, two_floats)}});
    CHECK(values_of(checkpoint_of(whole), "a") == std::vector<double>{1, 2});
    for (std::size_t length = 0; length < whole.size(); ++length) {
        CAPTURE(length);
        CHECK(contains(legacy_refusal(whole.substr(0, length)), "expected"));
    }
}
