// The notebook's first cell: a residual block of two convolutions, built from layers. Then its
// weights come from the library's own block, and every value is the same.

#include "notebook/resnet.hpp"

int main() {
    using namespace notebook;

    latent::TorchInit fresh(0); // torch.manual_seed(0)
    Resnet resnet(Weights(fresh), 128, 256);
    latent::Generator random(1);
    const auto x = random.randn<Device>({1, 128, 10, 10});
    show_size(resnet.forward(x)); // torch.Size([1, 256, 10, 10])

    // params: where the notebook has a checkpoint, we have the weights of another seed.
    latent::KeptWeights checkpoint(std::make_unique<latent::TorchInit>(2));
    const Weights params(checkpoint);
    const latent::ResnetBlock2D<Device> block(params,
                                              {.in_channels = 128, .out_channels = 256});
    load_res(resnet, params);
    return show_all_equal(resnet.forward(x), block.forward(x.clone())) ? 0 : 1;
}
