/// The numbers that diffusers publishes in its own unit tests, from their seeds alone: inputs
/// and weights come from one generator, in torch's order. Each case names its file and test;
/// the numbers are the last channel's lowest and rightmost 3 x 3 pixels of the first image.
/// The files also test what no autoencoder of Stable Diffusion has, and our blocks leave out:
/// transposed convolutions (test_upsample_with_transpose), average pooling
/// (test_downsample_default, test_resnet_down and, of ResnetBlock2D, test_resnet_up), FIR and
/// SDE-VP kernels (test_restnet_with_kernel_fir, test_restnet_with_kernel_sde_vp), and
/// bfloat16 tensors (test_upsample_bfloat16).

#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/blocks/down_encoder_block_2d.hpp>
#include <latent/blocks/unet_mid_block_2d.hpp>
#include <latent/blocks/up_decoder_block_2d.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

using namespace latent;
using namespace latent::test;

namespace {

using Published = std::array<double, 9>;

/// Draws x [batch, 32, side, side] and, if temb > 0, an embedding [batch, temb] from seed 0,
/// lets `make` construct the block from the same stream, and returns what it makes of them.
template <class Make>
Tensor<Cpu<float>> from_seed_0(std::int64_t batch, std::int64_t side, std::int64_t temb,
                               const Make& make) {
    Generator random(0);
    auto x = random.randn<Cpu<float>>({batch, 32, side, side});
    Tensor<Cpu<float>> embedding(Shape{batch, temb});
    if (temb > 0) embedding = random.randn<Cpu<float>>({batch, temb});
    TorchInit init(random);
    const auto block = make(Weights{init}["block"]);
    if constexpr (requires { block.forward(std::move(x), embedding); }) {
        if (temb > 0) return block.forward(std::move(x), embedding);
    }
    return block.forward(std::move(x));
}

/// Published with four digits, and both files allow more than 1e-3.
void check_corner(const Tensor<Cpu<float>>& y, const Shape& shape, const Published& published) {
    REQUIRE(y.shape() == shape);
    const auto C = y.dim(1), H = y.dim(2), W = y.dim(3);
    for (std::int64_t i = 0; i < 9; ++i) {
        const auto row = H - 3 + i / 3, column = W - 3 + i % 3;
        const auto value = static_cast<double>(y.data()[((C - 1) * H + row) * W + column]);
        const auto expected = published[static_cast<std::size_t>(i)];
        CAPTURE(i, value, expected);
        CHECK(std::abs(value - expected) <= 1e-4);
    }
}

} // namespace

// tests/models/test_layers_utils.py, Upsample2DBlockTests
TEST_CASE("diffusers' unit tests of Upsample2D", "[blocks]") {
    const auto upsampled = [](const Upsample2DConfig& config) {
        return from_seed_0(1, 32, 0,
                           [&](const Weights& w) { return Upsample2D<Cpu<float>>(w, config); });
    };
    // test_upsample_default
    check_corner(upsampled({32, 32, false}), {1, 32, 64, 64},
                 {-0.2173, -1.2079, -1.2079, 0.2952, 1.1254, 1.1254, 0.2952, 1.1254, 1.1254});
    // test_upsample_with_conv
    check_corner(upsampled({32, 32}), {1, 32, 64, 64},
                 {0.7145, 1.3773, 0.3492, 0.8448, 1.0839, -0.3341, 0.5956, 0.1250, -0.4841});
    // test_upsample_with_conv_out_dim
    check_corner(upsampled({32, 64}), {1, 64, 64, 64},
                 {0.2703, 0.1656, -0.2538, -0.0553, -0.2984, 0.1044, 0.1155, 0.2579, 0.7755});
}

