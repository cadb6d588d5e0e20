#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/image.hpp>
#include <latent/io/jpeg_tables.hpp>

#include <string>

using namespace latent;
using namespace latent::test;

namespace {

bool is_sound(const std::string& file) {
    return has_sound_huffman_tables(std::as_bytes(std::span(file)));
}

std::string segment(char marker, const std::string& data) {
    const auto length = static_cast<int>(data.size()) + 2;
    return std::string("\xFF") + marker + static_cast<char>(length / 256) +
           static_cast<char>(length % 256) + data;
}

/// A Huffman table of `codes` codes, all of 16 bits or, beyond 255, of 15 too.
std::string table(int codes) {
    std::string counts(16, '\0');
    counts[15] = static_cast<char>(std::min(codes, 255));
    counts[14] = static_cast<char>(std::max(codes - 255, 0));
    return std::string(1, '\0') + counts + std::string(static_cast<std::size_t>(codes), '\1');
}

const std::string start = "\xFF\xD8";
const std::string scan = segment('\xDA', "\1\1\0") + "data";

} // namespace

TEST_CASE("jpeg_tables: as many codes as a byte has values, and no more") {
    CHECK(is_sound(start + segment('\xC4', table(256))));
    CHECK(is_sound(start + segment('\xC4', table(12) + table(256))));
    CHECK_FALSE(is_sound(start + segment('\xC4', table(257))));
    CHECK_FALSE(is_sound(start + segment('\xC4', table(12) + table(510))));
    CHECK_FALSE(is_sound(start + "\xFF" + segment('\xC4', table(257)))); // a fill byte
    CHECK_FALSE(is_sound(start + "junk" + segment('\xC4', table(257))));
    CHECK_FALSE(is_sound(start + scan + segment('\xC4', table(257))));
    // A table that begins inside of its segment and ends behind it.
    CHECK_FALSE(is_sound(start + "\xFF\xC4" + raw("\0\x03") + table(257)));
}

TEST_CASE("jpeg_tables: what only looks like a table is none") {
    const auto looks = segment('\xC4', table(300));
    CHECK(is_sound(start + segment('\xE1', looks) + segment('\xFE', looks) + scan));
    CHECK(is_sound(""));
    CHECK(is_sound("\xFF"));
    CHECK(is_sound(start + "\xFF\xC4"));
    CHECK(is_sound(start + raw("\xFF\xC4\0\0")));
}

TEST_CASE("jpeg_tables: an image with too many codes is refused") {
    const auto file = start + "\xFF" + segment('\xC4', table(257)) + scan;
    CHECK(contains(message_of([&] {
                       static_cast<void>(decode_image("i.jpg", std::as_bytes(std::span(file))));
                   }),
                   "i.jpg: got a Huffman table of more than 256 codes"));
}

TEST_CASE("jpeg_tables: an image ends behind its scan") {
    const auto has_end = [](const std::string& file) {
        return has_end_of_image(std::as_bytes(std::span(file)));
    };
    const std::string end = "\xFF\xD9";
    CHECK(has_end(start + scan + end));
    CHECK(has_end(start + scan + segment('\xC4', table(2)) + scan + end + "more"));
    CHECK_FALSE(has_end(start + scan));
    CHECK_FALSE(has_end(start + scan + "\xFF"));
    CHECK_FALSE(has_end(start + end + scan)); // as in the picture of a camera's preview
    CHECK_FALSE(has_end(start + segment('\xE1', start + scan + end) + scan));
}
