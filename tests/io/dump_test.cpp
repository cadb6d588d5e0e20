#include "io/file_bytes.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/io/dump.hpp>
#include <latent/io/npy.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

Tensor<Cpu<float>> dumped_tensor(Shape shape, float first) {
    Tensor<Cpu<float>> tensor(std::move(shape));
    for (auto& value : tensor.values()) value = first++;
    return tensor;
}

void dump_npy(const std::filesystem::path& path, Shape shape, float first) {
    std::filesystem::create_directories(path.parent_path());
    save_npy(path, {"tensor", dumped_tensor(std::move(shape), first)});
}

std::vector<double> dumped_values(const Recording& recording, const std::string& name) {
    const auto tensor = recording.read(name);
    return {tensor.values().begin(), tensor.values().end()};
}

std::string dump_refusal(const std::filesystem::path& path) {
    const auto message = message_of([&] { static_cast<void>(open_dump(path)); });
    CHECK(message.starts_with(display(path)));
    CHECK(message.find('\n') == std::string::npos);
    return message;
}

} // namespace

TEST_CASE("dump: a recording, and a file that says nothing of itself") {
    const auto recording = open_dump(reference_data() / "parity" / "kl_decode.safetensors");
    CHECK(recording.order.front() == "post_quant_conv");
    CHECK(recording.order.back() == "decoder");
    CHECK_FALSE(recording.metadata.contains("order"));
    CHECK(recording.modules.contains("decoder.conv_in"));

    const TemporaryFolder folder;
    const auto one = dumped_tensor({2}, 1);
    save_safetensors(folder / "plain.safetensors", {{"b", one},
                                                    {"a", one},
                                                    {"conv:0", one},
                                                    {"a:input", one},
                                                    {"a:output.1", one},
                                                    {"parameter:a.weight", one}});
    const auto plain = open_dump(folder / "plain.safetensors");
    CHECK(plain.where == display(folder / "plain.safetensors"));
    CHECK(plain.order == std::vector<std::string>{"a", "b", "conv:0"});
    CHECK(plain.metadata.at("order") == "unknown");
    CHECK(plain.modules.empty());
    CHECK(plain.has("a:input"));
    CHECK(plain.has("parameter:a.weight"));
    CHECK(dumped_values(plain, "b") == std::vector<double>{1, 2});
    CHECK(plain.precision("b") == Precision::f32);

    write_text(
        folder / "torch.bin",
        torch_file(
            whole_pickle(pickle_dictionary(
                {{"x", pickle_tensor(pickle_storage("HalfStorage", "0", 1), 0, {1}, {1})}})),
            {{"0", little<std::uint16_t>(0x3C00)}}));
    const auto torch = open_dump(folder / "torch.bin");
    CHECK(torch.order == std::vector<std::string>{"x"});
    CHECK(torch.precision("x") == Precision::f16);
    CHECK(dumped_values(torch, "x") == std::vector<double>{1});
}

TEST_CASE("dump: .npy files") {
    const TemporaryFolder folder;
    dump_npy(folder / "decoder.conv_in.npy", {1, 2}, 3);
    dump_npy(folder / "decoder/conv_out.npy", {2, 1}, 5);
    dump_npy(folder / "decoder/up/0.npy", {1}, 7);
    write_text(folder / "notes.txt", "not read");
    write_text(folder / ".npy", "not read");
    std::filesystem::create_directories(folder / "folder.npy");
    const auto dump = open_dump(folder.path());
    CHECK(dump.order ==
          std::vector<std::string>{"decoder.conv_in", "decoder.conv_out", "decoder.up.0"});
    CHECK(dump.metadata.at("order") == "unknown");
    CHECK(dump.shape("decoder.conv_out") == Shape{2, 1});
    CHECK(dump.precision("decoder.conv_out") == Precision::f32);
    CHECK(dumped_values(dump, "decoder.conv_in") == std::vector<double>{3, 4});
    CHECK(dumped_values(dump, "decoder.up.0") == std::vector<double>{7});
    CHECK_FALSE(dump.has("decoder.up"));
    CHECK(contains(message_of([&] { static_cast<void>(dump.read("decoder.up")); }),
                   "got no tensor \"decoder.up\""));

    // A file alone, under its own name.
    const auto single = open_dump(folder / "decoder.conv_in.npy");
    CHECK(single.order == std::vector<std::string>{"decoder.conv_in"});
    CHECK(dumped_values(single, "decoder.conv_in") == std::vector<double>{3, 4});

    dump_npy(folder / "decoder.conv_out.npy", {1}, 1);
    const auto message = dump_refusal(folder.path());
    CHECK(contains(message, "a duplicate: the name \"decoder.conv_out\""));
}

TEST_CASE("dump: .npy files that are none are told when they are read") {
    const TemporaryFolder folder;
    dump_npy(folder / "good.npy", {1}, 1);
    write_text(folder / "cut.npy", "\x93NUMPY");
    write_text(folder / "empty.npy", "");
    save_safetensors(folder / "other.npy", {});
    const auto dump = open_dump(folder.path());
    CHECK(dump.order.size() == 4);
    CHECK(dumped_values(dump, "good") == std::vector<double>{1});
    const auto refusal = [&](const std::string& name) {
        return message_of([&] { static_cast<void>(dump.shape(name)); });
    };
    CHECK(contains(refusal("cut"), "cut.npy: got 6 bytes"));
    CHECK(contains(refusal("empty"), "empty.npy: got an empty file"));
    CHECK(contains(refusal("other"), "got a safetensors file, expected a .npy file"));
    std::filesystem::remove(folder / "good.npy");
    CHECK(contains(refusal("good"), "good.npy: got no file of that name"));
}

