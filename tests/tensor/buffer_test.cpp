#include "support/catch.hpp"

#include <latent/tensor/buffer.hpp>

#include <cstddef>
#include <cstring>
#include <utility>

using namespace latent;

namespace {

constexpr std::size_t page_lines = huge_page / sizeof(CacheLine);

/// Of the first byte of each page.
void mark(Buffer& buffer, unsigned char first) {
    for (std::size_t i = 0; i < buffer.count / page_lines; ++i) {
        std::memset(buffer.lines.get() + i * page_lines, static_cast<int>(first + i), 1);
    }
}
unsigned char marked(const Buffer& buffer, std::size_t page) {
    return static_cast<unsigned char>(buffer.lines[page * page_lines].bytes[0]);
}

} // namespace

TEST_CASE("a buffer of pages is parted in two", "[tensor]") {
    auto front = make_buffer(5 * huge_page - 1);
    mark(front, 10);
    const auto back = split(front, 2 * huge_page);
    if (!detail::maps_memory) {
        CHECK(back.count == 0);
        return;
    }
    CHECK(front.size_bytes() == 2 * huge_page);
    CHECK(back.size_bytes() == 3 * huge_page);
    CHECK(marked(front, 1) == 11);
    CHECK(marked(back, 0) == 12);
    CHECK(split(front, 2 * huge_page).count == 0);
    CHECK(front.size_bytes() == 2 * huge_page);
    const auto all = split(front, 0);
    CHECK(all.size_bytes() == 2 * huge_page);
    CHECK(front.count == 0);
    CHECK_FALSE(front.lines);
}

TEST_CASE("memory that is no pages is not parted", "[tensor]") {
    auto small = make_buffer(huge_page / 2);
    CHECK(split(small, huge_page).count == 0);
    CHECK(small.size_bytes() == huge_page / 2);
    auto untouched = std::size_t{0};
    auto other = make_buffer(100);
    give_pages(split(small, 0), other, untouched);
    CHECK(small.count == 0);
}

TEST_CASE("pages move with what is in them", "[tensor]") {
    auto to = make_buffer(4 * huge_page);
    auto untouched = 4 * huge_page;
    auto first = make_buffer(3 * huge_page), second = make_buffer(3 * huge_page);
    mark(first, 20);
    mark(second, 30);
    give_pages(std::move(first), to, untouched);
    if (!detail::maps_memory) {
        CHECK(untouched == 4 * huge_page);
        return;
    }
    CHECK(untouched == huge_page);
    give_pages(std::move(second), to, untouched);
    CHECK(untouched == 0);
    CHECK(marked(to, 0) == 32);
    for (std::size_t i = 0; i < 3; ++i) CHECK(marked(to, i + 1) == 20 + i);
}