// tests/models/test_layers_utils.py, Downsample2DBlockTests
TEST_CASE("diffusers' unit tests of Downsample2D", "[blocks]") {
    const auto downsampled = [](const Downsample2DConfig& config) {
        return from_seed_0(
            1, 64, 0, [&](const Weights& w) { return Downsample2D<Cpu<float>>(w, config); });
    };
    // test_downsample_with_conv and test_downsample_with_conv_pad1: 1 is the default
    check_corner(downsampled({32, 32, 1}), {1, 32, 32, 32},
                 {0.9267, 0.5878, 0.3337, 1.2321, -0.1191, -0.3984, -0.7532, -0.0715, -0.3913});
    // test_downsample_with_conv_out_dim
    check_corner(downsampled({32, 16, 1}), {1, 16, 32, 32},
                 {-0.6586, 0.5985, 0.0721, 0.1256, -0.1492, 0.4436, -0.2544, 0.5021, 1.1522});
}

// tests/models/test_layers_utils.py, ResnetBlock2DTests
TEST_CASE("diffusers' unit tests of ResnetBlock2D", "[blocks]") {
    const auto made = [](bool use_in_shortcut) {
        return from_seed_0(1, 64, 128, [&](const Weights& w) {
            return ResnetBlock2D<Cpu<float>>(w, {.in_channels = 32,
                                                 .out_channels = 32,
                                                 .temb_channels = 128,
                                                 .use_in_shortcut = use_in_shortcut});
        });
    };
    // test_resnet_default
    check_corner(
        made(false), {1, 32, 64, 64},
        {-1.9010, -0.2974, -0.8245, -1.3533, 0.8742, -0.9645, -2.0584, 1.3387, -0.4746});
    // test_restnet_with_use_in_shortcut
    check_corner(made(true), {1, 32, 64, 64},
                 {0.2226, -1.0791, -0.1629, 0.3659, -0.2889, -1.2376, 0.0582, 0.9206, 0.0044});
}

// tests/models/unets/test_unet_2d_blocks.py; the inputs are those of test_unet_blocks_common.py
TEST_CASE("diffusers' unit tests of the autoencoder's blocks", "[blocks]") {
    const auto down = [](std::int64_t attention_head_dim) {
        return from_seed_0(4, 32, 0, [&](const Weights& w) {
            return DownEncoderBlock2D<Cpu<float>>(w,
                                                  {.in_channels = 32,
                                                   .out_channels = 32,
                                                   .attention_head_dim = attention_head_dim});
        });
    };
    const auto up = [](std::int64_t attention_head_dim) {
        return from_seed_0(4, 32, 0, [&](const Weights& w) {
            return UpDecoderBlock2D<Cpu<float>>(w, {.in_channels = 32,
                                                    .out_channels = 32,
                                                    .attention_head_dim = attention_head_dim});
        });
    };
    // DownEncoderBlock2DTests.test_output
    check_corner(down(0), {4, 32, 16, 16},
                 {1.1102, 0.5302, 0.4872, -0.0023, -0.8042, 0.0483, -0.3489, -0.5632, 0.7626});
    // AttnDownEncoderBlock2DTests.test_output: 32 heads of one channel
    check_corner(down(1), {4, 32, 16, 16},
                 {0.8966, -0.1486, 0.8568, 0.8141, -0.9046, -0.1342, -0.0972, -0.7417, 0.1538});
    // UNetMidBlock2DTests.test_output: 32 heads of one channel, and a time embedding
    const auto mid = from_seed_0(4, 32, 128, [](const Weights& w) {
        return UNetMidBlock2D<Cpu<float>>(w, {.in_channels = 32, .temb_channels = 128});
    });
    check_corner(mid, {4, 32, 32, 32},
                 {-0.1062, 1.7248, 0.3494, 1.4569, -0.0910, -1.2421, -0.9984, 0.6736, 1.0028});
    // UpDecoderBlock2DTests.test_output
    check_corner(
        up(0), {4, 32, 64, 64},
        {0.4404, 0.1998, -0.9886, -0.3320, -0.3128, -0.7034, -0.6955, -0.2338, -0.3137});
    // AttnUpDecoderBlock2DTests.test_output: 32 heads of one channel
    check_corner(up(1), {4, 32, 64, 64},
                 {0.6738, 0.4491, 0.1055, 1.0710, 0.7316, 0.3339, 0.3352, 0.1023, 0.3568});
}