#if !defined(_WIN32)
TEST_CASE("dump: links to files are followed, links to folders are not") {
    const TemporaryFolder folder;
    dump_npy(folder / "blobs/x.npy", {1}, 9);
    std::filesystem::create_directories(folder / "dump/inner");
    std::filesystem::create_symlink("../blobs/x.npy", folder / "dump/a.npy");
    std::filesystem::create_symlink("nowhere", folder / "dump/b.npy");
    std::filesystem::create_directory_symlink("..", folder / "dump/inner/circle");
    std::filesystem::create_symlink("/dev/zero", folder / "dump/c.npy");
    const auto dump = open_dump(folder / "dump");
    CHECK(dump.order == std::vector<std::string>{"a", "b", "c"});
    CHECK(dumped_values(dump, "a") == std::vector<double>{9});
    CHECK(contains(message_of([&] { static_cast<void>(dump.read("b")); }),
                   "b.npy: got no file of that name"));
    CHECK(contains(message_of([&] { static_cast<void>(dump.read("c")); }),
                   "c.npy: got a device"));
}
#endif

TEST_CASE("dump: files of bare numbers and a table of shapes") {
    const TemporaryFolder folder;
    write_text(folder / "conv.bin", little_all<float>({1, 2, 3, 4, 5, 6}));
    write_text(folder / "half.bin", little_all<std::uint16_t>({0x3C00, 0xC000}));
    dump_npy(folder / "ignored.npy", {1}, 1);
    write_text(folder / "shapes.tsv", "half\tfloat16\t2\nconv\tfloat32\t2,3\n");
    for (const auto& path : {folder.path(), folder / "shapes.tsv"}) {
        const auto dump = open_dump(path);
        CHECK(dump.order == std::vector<std::string>{"conv", "half"});
        CHECK(dump.shape("conv") == Shape{2, 3});
        CHECK(dump.precision("half") == Precision::f16);
        CHECK(dumped_values(dump, "conv") == std::vector<double>{1, 2, 3, 4, 5, 6});
        CHECK(dumped_values(dump, "half") == std::vector<double>{1, -2});
        CHECK(contains(message_of([&] { static_cast<void>(dump.shape("ignored")); }),
                       "got no tensor \"ignored\""));
    }
    // Under any name that ends in .tsv.
    std::filesystem::rename(folder / "shapes.tsv", folder / "mine.tsv");
    const auto dump = open_dump(folder / "mine.tsv");
    CHECK(dump.has("conv"));
    write_text(folder / "conv.bin", "short");
    CHECK(contains(message_of([&] { static_cast<void>(dump.read("conv")); }),
                   "conv.bin: got 5 bytes, expected 24, as when the table was read"));
    CHECK(contains(dump_refusal(folder / "mine.tsv"), "mine.tsv:2: got 5 bytes"));
}

TEST_CASE("dump: what is none") {
    const TemporaryFolder folder;
    CHECK(contains(dump_refusal(folder.path()), "a folder without .npy files"));
    CHECK(contains(dump_refusal(folder / "none"), "no file of that name"));
    CHECK(contains(dump_refusal(folder / "none.tsv"), "no file of that name"));
    CHECK(contains(dump_refusal(folder / "none.npy"), "no file of that name"));
    write_text(folder / "text", "only words, and more of them");
    CHECK(contains(dump_refusal(folder / "text"), "expected a checkpoint"));
    save_safetensors(folder / "new", {}, {{"format", "latent recording 9"}});
    CHECK(contains(dump_refusal(folder / "new"), "format \"latent recording 9\""));
    CHECK(contains(dump_refusal(""), "\"\""));
}

TEST_CASE("dump: a folder of very many files") {
    const TemporaryFolder folder;
    std::filesystem::create_directories(folder / "d");
    for (int i = 0; i < 3000; ++i) {
        write_text(folder / ("d/" + std::to_string(i) + ".npy"), "");
    }
    dump_npy(folder / "d/last.npy", {1}, 4);
    const auto dump = open_dump(folder.path());
    CHECK(dump.order.size() == 3001);
    CHECK(dumped_values(dump, "d.last") == std::vector<double>{4});
}

TEST_CASE("dump: under the reference's names") {
    const TemporaryFolder folder;
    dump_npy(folder / "dump/dec/in.npy", {1}, 2);
    dump_npy(folder / "dump/out.npy", {1}, 3);
    write_text(folder / "names.tsv", "dec/in.npy\tdecoder.conv_in\n");
    const auto dump = renamed(open_dump(folder / "dump"), read_name_map(folder / "names.tsv"));
    CHECK(dumped_values(dump, "decoder.conv_in") == std::vector<double>{2});
    CHECK(dumped_values(dump, "out") == std::vector<double>{3});
}
