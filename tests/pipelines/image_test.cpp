#include "support/catch.hpp"

#include <latent/pipelines/image.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

using namespace latent;

namespace {

Tensor<Cpu<float>> counting(Shape shape) {
    Tensor<Cpu<float>> x(std::move(shape));
    std::iota(x.values().begin(), x.values().end(), 0.0F);
    return x;
}

} // namespace

TEST_CASE("pixels become planes in [-1, 1]", "[image]") {
    // Two pixels side by side: red and a grey.
    const std::vector<std::uint8_t> pixels{255, 0, 0, 51, 102, 204};
    const auto image = image_from_rgb(pixels, 2, 1);
    CHECK(image.shape() == Shape{1, 3, 1, 2});
    const float expected[] = {1, -0.6F, -1, -0.2F, -1, 0.6F};
    for (std::size_t i = 0; i < 6; ++i)
        CHECK(std::abs(image.values()[i] - expected[i]) <= 1e-6F);
    CHECK(contains(message_of([&] { (void)image_from_rgb(pixels, 2, 2); }),
                   "got 6 bytes, expected 12"));
}

TEST_CASE("every byte comes back from a tensor", "[image]") {
    std::vector<std::uint8_t> pixels(3 * 256);
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<std::uint8_t>(i / 3);
    CHECK(rgb_from_image(image_from_rgb(pixels, 64, 4)) == pixels);
    CHECK(rgb_from_image(image_from_rgb<Cpu<double>>(pixels, 4, 64)) == pixels);
}

TEST_CASE("values beyond [-1, 1] are clamped, others rounded to the nearest byte", "[image]") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    const float values[] = {-7, 7, infinity, -infinity, nan, 0.0F};
    const std::uint8_t expected[] = {0, 255, 255, 0, 0, 128};
    for (std::size_t i = 0; i < 6; ++i) {
        Tensor<Cpu<float>> image({1, 3, 1, 1});
        for (auto& value : image.values()) value = values[i];
        CAPTURE(values[i]);
        CHECK(rgb_from_image(image) == std::vector<std::uint8_t>(3, expected[i]));
    }
    // A hair above and below the middle between the bytes 10 and 11.
    Tensor<Cpu<double>> image({1, 3, 1, 1});
    image.values()[0] = 10.499 / 127.5 - 1;
    image.values()[1] = 10.501 / 127.5 - 1;
    image.values()[2] = 11.0 / 127.5 - 1;
    CHECK(rgb_from_image(image) == std::vector<std::uint8_t>{10, 11, 11});
}

TEST_CASE("one image of a batch is taken, and no other kind of tensor", "[image]") {
    Tensor<Cpu<float>> batch({2, 3, 1, 1});
    for (std::size_t i = 0; i < 6; ++i) batch.values()[i] = i < 3 ? -1.0F : 1.0F;
    CHECK(rgb_from_image(batch, 1) == std::vector<std::uint8_t>(3, 255));
    CHECK(contains(message_of([&] { (void)rgb_from_image(batch, 2); }),
                   "image 2 of [2, 3, 1, 1]"));
    CHECK(contains(message_of([] {
                       (void)rgb_from_image(Tensor<Cpu<float>>({1, 4, 1, 1}));
                   }),
                   "[1, 4, 1, 1]"));
    CHECK(contains(message_of([] {
                       (void)rgb_from_image(Tensor<Cpu<float>>({3, 1}));
                   }),
                   "a shape [N, C, H, W]"));
}

TEST_CASE("padding repeats the right and lower edge, and cropping takes it away", "[image]") {
    const auto x = counting({2, 1, 2, 3});
    const auto padded = pad_to_multiple(x, 4);
    CHECK(padded.shape() == Shape{2, 1, 4, 4});
    const std::vector<float> expected{0, 1, 2, 2, 3, 4,  5,  5,  3, 4,  5,  5,  3, 4,  5,  5,
                                      6, 7, 8, 8, 9, 10, 11, 11, 9, 10, 11, 11, 9, 10, 11, 11};
    CHECK(std::vector<float>(padded.values().begin(), padded.values().end()) == expected);

    const auto back = crop(padded, 2, 3);
    CHECK(back.shape() == x.shape());
    CHECK(std::ranges::equal(back.values(), x.values()));
    CHECK(pad_to_multiple(x, 1).shape() == x.shape());
    CHECK(contains(message_of([&] { (void)crop(x, 3, 3); }),
                   "crop: got 3 x 3, expected at most"));
    CHECK(contains(message_of([&] { (void)pad_to_multiple(x, 0); }), "factor 0"));
    CHECK(contains(message_of([] {
                       (void)pad_to_multiple(Tensor<Cpu<float>>({1, 1, 0, 2}), 2);
                   }),
                   "at least one pixel"));
}

TEST_CASE("the signal-to-noise ratio is that of the mean squared difference", "[image]") {
    const std::vector<std::uint8_t> a{10, 20, 30, 40};
    const std::vector<std::uint8_t> b{11, 19, 31, 39};
    // All differences are 1, so 20 log10(255).
    CHECK(std::abs(psnr_db(a, b) - 48.130803608679104) <= 1e-12);
    const std::vector<std::uint8_t> black{0}, white{255};
    CHECK(psnr_db(black, white) == 0);
    CHECK(psnr_db(a, a) == std::numeric_limits<double>::infinity());
    CHECK(contains(message_of([&] { (void)psnr_db(a, {}); }), "got 4 and 0 bytes"));
    CHECK(contains(message_of([] { (void)psnr_db({}, {}); }), "got 0 and 0 bytes"));
}
