/// Holds a block against its stored cases, which generate/autoencoder_kl.py makes: weights of
/// seed 1, then an input of seed 2 and, where a block takes one, a time embedding.
#pragma once

#include "support/layers.hpp"

#include <latent/tensor/workspace.hpp>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace latent::test {

template <class Config>
struct BlockCase {
    std::string name;
    Config config;
    Shape x;
    std::int64_t temb = 0; ///< its size; 0 for none

    /// The input and, perhaps, the time embedding, in the precision of Device.
    template <class Device>
    [[nodiscard]] std::pair<Tensor<Device>, Tensor<Device>> inputs() const {
        const Shape embedding{x[0], temb};
        if constexpr (Device::on_host) {
            using S = typename Device::scalar;
            Generator random(2);
            auto image = as<S>(uniform(random, x));
            return {std::move(image), as<S>(uniform(random, embedding))};
        } else {
            return {Tensor<Device>(x), Tensor<Device>(embedding)};
        }
    }
};

/// The block of a case with the weights of seed 1.
template <template <class> class Block, class Device, class Config>
[[nodiscard]] Block<Device> seeded_block(const BlockCase<Config>& c) {
    TorchInit init(1);
    return Block<Device>(Weights{init}[c.name], c.config);
}

template <template <class> class Block, class Device, class Config, class Trace = NoTrace>
[[nodiscard]] Tensor<Device> run_block(const BlockCase<Config>& c, const Block<Device>& block,
                                       const Trace& trace = {}) {
    auto inputs = c.template inputs<Device>();
    auto& x = inputs.first; // no structured binding: clang 14 takes none into `requires`
    const auto& temb = inputs.second;
    if constexpr (requires { block.forward(std::move(x), temb, trace); }) {
        if (c.temb > 0) return block.forward(std::move(x), temb, trace);
    }
    return block.forward(std::move(x), trace);
}

/// What a run takes and gives back, and the shape it ends with.
template <class Run>
[[nodiscard]] std::pair<std::vector<MemoryEvent>, Shape> memory_of(const Run& run) {
    const Workspace workspace({.record_memory = true});
    const auto shape = run();
    return {workspace.report().memory, shape};
}

/// Every case, layer by layer, and that a run copies nothing, reads nothing that it did not
/// write, has the same bits for any number of threads, and that Meta foretells it.
template <template <class> class Block, class Config>
void check_blocks(const Golden& golden, const std::vector<BlockCase<Config>>& cases,
                  const std::set<std::string>& tested_elsewhere = {}) {
    auto tested = tested_elsewhere;
    for (const auto& c : cases) {
        INFO(golden.name() << " " << c.name);
        tested.insert(c.name);
        const auto single = seeded_block<Block, Cpu<float>>(c);
        const auto exact = seeded_block<Block, Cpu<double>>(c);
        Recorder recorder;
        const Block<Meta> meta(Weights{recorder}[c.name], c.config);
        check_layers(
            golden, c.name, [&](const auto& trace) { return run_block(c, single, trace); },
            [&](const auto& trace) { return run_block(c, exact, trace); }, recorder);

        const auto expected = run_block(c, single);
        for (const int threads : {1, 2, 3}) {
            const Workspace run({.threads = threads, .poison = true});
            CAPTURE(threads);
            CHECK(same_bits(run_block(c, single), expected));
            CHECK(same_bits(run_block(c, single), expected));
            CHECK((run.report().clones == 0 || c.temb > 0)); // temb is small
            CHECK(run.report().live_bytes == 0);
        }

        // The inputs as Meta makes them: tensors, and no arithmetic.
        const auto inputs = c.template inputs<Cpu<float>>();
        const auto &x = inputs.first, &temb = inputs.second;
        const auto forward = [&](const auto& block, auto image, const auto& embedding) {
            if constexpr (requires { block.forward(std::move(image), embedding); }) {
                if (c.temb > 0) return block.forward(std::move(image), embedding).shape();
            }
            return block.forward(std::move(image)).shape();
        };
        const auto ours = memory_of([&] { return forward(single, x.clone(), temb); });
        const Tensor<Meta> planned(c.x), planned_temb(temb.shape());
        const auto foretold =
            memory_of([&] { return forward(meta, planned.clone(), planned_temb); });
        CHECK(ours.second == expected.shape());
        CHECK(foretold.second == expected.shape());
        CHECK(foretold.first == ours.first);
    }
    for (const auto& name : golden.outputs()) {
        CHECK(tested.contains(name.substr(0, name.find('.')))); // no stored one without a test
    }
}

} // namespace latent::test
