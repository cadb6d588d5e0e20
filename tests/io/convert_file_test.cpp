#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/convert_file.hpp>

#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A transposed matrix of floats, a row of integers, and numbers too large for half precision.
Checkpoint mixed_checkpoint() {
    const auto storage = [](const char* type, const char* key, std::int64_t numel) {
        return pickle_storage(type, key, numel);
    };
    return checkpoint_of(torch_file(
        whole_pickle(pickle_dictionary(
            {{"turned", pickle_tensor(storage("FloatStorage", "0", 6), 0, {3, 2}, {1, 3})},
             {"long", pickle_tensor(storage("LongStorage", "1", 2), 0, {2}, {1})},
             {"large", pickle_tensor(storage("DoubleStorage", "2", 3), 0, {3}, {1})}})),
        {{"0", little_all<float>({1, 2, 3, 4, 5, 6})},
         {"1", little_all<std::int64_t>({-1, 2049})},
         {"2", little_all<double>({1e5, -1e300, 0.1})}}));
}

} // namespace

TEST_CASE("convert: without a dtype nothing changes but the order of the bytes") {
    const TemporaryFolder folder;
    CHECK(convert_checkpoint(mixed_checkpoint(), folder / "out.safetensors").empty());
    const auto file = Checkpoint::open(folder / "out.safetensors");
    CHECK(file.format() == "safetensors");
    CHECK(file.metadata().at("format") == "pt");
    CHECK(file.at("turned").dtype == DType::F32);
    CHECK(file.at("turned").shape == Shape{3, 2});
    CHECK(values_of(file, "turned") == std::vector<double>{1, 4, 2, 5, 3, 6});
    CHECK(file.at("long").dtype == DType::I64);
    CHECK(values_of(file, "long") == std::vector<double>{-1, 2049});
    CHECK(file.at("large").dtype == DType::F64);
    CHECK(values_of(file, "large") == std::vector<double>{1e5, -1e300, 0.1});
}

TEST_CASE("convert: with a dtype every tensor, and what became infinite is told") {
    const TemporaryFolder folder;
    const auto overflows =
        convert_checkpoint(mixed_checkpoint(), folder / "out.safetensors", DType::F16);
    REQUIRE(overflows.size() == 1);
    CHECK(overflows[0].name == "large");
    CHECK(overflows[0].count == 2);
    const auto file = Checkpoint::open(folder / "out.safetensors");
    for (const auto& tensor : file.tensors()) CHECK(tensor.dtype == DType::F16);
    CHECK(values_of(file, "turned") == std::vector<double>{1, 4, 2, 5, 3, 6});
    CHECK(values_of(file, "long") == std::vector<double>{-1, 2048}); // 2049 is a tie
    CHECK(values_of(file, "large")[2] == 0.0999755859375);
}

TEST_CASE("convert: longer than one piece, and metadata that stay") {
    const TemporaryFolder folder;
    std::vector<float> values(10'000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 251);
    const auto bytes = std::as_bytes(std::span(values));
    save_safetensors(folder / "in", {{"a", DType::F32, Shape{100, 100}, bytes}},
                     {{"title", "mine"}, {"format", "np"}});
    convert_checkpoint(Checkpoint::open(folder / "in"), folder / "out", DType::BF16);
    const auto file = Checkpoint::open(folder / "out");
    CHECK(file.metadata().at("title") == "mine");
    CHECK(file.metadata().at("format") == "np");
    CHECK(values_of(file, "a") == std::vector<double>(values.begin(), values.end()));
}

TEST_CASE("convert: what cannot be converted leaves no file") {
    const TemporaryFolder folder;
    const auto complex = checkpoint_of(safetensors_file(
        R"({"c":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", "12345678"));
    CHECK(contains(message_of([&] {
                       static_cast<void>(
                           convert_checkpoint(complex, folder / "out", DType::F32));
                   }),
                   "made: got tensor \"c\" of dtype C64, expected real numbers"));
    CHECK(folder.entries() == 0);
    struct Enough {};
    CHECK_THROWS_AS(
        convert_checkpoint(complex, folder / "out", std::nullopt, [] { throw Enough(); }),
        Enough);
    CHECK(folder.entries() == 0);
    CHECK(convert_checkpoint(complex, folder / "out").empty());
    CHECK(folder.entries() == 1);
}
