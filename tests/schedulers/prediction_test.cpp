#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/schedulers/ddim.hpp>
#include <latent/schedulers/prediction.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

using namespace latent;
using namespace latent::test;

TEST_CASE("a threshold is torch's quantile", "[schedulers]") {
    const std::array<float, 20> images{-4,   -2.5, -1,   -.5, 0,    .25, .75,  1.5, 2,    3.25,
                                       -.1F, .2F,  -.3F, .4F, -.5F, .6F, -.7F, .8F, -.9F, .05F};
    // torch.quantile(x.abs(), ratio, dim=1), clamped to [1, max]: 1 (3.97 and 0.895 without),
    // 2.65 and 1 (0.72 without), 1.25 and 1 (0.45 without).
    struct Case {
        double ratio, most;
        std::vector<double> first;
    };
    const std::vector<Case> cases{
        {0.995, 1, {-1, -1, -1, -0.5, 0, 0.25, 0.75, 1, 1, 1}},
        {0.8,
         5,
         {-1, -0.943396211, -0.377358466, -0.188679233, 0, 0.0943396166, 0.283018857,
          0.566037714, 0.754716933, 1}},
        {0.5, 5, {-1, -1, -0.800000012, -0.400000006, 0, 0.200000003, 0.600000024, 1, 1, 1}},
    };
    for (const auto& c : cases) {
        CAPTURE(c.ratio, c.most);
        Tensor<Cpu<float>> x({2, 10});
        std::ranges::copy(images, x.data());
        threshold(x, {.thresholding = true,
                      .dynamic_thresholding_ratio = c.ratio,
                      .sample_max_value = c.most});
        auto expected = c.first;
        for (std::size_t i = 10; i < 20; ++i) expected.push_back(images[i]);
        const auto near =
            closeness<float, double>(x.values(), std::span<const double>(expected));
        INFO(near.text);
        CHECK(near.largest <= 1.2e-7);
    }
    Tensor<Cpu<float>> none({0, 3});
    threshold(none, {.thresholding = true});
    CHECK(none.numel() == 0);
}

TEST_CASE("every prediction leads to the same image and noise", "[schedulers]") {
    const float abar = 0.36F;
    const double signal = std::sqrt(abar), noise = std::sqrt(1 - abar);
    const double original = 0.3, epsilon = -1.2, x = signal * original + noise * epsilon;
    const auto at = [](const Prediction& p, double sample, double out) {
        return p.sample * sample + p.output * out;
    };
    const std::array<std::pair<std::string_view, double>, 3> outputs{
        {{"epsilon", epsilon},
         {"sample", original},
         {"v_prediction", signal * epsilon - noise * original}}};
    for (const auto& [type, out] : outputs) {
        CAPTURE(type);
        CHECK(std::abs(at(original_of(type, abar), x, out) - original) <= 1e-6);
        CHECK(std::abs(at(epsilon_of(type, abar), x, out) - epsilon) <= 1e-6);
        // The same without the signal's factor: x / signal is x_0 + sigma epsilon.
        const auto found = at(denoised_of(type, noise / signal), x / signal, out);
        CHECK(std::abs(found - original) <= 1e-6);
    }
    CHECK(denoised_of("original_sample", 3).output == 1);
    for (const auto& message : {message_of([] { (void)original_of("x", 0.5F); }),
                                message_of([] { (void)epsilon_of("x", 0.5F); }),
                                message_of([] { (void)denoised_of("x", 1); })}) {
        CHECK(message == "prediction_type: got 'x', expected epsilon, sample or v_prediction");
    }
    CHECK(contains(message_of([] { (void)original_of("epsilon", 0); }), "where all is noise"));
    CHECK(
        contains(message_of([] { (void)epsilon_of("sample", 1); }), "where nothing is noise"));
}

TEST_CASE("an x_0 is limited, and kept", "[schedulers]") {
    using T = Tensor<Cpu<double>>;
    const auto make = [](double first, double second) {
        T x({1, 2});
        x.data()[0] = first, x.data()[1] = second;
        return x;
    };
    const auto out = make(1, -4), noise = make(10, 20);
    DDIMSchedulerConfig config;
    config.clip_sample_range = 2;
    for (const auto thresholding : {false, true}) {
        CAPTURE(thresholding);
        config.thresholding = thresholding, config.sample_max_value = 3;
        config.dynamic_thresholding_ratio = 1;
        OriginalBuffer<Cpu<double>> buffer;
        auto x = make(0.5, 6);
        // x_0 = x + out = 1.5, 2: below the clip; or divided by its largest, 2.
        buffer.step(x, out, {1, 1}, {0.5, 0.25}, 3, &noise, 0.1, limits_of(config));
        const auto first = thresholding ? 0.75 : 1.5, second = thresholding ? 1.0 : 2.0;
        CHECK(buffer.tensor().data()[0] == first);
        CHECK(buffer.tensor().data()[1] == second);
        CHECK(std::abs(x.data()[0] - (0.25 + 0.25 + 3 * first + 1)) <= 1e-14);
        CHECK(std::abs(x.data()[1] - (3 - 1 + 3 * second + 2)) <= 1e-14);
    }
    config.clip_sample = false;
    CHECK(limits_of(config).clip == std::numeric_limits<double>::infinity());
}

TEST_CASE("abar is asked for at whole timesteps", "[schedulers]") {
    const std::vector<float> abars{0.9F, 0.5F, 0.1F};
    CHECK(abar_at(abars, 2) == 0.1F);
    CHECK(abar_at(abars, -1, 1.0F) == 1.0F);
    CHECK(abar_at(abars, 0, 1.0F) == 0.9F);
    for (const auto t : {-1.0, 0.5, 3.0, std::numeric_limits<double>::quiet_NaN()})
        CHECK(contains(message_of([&] { (void)abar_at(abars, t); }),
                       "expected a whole number from 0 to 2"));
    Tensor<Cpu<double>> x({1}), noise({1});
    x.data()[0] = 2, noise.data()[0] = 10;
    CHECK(std::abs(noised_at(0.36F, std::move(x), noise).data()[0] - (0.6 * 2 + 8)) <= 1e-6);
}
