#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/raw_dump.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A folder with a file of 24 bytes, and a table beside it.
struct RawFolder {
    TemporaryFolder folder;
    RawFolder() { write_text(folder / "a.bin", std::string(24, '\0')); }

    [[nodiscard]] std::map<std::string, RawTensor> read(std::string_view text) const {
        write_text(folder / "shapes.tsv", text);
        return read_shape_table(folder / "shapes.tsv");
    }
    [[nodiscard]] std::string refusal(std::string_view text) const {
        const auto message = message_of([&] { static_cast<void>(read(text)); });
        CHECK(contains(message, "shapes.tsv:"));
        CHECK(message.find('\n') == std::string::npos);
        return message;
    }
};

} // namespace

TEST_CASE("raw_dump: names, dtypes and shapes as people write them") {
    const RawFolder in;
    std::filesystem::create_directories(in.folder / "dec");
    write_text(in.folder / "dec/conv.f16", std::string(12, '\0'));
    write_text(in.folder / "plain", std::string(8, '\0'));
    write_text(in.folder / "none.raw", "");
    const auto tensors = in.read("# file\tdtype\tshape\n"
                                 "a.bin\tfloat32\t1,2,3\n"
                                 "dec/conv\ttorch.half\t[2, 3]\n"
                                 "plain\tF64\t\n"
                                 "none.raw\tbfloat16\t0,4\n");
    REQUIRE(tensors.size() == 4);
    CHECK(tensors.at("a").dtype == DType::F32);
    CHECK(tensors.at("a").shape == Shape{1, 2, 3});
    CHECK(tensors.at("dec.conv").dtype == DType::F16);
    CHECK(tensors.at("dec.conv").shape == Shape{2, 3});
    CHECK(tensors.at("dec.conv").path == in.folder / "dec/conv.f16");
    CHECK(tensors.at("plain").shape == Shape{});
    CHECK(tensors.at("none").shape == Shape{0, 4});

    CHECK(in.read("a\tFLOAT\t(6,)").at("a").shape == Shape{6});
    CHECK(in.read("a\tint64\t3").at("a").dtype == DType::I64);
    CHECK(in.read("a\tbool\t2 , 12").at("a").shape == Shape{2, 12});
    CHECK(in.read("a\tu8\t24,1,1").at("a").dtype == DType::U8);
    CHECK(in.read("").empty());
}

TEST_CASE("raw_dump: sizes that lie") {
    const RawFolder in;
    CHECK(contains(in.refusal("\na\tf32\t1,2,4"),
                   "shapes.tsv:2: got 24 bytes in \"a\", expected 32, the size of shape "
                   "[1, 2, 4] and dtype F32"));
    CHECK(contains(in.refusal("a\tf32\t5"), "expected 20"));
    CHECK(contains(in.refusal("a\tf32\t"), "expected 4, the size of shape []"));
    CHECK(contains(in.refusal("a\tf32\t0"), "expected 0"));
    CHECK(contains(in.refusal("a\tf64\t2305843009213693952"), "expected far more"));
    CHECK(contains(in.refusal("a\tf32\t4294967296,4294967296"), "an element count below 2^63"));
    CHECK(contains(in.refusal("a\tf32\t0,4294967296,4294967296"), "expected 0"));
    CHECK(contains(in.refusal("a\tf32\t9223372036854775808"), "the shape"));
    std::string deep = "a\tf32\t6";
    for (int i = 0; i < 64; ++i) deep += ",1";
    CHECK(contains(in.refusal(deep), "at most 64"));
}

TEST_CASE("raw_dump: cells that are none") {
    const RawFolder in;
    for (const auto* const shape : {"-6", "6,", ",6", "1,,6", "6x1", "1.5", "[6", "[6)", "six",
                                    "6 1", "+6", "(,)", "0x6"}) {
        CAPTURE(shape);
        CHECK(contains(in.refusal(std::string("a\tf32\t") + shape), "the shape"));
    }
    for (const auto* const dtype : {"f33", "", "C64", "F4", ">f4", "float 32", "string"}) {
        CAPTURE(dtype);
        CHECK(contains(in.refusal(std::string("a\t") + dtype + "\t6"), "dtype"));
    }
    CHECK(contains(in.refusal("a\tf32\t6\na.bin\tf32\t6"), "2: got a duplicate: \"a\" twice"));
    CHECK(contains(in.refusal("a\tf32"), "got 2 columns, expected 3"));
    CHECK(contains(in.refusal("b\tf32\t6"), "no file \"b\""));
    CHECK(contains(in.refusal(std::string(9000, 'b') + "\tf32\t6"), "file name"));
}

TEST_CASE("raw_dump: names that lead out of the folder") {
    const RawFolder in;
    std::filesystem::create_directories(in.folder / "inner");
    write_text(in.folder / "inner/b.bin", "1234");
    for (const auto* const name : {"../a.bin", "inner/../a.bin", "/etc/passwd", ".", "..", "",
                                   "./a", "inner//b", "..\\a.bin", "inner\\b"}) {
        CAPTURE(name);
        CHECK(contains(in.refusal(std::string(name) + "\tf32\t6"), "the file name"));
    }
    CHECK(contains(in.refusal("inner\tf32\t1"), "no file \"inner\""));
    CHECK(contains(in.refusal(raw("a\0b\tf32\t1")), "the file name"));
    CHECK(in.read("inner/b\tf32\t1").contains("inner.b"));
}
