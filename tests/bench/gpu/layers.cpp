// Layers and networks on a GPU, timed on request: our side of tests/bench/gpu.sh.
// usage: layers [small]
//   Prints a line for each case: its name, its kind, and what it is made of. Then it answers
//   requests on stdin, "NAME SCALAR RUNS OUT" with SCALAR f32, f16 or bf16, by the milliseconds
//   of RUNS runs on one line. OUT: where its result goes, raw float32 numbers; - for nowhere.
//   Inputs and weights are torch's random numbers: tests/bench/gpu/compare.py draws the same.
#include <latent/cuda.hpp>
#include <latent/latent.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace latent;
using Host = Tensor<Cpu<float>>;

/// What a case is made of; zeros where a kind does not have it.
struct Case {
    std::string name, kind;
    std::int64_t in = 0, out = 0, side = 0; ///< channels in and out, pixels or latents a side
    std::int64_t kernel = 3, upsample = 1;
};

const std::vector<Case> cases{
    {"first convolution, 4 to 512 channels, 64x64", "conv2d", 4, 512, 64},
    {"convolution, 512 channels, 64x64", "conv2d", 512, 512, 64},
    {"convolution, 512 channels, 128x128", "conv2d", 512, 512, 128},
    {"convolution, 512 to 256 channels, 256x256", "conv2d", 512, 256, 256},
    {"convolution, 256 channels, 256x256", "conv2d", 256, 256, 256},
    {"convolution, 128 channels, 512x512", "conv2d", 128, 128, 512},
    {"last convolution, 128 to 3 channels, 512x512", "conv2d", 128, 3, 512},
    {"1x1 convolution, 512 to 256 channels, 256x256", "conv2d", 512, 256, 256, 1},
    {"upsampling and convolution, 512 channels, 64x64", "conv2d", 512, 512, 64, 3, 2},
    {"group norm and SiLU, 512 channels, 128x128", "group_norm", 512, 512, 128},
    {"group norm and SiLU, 128 channels, 512x512", "group_norm", 128, 128, 512},
    {"attention, 512 channels, 64x64", "attention", 512, 512, 64},
    {"TAESD, decode to 512x512", "tiny", 4, 3, 64},
    {"Stable Diffusion 1, decode to 512x512", "kl", 4, 3, 64}};

/// The same kinds, as small as an emulator likes them.
const std::vector<Case> small_cases{
    {"convolution, 8 channels, 9x9", "conv2d", 8, 8, 9},
    {"1x1 convolution, 8 to 5 channels, 9x9", "conv2d", 8, 5, 9, 1},
    {"upsampling and convolution, 8 channels, 7x7", "conv2d", 8, 8, 7, 3, 2},
    {"group norm and SiLU, 32 channels, 9x9", "group_norm", 32, 32, 9},
    {"attention, 16 channels, 5x5", "attention", 16, 16, 5},
    {"small AutoencoderTiny, decode to 16x16", "small_tiny", 4, 3, 2},
    {"small AutoencoderKL, decode to 16x16", "small_kl", 4, 3, 4}};

AutoencoderKLConfig kl_config(bool small) {
    AutoencoderKLConfig config;
    config.block_out_channels = {128, 256, 512, 512};
    if (small) config.block_out_channels = {32, 32, 64};
    config.down_block_types.assign(config.block_out_channels.size(), "DownEncoderBlock2D");
    config.up_block_types.assign(config.block_out_channels.size(), "UpDecoderBlock2D");
    config.layers_per_block = small ? 1 : 2;
    return config;
}
AutoencoderTinyConfig tiny_config(bool small) {
    AutoencoderTinyConfig config;
    if (small) {
        config.encoder_block_out_channels = config.decoder_block_out_channels = {8, 8, 8, 8};
        config.num_encoder_blocks = config.num_decoder_blocks = {1, 1, 1, 1};
    }
    return config;
}

/// torch.randn of a seed.
Host normal(std::uint64_t seed, Shape shape) {
    return Generator(seed).randn<Cpu<float>>(std::move(shape));
}

