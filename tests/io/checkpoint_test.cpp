#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

double sum_of_squares(const Checkpoint& file) {
    double sum = 0;
    for (const auto& tensor : file.tensors()) {
        for (const auto value : values_of(file, tensor.name)) sum += value * value;
    }
    return sum;
}

std::string checkpoint_refusal(const std::string& bytes, const std::string& name = "some.bin") {
    return message_of([&] { static_cast<void>(checkpoint_of(bytes, name)); });
}

} // namespace

TEST_CASE("Checkpoint: a file's kind shows in its bytes") {
    CHECK(contains(checkpoint_refusal(""), "some.bin: got an empty file"));
    CHECK(contains(checkpoint_refusal("<!DOCTYPE html><html>\n"),
                   "begins with \"<!DOCTYPE html><\""));
    CHECK(contains(checkpoint_refusal("version https://git-lfs.github.com/spec/v1\noid"),
                   "git lfs pull"));
    CHECK(contains(checkpoint_refusal("GGUF\3\0\0\0\0\0\0\0"),
                   "a checkpoint: safetensors, torch or .npy"));
    CHECK(contains(checkpoint_refusal("\x80\x02}."), "a bare pickle"));
    CHECK(contains(checkpoint_refusal("\x89PNG\r\n\x1a\n"), "an image"));
    CHECK(contains(checkpoint_refusal("{\"weight_map\": {}}"), "JSON text"));
    CHECK(contains(checkpoint_refusal(std::string(257, 'a') + "ustar" + std::string(250, 'a')),
                   "a tar file"));
    CHECK(contains(checkpoint_refusal("abcdefghij", "x.safetensors"), "begins with"));
    CHECK(contains(checkpoint_refusal("\1\2\3\4\5\6\7\1\2", "x.safetensors"), "header length"));
    CHECK(contains(checkpoint_refusal("\x1f\x8b\x08", "x.pt"), "a gzip file"));
    CHECK(contains(message_of([] { static_cast<void>(Checkpoint::open("no/such/file")); }),
                   "no/such/file: got no file of that name"));
}

TEST_CASE("Checkpoint: a header's length that looks like another kind's signature") {
    // 0x088B1F, as a gzip file begins, and 0xFFD8FF, as a JPEG does.
    for (const std::size_t length : {0x088B1FU, 0xFFD8FFU}) {
        std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
        header.resize(length, ' ');
        const auto file = checkpoint_of(safetensors_file(header, little(2.5F)));
        CHECK(values_of(file, "a") == std::vector<double>{2.5});
    }
}

TEST_CASE("Checkpoint: the same from a file, from bytes, and from a view of bytes") {
    const auto text =
        safetensors_file(R"({"a":{"dtype":"F64","shape":[3],"data_offsets":[0,24]}})",
                         little_all<double>({0.1, -2, 1e300}));
    const TemporaryFolder folder;
    write_text(folder / "a", text);
    const auto bytes = to_bytes(text);
    const std::vector<double> expected{0.1, -2, 1e300};
    auto mapped = Checkpoint::open(folder / "a");
    CHECK(values_of(mapped, "a") == expected);
    const auto moved = std::move(mapped);
    CHECK(values_of(moved, "a") == expected);
    CHECK(moved.path() == (folder / "a").string());
    CHECK(values_of(Checkpoint::from_bytes(bytes, "b"), "a") == expected);
    CHECK(values_of(Checkpoint::view_bytes(bytes, "c"), "a") == expected);

    std::vector<float> floats(3);
    moved.read(moved.at("a"), std::span<float>(floats));
    CHECK(floats[0] == 0.1F);
    CHECK(std::isinf(floats[2]));
    CHECK(contains(
        message_of([&] { moved.read(moved.at("a"), std::span<float>(floats).first(2)); }),
        "room for 2, expected 3"));
}

