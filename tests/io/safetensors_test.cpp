#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::string safetensors_refusal_of(const std::string& file) {
    const auto message =
        message_of([&] { static_cast<void>(checkpoint_of(file, "made.safetensors")); });
    CHECK(message.starts_with("made.safetensors: got "));
    CHECK(message.size() < 600);
    CHECK_FALSE(contains(message, "\n"));
    return message;
}

std::string safetensors_refusal(std::string_view header, std::size_t data) {
    CAPTURE(header);
    return safetensors_refusal_of(safetensors_file(header, std::string(data, '\0')));
}

std::string entry(const std::string& fields) { return "{\"a\":{" + fields + "}}"; }

} // namespace

TEST_CASE("safetensors: tensors of a file, in the order of their bytes") {
    const auto file = checkpoint_of(safetensors_file(
        R"(  {"b":{"dtype":"F32","shape":[2,1],"data_offsets":[3,11]},
             "__metadata__":{"by":"hand","":"empty"},
             "e":{"data_offsets":[3,3],"shape":[0,5],"dtype":"F64"},
             "a":{"dtype":"I8","shape":[3],"data_offsets":[0,3]},
             "s":{"dtype":"F16","shape":[],"data_offsets":[11,13]}}  )",
        "\x01\x02\xFD" + little_all<float>({0.5F, -8.0F}) + little<std::uint16_t>(0x4200)));
    CHECK(file.format() == "safetensors");
    REQUIRE(file.tensors().size() == 4);
    CHECK(file.tensors()[0].name == "a");
    CHECK(file.tensors()[1].name == "e");
    CHECK(file.tensors()[2].name == "b");
    CHECK(file.tensors()[2].shape == Shape{2, 1});
    CHECK(file.tensors()[2].dtype == DType::F32);
    CHECK(file.metadata().at("by") == "hand");
    CHECK(file.metadata().at("") == "empty");
    CHECK(values_of(file, "a") == std::vector<double>{1, 2, -3});
    CHECK(values_of(file, "b") == std::vector<double>{0.5, -8});
    CHECK(values_of(file, "s") == std::vector<double>{3});
    CHECK(values_of(file, "e").empty());
    const auto empty = checkpoint_of(safetensors_file("{}", ""));
    CHECK(empty.tensors().empty());
    CHECK(checkpoint_of(safetensors_file(R"({"__metadata__":null})", "")).metadata().empty());
}

TEST_CASE("safetensors: names are opaque") {
    const auto file = checkpoint_of(safetensors_file(
        R"({"../x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
            "a\u0000b\n%n":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},
            "":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
        "\x01\x02\x03"));
    CHECK(values_of(file, "../x") == std::vector<double>{1});
    CHECK(values_of(file, std::string("a\0b\n%n", 6)) == std::vector<double>{2});
    CHECK(values_of(file, "") == std::vector<double>{3});
    CHECK(file.find("a") == nullptr);
    CHECK(
        contains(message_of([&] { static_cast<void>(file.at("c\n")); }), "no tensor \"c\\n\""));
}

TEST_CASE("safetensors: lies about the header's length") {
    for (std::size_t size = 1; size < 8; ++size) {
        CHECK(contains(safetensors_refusal_of(std::string(size, '\1')),
                       std::to_string(size) + " bytes"));
    }
    CHECK(contains(safetensors_refusal_of(little<std::uint64_t>(100'000'001) + "{}"),
                   "at most 100000000"));
    CHECK(contains(safetensors_refusal_of(little(~std::uint64_t{0}) + "{}"),
                   "at most 100000000"));
    CHECK(contains(safetensors_refusal_of(little<std::uint64_t>(3) + "{}"), "cut short"));
    CHECK(contains(safetensors_refusal_of(little<std::uint64_t>(99'999'999) + "{}"),
                   "cut short"));
    CHECK(contains(safetensors_refusal_of(little<std::uint64_t>(0)), "no valid JSON"));
}

TEST_CASE("safetensors: a header that is no strict JSON object") {
    for (const auto* header :
         {"", "{", "{}x", "{\"a\":}", "{'a':1}", "{}//", "{\"a\":NaN}", "{,}"}) {
        CHECK(contains(safetensors_refusal(header, 0), "no valid JSON"));
    }
    for (const auto* header : {"[]", "1", "\"a\"", "null", "true", "-1", "1.5"}) {
        CHECK(contains(safetensors_refusal(header, 0), "a JSON object"));
    }
    CHECK(contains(safetensors_refusal("\xEF\xBB\xBF{}", 0), "byte order mark"));
    CHECK(contains(safetensors_refusal(raw("{}\0"), 0), "NUL"));
    CHECK(contains(safetensors_refusal("{\"\xFF\":1}", 0), "UTF-8"));
    CHECK(contains(safetensors_refusal(std::string(1'000'000, '['), 0), "a JSON object"));
    std::string deep = "{\"a\":";
    for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
    CHECK(contains(safetensors_refusal_of(safetensors_file(deep, "")),
                   "dtype, shape and data_offsets"));
}