/// Times `run`, planned, RUNS times; its last result.
template <class S, class Run>
Host timed(CudaRun& gpu, int runs, std::vector<double>& milliseconds, const Run& run) {
    gpu.plan([&] { (void)run(); });
    Host result = to<Cpu<float>>(run()); // and warm
    for (int i = 0; i < runs; ++i) {
        const auto start = std::chrono::steady_clock::now();
        const auto y = run();
        gpu.synchronize();
        const std::chrono::duration<double, std::milli> time =
            std::chrono::steady_clock::now() - start;
        milliseconds.push_back(time.count());
    }
    gpu.release();
    return result;
}

template <class S>
Host measure(const Case& what, int runs, std::vector<double>& milliseconds) {
    using Gpu = Cuda<S>;
    CudaRun gpu;
    const auto side = what.side;
    const auto x = to<Gpu>(normal(1, what.kind == "attention" ? Shape{1, side * side, what.in}
                                                              : Shape{1, what.in, side, side}));
    const auto parameter = [](std::uint64_t seed, Shape shape) {
        return to<Gpu>(normal(seed, std::move(shape)));
    };
    if (what.kind == "conv2d") {
        const Conv2dKernel<Gpu> kernel(
            parameter(2, {what.out, what.in, what.kernel, what.kernel}),
            parameter(3, {what.out}),
            {.padding = what.kernel == 3 ? Padding::all(1) : Padding{}});
        return timed<S>(gpu, runs, milliseconds,
                        [&] { return conv2d(x, kernel, {.upsample = what.upsample}); });
    }
    if (what.kind == "group_norm") {
        const auto weight = parameter(2, {what.in}), bias = parameter(3, {what.in});
        return timed<S>(gpu, runs, milliseconds, [&] {
            return group_norm(x, weight, bias, 32, 1e-6, Activation::silu);
        });
    }
    if (what.kind == "attention") {
        const auto k = parameter(2, x.shape()), v = parameter(3, x.shape());
        return timed<S>(gpu, runs, milliseconds,
                        [&] { return scaled_dot_product_attention(x, k, v, 1); });
    }
    const bool small = what.kind.starts_with("small");
    TorchInit weights(0);
    if (what.kind.ends_with("kl")) {
        const Decoder<Gpu> decoder(Weights(weights), kl_config(small));
        return timed<S>(gpu, runs, milliseconds, [&] { return decoder.forward(x); });
    }
    const DecoderTiny<Gpu> decoder(Weights(weights), tiny_config(small));
    return timed<S>(gpu, runs, milliseconds, [&] { return decoder.forward(x); });
}

void answer(const Case& what, const std::string& scalar, int runs, const std::string& out) {
    std::vector<double> milliseconds;
    const auto y = scalar == "f16"    ? measure<Half>(what, runs, milliseconds)
                   : scalar == "bf16" ? measure<BFloat16>(what, runs, milliseconds)
                                      : measure<float>(what, runs, milliseconds);
    if (out != "-") {
        std::ofstream file(out, std::ios::binary);
        file.write(reinterpret_cast<const char*>(y.data()),
                   y.numel() * std::int64_t{sizeof(float)});
        if (!file.flush()) fail(out, "no room", "a file that can be written");
    }
    for (const auto time : milliseconds) std::cout << time << ' ';
    std::cout << std::endl;
}

} // namespace

int main(int argc, char* argv[]) {
    try {
        const bool small = argc > 1 && std::string(argv[1]) == "small";
        std::map<std::string, Case> known;
        for (const auto& what : small ? small_cases : cases) {
            known[what.name] = what;
            std::cout << what.name << ';' << what.kind << ';' << what.in << ';' << what.out
                      << ';' << what.side << ';' << what.kernel << ';' << what.upsample << '\n';
        }
        std::cout << std::endl;
        for (std::string line; std::getline(std::cin, line);) {
            std::istringstream request(line);
            std::string name, scalar, runs, out;
            for (auto* word : {&name, &scalar, &runs, &out}) std::getline(request, *word, ';');
            if (!known.contains(name)) fail("layers", "no case \"" + name + "\"", "its own");
            answer(known[name], scalar, std::stoi(runs), out);
        }
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
