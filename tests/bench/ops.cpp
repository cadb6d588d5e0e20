// One operation, and how long it took: our side of `./dev bench ops`.
// usage: ops OPERATION THREADS RUNS OUT [fast]
//   OPERATION: KIND-INxOUT@SIZE: channels in and out, and the side of the input in pixels
//   OUT:       the raw float32 result
#include "measured.hpp"

#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

using measured::Device;
using measured::Result;

struct Operation {
    std::string kind;
    std::int64_t in = 0, out = 0, size = 0;

    explicit Operation(const std::string& name) {
        char letters[32] = {};
        long long numbers[3] = {};
        if (std::sscanf(name.c_str(), "%31[a-z0-9_]-%lldx%lld@%lld", letters, &numbers[0],
                        &numbers[1], &numbers[2]) != 4) {
            latent::fail("OPERATION", name, "KIND-INxOUT@SIZE, as in conv3x3-128x128@512");
        }
        kind = letters, in = numbers[0], out = numbers[1], size = numbers[2];
    }
};

/// Numbers in [-bound, bound], from a seed that ops.py knows, too.
Result noise(std::uint64_t seed, latent::Shape shape, double bound) {
    auto numbers = latent::Generator(seed).rand<Device>(std::move(shape));
    return latent::scale(std::move(numbers), 2 * bound, -bound);
}

/// The convolution of this operation, and its image, which may be enlarged on the way.
void convolve(const Operation& op, const measured::Way& way, bool fast) {
    const std::int64_t side = op.kind == "conv1x1" ? 1 : 3;
    const double bound = 1 / std::sqrt(static_cast<double>(op.in * side * side));
    const auto weight = noise(2, {op.out, op.in, side, side}, bound);
    latent::Conv2dOptions options{.fast = fast};
    if (side == 3) options.padding = latent::Padding::all(1);
    if (op.kind == "stride2") {
        // AutoencoderKL pads what it halves on the right and below alone.
        options = {.stride = {2, 2}, .padding = {.right = 1, .bottom = 1}};
    }
    const latent::Conv2dKernel<Device> kernel(weight, noise(3, {op.out}, bound), options);
    const auto x = noise(1, {1, op.in, op.size, op.size}, 1);
    if (op.kind == "norm_conv3x3") {
        // Half a resnet: the normalised image is never stored.
        const auto scale = noise(4, {op.in}, 1), shift = noise(5, {op.in}, 1);
        measured::report(way, [&] {
            const auto norm = latent::group_norm_coefficients(x, scale, shift, 32, 1e-6);
            return latent::conv2d(x, kernel,
                                  {.norm = &norm, .before = latent::Activation::silu});
        });
        return;
    }
    const std::int64_t factor = op.kind == "upsampled3x3" ? 2 : 1;
    measured::report(way, [&] { return latent::conv2d(x, kernel, {.upsample = factor}); });
}

void normalise(const Operation& op, const measured::Way& way) {
    const auto x = noise(1, {1, op.in, op.size, op.size}, 1);
    const auto weight = noise(2, {op.in}, 1), bias = noise(3, {op.in}, 1);
    measured::report(way, [&] {
        return latent::group_norm(x, weight, bias, 32, 1e-6, latent::Activation::silu);
    });
}

/// One head, as in AutoencoderKL: every pixel looks at every other.
void attend(const Operation& op, const measured::Way& way) {
    const latent::Shape shape{1, op.size * op.size, op.in};
    const auto q = noise(1, shape, 1), k = noise(2, shape, 1), v = noise(3, shape, 1);
    measured::report(way, [&] { return latent::scaled_dot_product_attention(q, k, v, 1); });
}

} // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const bool fast = words.size() == 5 && words[4] == "fast";
    if (words.size() != 4 && !fast) {
        std::fputs("usage: ops OPERATION THREADS RUNS OUT [fast]\n", stderr);
        return 2;
    }
    const Operation op(words[0]);
    const measured::Way way{std::stoi(words[1]), std::stoi(words[2]), words[3]};
    if (op.kind == "norm_silu") {
        normalise(op, way);
    } else if (op.kind == "attention") {
        attend(op, way);
    } else {
        convolve(op, way, fast);
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
