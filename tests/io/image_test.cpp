#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/image.hpp>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

std::string big(std::uint32_t value) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
    return text;
}

/// A chunk of a PNG; checksums are not compared.
std::string chunk(const std::string& kind, const std::string& data) {
    return big(static_cast<std::uint32_t>(data.size())) + kind + data + big(0);
}

/// zlib data of one stored block.
std::string stored(const std::string& data) {
    const auto size = static_cast<std::uint16_t>(data.size());
    return "\x78\x01\x01" + little(size) + little(static_cast<std::uint16_t>(~size)) + data +
           big(0);
}

/// A PNG: kind 0 grey, 2 RGB, 4 grey and alpha, 6 RGB and alpha; rows begin with a filter byte.
std::string png(std::uint32_t width, std::uint32_t height, char bits, char kind,
                const std::string& packed) {
    return raw("\x89PNG\r\n\x1a\n") +
           chunk("IHDR", big(width) + big(height) + bits + kind + raw("\0\0\0")) +
           chunk("IDAT", packed) + chunk("IEND", "");
}

Image decode(const std::string& file) {
    return decode_image("i.png", std::as_bytes(std::span(file)));
}

std::string image_refusal(const std::string& file) {
    const auto message = message_of([&] { static_cast<void>(decode(file)); });
    CHECK(message.starts_with("i.png: got "));
    CHECK_FALSE(contains(message, "\n"));
    return message;
}

using Pixels = std::vector<std::uint8_t>;

} // namespace

TEST_CASE("image: every kind of PNG becomes RGB") {
    CHECK(decode(png(2, 1, 8, 2, stored(raw("\0\1\2\3\4\5\6")))).pixels ==
          Pixels{1, 2, 3, 4, 5, 6});
    CHECK(decode(png(1, 2, 8, 0, stored(raw("\0\7\0\x9")))).pixels == Pixels{7, 7, 7, 9, 9, 9});
    CHECK(decode(png(1, 1, 8, 4, stored(raw("\0\7\0")))).pixels == Pixels{7, 7, 7});
    CHECK(decode(png(1, 1, 8, 6, stored(raw("\0\1\2\3\0")))).pixels == Pixels{1, 2, 3});
    CHECK(decode(png(1, 1, 16, 2, stored(raw("\0\1\xFF\2\0\3\x80")))).pixels ==
          Pixels{1, 2, 3});
    // What stands behind the end does not matter.
    CHECK(decode(png(1, 1, 8, 0, stored(raw("\0\7"))) + "and more behind it").pixels ==
          Pixels{7, 7, 7});
    const auto file = png(3, 1, 16, 4, stored(raw("\0") + std::string(12, '\0')));
    const auto info = image_info("i", std::as_bytes(std::span(file)));
    CHECK(info.width == 3);
    CHECK(info.height == 1);
    CHECK(info.channels == 2);
    CHECK(info.bits == 16);
}

TEST_CASE("image: alpha is kept where it is asked for") {
    const auto four = [](const std::string& file, std::int64_t channels = 4) {
        return decode_image("i.png", std::as_bytes(std::span(file)), channels);
    };
    const auto image = four(png(1, 2, 8, 6, stored(raw("\0\1\2\3\4\0\5\6\7\0"))));
    CHECK(image.channels == 4);
    CHECK(image.pixels == Pixels{1, 2, 3, 4, 5, 6, 7, 0}); // not multiplied by alpha
    CHECK(four(png(1, 1, 8, 2, stored(raw("\0\1\2\3")))).pixels == Pixels{1, 2, 3, 255});
    CHECK(contains(message_of([&] { (void)four(png(1, 1, 8, 0, stored(raw("\0\7"))), 2); }),
                   "i.png: got 2 channels asked for, expected 3 or 4"));
}

TEST_CASE("image: written as PNG and read back") {
    const TemporaryFolder folder;
    Image image{5, 3, 3, Pixels(45)};
    for (std::size_t i = 0; i < 45; ++i) image.pixels[i] = static_cast<std::uint8_t>(i * 37);
    write_png(folder / "a.png", image);
    const auto again = read_image(folder / "a.png");
    CHECK(again.width == 5);
    CHECK(again.height == 3);
    CHECK(again.channels == 3);
    CHECK(again.pixels == image.pixels);
    CHECK(image_info(folder / "a.png").bits == 8);
    for (const std::int64_t channels : {1, 2, 4}) {
        const auto bytes = encode_png(
            "x", {2, 2, channels, Pixels(static_cast<std::size_t>(4 * channels), 9)});
        CHECK(image_info("x", bytes).channels == channels);
        CHECK(decode_image("x", bytes).pixels == Pixels(12, 9));
    }
    image.height = 4;
    CHECK(contains(message_of([&] { write_png(folder / "b.png", image); }),
                   "5 x 4 pixels of 3 channels in 45 bytes"));
    CHECK(contains(message_of([&] {
                       write_png(folder.path(), {1, 1, 3, Pixels(3)});
                   }),
                   "a folder"));
    CHECK(contains(message_of([&] { write_png(folder / "c", {0, 0, 3, {}}); }), "0 x 0"));
    CHECK(folder.entries() == 1);
}

