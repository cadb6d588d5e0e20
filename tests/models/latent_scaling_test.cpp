#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/models/latent_scaling.hpp>

using namespace latent;
using namespace latent::test;

TEST_CASE("latents are scaled as a pipeline of diffusers does it, and back", "[models]") {
    Generator random(7);
    const auto z = random.randn<Cpu<float>>({2, 4, 3, 5});
    const auto around = [&](const AutoencoderKLConfig& config, std::size_t i) {
        const auto scaled = scaled_latents(z.clone(), config);
        CHECK(closeness(raw_latents(scaled.clone(), config), as<double>(z)).relative <= 2e-7);
        return scaled.data()[i];
    };
    AutoencoderKLConfig sd1;
    CHECK(around(sd1, 17) == z.data()[17] * 0.18215F);

    AutoencoderKLConfig sd3;
    sd3.scaling_factor = 1.5305;
    sd3.shift_factor = 0.0609;
    CHECK(around(sd3, 17) == (z.data()[17] - 0.0609F) * 1.5305F);

    AutoencoderKLConfig playground;
    playground.scaling_factor = 0.5;
    playground.latents_mean = {-1.6574, 1.886, -1.383, 2.5155};
    playground.latents_std = {8.4927, 5.9022, 6.5498, 5.2299};
    const auto expected = (z.data()[17] - 1.886F) * static_cast<float>(0.5 / 5.9022);
    CHECK(around(playground, 17) == expected); // element 17 is of channel 1
    const auto raw = raw_latents(z.clone(), playground);
    const volatile float product = z.data()[16] * static_cast<float>(5.9022 / 0.5);
    CHECK(raw.data()[16] == product + 1.886F); // rounded twice
    CHECK(scaled_latents(Tensor<Meta>({1, 4, 2, 2}), playground).shape() == Shape{1, 4, 2, 2});
}
