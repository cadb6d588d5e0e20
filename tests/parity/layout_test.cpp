#include "support/catch.hpp"

#include <latent/parity/layout.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace latent;

namespace {

/// A tensor of that shape whose element at row-major place i has the value of(i).
template <class Of>
Tensor<Cpu<double>> filled_with(Shape shape, Of of) {
    Tensor<Cpu<double>> tensor(std::move(shape));
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
        tensor.data()[i] = static_cast<double>(of(i));
    }
    return tensor;
}

Tensor<Cpu<double>> by_place(Shape shape) {
    return filled_with(std::move(shape), [](std::int64_t i) { return i; });
}

/// The images [N, C, L] of by_place() as somebody has them who keeps the channels last.
Tensor<Cpu<double>> channels_last(std::int64_t N, std::int64_t C, std::int64_t L, Shape shape) {
    REQUIRE(shape.numel() == N * C * L);
    return filled_with(std::move(shape), [&](std::int64_t i) {
        const auto n = i / (C * L), pixel = i / C % L, c = i % C;
        return (n * C + c) * L + pixel;
    });
}

/// Whether the values come out as by_place(expected).
bool comes_out(Tensor<Cpu<double>> values, const Shape& expected, Layout layout) {
    const auto y = arranged(std::move(values), expected, layout);
    if (!y || y->shape() != expected) return false;
    for (std::int64_t i = 0; i < y->numel(); ++i) {
        if (!(y->data()[i] == static_cast<double>(i))) return false;
    }
    return true;
}

bool does_not_fit(Shape got, const Shape& expected, Layout layout) {
    return !arranged(by_place(std::move(got)), expected, layout);
}

constexpr Layout layouts[] = {Layout::nchw, Layout::nhwc, Layout::tokens};

} // namespace

TEST_CASE("layout: images as the reference has them") {
    const Shape image{2, 5, 3, 4};
    CHECK(comes_out(by_place({2, 5, 3, 4}), image, Layout::nchw));
    CHECK(comes_out(by_place({2, 5, 12}), image, Layout::nchw));
    CHECK(comes_out(by_place({5, 3, 4}), {1, 5, 3, 4}, Layout::nchw));
    CHECK(comes_out(by_place({1, 1, 5, 3, 4}), {1, 5, 3, 4}, Layout::nchw));
    // What cannot have the channels last is taken as it lies.
    for (const auto layout : layouts) CHECK(comes_out(by_place(image), image, layout));
}

TEST_CASE("layout: images with the channels last") {
    const Shape image{2, 5, 3, 4}, single{1, 5, 3, 4};
    for (const auto layout : {Layout::nhwc, Layout::tokens}) {
        for (const auto& shape : {Shape{2, 3, 4, 5}, Shape{2, 12, 5}, Shape{24, 5}}) {
            CHECK(comes_out(channels_last(2, 5, 12, shape), image, layout));
        }
        for (const auto& shape : {Shape{3, 4, 5}, Shape{1, 3, 4, 5}, Shape{12, 5}}) {
            CHECK(comes_out(channels_last(1, 5, 12, shape), single, layout));
        }
        // As many channels as rows and columns: the layout alone can tell.
        CHECK(comes_out(channels_last(1, 4, 16, {1, 4, 4, 4}), {1, 4, 4, 4}, layout));
        // Larger than the squares in which it is turned.
        CHECK(comes_out(channels_last(2, 33, 170, {2, 10, 17, 33}), {2, 33, 10, 17}, layout));
    }
    CHECK(comes_out(by_place({1, 4, 4, 4}), {1, 4, 4, 4}, Layout::nchw));
}

TEST_CASE("layout: the reference has tokens") {
    const Shape tokens{2, 12, 5};
    for (const auto layout : layouts) CHECK(comes_out(by_place(tokens), tokens, layout));
    for (const auto layout : {Layout::nhwc, Layout::tokens}) {
        CHECK(comes_out(by_place({2, 3, 4, 5}), tokens, layout));
        CHECK(comes_out(by_place({24, 5}), tokens, layout));
        CHECK(comes_out(by_place({3, 4, 5}), {1, 12, 5}, layout));
    }
    // Images: [2, 5, 12] of them is [2, 12, 5] turned.
    CHECK(comes_out(channels_last(2, 12, 5, {2, 5, 3, 4}), tokens, Layout::nchw));
    CHECK(comes_out(channels_last(1, 12, 5, {5, 3, 4}), {1, 12, 5}, Layout::nchw));
    // As many pixels as channels: tokens.
    CHECK(comes_out(channels_last(2, 6, 6, {2, 6, 3, 2}), {2, 6, 6}, Layout::nchw));
    CHECK(comes_out(by_place({2, 3, 2, 6}), {2, 6, 6}, Layout::nhwc));
}