TEST_CASE("image: what is no image, and images that lie") {
    CHECK(contains(image_refusal(""), "an empty file"));
    CHECK(contains(image_refusal("GIF89a"), "another kind"));
    CHECK(contains(image_refusal("\xFF\xD8\xFF"), "broken image"));
    const auto good = png(2, 1, 8, 2, stored(raw("\0\1\2\3\4\5\6")));
    for (std::size_t length = 0; length + 30 < good.size(); ++length)
        image_refusal(good.substr(0, length));

    auto long_chunk = good;
    long_chunk.replace(good.find("IDAT") - 4, 4, big(0x7FFFFFFF));
    CHECK(contains(image_refusal(long_chunk), "a chunk of 2147483647 bytes at byte 33"));
    CHECK(contains(image_refusal(png(8193, 8192, 8, 2, stored("x"))), "1 to 67108864 pixels"));
    CHECK(contains(image_refusal(png(8192, 8192, 8, 2, stored("x"))),
                   "no more pixels than such a file can hold"));
    image_refusal(png(0, 1, 8, 2, stored("x")));
    image_refusal(png(0xFFFFFFFF, 0xFFFFFFFF, 8, 2, stored("x")));
    CHECK(contains(image_refusal(png(100, 100, 8, 2, stored(raw("\0\1\2")))), "broken image"));
}

TEST_CASE("image: a bomb is refused before it fills the memory") {
    // One pixel, and packed bytes that go on for 1 GiB: each code is 258 zeros in two bits.
    // The dynamic block's tables: literal 0, end and length 258 with codes of 1 and 2 bits.
    const TemporaryFolder folder;
    std::string bits;
    const auto put = [&](std::uint32_t value, int count) {
        for (int i = 0; i < count; ++i) bits += static_cast<char>((value >> i) & 1U);
    };
    put(1, 1); // the last block
    put(2, 2); // dynamic
    put(286 - 257, 5);
    put(0, 5); // 1 distance code
    put(14,
        4); // 18 code length codes, in the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1
    for (int i = 0; i < 18; ++i) put(i == 2 || i == 15 || i == 17 || i == 3 ? 2 : 0, 3);
    // Canonical codes of two bits, written from their highest bit: 0 -> 00, 1 -> 01, 2 -> 10,
    // 18 -> 11.
    const auto code = [&](int symbol) {
        const int value = symbol == 18 ? 3 : symbol;
        put(static_cast<std::uint32_t>(value >> 1), 1);
        put(static_cast<std::uint32_t>(value & 1), 1);
    };
    const auto zeros = [&](int count) {
        code(18);
        put(static_cast<std::uint32_t>(count - 11), 7);
    };
    code(2);                                       // literal 0: 2 bits
    zeros(138), zeros(117);                        // literals 1 to 255
    code(2);                                       // end: 2 bits
    zeros(28);                                     // lengths 3 to 227..257
    code(1);                                       // length 258: 1 bit
    code(1);                                       // distance 1: 1 bit
    put(1, 1), put(0, 1);                          // literal 0 -> 10
    for (int i = 0; i < 4'000'000; ++i) put(0, 2); // length 258, distance 1
    std::string packed = "\x78\x01";
    for (std::size_t i = 0; i + 8 <= bits.size(); i += 8) {
        int byte = 0;
        for (std::size_t j = 0; j < 8; ++j) byte |= bits[i + j] << j;
        packed += static_cast<char>(byte);
    }
    const auto file = png(1, 1, 8, 2, packed);
    CHECK(file.size() < 1'100'000);
    const auto before = peak_memory_mib();
    CHECK(contains(image_refusal(file), "broken image (outofmem)"));
    CHECK(peak_memory_mib() - before < 300);
}

TEST_CASE("image: photographs") {
    const auto data = environment("LATENT_DATA");
    if (!data) return skip("LATENT_DATA is not set: no photographs to read");
    const auto photos = std::filesystem::path(*data) / "photos";
    const auto astronaut = read_image(photos / "astronaut.png");
    CHECK(astronaut.width == 512);
    CHECK(astronaut.height == 512);
    // The sums of all samples as Pillow decodes them; decoders of JPEG differ in the last bit.
    const auto sum = [](const Image& image) {
        return std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0);
    };
    CHECK(sum(astronaut) == 90124324.0);
    const auto jpeg = read_image(photos / "rocket.jpg");
    CHECK(jpeg.width == 640);
    CHECK(jpeg.height == 427);
    CHECK(std::abs(sum(jpeg) / 53516744.0 - 1) <= 1e-3);
}