TEST_CASE("safetensors: entries that are none") {
    const std::string good = R"("dtype":"U8","shape":[2],"data_offsets":[0,2])";
    CHECK(checkpoint_of(safetensors_file(entry(good), "ab")).find("a") != nullptr);

    CHECK(contains(safetensors_refusal(R"({"a":1})", 0), "an object with dtype"));
    CHECK(contains(safetensors_refusal(R"({"a":[]})", 0), "an object with dtype"));
    CHECK(contains(safetensors_refusal(R"({"a":null})", 0), "an object with dtype"));
    CHECK(contains(safetensors_refusal(entry(""), 0), "without one of them"));
    CHECK(contains(safetensors_refusal(entry(R"("shape":[2],"data_offsets":[0,2])"), 2),
                   "without one"));
    CHECK(contains(safetensors_refusal(entry(R"("dtype":"U8","data_offsets":[0,2])"), 2),
                   "without one"));
    CHECK(
        contains(safetensors_refusal(entry(R"("dtype":"U8","shape":[2])"), 2), "without one"));
    CHECK(contains(safetensors_refusal(entry(good + R"(,"dtype":"U8")"), 2), "duplicate"));
    CHECK(contains(safetensors_refusal(entry(good + R"(,"more":1)"), 2), "the field \"more\""));
    CHECK(contains(safetensors_refusal("{\"a\":{" + good + "},\"a\":{" + good + "}}", 2),
                   "no hole"));
    CHECK(
        contains(safetensors_refusal(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                                     R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                                     0),
                 "duplicate"));
    for (const auto* dtype : {"\"F128\"", "\"u8\"", "\"\"", "\"U8 \""}) {
        CHECK(contains(
            safetensors_refusal(
                entry(std::string(R"("shape":[2],"data_offsets":[0,2],"dtype":)") + dtype), 2),
            "dtype of safetensors"));
    }
    for (const auto* dtype : {"1", "null", "[]", "{}"}) {
        CHECK(contains(
            safetensors_refusal(
                entry(std::string(R"("shape":[2],"data_offsets":[0,2],"dtype":)") + dtype), 2),
            "as dtype"));
    }
    for (const auto* shape :
         {"2", "null", "\"2\"", "[2.0]", "[2e0]", "[-0]", "[-1]", "[\"2\"]", "[true]", "[null]",
          "[[2]]", "[{}]", "{}", "[9223372036854775808]", "[18446744073709551616]"}) {
        CAPTURE(shape);
        CHECK(contains(
            safetensors_refusal(
                entry(std::string(R"("dtype":"U8","data_offsets":[0,2],"shape":)") + shape), 2),
            "in the shape"));
    }
    for (const auto* offsets :
         {"2", "null", "[]", "[0]", "[0,2,2]", "[0.0,2]", "[-0,2]", "[0,\"2\"]", "[0,null]",
          "[[0,2]]", "{}", "[0,18446744073709551616]"}) {
        CAPTURE(offsets);
        CHECK(contains(
            safetensors_refusal(
                entry(std::string(R"("dtype":"U8","shape":[2],"data_offsets":)") + offsets), 2),
            "data_offsets"));
    }
    for (const auto* metadata :
         {"1", "[]", "\"a\"", "{\"a\":1}", "{\"a\":null}", "{\"a\":{}}"}) {
        CAPTURE(metadata);
        CHECK(
            contains(safetensors_refusal(std::string("{\"__metadata__\":") + metadata + "}", 0),
                     "__metadata__"));
    }
    CHECK(
        contains(safetensors_refusal(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "duplicate"));
    CHECK(contains(safetensors_refusal(R"({"__metadata__":{},"__metadata__":{}})", 0),
                   "duplicate"));
}

TEST_CASE("safetensors: holes, overlaps, lies about sizes, bytes too few and too many") {
    const auto two = [](const char* a, const char* b, std::size_t data) {
        return safetensors_refusal(
            std::string(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)") + a +
                R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}",
            data);
    };
    CHECK(contains(two("[0,2]", "[3,5]", 5), "begin at 2")); // a hole
    CHECK(contains(two("[1,3]", "[3,5]", 5), "begin at 0")); // a hole in front
    CHECK(contains(two("[0,2]", "[1,3]", 4), "begin at 2")); // an overlap
    CHECK(contains(two("[0,2]", "[0,2]", 4), "begin at 2")); // one place twice
    CHECK(contains(two("[0,2]", "[4,2]", 4), "begin at 2")); // reversed
    CHECK(contains(two("[2,0]", "[0,2]", 4), "begin at 2"));
    CHECK(contains(two("[0,2]", "[2,4]", 3), "cut short"));
    CHECK(contains(two("[0,2]", "[2,4]", 5), "1 bytes after the last tensor"));
    CHECK(contains(two("[0,18446744073709551615]", "[2,4]", 4), "cut short"));
    const auto one = [](const char* type, const char* shape, const char* offsets,
                        std::size_t data) {
        return safetensors_refusal(entry(std::string("\"dtype\":\"") + type + "\",\"shape\":" +
                                         shape + ",\"data_offsets\":" + offsets),
                                   data);
    };
    CHECK(contains(one("F32", "[2]", "[0,7]", 7), "7 bytes for tensor \"a\", expected 8"));
    CHECK(contains(one("F32", "[3]", "[0,8]", 8), "expected 12"));
    CHECK(contains(one("F32", "[0]", "[0,4]", 4), "expected 0"));
    CHECK(contains(one("U8", "[4294967296,4294967296]", "[0,0]", 0), "below 2^63"));
    CHECK(contains(one("F64", "[1152921504606846976]", "[0,0]", 0), "below 2^63 bits"));
    CHECK(contains(one("F4", "[3]", "[0,2]", 2), "whole number of bytes"));
    const auto four_bits = entry(R"("dtype":"F4","shape":[4],"data_offsets":[0,2])");
    CHECK(checkpoint_of(safetensors_file(four_bits, "ab")).find("a") != nullptr);
    // An empty tensor may stand between two others, not inside of one.
    CHECK(
        contains(safetensors_refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                                     R"("b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
                                     4),
                 "begin at 4"));
}

