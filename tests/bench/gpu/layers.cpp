// Layers and networks on a GPU, timed on request: our side of tests/bench/gpu.sh.
// usage: layers [small]
//   Prints the GPU's name, and a line for each case: its name, its kind, what it is made of.
//   Then it answers requests on stdin, "NAME;SCALAR;RUNS;OUT" with SCALAR f32, f16 or bf16, by
//   the milliseconds of RUNS runs on one line. OUT: where its result goes, raw float32 numbers;
//   - for nowhere. Inputs and weights are torch's random numbers: compare.py draws the same.
#include <latent/cuda.hpp>
#include <latent/latent.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
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
    {"Stable Diffusion 1, decode to 512x512", "kl", 4, 3, 64},
    {"TAESD, decode to 512x512", "tiny", 4, 3, 64},
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
    {"attention, 512 channels, 64x64", "attention", 512, 512, 64}};

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

/// A case on the GPU: made once, and run as often as it is asked for.
class Running {
public:
    Running() = default;
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    virtual ~Running() = default;
    virtual void run() = 0; ///< to its end
    [[nodiscard]] virtual Host result() = 0;
};

template <class S>
class RunningOn final : public Running {
public:
    using Gpu = Cuda<S>;

    explicit RunningOn(const Case& what) : what_(what) {
        const auto side = what.side;
        const auto draw = [](std::uint64_t seed, Shape shape) {
            return to<Gpu>(normal(seed, std::move(shape)));
        };
        x_ = draw(1, what.kind == "attention" ? Shape{1, side * side, what.in}
                                              : Shape{1, what.in, side, side});
        if (what.kind == "conv2d") {
            kernel_.emplace(
                draw(2, {what.out, what.in, what.kernel, what.kernel}), draw(3, {what.out}),
                Conv2dOptions{.padding = what.kernel == 3 ? Padding::all(1) : Padding{}});
        } else if (what.kind == "group_norm") {
            a_ = draw(2, {what.in}), b_ = draw(3, {what.in});
        } else if (what.kind == "attention") {
            a_ = draw(2, x_.shape()), b_ = draw(3, x_.shape());
        } else {
            const bool small = what.kind.starts_with("small");
            TorchInit weights(0);
            if (what.kind.ends_with("kl")) {
                kl_.emplace(Weights(weights), kl_config(small));
            } else {
                tiny_.emplace(Weights(weights), tiny_config(small));
            }
        }
        gpu_.plan([&] { (void)result(); });
        run(); // the first one may load the kernel
    }
    void run() override {
        (void)forward();
        gpu_.synchronize();
    }
    [[nodiscard]] Host result() override { return to<Cpu<float>>(forward()); }

private:
    [[nodiscard]] Tensor<Gpu> forward() const {
        if (kernel_) return conv2d(x_, *kernel_, {.upsample = what_.upsample});
        if (kl_) return kl_->forward(x_);
        if (tiny_) return tiny_->forward(x_);
        if (what_.kind == "group_norm")
            return group_norm(x_, a_, b_, 32, 1e-6, Activation::silu);
        return scaled_dot_product_attention(x_, a_, b_, 1);
    }

    CudaRun gpu_; // first: it outlives the tensors
    Case what_;
    Tensor<Gpu> x_, a_, b_;
    std::optional<Conv2dKernel<Gpu>> kernel_;
    std::optional<Decoder<Gpu>> kl_;
    std::optional<DecoderTiny<Gpu>> tiny_;
};

std::unique_ptr<Running> begin(const Case& what, const std::string& scalar) {
    if (scalar == "f16") return std::make_unique<RunningOn<Half>>(what);
    if (scalar == "bf16") return std::make_unique<RunningOn<BFloat16>>(what);
    return std::make_unique<RunningOn<float>>(what);
}

void answer(Running& running, int runs, const std::string& out) {
    if (out != "-") {
        const auto y = running.result();
        std::ofstream file(out, std::ios::binary);
        file.write(reinterpret_cast<const char*>(y.data()),
                   y.numel() * std::int64_t{sizeof(float)});
        if (!file.flush()) fail(out, "no room", "a file that can be written");
    }
    for (int i = 0; i < runs; ++i) {
        const auto start = std::chrono::steady_clock::now();
        running.run();
        const std::chrono::duration<double, std::milli> time =
            std::chrono::steady_clock::now() - start;
        std::cout << time.count() << ' ';
    }
    std::cout << std::endl;
}

} // namespace

int main(int argc, char* argv[]) {
    try {
        const bool small = argc > 1 && std::string(argv[1]) == "small";
        std::map<std::string, Case> known;
        std::cout << CudaRun().about().name << '\n';
        for (const auto& what : small ? small_cases : cases) {
            known[what.name] = what;
            std::cout << what.name << ';' << what.kind << ';' << what.in << ';' << what.out
                      << ';' << what.side << ';' << what.kernel << ';' << what.upsample << '\n';
        }
        std::cout << std::endl;
        std::string now; // the case that is there
        std::unique_ptr<Running> running;
        for (std::string line; std::getline(std::cin, line);) {
            std::istringstream request(line);
            std::string name, scalar, runs, out;
            for (auto* word : {&name, &scalar, &runs, &out}) std::getline(request, *word, ';');
            if (!known.contains(name)) fail("layers", "no case \"" + name + "\"", "its own");
            if (now != name + scalar) {
                running.reset(); // before the next one: a thread has one CudaRun
                running = begin(known[name], scalar);
                now = name + scalar;
            }
            answer(*running, std::stoi(runs), out);
        }
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
