#pragma once

#include "latent/parity/module_info.hpp"
#include "latent/parity/statistics.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/error.hpp"
#include "latent/tensor/tensor.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// What went into and came out of the modules of a network while it ran, whoever ran it.

namespace latent {

/// Where a recording's tensors are: in memory, or in files that are read when they are asked
/// for. Every function throws Error for a name that is not there.
class TensorStore {
public:
    TensorStore() = default;
    TensorStore(const TensorStore&) = delete;
    TensorStore& operator=(const TensorStore&) = delete;
    virtual ~TensorStore() = default;

    [[nodiscard]] virtual std::vector<std::string> names() const = 0;
    [[nodiscard]] virtual bool has(const std::string& name) const = 0;
    [[nodiscard]] virtual Shape shape(const std::string& name) const = 0;
    [[nodiscard]] virtual Precision precision(const std::string& name) const = 0;
    [[nodiscard]] virtual Tensor<Cpu<double>> read(const std::string& name) const = 0;
};

/// Tensors that were kept while a network of ours ran.
class MemoryStore final : public TensorStore {
public:
    template <class Scalar>
    void add(std::string name, Tensor<Cpu<Scalar>> tensor) {
        tensors_.insert_or_assign(std::move(name), std::move(tensor));
    }

    [[nodiscard]] std::vector<std::string> names() const override {
        std::vector<std::string> names;
        for (const auto& entry : tensors_) names.push_back(entry.first);
        return names;
    }
    [[nodiscard]] bool has(const std::string& name) const override {
        return tensors_.contains(name);
    }
    [[nodiscard]] Shape shape(const std::string& name) const override {
        return std::visit([](const auto& tensor) { return tensor.shape(); }, at(name));
    }
    [[nodiscard]] Precision precision(const std::string& name) const override {
        return at(name).index() == 0 ? Precision::f32 : Precision::f64;
    }
    [[nodiscard]] Tensor<Cpu<double>> read(const std::string& name) const override {
        return std::visit(
            [](const auto& tensor) {
                Tensor<Cpu<double>> copy(tensor.shape());
                std::ranges::copy(tensor.values(), copy.data());
                return copy;
            },
            at(name));
    }

private:
    using Any = std::variant<Tensor<Cpu<float>>, Tensor<Cpu<double>>>;
    [[nodiscard]] const Any& at(const std::string& name) const {
        const auto found = tensors_.find(name);
        if (found == tensors_.end()) fail("recording", name, "a tensor that was recorded");
        return found->second;
    }

    std::map<std::string, Any> tensors_;
};

/// The path of the module that a name is about: of "a.b", "a.b#1" and "a.b#1:input" it is
/// "a.b".
[[nodiscard]] inline std::string path_of(std::string_view name) {
    return std::string(name.substr(0, name.find_first_of("#:")));
}

/// A run of a network. Tensors are named
///   PATH               the output of the module at that path
///   PATH#0, PATH#1     the same, of one that is called more than once
///   NAME:input         what went into it (its first argument); NAME:input.1, NAME:input.temb
///                      further ones, by place or by keyword
///   NAME:output.1      further outputs
///   NAME:given         what it was handed, where it worked on NAME:input in its place
///   parameter:P        a parameter, by its name in a checkpoint
struct Recording {
    std::string where = "recording";                ///< begins an Error
    std::vector<std::string> order = {};            ///< the outputs as they were made
    std::map<std::string, ModuleInfo> modules = {}; ///< by path; a dump may say nothing
    /// Inputs that have the bits of something made before, and are not stored again: the
    /// input's name, and whose bits it has.
    std::map<std::string, std::string> aliases = {};
    std::vector<std::string> not_stored = {};         ///< what no tensor can hold, in words
    std::map<std::string, std::string> metadata = {}; ///< versions, for one
    std::unique_ptr<TensorStore> tensors = nullptr;

    /// The name under which the tensor is stored.
    [[nodiscard]] const std::string& stored(const std::string& name) const {
        const auto found = aliases.find(name);
        return found == aliases.end() ? name : found->second;
    }
    [[nodiscard]] bool has(const std::string& name) const {
        return tensors != nullptr && tensors->has(stored(name));
    }
    [[nodiscard]] Shape shape(const std::string& name) const {
        return tensors->shape(stored(name));
    }
    [[nodiscard]] Precision precision(const std::string& name) const {
        return tensors->precision(stored(name));
    }
    [[nodiscard]] Tensor<Cpu<double>> read(const std::string& name) const {
        return tensors->read(stored(name));
    }
    /// What is known of the module that made an output; nullptr where nothing is.
    [[nodiscard]] const ModuleInfo* module_of(std::string_view name) const {
        const auto found = modules.find(path_of(name));
        return found == modules.end() ? nullptr : &found->second;
    }
};

} // namespace latent
