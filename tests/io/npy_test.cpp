#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/npy.hpp>

#include <array>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A .npy file of this dictionary and these data.
std::string npy_file(const std::string& header, const std::string& data, int version = 1) {
    const auto length = version == 1 ? little(static_cast<std::uint16_t>(header.size()))
                                     : little(static_cast<std::uint32_t>(header.size()));
    return "\x93NUMPY" + std::string{static_cast<char>(version), '\0'} + length + header + data;
}

std::string npy_refusal(const std::string& file) {
    const auto message = message_of([&] { static_cast<void>(checkpoint_of(file, "x.npy")); });
    CHECK(message.starts_with("x.npy: got "));
    return message;
}

} // namespace

TEST_CASE("npy: versions, orders of axes and bytes") {
    const auto six = little_all<float>({1, 2, 3, 4, 5, 6});
    const std::string c_order = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
    for (const int version : {1, 2, 3}) {
        const auto file = checkpoint_of(npy_file(c_order, six, version));
        CHECK(file.format() == "npy");
        CHECK(file.at("tensor").shape == Shape{2, 3});
        CHECK(values_of(file, "tensor") == std::vector<double>{1, 2, 3, 4, 5, 6});
    }
    const auto turned = checkpoint_of(
        npy_file("{\"shape\":(2L,3L),'fortran_order':True,'descr':'<f4'}   \n", six));
    CHECK(values_of(turned, "tensor") == std::vector<double>{1, 3, 5, 2, 4, 6});
    const auto big = checkpoint_of(
        npy_file("{'descr': '>u2', 'fortran_order': False, 'shape': (2,)}", raw("\1\0\0\2")));
    CHECK(values_of(big, "tensor") == std::vector<double>{256, 2});
    const auto number =
        checkpoint_of(npy_file("{'descr': '|b1', 'fortran_order': False, 'shape': ()}", "\1"));
    CHECK(number.at("tensor").shape == Shape{});
    CHECK(values_of(number, "tensor") == std::vector<double>{1});
    const auto empty =
        checkpoint_of(npy_file("{'descr': '<f8', 'fortran_order': True, 'shape': (0, 7)}", ""));
    CHECK(values_of(empty, "tensor").empty());
}

TEST_CASE("npy: what is no array of numbers") {
    const auto refused = [](const std::string& header, const std::string& data = "12345678") {
        return npy_refusal(npy_file(header, data));
    };
    CHECK(contains(refused("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
                   "Python objects"));
    CHECK(contains(refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
                   "as descr"));
    CHECK(contains(refused("{'descr': '<f3', 'fortran_order': False, 'shape': (2,)}"),
                   "descr \"<f3\""));
    CHECK(contains(refused("{'descr': '<U2', 'fortran_order': False, 'shape': (1,)}"), "<U2"));
    CHECK(contains(refused("{'descr': '=f4', 'fortran_order': False, 'shape': (2,)}"), "=f4"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}"),
                   "as fortran_order"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}"),
                   "in the shape"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False, 'shape': [2]}"),
                   "instead of '('"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2)}"),
                   "without its comma"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False}"), "missing"));
    CHECK(contains(refused("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, "
                           "'shape': (2,)}"),
                   "\"descr\" twice"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}"),
                   "the key \"x\""));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} + [1]"),
                   "text after the dictionary"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False, 'shape': "
                           "(9223372036854775808,)}"),
                   "the dimension"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False, 'shape': "
                           "(4294967296, 4294967296)}"),
                   "below 2^63"));
    CHECK(contains(refused("{'descr': '<f8', 'fortran_order': False, 'shape': "
                           "(4611686018427387904,)}"),
                   "far more"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}"),
                   "8 bytes behind the header, expected 12"));
    CHECK(contains(refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"),
                   "8 bytes behind the header, expected 4"));
    std::string many = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
    for (int i = 0; i < 65; ++i) many += "1,";
    CHECK(contains(refused(many + ")}"), "more than 64"));
    CHECK(contains(npy_refusal("\x93NUMPY\4" + std::string(9, '\0')), "version 4"));
    CHECK(contains(npy_refusal(npy_file("{", "").substr(0, 10) + ""), "header"));
}

TEST_CASE("npy: written as numpy writes it, and read back") {
    const TemporaryFolder folder;
    const auto path = folder / "a.npy";
    const std::vector<std::int16_t> values{1, -2, 300, 4};
    save_npy(path, {"any", DType::I16, Shape{2, 2}, std::as_bytes(std::span(values))});
    // From numpy 2.4: numpy.save of numpy.array([[1, -2], [300, 4]], dtype="<i2").
    const std::string dict = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2), }";
    CHECK(read_text(path) == "\x93NUMPY" + raw("\1\0\x76\0") + dict +
                                 std::string(117 - dict.size(), ' ') + "\n" +
                                 little_all(values));
    CHECK(values_of(Checkpoint::open(path), "tensor") == std::vector<double>{1, -2, 300, 4});

    const std::array<std::byte, 2> two{};
    CHECK(npy_head("", DType::U8, Shape{2})
              .find("'|u1', 'fortran_order': False, 'shape': (2,)") != std::string::npos);
    CHECK(npy_head("", DType::F64, Shape{}).find("'shape': ()") != std::string::npos);
    CHECK(contains(message_of([&] {
                       save_npy(folder / "b.npy", {"x", DType::BF16, Shape{1}, two});
                   }),
                   "BF16 for a .npy file"));
    CHECK(folder.entries() == 1);
}
