#include "support/trained.hpp"

#include <latent/io/image.hpp>
#include <latent/io/weight_source.hpp>

#include <utility>
#include <vector>

namespace latent::test {

std::unique_ptr<WeightSource> taef2_weights(const std::filesystem::path& data) {
    const auto part = [&](const std::string& name, std::int64_t shift) {
        return CheckpointPart{
            .file = Checkpoint::open(data / "weights" / ("taef2_" + name + ".pth")),
            .rules = {{name + ".layers.#", "#", shift}},
            .serves = name + "."};
    };
    std::vector<CheckpointPart> parts;
    parts.push_back(part("encoder", 0));
    parts.push_back(part("decoder", 1)); // its file counts the limiter, too
    return std::make_unique<CheckpointSource>(std::move(parts));
}

namespace {

/// A part of an image, as torch's pixel / 127.5 - 1.
Tensor<Cpu<float>> part_of(const std::filesystem::path& path, std::int64_t top,
                           std::int64_t left, std::int64_t height, std::int64_t width) {
    const auto photo = read_image(path);
    Tensor<Cpu<float>> x(Shape{1, 3, height, width});
    float* to = x.data();
    for (std::int64_t c = 0; c < 3; ++c) {
        for (std::int64_t i = 0; i < height; ++i) {
            for (std::int64_t j = 0; j < width; ++j) {
                const auto at = ((top + i) * photo.width + left + j) * 3 + c;
                const auto pixel = photo.pixels.at(static_cast<std::size_t>(at));
                *to++ = static_cast<float>(pixel) / 127.5F - 1;
            }
        }
    }
    return x;
}

} // namespace

Tensor<Cpu<float>> astronaut_face(const std::filesystem::path& data) {
    return part_of(data / "photos" / "astronaut.png", 64, 160, 128, 128);
}

std::filesystem::path own_model(const std::string& name) {
    return reference_data() / "models" / name;
}

Tensor<Cpu<float>> own_picture(const std::string& name, std::int64_t top, std::int64_t left,
                               std::int64_t height, std::int64_t width) {
    return part_of(reference_data() / "pictures" / name, top, left, height, width);
}

} // namespace latent::test
