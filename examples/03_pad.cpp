// The notebook's third cell: Pad on an image of ones. Behind it stands a convolution with
// stride 2 and no padding of its own; the library's Downsample2D does both in one step.

#include "notebook/pad.hpp"

int main() {
    using namespace notebook;

    Image ones({1, 2, 5, 5});
    std::ranges::fill(ones.values(), 1.0F);
    std::cout << Pad().forward(ones) << '\n';

    latent::KeptWeights checkpoint(std::make_unique<latent::TorchInit>(0));
    const Weights params(checkpoint);
    const latent::Downsample2D<Device> block(params,
                                             {.channels = 2, .out_channels = 2, .padding = 0});
    const Conv2d conv(params["conv"],
                      {.in_channels = 2, .out_channels = 2, .stride = 2, .padding = {}});
    return show_all_equal(conv.forward(Pad().forward(ones)), block.forward(ones)) ? 0 : 1;
}
