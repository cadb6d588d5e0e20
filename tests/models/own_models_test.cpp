// Latent's own networks, in reference_data/models/: trained weights that are always at hand.

#include "support/layers.hpp"
#include "support/trained.hpp"

#include <latent/io/image.hpp>
#include <latent/io/load_autoencoder_kl.hpp>
#include <latent/io/load_autoencoder_tiny.hpp>
#include <latent/io/load_vae_approx.hpp>
#include <latent/models/latent_codec.hpp>
#include <latent/models/latent_scaling.hpp>
#include <latent/pipelines/image.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

template <class Device = Cpu<float>>
AutoencoderKL<Device> small_model() {
    return load_autoencoder_kl<Device>(own_model("small"));
}
template <class Device = Cpu<float>>
AutoencoderTiny<Device> tiny_model() {
    return load_autoencoder_tiny<Device>(own_model("tiny"));
}

double psnr(const Tensor<Cpu<float>>& image, const Tensor<Cpu<float>>& back) {
    return psnr_db(rgb_from_image(image), rgb_from_image(back));
}

/// 256 x 256 pixels in the middle of both pictures.
std::vector<Tensor<Cpu<float>>> middles() {
    std::vector<Tensor<Cpu<float>>> images;
    for (const auto* name : {"still_life.png", "morning.png"})
        images.push_back(own_picture(name, 128, 128, 256, 256));
    return images;
}

/// An image's latents, as a UNet would see them.
Tensor<Cpu<float>> latents_of(const AutoencoderKL<Cpu<float>>& small,
                              const Tensor<Cpu<float>>& image) {
    return scaled_latents(small.encode(image).mode(), small.config);
}

} // namespace

TEST_CASE("Latent's small AutoencoderKL is PyTorch's, layer by layer", "[models]") {
    const Golden golden("models/own_small");
    const auto single = small_model();
    const auto exact = small_model<Cpu<double>>();
    Recorder recorder;
    const AutoencoderKL<Meta> meta(Weights{recorder}, single.config);
    const auto x = own_picture();
    const auto exact_x = as<double>(x);
    check_layers(
        golden, "encoder", [&](const auto& trace) { return single.encoder.forward(x, trace); },
        [&](const auto& trace) { return exact.encoder.forward(exact_x, trace); }, recorder);
    const auto moments = golden.tensor<float>("quant_conv.float32");
    CHECK(closeness(single.encode(x).parameters, as<double>(moments)).relative <= 1e-5);

    const auto z = DiagonalGaussianDistribution<Cpu<float>>(moments.clone()).mode();
    const auto exact_z = as<double>(z);
    const auto decode = [](const auto& vae, const auto& latents, const auto& trace) {
        return vae.decoder.forward(vae.post_quant_conv->forward(latents), trace);
    };
    check_layers(
        golden, "decoder", [&](const auto& trace) { return decode(single, z, trace); },
        [&](const auto& trace) { return decode(exact, exact_z, trace); }, recorder);
}

TEST_CASE("Latent's tiny AutoencoderTiny is PyTorch's, layer by layer", "[models]") {
    const Golden golden("models/own_tiny");
    const auto single = tiny_model();
    const auto exact = tiny_model<Cpu<double>>();
    Recorder recorder;
    const AutoencoderTiny<Meta> meta(Weights{recorder}, single.config);
    const auto x = own_picture();
    const auto z = Golden("models/own_approx").tensor<float>("latents.float32");
    const auto exact_x = as<double>(x), exact_z = as<double>(z);
    check_layers(
        golden, "encoder", [&](const auto& trace) { return single.encode(x, trace); },
        [&](const auto& trace) { return exact.encode(exact_x, trace); }, recorder);
    check_layers(
        golden, "decoder", [&](const auto& trace) { return single.decode(z, trace); },
        [&](const auto& trace) { return exact.decode(exact_z, trace); }, recorder);
}