TEST_CASE("layout: the reference has pixels in one axis, channels first") {
    const Shape rows{2, 5, 12};
    for (const auto layout : layouts) CHECK(comes_out(by_place(rows), rows, layout));
    CHECK(comes_out(by_place({2, 5, 3, 4}), rows, Layout::nchw));
    CHECK(comes_out(by_place({5, 3, 4}), {1, 5, 12}, Layout::nchw));
    for (const auto layout : {Layout::nhwc, Layout::tokens}) {
        for (const auto& shape : {Shape{2, 3, 4, 5}, Shape{2, 12, 5}, Shape{24, 5}}) {
            CHECK(comes_out(channels_last(2, 5, 12, shape), rows, layout));
        }
        CHECK(comes_out(channels_last(1, 5, 12, {3, 4, 5}), {1, 5, 12}, layout));
    }
}

TEST_CASE("layout: what is no image") {
    for (const auto layout : layouts) {
        CHECK(comes_out(by_place({2, 7}), {2, 7}, layout));
        CHECK(comes_out(by_place({7}), {1, 7}, layout));
        CHECK(comes_out(by_place({1, 7, 1, 1}), {1, 7}, layout));
        CHECK(comes_out(by_place({}), {1}, layout));
        CHECK(comes_out(by_place({2, 0, 3}), {2, 0, 3}, layout));
        CHECK(comes_out(by_place({1, 2, 3, 4, 5}), {1, 2, 3, 4, 5}, layout));
        CHECK(does_not_fit({7, 2}, {2, 7}, layout));
        CHECK(does_not_fit({2, 3, 0}, {2, 0, 3}, layout));
        CHECK(does_not_fit({6}, {7}, layout));
    }
}

TEST_CASE("layout: shapes that are not of one tensor") {
    const Shape image{2, 5, 3, 4};
    for (const auto layout : layouts) {
        CHECK(does_not_fit({2, 5, 3, 5}, image, layout));
        CHECK(does_not_fit({2, 3, 5, 4}, image, layout));
        CHECK(does_not_fit({2, 4, 3, 5}, image, layout));
        CHECK(does_not_fit({120}, image, layout));
        CHECK(does_not_fit({2, 5, 12, 2}, {2, 12, 7}, layout));
        CHECK(does_not_fit({3, 4, 10}, {2, 12, 5}, layout));
        CHECK(does_not_fit({3, 2, 2, 10}, {2, 12, 5}, layout));
    }
    CHECK(does_not_fit({2, 3, 4, 5}, image, Layout::nchw));
    CHECK(does_not_fit({2, 12, 5}, image, Layout::nchw));
    CHECK(does_not_fit({2, 12, 5}, {2, 5, 12}, Layout::nchw));
    CHECK(does_not_fit({24, 5}, {2, 12, 5}, Layout::nchw));
}

TEST_CASE("layout: the one that would fit") {
    const Shape image{2, 5, 3, 4};
    CHECK(fitting_layout(image, image) == Layout::nchw);
    CHECK(fitting_layout({2, 3, 4, 5}, image) == Layout::nhwc);
    CHECK(fitting_layout({3, 4, 5}, {1, 5, 3, 4}) == Layout::nhwc);
    CHECK(fitting_layout({2, 12, 5}, image) == Layout::tokens);
    CHECK(fitting_layout({24, 5}, image) == Layout::tokens);
    CHECK(fitting_layout({2, 3, 4, 5}, {2, 5, 12}) == Layout::nhwc);
    CHECK(fitting_layout({2, 12, 5}, {2, 5, 12}) == Layout::tokens);
    CHECK(fitting_layout({2, 5, 3, 4}, {2, 12, 5}) == Layout::nchw);
    CHECK(fitting_layout({2, 3, 4, 6}, image) == std::nullopt);
    CHECK(to_string(Layout::nchw) == "nchw");
    CHECK(to_string(Layout::nhwc) == "nhwc");
    CHECK(to_string(Layout::tokens) == "tokens");
}
