#include "support/closeness.hpp"
#include "support/golden.hpp"
#include "support/layers.hpp"

#include <latent/models/streamed_resnet.hpp>

#include <cstdint>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// Rows of a strip, up to a whole image.
const std::vector<std::int64_t> few_and_many_rows{4, 8, 20, 1000};

template <class Device>
ResnetBlock2D<Device> seeded_resnet(const ResnetBlock2DConfig& config) {
    TorchInit init(7);
    return ResnetBlock2D<Device>(Weights{init}, config);
}

/// A resnet alone: float and double, odd sizes, batches.
template <class S>
void check_streamed_resnet(const ResnetBlock2DConfig& config) {
    const auto resnet = seeded_resnet<Cpu<S>>(config);
    Generator random(3);
    for (const auto& shape :
         {Shape{1, 12, 1, 1}, Shape{1, 12, 4, 9}, Shape{2, 12, 23, 30}, Shape{1, 12, 37, 5}}) {
        const auto x = as<S>(random.randn<Cpu<float>>(shape));
        const auto expected = resnet.forward(x.clone());
        for (const auto rows : few_and_many_rows) {
            for (const int threads : {1, 3}) {
                CAPTURE(to_string(shape), rows, threads);
                const Workspace run({.threads = threads, .poison = true});
                CHECK(
                    same_bits(detail::streamed(resnet, x.clone(), rows, NoTrace()), expected));
            }
        }
    }
}

/// With an upsampler in front of it.
template <class S>
void check_streamed_upsampled(const ResnetBlock2DConfig& config) {
    TorchInit init(8);
    const Upsample2D<Cpu<S>> upsampler(Weights{init}["upsampler"], {12, 12});
    const auto resnet = seeded_resnet<Cpu<S>>(config);
    Generator random(3);
    for (const auto& shape :
         {Shape{1, 12, 1, 1}, Shape{1, 12, 2, 7}, Shape{2, 12, 11, 16}, Shape{1, 12, 19, 3}}) {
        const auto small = as<S>(random.randn<Cpu<float>>(shape));
        const auto expected = resnet.forward(upsampler.forward(small));
        for (const auto passes : {Passes::twice, Passes::three_times}) {
            for (const auto rows : few_and_many_rows) {
                for (const int threads : {1, 3}) {
                    CAPTURE(to_string(shape), static_cast<int>(passes), rows, threads);
                    const Workspace run({.threads = threads, .poison = true});
                    const auto y =
                        detail::streamed(upsampler, resnet, small, passes, rows, NoTrace());
                    CHECK(same_bits(y, expected));
                    CHECK(run.report().clones == 0);
                }
            }
        }
    }
}

} // namespace

TEST_CASE("a resnet in strips has the bits of the whole", "[models]") {
    const ResnetBlock2DConfig config{.in_channels = 12, .out_channels = 12, .groups = 3};
    check_streamed_resnet<float>(config);
    check_streamed_resnet<double>(config);
    auto mish = config;
    mish.act_fn = Activation::mish;
    check_streamed_resnet<float>(mish);
}

TEST_CASE("a resnet that never has its upsampled image whole has the bits of one that has",
          "[models]") {
    const ResnetBlock2DConfig config{.in_channels = 12, .out_channels = 9, .groups = 3};
    check_streamed_upsampled<float>(config);
    check_streamed_upsampled<double>(config);
    auto identity = config;
    identity.out_channels = 12;
    check_streamed_upsampled<float>(identity);
}

TEST_CASE("a streamed resnet holds what it promises, and strips", "[models]") {
    Recorder recorder;
    const ResnetBlock2D<Meta> alone(Weights{recorder},
                                    {.in_channels = 128, .out_channels = 128, .groups = 32});
    const ResnetBlock2D<Meta> narrower(Weights{recorder},
                                       {.in_channels = 128, .out_channels = 64, .groups = 32});
    const Upsample2D<Meta> upsampler(Weights{recorder}, {128, 128});
    const auto mib = std::int64_t{1} << 20;
    const auto peak = [](const auto& run) {
        const Workspace workspace;
        run();
        return workspace.report().peak_bytes;
    };
    // Tensors of 512, 128 and 256 MiB; eight rows of 128 channels are 4.
    const auto x_alone = peak([&] {
        (void)detail::streamed(alone, Tensor<Meta>(Shape{1, 128, 1024, 1024}), 8, NoTrace());
    });
    CHECK(x_alone >= 512 * mib);
    CHECK(x_alone <= (512 + 5 * 4) * mib);
    const auto upsampled = [&](Passes passes) {
        return peak([&] {
            const Tensor<Meta> small(Shape{1, 128, 512, 512});
            (void)detail::streamed(upsampler, narrower, small, passes, 8, NoTrace());
        });
    };
    CHECK(upsampled(Passes::three_times) >= (128 + 256) * mib);
    CHECK(upsampled(Passes::three_times) <= (128 + 256 + 5 * 4) * mib);
    CHECK(upsampled(Passes::twice) >= (128 + 256 + 256) * mib);
    CHECK(upsampled(Passes::twice) <= (128 + 256 + 256 + 5 * 4) * mib);
}