TEST_CASE("Checkpoint: dtypes that no network computes in are listed, and their bytes read") {
    const auto file = checkpoint_of(
        safetensors_file(R"({"c":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},)"
                         R"("f":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[8,11]}})",
                         "12345678abc"));
    for (const auto& tensor : file.tensors()) {
        std::vector<float> out(static_cast<std::size_t>(tensor.shape.numel()));
        CHECK(contains(message_of([&] { file.read(tensor, std::span<float>(out)); }),
                       "of dtype"));
    }
    std::vector<std::byte> bytes(3);
    file.read_bytes(file.at("f"), bytes);
    CHECK(bytes == to_bytes("abc"));
}

TEST_CASE("Checkpoint: strided tensors longer than one piece") {
    constexpr std::int64_t rows = 300, columns = 70;
    std::vector<float> stored(rows * columns);
    for (std::size_t i = 0; i < stored.size(); ++i) stored[i] = static_cast<float>(i);
    const auto file = checkpoint_of(
        torch_file(whole_pickle(pickle_dictionary(
                       {{"t", pickle_tensor(pickle_storage("FloatStorage", "0", rows * columns),
                                            0, {columns, rows}, {1, columns})}})),
                   {{"0", little_all(stored)}}));
    const auto values = values_of(file, "t");
    std::size_t wrong = 0;
    for (std::int64_t i = 0; i < columns; ++i) {
        for (std::int64_t j = 0; j < rows; ++j) {
            const auto at = static_cast<std::size_t>(i * rows + j);
            if (!(values[at] == static_cast<double>(j * columns + i))) ++wrong;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("Checkpoint: opening costs nothing of what is not read") {
#if !defined(_WIN32)
    // A sparse file of 1 GiB: mapped and listed, and one small tensor read.
    const TemporaryFolder folder;
    const auto path = folder / "large";
    const auto size = std::uint64_t{1} << 30U;
    write_text(path,
               safetensors_file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                R"("b":{"dtype":"U8","shape":[)" +
                                    std::to_string(size) + R"(],"data_offsets":[8,)" +
                                    std::to_string(size + 8) + "]}}",
                                little_all<float>({1.5F, 2.5F})));
    std::filesystem::resize_file(path, std::filesystem::file_size(path) + size);
    const double before = peak_memory_mib();
    const auto file = Checkpoint::open(path);
    CHECK(values_of(file, "a") == std::vector<double>{1.5, 2.5});
    CHECK(file.at("b").shape == Shape{std::int64_t{1} << 30});
    CHECK(peak_memory_mib() - before < 20.0);
#else
    skip("sparse files are made otherwise on Windows");
#endif
}

TEST_CASE("Checkpoint: published weights, compared with what torch reads") {
    const auto data = environment("LATENT_DATA");
    if (!data) return skip("LATENT_DATA is not set: no published weights to read");
    const auto weights = std::filesystem::path(*data) / "weights";
    struct Expected {
        const char *file, *name;
        std::size_t count;
        std::vector<std::int64_t> shape;
        DType dtype;
        double first, last, sum_of_squares;
    };
    // From torch 2.13: torch.load(file, map_location="cpu").
    const std::vector<Expected> all{
        {"taef2_encoder.pth",
         "0.weight",
         79,
         {64, 3, 3, 3},
         DType::F16,
         -0.1405029296875,
         -0.058135986328125,
         3761.454053589319},
        {"taef2_decoder.pth",
         "19.bias",
         79,
         {3},
         DType::F16,
         0.349365234375,
         0.3193359375,
         4311.868040707912},
        {"vae_approx_sd.pt",
         "conv1.weight",
         16,
         {8, 4, 7, 7},
         DType::F32,
         0.006625134497880936,
         0.000780233764089644,
         355.77433267914967},
    };
    for (const auto& expected : all) {
        CAPTURE(expected.file);
        const auto file = Checkpoint::open(weights / expected.file);
        CHECK(file.tensors().size() == expected.count);
        CHECK(file.at(expected.name).shape == Shape(expected.shape));
        CHECK(file.at(expected.name).dtype == expected.dtype);
        const auto values = values_of(file, expected.name);
        CHECK(values.front() == expected.first);
        CHECK(values.back() == expected.last);
        const double error = sum_of_squares(file) / expected.sum_of_squares - 1;
        CHECK(std::abs(error) <= 1e-12);
    }
}
