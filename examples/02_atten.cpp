// The notebook's second cell: attention, built from layers.

#include "notebook/atten.hpp"

int main() {
    using namespace notebook;

    latent::TorchInit fresh(0);
    Atten atten{Weights(fresh)};
    latent::Generator random(1);
    const auto x = random.randn<Device>({1, 512, 64, 64});
    show_size(atten.forward(x)); // torch.Size([1, 512, 64, 64])

    latent::KeptWeights checkpoint(std::make_unique<latent::TorchInit>(2));
    const Weights params(checkpoint);
    const latent::Attention<Device> block(params, {.query_dim = 512});
    load_atten(atten, params);
    return show_all_equal(atten.forward(x), block.forward(x)) ? 0 : 1;
}
