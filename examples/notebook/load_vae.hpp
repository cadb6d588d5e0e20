#pragma once

#include "vae.hpp"

/// The notebook's cell that loads the VAE, line by line: params is diffusers' AutoencoderKL.

namespace notebook {

inline void load_mid(Mid& model, const Weights& param) {
    load_res(model.res0, param["resnets"][0]);
    load_res(model.res2, param["resnets"][1]);
    load_atten(model.atten, param["attentions"][0]);
}

inline void load_out(Out& model, const Weights& param, std::int64_t channels) {
    model.conv = Conv2d(param["conv_out"], {model.norm.config.num_channels, channels});
    model.norm = GroupNorm(param["conv_norm_out"], model.norm.config);
}

inline void load_vae(VAE& vae, const Weights& params) {
    // encoder.in
    vae.encoder0 = Conv2d(params["encoder"]["conv_in"], {3, 128});
    // encoder.down
    for (std::size_t i = 0; i < 4; ++i) {
        const auto block = params["encoder"]["down_blocks"][i];
        load_res(vae.encoder_down[i].res[0], block["resnets"][0]);
        load_res(vae.encoder_down[i].res[1], block["resnets"][1]);
        if (i != 3) vae.encoder_down[i].add_down(block["downsamplers"][0]["conv"]);
    }
    // encoder.mid, encoder.out, and the layer of the normal distribution
    load_mid(vae.encoder5, params["encoder"]["mid_block"]);
    load_out(vae.encoder6, params["encoder"], 8);
    vae.encoder7 = Conv2d(params["quant_conv"], Resnet::conv1x1(8, 8));

    // The decoder's layer of the normal distribution, decoder.in, decoder.mid
    vae.decoder0 = Conv2d(params["post_quant_conv"], Resnet::conv1x1(4, 4));
    vae.decoder1 = Conv2d(params["decoder"]["conv_in"], {4, 512});
    load_mid(vae.decoder2, params["decoder"]["mid_block"]);
    // decoder.up
    for (std::size_t i = 0; i < 4; ++i) {
        const auto block = params["decoder"]["up_blocks"][i];
        load_res(vae.decoder_up[i].res[0], block["resnets"][0]);
        load_res(vae.decoder_up[i].res[1], block["resnets"][1]);
        load_res(vae.decoder_up[i].res[2], block["resnets"][2]);
        if (i != 3) vae.decoder_up[i].add_up(block["upsamplers"][0]["conv"]);
    }
    // decoder.out
    load_out(vae.decoder7, params["decoder"], 3);
}

} // namespace notebook
