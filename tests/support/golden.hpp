/// The stored tensors of reference_data/, whose README describes the layout; and the one rule
/// by which every operation, block and network is held against PyTorch.
#pragma once

#include "support/closeness.hpp"

#include <latent/tensor/random.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace latent::test {

/// The folder that LATENT_REFERENCE_DATA names, else the nearest reference_data/ of the current
/// folder and those above it.
[[nodiscard]] std::filesystem::path reference_data();

/// The folder with photos/ and weights/ that LATENT_DATA names.
[[nodiscard]] std::optional<std::filesystem::path> latent_data();
/// What a test says that needs it in vain.
inline constexpr std::string_view no_latent_data =
    "LATENT_DATA is not set: no photos and no trained weights to test with";

/// uniform() of generate/golden.py: in [-1, 1), with torch's bits.
[[nodiscard]] Tensor<Cpu<float>> uniform(Generator& random, Shape shape);

/// Where a large output of `numel` elements is looked at.
[[nodiscard]] std::vector<std::size_t> sample_positions(std::int64_t numel, std::int64_t count);

/// One file of reference_data/, read whole: Golden("ops/conv2d").
class Golden {
public:
    explicit Golden(const std::string& name);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool has(std::string_view tensor) const { return tensors_.contains(tensor); }
    /// A stored tensor; throws Error where there is none.
    template <class S>
    [[nodiscard]] Tensor<Cpu<S>> tensor(std::string_view name) const {
        const auto& [shape, values] = at(name);
        Tensor<Cpu<S>> tensor(shape);
        for (std::size_t i = 0; i < values.size(); ++i) {
            tensor.data()[i] = static_cast<S>(values[i]);
        }
        return tensor;
    }
    [[nodiscard]] std::vector<std::int64_t> numbers(std::string_view name) const;

    /// The names in front of `.case`: what the scripts made inputs for.
    [[nodiscard]] std::vector<std::string> cases() const { return names_before({".case"}); }
    /// The names of the stored outputs, whole or sampled.
    [[nodiscard]] std::vector<std::string> outputs() const {
        return names_before({".float64", ".samples"});
    }

private:
    struct Entry {
        Shape shape;
        std::vector<double> values; // which holds every stored number exactly
    };
    [[nodiscard]] const Entry& at(std::string_view name) const;
    [[nodiscard]] std::vector<std::string>
    names_before(const std::vector<std::string_view>& endings) const;

    std::string name_;
    std::map<std::string, Entry, std::less<>> tensors_;
};

/// What the rule says about one output.
struct Verdict {
    bool good = false;
    std::string text; ///< the output's name and both errors
};

/// The float64 result `exact` must be the stored truth (relative L2 error 1e-12: the roundings
/// of a network in double).
[[nodiscard]] Verdict judge_exact(const Golden& golden, const std::string& output,
                                  const Tensor<Cpu<double>>& exact);

/// The rule for operations, blocks and networks: at most 1.1 times torch's own error.
inline constexpr double rule_factor = 1.1;
/// For a single layer in the midst of a network, most of whose error comes in with its input:
/// which of two equally exact networks has the luckier one at some layer is chance. (TAEF2's
/// trained encoder: 58 layers, ours have 0.7 times torch's error on average, and 1.17 times at
/// one of them.)
inline constexpr double inner_layer_factor = 1.25;

/// The rule: `exact` is the stored truth, and `ours` is as close to it as torch's float32
/// result: our relative L2 error over all elements is at most `factor` times torch's own, or
/// both are under 3.6e-7 (six roundings of float32, where chance decides whose sum is the
/// better one).
[[nodiscard]] Verdict judge(const Golden& golden, const std::string& output,
                            const Tensor<Cpu<float>>& ours, const Tensor<Cpu<double>>& exact,
                            double factor = rule_factor);

} // namespace latent::test
