#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/tensor_bytes.hpp>

#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::string parts_of(const std::string& file, const TensorInfo& tensor,
                     std::size_t* count = nullptr) {
    std::string all;
    std::size_t parts = 0;
    for_each_part(to_bytes(file), tensor, [&](std::span<const std::byte> part) {
        all += std::string_view(reinterpret_cast<const char*>(part.data()), part.size());
        ++parts;
    });
    if (count != nullptr) *count = parts;
    return all;
}

} // namespace

TEST_CASE("for_each_part: plain, strided, swapped") {
    TensorInfo tensor{"t", DType::U8, Shape{2, 3}, 1};
    CHECK(byte_size(tensor) == 6);
    CHECK(is_plain(tensor));
    CHECK(parts_of("_abcdef", tensor) == "abcdef");
    tensor.strides = {1, 2};
    CHECK_FALSE(is_plain(tensor));
    CHECK(parts_of("_abcdef", tensor) == "acebdf");
    tensor.strides = {0, 1};
    CHECK(parts_of("_abcdef", tensor) == "abcabc");
    TensorInfo swapped{"t", DType::C64, Shape{1}, 0};
    swapped.big_endian = true;
    CHECK(parts_of("abcdefgh", swapped) == "dcbahgfe"); // its two numbers, each alone
    CHECK(parts_of("", TensorInfo{"t", DType::F32, Shape{0, 3}, 0}).empty());
    CHECK(parts_of("abc", TensorInfo{"t", DType::F6_E2M3, Shape{4}, 0}) == "abc");
}

TEST_CASE("for_each_part: parts are whole elements and give all of them") {
    std::string file;
    for (int i = 0; i < 5000; ++i) file += little(static_cast<double>(i));
    for (const bool strided : {false, true}) {
        TensorInfo tensor{"t", DType::F64, Shape{5000}, 0};
        std::string expected = file;
        if (strided) {
            tensor.shape = Shape{2500};
            tensor.strides = {2};
            expected.clear();
            for (int i = 0; i < 5000; i += 2) expected += little(static_cast<double>(i));
        }
        std::size_t count = 0;
        CHECK(parts_of(file, tensor, &count) == expected);
        CHECK(count > 1);
    }
}