TEST_CASE("Latent's VAEApprox is PyTorch's, layer by layer", "[models]") {
    const Golden golden("models/own_approx");
    const auto single = load_vae_approx(own_model("approx"));
    const auto exact = load_vae_approx<Cpu<double>>(own_model("approx"));
    Recorder recorder;
    const VAEApprox<Meta> meta(Weights{recorder}["vae_approx"]);
    const auto z = golden.tensor<float>("latents.float32");
    const auto exact_z = as<double>(z);
    const auto named = [](const auto& trace) {
        return [&trace](std::string_view path, const auto& x) {
            trace(path.empty() ? "vae_approx" : "vae_approx." + std::string(path), x);
        };
    };
    check_layers(
        golden, "vae_approx",
        [&](const auto& trace) { return single.forward(z, named(trace)); },
        [&](const auto& trace) { return exact.forward(exact_z, named(trace)); }, recorder);
}

TEST_CASE("small and tiny give a picture back, from each other's latents too",
          "[models][large]") {
    const auto small = small_model();
    const auto tiny = tiny_model();
    // Rendered pictures are smoother than photos, and small is further ahead of tiny.
    for (const auto& image : middles()) {
        const auto z = latents_of(small, image);
        const auto by_small = psnr(image, small.decode(raw_latents(z.clone(), small.config)));
        CHECK(by_small >= 28);
        CHECK(psnr(image, tiny.decode(z)) >= by_small - 2.5);
        const auto own = tiny.encode(image);
        CHECK(psnr(image, tiny.decode(own)) >= by_small - 2.5);
        const auto others = small.decode(raw_latents(own.clone(), small.config));
        CHECK(psnr(image, others) >= by_small - 2.5);
    }
}

TEST_CASE("held-out photos come back better than from principal components",
          "[models][large]") {
    const auto data = latent_data();
    if (!data) return skip(no_latent_data);
    struct Photo {
        const char* name;
        double floor; // four components of its own 8 x 8 patches: train/measure.py
    };
    const auto small = small_model();
    const auto tiny = tiny_model();
    double sum = 0;
    for (const auto& [name, floor] :
         {Photo{"astronaut.png", 23.33}, Photo{"coffee.png", 24.24},
          Photo{"chelsea.png", 28.67}, Photo{"rocket.jpg", 26.78}}) {
        const auto photo = read_image(*data / "photos" / name);
        const auto whole = image_from_rgb(photo.pixels, photo.width, photo.height);
        const auto x = crop(whole, photo.height / 8 * 8, photo.width / 8 * 8);
        const auto by_small = psnr(x, small.forward(x));
        const auto by_tiny = psnr(x, tiny.decode(tiny.encode(x)));
        std::printf("%s: floor %.2f dB, small %.2f, tiny %.2f\n", name, floor, by_small,
                    by_tiny);
        CHECK(by_small >= floor + 0.5);
        CHECK(by_tiny >= by_small - 1.5);
        sum += by_small;
    }
    CHECK(sum / 4 >= 26.5);
}

TEST_CASE("latents have about unit variance, in every channel", "[models][large]") {
    const auto small = small_model();
    double sum = 0;
    std::int64_t count = 0;
    std::vector<double> squares(4);
    for (const auto& image : middles()) {
        const auto z = latents_of(small, image);
        const auto plane = z.dim(2) * z.dim(3);
        for (std::int64_t i = 0; i < z.numel(); ++i)
            squares[static_cast<std::size_t>(i / plane)] += std::pow(double{z.data()[i]}, 2);
        count += plane;
    }
    for (const auto square : squares) {
        const auto deviation = std::sqrt(square / static_cast<double>(count));
        CHECK(deviation > 0.4);
        CHECK(deviation < 2);
        sum += square;
    }
    CHECK(std::abs(std::sqrt(sum / static_cast<double>(4 * count)) - 1) < 0.35);
}

