#include "support/catch.hpp"
#include "support/threads.hpp"

#include <latent/ops/window.hpp>

#include <limits>
#include <numeric>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// Element i is i.
template <class S = float>
Tensor<Cpu<S>> numbered(Shape shape) {
    Tensor<Cpu<S>> x(std::move(shape));
    std::iota(x.values().begin(), x.values().end(), S{0});
    return x;
}

template <class S>
std::vector<S> elements(const Tensor<Cpu<S>>& x) {
    return {x.values().begin(), x.values().end()};
}

} // namespace

TEST_CASE("a window is cut out of every channel", "[window]") {
    // Images of 2 channels, 3 rows and 4 columns.
    const auto x = numbered({2, 2, 3, 4});
    CHECK(elements(cut(x, {{1, 2}, {1, 3}, {2, 4}})) ==
          std::vector<float>{30, 31, 34, 35, 42, 43, 46, 47});
    CHECK(same_bits(cut(x, whole_window(x)), x));
    CHECK(cut(x, {{0, 2}, {3, 3}, {0, 4}}).shape() == Shape{2, 2, 0, 4});
    CHECK(same_bits_for_threads([&] { return cut(x, {{0, 2}, {0, 2}, {1, 4}}); }));
    CHECK(cut(Tensor<Meta>({2, 2, 3, 4}), {{1, 2}, {1, 3}, {2, 4}}).shape() ==
          Shape{1, 2, 2, 2});
}

TEST_CASE("a part of a tile is pasted, and nothing beside it", "[window]") {
    auto y = numbered<double>({1, 2, 2, 3});
    const auto tile = numbered<double>({1, 2, 2, 2});
    paste(y, {{0, 1}, {1, 2}, {1, 3}}, tile, {{0, 1}, {0, 1}, {0, 2}});
    CHECK(elements(y) == std::vector<double>{0, 1, 2, 3, 0, 1, 6, 7, 8, 9, 4, 5});
    // Cutting and pasting is the identity, for another image of the batch too.
    const auto x = numbered({3, 2, 4, 5});
    const Window window{{1, 3}, {1, 4}, {2, 5}};
    auto back = x.clone();
    const auto part = cut(x, window);
    paste(back, window, part, whole_window(part));
    CHECK(same_bits(back, x));
}

TEST_CASE("blending is m tile + (1 - m) y, and 1 replaces", "[window]") {
    Tensor<Cpu<float>> y({1, 1, 2, 3});
    std::ranges::fill(y.values(), 8.0F);
    y.values()[5] = std::numeric_limits<float>::quiet_NaN();
    Tensor<Cpu<float>> tile({1, 1, 2, 2});
    std::ranges::fill(tile.values(), 16.0F);
    const std::vector<double> down{0.5, 1}, across{0.25, 1};
    blend(y, {{0, 1}, {0, 2}, {1, 3}}, tile, down, across);
    CHECK(elements(y) == std::vector<float>{8, 9, 12, 8, 10, 16});
    // A weight of zero leaves what is there; that a tile is not a number shows all the same.
    std::ranges::fill(tile.values(), 1.0F);
    const std::vector<double> none{0, 0};
    blend(y, {{0, 1}, {0, 2}, {0, 2}}, tile, none, none);
    CHECK(elements(y) == std::vector<float>{8, 9, 12, 8, 10, 16});
}

TEST_CASE("windows say what is wrong", "[window]") {
    auto y = numbered({2, 2, 3, 4});
    const auto tile = numbered({1, 2, 2, 2});
    Tensor<Meta> meta({2, 2, 3, 4});
    const Tensor<Meta> meta_tile({1, 2, 2, 2});
    CHECK(message_of([&] {
              (void)cut(y, {{0, 2}, {0, 3}, {1, 5}});
          }) == "cut: got [0..2, 0..3, 1..5], expected a window inside of [2, 2, 3, 4]");
    CHECK(contains(message_of([&] { (void)cut(y, {{-1, 1}, {0, 3}, {0, 4}}); }), "[-1..1"));
    CHECK(contains(message_of([&] { (void)cut(meta, {{0, 1}, {2, 1}, {0, 4}}); }), "2..1"));
    const Window small{{0, 1}, {0, 1}, {0, 2}};
    CHECK(message_of([&] { paste(y, small, tile, whole_window(tile)); }) ==
          "paste: got [1, 2, 2, 2], expected the shape [1, 2, 1, 2] of its place");
    CHECK(contains(message_of([&] { paste(meta, small, meta_tile, whole_window(meta_tile)); }),
                   "of its place"));
    const auto narrow = numbered({1, 1, 1, 2});
    CHECK(contains(message_of([&] { paste(y, small, narrow, whole_window(narrow)); }),
                   "[1, 1, 1, 2]"));
    const std::vector<double> one{1}, two{1, 1};
    const Window square{{0, 1}, {0, 2}, {0, 2}};
    CHECK(contains(message_of([&] { blend(y, square, tile, one, two); }),
                   "1 and 2 weights, expected one for each row and column of [0..1"));
    CHECK(
        contains(message_of([&] { blend(meta, small, meta_tile, one, two); }), "of its place"));
}
