#include "support/catch.hpp"
#include "support/tiny_networks.hpp"

#include <latent/models/latent_codec.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace latent;
using namespace latent::test;

TEST_CASE("latents to 8 bits and back are torch's", "[models]") {
    const Golden golden("models/taesd");
    const auto network = tiny_networks()[0];
    Recorder recorder;
    const AutoencoderTiny<Cpu<float>> model(Weights{recorder}, network.config);
    const auto z = scale(network.draw_latents(), 2);

    const auto scaled_latents = model.scale_latents(z);
    // One rounding apart: torch divides by 6, we multiply by 1 / 6. The bytes are the same.
    const auto torch = golden.tensor<double>("scale_latents.float32");
    CHECK(closeness(scaled_latents, torch).relative <= 1e-7);
    CHECK(std::ranges::max(scaled_latents.values()) == 1); // some are beyond what 8 bits hold
    const auto bytes = to_uint8(scaled_latents);
    const auto stored = golden.tensor<float>("bytes");
    REQUIRE(bytes.size() == stored.values().size());
    CHECK(std::ranges::equal(bytes, stored.values(), [](std::uint8_t a, float b) {
        return static_cast<float>(a) == b;
    }));
    const auto back = model.unscale_latents(from_uint8<Cpu<float>>(bytes, z.shape()));
    CHECK(same_bits(back, golden.tensor<float>("unscale_latents.float32")));

    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto inside = std::clamp(z.values()[i], -3.0F, 3.0F);
        CHECK(std::abs(back.values()[i] - inside) <= 3.0F / 255 + 1e-6F);
    }
    CHECK(contains(message_of([&] {
                       (void)from_uint8<Cpu<float>>(bytes, {1, 4, 9, 9});
                   }),
                   "bytes"));
}

TEST_CASE("8-bit latents round halves to even", "[models]") {
    Tensor<Cpu<double>> z(Shape{5});
    std::ranges::copy(std::vector<double>{0.5 / 255, 1.5 / 255, 2.5 / 255, 0.0, 1.0}, z.data());
    CHECK(to_uint8(z) == std::vector<std::uint8_t>{0, 2, 2, 0, 255});
    // What no network should give.
    constexpr auto nan = std::numeric_limits<double>::quiet_NaN();
    std::ranges::copy(std::vector<double>{nan, -1.0, 7.0, -0.0, 1e300}, z.data());
    CHECK(to_uint8(z) == std::vector<std::uint8_t>{0, 0, 255, 0, 255});
}
