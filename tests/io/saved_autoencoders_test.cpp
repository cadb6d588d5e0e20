#include "support/catch.hpp"
#include "support/golden.hpp"

#include <latent/io/load_autoencoder_kl.hpp>

#include <cstddef>
#include <filesystem>
#include <string>

using namespace latent;
using namespace latent::test;

TEST_CASE("random autoencoders that diffusers saved give what they give there", "[io]") {
    // generate/random_autoencoders.py: whole, in shards, in half precision, by torch.save.
    std::size_t count = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(reference_data() / "models" / "saved")) {
        if (!entry.is_directory()) continue;
        ++count;
        const auto folder = entry.path();
        INFO(folder.filename().string());
        const Golden golden("models/saved/" + folder.filename().string());
        const auto image = golden.tensor<float>("image");
        const auto latents = golden.tensor<float>("latents");
        const auto moments = golden.tensor<double>("moments.float64");
        const auto decoded = golden.tensor<double>("decoded.float64");

        const auto exact = load_autoencoder_kl<Cpu<double>>(folder);
        CHECK(closeness(exact.encode(as<double>(image)).parameters, moments).relative <= 1e-12);
        CHECK(closeness(exact.decode(as<double>(latents)), decoded).relative <= 1e-12);
        const auto single = load_autoencoder_kl(folder);
        CHECK(closeness(single.encode(image).parameters, moments).relative <= 1e-5);
        CHECK(closeness(single.decode(latents), decoded).relative <= 1e-5);
        CHECK(
            same_bits(load_encoder_kl(folder).forward(image), single.encode(image).parameters));
        CHECK(same_bits(load_decoder_kl(folder).forward(latents), single.decode(latents)));
    }
    CHECK(count == 5);
}
