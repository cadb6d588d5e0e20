#pragma once

#include "latent/parity/recording.hpp"
#include "latent/parity/statistics.hpp"
#include "latent/tensor/error.hpp"
#include "latent/tensor/weights.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace latent {

/// The tensors of a run, and the parameters of the network that ran. A parameter is read from
/// where it is, each time it is asked for: a recording need not hold a second network.
class ParameterStore final : public TensorStore {
public:
    /// `source` is asked in any order; `precision` is that of its numbers.
    ParameterStore(std::unique_ptr<TensorStore> run, std::unique_ptr<WeightSource> source,
                   const std::vector<ParameterRequest>& requests,
                   Precision precision = Precision::f32)
        : run_(std::move(run)), source_(std::move(source)), precision_(precision) {
        for (const auto& request : requests)
            requests_.emplace("parameter:" + request.name, request);
    }

    [[nodiscard]] std::vector<std::string> names() const override {
        auto names = run_->names();
        for (const auto& entry : requests_) names.push_back(entry.first);
        return names;
    }
    [[nodiscard]] bool has(const std::string& name) const override {
        return requests_.contains(name) || run_->has(name);
    }
    [[nodiscard]] Shape shape(const std::string& name) const override {
        const auto found = requests_.find(name);
        return found == requests_.end() ? run_->shape(name) : found->second.shape;
    }
    [[nodiscard]] Precision precision(const std::string& name) const override {
        return requests_.contains(name) ? precision_ : run_->precision(name);
    }
    [[nodiscard]] Tensor<Cpu<double>> read(const std::string& name) const override {
        const auto found = requests_.find(name);
        if (found == requests_.end()) return run_->read(name);
        Tensor<Cpu<double>> values(found->second.shape);
        source_->read(found->second, values.values());
        return values;
    }

private:
    std::unique_ptr<TensorStore> run_;
    std::unique_ptr<WeightSource> source_;
    std::map<std::string, ParameterRequest> requests_; ///< by their names here
    Precision precision_;
};

/// Lets a recording of ours know the parameters that its network was built from:
///     Recorder wanted;
///     (void)Decoder<Meta>(Weights(wanted)["decoder"], config);
///     add_parameters(recording, std::make_unique<KeptWeights>(...), wanted.requests());
inline void add_parameters(Recording& recording, std::unique_ptr<WeightSource> source,
                           const std::vector<ParameterRequest>& requests,
                           Precision precision = Precision::f32) {
    recording.tensors = std::make_unique<ParameterStore>(
        std::move(recording.tensors), std::move(source), requests, precision);
}

/// The parameters of a recording, kept in double until they are many.
class ParameterCache {
public:
    explicit ParameterCache(const Recording& recording) : recording_(&recording) {}

    const Tensor<Cpu<double>>* find(const std::string& name) {
        const auto stored = "parameter:" + name;
        if (const auto found = kept_.find(name); found != kept_.end()) return &found->second;
        if (!recording_->has(stored)) return nullptr;
        auto value = recording_->read(stored);
        bytes_ += value.numel() * std::int64_t{sizeof(double)};
        return &kept_.insert_or_assign(name, std::move(value)).first->second;
    }
    /// Lets them go, when nobody looks at one.
    void trim() {
        if (bytes_ < std::int64_t{1} << 28) return;
        kept_.clear();
        bytes_ = 0;
    }

private:
    const Recording* recording_;
    std::map<std::string, Tensor<Cpu<double>>> kept_;
    std::int64_t bytes_ = 0;
};

} // namespace latent