TEST_CASE("safetensors: a file cut anywhere is refused") {
    const auto file = safetensors_file(
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", std::string(8, 'x'));
    for (std::size_t length = 0; length < file.size(); ++length) {
        safetensors_refusal_of(file.substr(0, length));
    }
    safetensors_refusal_of(file + "x");
}

TEST_CASE("save_safetensors: deterministic, aligned, and read back bit for bit") {
    const TemporaryFolder folder;
    const auto path = folder / "out.safetensors";
    Tensor<Cpu<float>> b(Shape{2, 2});
    std::ranges::copy(std::vector<float>{1, -0.0F, 0.1F, 1e-40F}, b.data());
    Tensor<Cpu<double>> a(Shape{});
    a.data()[0] = 0.1;
    const auto half = to_bytes(little<std::uint16_t>(0x3C00));
    save_safetensors(path, {{"b", b}, {"h", DType::F16, Shape{1}, half}, {"a", a}},
                     {{"size", "3x4"}, {"by", "\"me\"\n"}});
    const auto text = read_text(path);
    const std::string header = R"({"__metadata__":{"by":"\"me\"\n","size":"3x4"},)"
                               R"("a":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
                               R"("b":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]},)"
                               R"("h":{"dtype":"F16","shape":[1],"data_offsets":[24,26]}})";
    const auto padded = (header.size() + 7) / 8 * 8;
    CHECK(text.substr(0, 8) == little<std::uint64_t>(padded));
    CHECK(text.substr(8, header.size()) == header);
    CHECK(text.substr(8 + header.size(), padded - header.size()) ==
          std::string(padded - header.size(), ' '));
    CHECK(text.size() == 8 + padded + 26);

    const auto file = Checkpoint::open(path);
    CHECK(file.metadata().at("by") == "\"me\"\n");
    CHECK(values_of(file, "a") == std::vector<double>{0.1});
    std::vector<float> values(4);
    file.read(file.at("b"), std::span<float>(values));
    CHECK(std::memcmp(values.data(), b.data(), 16) == 0);

    // The order of the call does not show.
    save_safetensors(folder / "again", {{"a", a}, {"h", DType::F16, Shape{1}, half}, {"b", b}},
                     {{"size", "3x4"}, {"by", "\"me\"\n"}});
    CHECK(read_text(folder / "again") == text);

    CHECK(contains(message_of([&] {
                       save_safetensors(path, {{"b", b}, {"b", b}});
                   }),
                   "every name once"));
    CHECK(contains(message_of([&] {
                       save_safetensors(path, {{"__metadata__", b}});
                   }),
                   "every name once"));
    CHECK(contains(message_of([&] { save_safetensors(path, {{"\xFF", b}}); }), "UTF-8"));
    CHECK(contains(message_of([&] {
                       save_safetensors(path, {{"b", DType::F32, Shape{2}, half}});
                   }),
                   "2 bytes"));
    CHECK(contains(message_of([&] {
                       save_safetensors(folder.path(), {{"b", b}});
                   }),
                   "a folder"));
    CHECK(read_text(path) == text);
    CHECK(folder.entries() == 2);
}
