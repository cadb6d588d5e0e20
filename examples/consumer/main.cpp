// Latents to a picture in under 40 lines, with Eigen alone: TAESD at its real size, with the
// weights that torch.manual_seed(0) gives. They are not trained, so the picture is a texture.
#include <latent/latent.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <string>

using Device = latent::Cpu<float>;

/// Writes image [1, 3, H, W], -1 black and 1 white, as a PPM file: a line of text, then bytes.
void write_ppm(const std::string& path, const latent::Tensor<Device>& image) {
    const auto pixels = image.dim(2) * image.dim(3);
    std::ofstream file(path, std::ios::binary);
    file << "P6 " << image.dim(3) << ' ' << image.dim(2) << " 255\n";
    for (std::int64_t i = 0; i < 3 * pixels; ++i) { // red, green, blue of each pixel in turn
        const float value = image.data()[i % 3 * pixels + i / 3];
        file.put(
            static_cast<char>(std::lround(std::clamp(value * 127.5F + 127.5F, 0.0F, 255.0F))));
    }
    if (!file.flush()) latent::fail("write_ppm", path, "a file that can be written");
}

int main() try {
    latent::TorchInit weights(0);
    const latent::AutoencoderTiny<Device> vae{latent::Weights(weights)};
    auto image = vae.decode(latent::Generator(1).randn<Device>({1, 4, 32, 32}));
    std::cout << image << '\n';

    // Trained weights fill -1 to 1 by themselves; this texture is faint, so it is stretched.
    const auto [low, high] = std::ranges::minmax(image.values());
    const double width = high - low;
    write_ppm("consumer.ppm", scale(std::move(image), 2 / width, -(high + low) / width));
} catch (const latent::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
}
