#pragma once

#include "latent/parity/module_info.hpp"
#include "latent/parity/recording.hpp"
#include "latent/tensor/trace.hpp"

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

/// A trace that keeps what goes into and comes out of every module. The memory is that of all
/// layers together; an input that has the bits of an earlier tensor is not kept again.
///     const RecordTrace<Cpu<float>> record;
///     (void)vae.decode(latents, record);
///     const auto recording = record.finish();
template <class Device>
class RecordTrace {
public:
    explicit RecordTrace(bool keep_inputs = true) : keep_inputs_(keep_inputs) {}

    template <class Module>
    const Tensor<Device>& enter(const Module& module, const Tensor<Device>& x) const {
        const auto call = entered_[module.path]++;
        modules_.try_emplace(module.path, describe(module));
        if (keep_inputs_) keep({module.path, call, ":input"}, x);
        return x;
    }

    /// Keeps what a module was handed, where it works on something else.
    template <class Module>
    void given(const Module& module, const Tensor<Device>& x) const {
        if (keep_inputs_) keep({module.path, entered_[module.path], ":given"}, x);
    }

    void operator()(std::string_view path, const Tensor<Device>& y) const {
        const std::string place(path);
        const auto call = left_[place]++;
        kept_.push_back({{place, call, ""}, kept_.size(), y.clone()});
        by_size_[y.numel()].push_back(kept_.size() - 1);
    }

    /// What was kept, which leaves the trace empty.
    [[nodiscard]] Recording finish() const {
        Recording recording;
        auto store = std::make_unique<MemoryStore>();
        for (const auto& entry : kept_) {
            const auto name = name_of(entry.key);
            if (entry.key.what.empty()) recording.order.push_back(name);
            if (entry.twin != static_cast<std::size_t>(&entry - kept_.data())) {
                recording.aliases[name] = name_of(kept_[entry.twin].key);
            }
        }
        for (auto& entry : kept_) {
            const auto name = name_of(entry.key);
            if (!recording.aliases.contains(name)) store->add(name, std::move(entry.tensor));
        }
        recording.modules = std::exchange(modules_, {});
        recording.tensors = std::move(store);
        kept_.clear();
        by_size_.clear();
        entered_.clear();
        left_.clear();
        return recording;
    }

private:
    struct Key {
        std::string path;
        int call;
        std::string what;
    };
    struct Kept {
        Key key;
        std::size_t twin; ///< the place of the tensor that has the same bits, or its own
        Tensor<Device> tensor;
    };

    void keep(Key key, const Tensor<Device>& x) const {
        auto& same_size = by_size_[x.numel()];
        const auto bytes = static_cast<std::size_t>(x.numel()) * sizeof(*x.data());
        for (const auto at : same_size) {
            const auto& other = kept_[at].tensor;
            if (other.shape() == x.shape() && std::memcmp(other.data(), x.data(), bytes) == 0) {
                kept_.push_back({std::move(key), at, {}});
                return;
            }
        }
        kept_.push_back({std::move(key), kept_.size(), x.clone()});
        same_size.push_back(kept_.size() - 1);
    }

    /// Numbered where the module was called again.
    [[nodiscard]] std::string name_of(const Key& key) const {
        const auto calls = left_.find(key.path);
        const bool numbered = calls != left_.end() && calls->second > 1;
        return key.path + (numbered ? "#" + std::to_string(key.call) : "") + key.what;
    }

    // A trace is handed on as const.
    bool keep_inputs_;
    mutable std::vector<Kept> kept_;
    mutable std::map<std::int64_t, std::vector<std::size_t>> by_size_;
    mutable std::map<std::string, ModuleInfo> modules_;
    mutable std::map<std::string, int> entered_, left_;
};

/// A trace that gives each module the input that was recorded of its own, so that each is held
/// against the recording alone, and nothing is handed on. `seen` is told of the outputs, and
/// by given(module, x), if it has that, of what the network itself would have handed on.
template <class Device, Observer<Device> Seen>
class IsolateTrace {
public:
    IsolateTrace(const Recording& recording, const Seen& seen)
        : recording_(&recording), seen_(&seen) {}

    template <class Module>
    const Tensor<Device>& enter(const Module& module, const Tensor<Device>& x) const {
        const auto call = calls_[module.path]++;
        auto name = module.path + ":input";
        if (!recording_->has(name)) name = module.path + "#" + std::to_string(call) + ":input";
        if (!recording_->has(name)) return latent::enter(*seen_, module, x);
        if constexpr (requires { seen_->given(module, x); }) seen_->given(module, x);
        auto& held = inputs_[module.path];
        held = in_shape(recording_->read(name), x.shape(), name);
        return latent::enter(*seen_, module, held);
    }
    void operator()(std::string_view path, const Tensor<Device>& y) const { (*seen_)(path, y); }

private:
    /// PyTorch has the pixels of an image in one axis for some modules, and the zeros that a
    /// convolution of ours puts around an image in the image.
    [[nodiscard]] Tensor<Device> in_shape(Tensor<Cpu<double>> values, const Shape& shape,
                                          const std::string& name) const {
        Tensor<Device> x(shape);
        const auto& got = values.shape();
        if (got.numel() == shape.numel()) {
            for (std::int64_t i = 0; i < shape.numel(); ++i) {
                x.data()[i] = static_cast<typename Device::scalar>(values.data()[i]);
            }
            return x;
        }
        const bool padded = got.rank() == 4 && shape.rank() == 4 && got[0] == shape[0] &&
                            got[1] == shape[1] && got[2] == shape[2] + 1 &&
                            got[3] == shape[3] + 1;
        if (!padded) {
            fail(recording_->where + ": " + name, to_string(got), to_string(shape),
                 "it is another network's, or of another size");
        }
        for (std::int64_t row = 0; row < shape[0] * shape[1] * shape[2]; ++row) {
            const auto* from = values.data() + (row + row / shape[2]) * got[3];
            for (std::int64_t i = 0; i < shape[3]; ++i) {
                x.data()[row * shape[3] + i] = static_cast<typename Device::scalar>(from[i]);
            }
        }
        return x;
    }

    const Recording* recording_;
    const Seen* seen_;
    mutable std::map<std::string, int> calls_;
    mutable std::map<std::string, Tensor<Device>> inputs_; ///< alive while the module works
};

} // namespace latent
