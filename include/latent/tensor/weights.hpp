#pragma once

#include "latent/tensor/devices.hpp"
#include "latent/tensor/init.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

/// What a layer asks for: its parameter's full name, its shape, and torch's rule for its first
/// value.
struct ParameterRequest {
    std::string name;
    Shape shape;
    Init init;
};

/// Where parameters come from: a file or bytes in memory (io/), torch's initialisation by a
/// seed (TorchInit), or nowhere (Recorder). Read in the order of construction, which is
/// torch's.
class WeightSource {
public:
    virtual ~WeightSource() = default;

    /// Told for every parameter, also on devices that hold no data.
    virtual void note(const ParameterRequest&) {}
    /// Fills `out` (row-major, shape.numel() values) or throws Error.
    virtual void read(const ParameterRequest& request, std::span<float> out) = 0;
    virtual void read(const ParameterRequest& request, std::span<double> out) = 0;
};

/// How layers keep and use their weights; a choice for a whole network.
struct WeightOptions {
    bool fast = false; ///< faster 3x3 convolutions that round worse: F(4x4, 3x3)
    bool half = false; ///< filters of convolutions rounded to half precision and kept in it,
                       ///< widened anew for each run: a fraction of the memory
};

/// A place in a checkpoint, from which a block constructs itself:
///     conv1(w["conv1"], {...})
/// Construction is the walk over the named parameters. `w["a"]["b"]` and `w["a.b"]` are one
/// place. What a network is told about its weights goes along:
///     AutoencoderKL<Cpu<float>> vae(Weights(source, "", {.fast = true}), config);
class Weights {
public:
    explicit Weights(WeightSource& source, std::string path = {},
                     const WeightOptions& options = {})
        : source_(&source), path_(std::move(path)), options_(options) {}

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const WeightOptions& options() const { return options_; }

    [[nodiscard]] Weights operator[](std::string_view name) const {
        return Weights(*source_, join(name), options_);
    }
    [[nodiscard]] Weights operator[](std::size_t index) const {
        return (*this)[std::to_string(index)];
    }

    /// The parameter `name` of this place. On Meta it has its shape alone.
    template <class Device>
    [[nodiscard]] Tensor<Device> parameter(std::string_view name, Shape shape,
                                           Init init) const {
        const ParameterRequest request{join(name), std::move(shape), init};
        source_->note(request);
        Tensor<Device> tensor(request.shape);
        if constexpr (Device::on_host) {
            source_->read(request, tensor.values());
        } else if constexpr (requires(std::span<const float> values) {
                                 upload(tensor, values);
                             }) {
            std::vector<float> values(static_cast<std::size_t>(tensor.numel()));
            source_->read(request, std::span<float>(values));
            upload(tensor, std::span<const float>(values));
        }
        return tensor;
    }

private:
    [[nodiscard]] std::string join(std::string_view name) const {
        return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
    }

    WeightSource* source_;
    std::string path_;
    WeightOptions options_;
};

/// The weights that torch.manual_seed(seed) and the model's constructor give, bit for bit:
/// layers draw in the order in which they are constructed.
class TorchInit final : public WeightSource {
public:
    explicit TorchInit(std::uint64_t seed) : generator_(seed) {}
    /// Goes on where a generator stands that has drawn other numbers already.
    explicit TorchInit(Generator generator) : generator_(std::move(generator)) {}

    void read(const ParameterRequest& request, std::span<float> out) override {
        fill(request.init, generator_, out);
    }
    /// The same float32 values, widened: the truth is computed with torch's weights.
    void read(const ParameterRequest& request, std::span<double> out) override {
        std::vector<float> values(out.size());
        fill(request.init, generator_, values);
        std::ranges::copy(values, out.begin());
    }

private:
    Generator generator_;
};

/// Keeps what another source gives, by name, and gives it again in any order: two networks with
/// the weights of one seed, however each of them is put together.
///     KeptWeights kept(std::make_unique<TorchInit>(0));  // or any other source
class KeptWeights final : public WeightSource {
public:
    explicit KeptWeights(std::unique_ptr<WeightSource> source) : source_(std::move(source)) {}

    void read(const ParameterRequest& request, std::span<float> out) override {
        std::ranges::copy(values_of(request), out.begin());
    }
    void read(const ParameterRequest& request, std::span<double> out) override {
        std::ranges::copy(values_of(request), out.begin());
    }

private:
    const std::vector<float>& values_of(const ParameterRequest& request) {
        const auto [kept, is_new] = values_.try_emplace(request.name);
        if (is_new) {
            kept->second.resize(static_cast<std::size_t>(request.shape.numel()));
            source_->read(request, std::span<float>(kept->second));
        } else if (std::ssize(kept->second) != request.shape.numel()) {
            fail(request.name, to_string(request.shape),
                 "the " + std::to_string(kept->second.size()) + " elements of before");
        }
        return kept->second;
    }

    std::unique_ptr<WeightSource> source_;
    std::map<std::string, std::vector<float>> values_;
};

/// Writes down what a constructor asks for; every value it gives is zero. On Meta,
/// `Model<Meta>(Weights(recorder), config)` lists a model's parameters without any memory for
/// them.
class Recorder final : public WeightSource {
public:
    void note(const ParameterRequest& request) override { requests_.push_back(request); }
    void read(const ParameterRequest&, std::span<float> out) override {
        std::ranges::fill(out, 0.0F);
    }
    void read(const ParameterRequest&, std::span<double> out) override {
        std::ranges::fill(out, 0.0);
    }

    [[nodiscard]] const std::vector<ParameterRequest>& requests() const { return requests_; }

private:
    std::vector<ParameterRequest> requests_;
};

} // namespace latent