TEST_CASE("a walk between two latents is smooth", "[models][large]") {
    const auto small = small_model();
    const auto images = middles();
    const auto from = latents_of(small, images[0]), to = latents_of(small, images[1]);
    constexpr int steps = 8;
    std::vector<Tensor<Cpu<float>>> frames;
    for (int i = 0; i <= steps; ++i) {
        const auto share = static_cast<double>(i) / steps;
        auto z = add(scaled(from, 1 - share), scaled(to, share));
        frames.push_back(small.decode(raw_latents(std::move(z), small.config)));
    }
    // Each frame lies nearer to the next than the ends do to each other, and none jumps.
    const auto distance = [](const auto& a, const auto& b) {
        double square = 0;
        for (std::size_t i = 0; i < a.values().size(); ++i)
            square += std::pow(double{a.values()[i]} - double{b.values()[i]}, 2);
        return std::sqrt(square);
    };
    const auto ends = distance(frames.front(), frames.back());
    for (std::size_t i = 0; i < steps; ++i) {
        const auto step = distance(frames[i], frames[i + 1]);
        CHECK(step < 0.4 * ends);
        CHECK(step > 0.02 * ends);
    }
}

TEST_CASE("8 bits a latent cost a trained network next to nothing", "[models][large]") {
    const auto tiny = tiny_model();
    for (const auto& image : middles()) {
        const auto z = tiny.encode(image);
        const auto bytes = to_uint8(scale_latents(z, tiny.config));
        const auto coarse =
            unscale_latents(from_uint8<Cpu<float>>(bytes, z.shape()), tiny.config);
        CHECK(psnr(image, tiny.decode(coarse)) >= psnr(image, tiny.decode(z)) - 0.2);
    }
}

TEST_CASE("trained networks work in tiles", "[models][large]") {
    auto small = small_model();
    auto tiny = tiny_model();
    const auto images = middles();
    const auto& image = images[0];
    const auto whole = small.forward(image);
    const auto whole_latents = tiny.encode(image);
    const auto whole_image = tiny.decode(whole_latents);
    small.use_tiling = tiny.use_tiling = true;
    small.tile_sample_min_size = 128, small.tile_latent_min_size = 16;
    for (const auto tiling : {Tiling::ramped, Tiling::smooth}) {
        small.tiling = tiling;
        const auto tiled = small.forward(image);
        CHECK_FALSE(same_bits(tiled, whole));
        CHECK(psnr(whole, tiled) >= 30);
        CHECK(psnr(image, tiled) >= psnr(image, whole) - 0.5);
    }
    tiny.tiling = Tiling::exact;
    tiny.tile_sample_min_size = 128, tiny.tile_latent_min_size = 16;
    CHECK(same_bits(tiny.encode(image), whole_latents));
    CHECK(same_bits(tiny.decode(whole_latents), whole_image));
}

TEST_CASE("trained networks in half precision, fast, and in strips", "[models][large]") {
    const auto small = small_model();
    const auto images = middles();
    const auto& image = images[1];
    const auto moments = small.encode(image);
    const auto z = moments.mode();
    const auto back = small.decode(z);
    // The file has halves: kept so they are the same numbers.
    auto files = open_autoencoder_kl(own_model("small"));
    files.weights.half = true;
    const auto half = load_autoencoder_kl(std::move(files));
    CHECK(same_bits(half.encode(image).parameters, moments.parameters));
    CHECK(same_bits(half.decode(z), back));
    auto quick_files = open_autoencoder_kl(own_model("small"));
    quick_files.weights.fast = true;
    const auto quick = load_autoencoder_kl(std::move(quick_files));
    const auto close = closeness(quick.decode(z), as<double>(back));
    INFO(close.text);
    CHECK(close.relative <= 1e-5);
    CHECK_FALSE(same_bits(quick.decode(z), back));
    auto streamed = small_model();
    streamed.use_streaming = true;
    CHECK(same_bits(streamed.decode(z), back));
}
