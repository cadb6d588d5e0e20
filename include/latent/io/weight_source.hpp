#pragma once

#include "latent/io/checkpoint.hpp"
#include "latent/io/nearest_name.hpp"
#include "latent/io/rename.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"
#include "latent/tensor/weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

/// A checkpoint as a part of a model: which parameters are asked of it, and under what names.
struct CheckpointPart {
    Checkpoint file;
    /// From a parameter's name to its name in the file.
    std::vector<RenameRule> rules = {};
    /// Only parameters whose name begins so are looked up here; "" serves all.
    std::string serves = {};
    /// Only names of the file that begin with one of these can be unexpected; the others belong
    /// to somebody else, as a UNet's do in a whole pipeline's file. None means all.
    std::vector<std::string> within = {};
    /// Names of the file that nobody has to ask for.
    std::set<std::string, std::less<>> spare = {};
};

namespace detail {

/// Whether the shapes are equal but for ones at their ends: a linear layer's [O, I] is as well
/// stored as a 1x1 convolution's [O, I, 1, 1].
[[nodiscard]] inline bool same_but_for_ones(const Shape& a, const Shape& b) {
    const auto without = [](const Shape& shape) {
        auto dims = std::span<const std::int64_t>(shape.dims());
        while (!dims.empty() && dims.back() == 1) dims = dims.first(dims.size() - 1);
        return dims;
    };
    return std::ranges::equal(without(a), without(b));
}

} // namespace detail

/// Parameters from files, as `Weights` asks for them: one file, or several (an encoder's and a
/// decoder's), each with its own table of names. A parameter is asked of the first part that
/// serves it and has it. Shapes may differ in ones at their ends.
///     CheckpointSource source(Checkpoint::open(path));
///     source.check(recorder.requests());  // everything that is wrong, in one report
///     AutoencoderTiny<Cpu<float>> model(Weights(source), config);
class CheckpointSource final : public WeightSource {
public:
    explicit CheckpointSource(std::vector<CheckpointPart> parts) : parts_(std::move(parts)) {}
    explicit CheckpointSource(Checkpoint file) { parts_.push_back({.file = std::move(file)}); }

    [[nodiscard]] std::span<const CheckpointPart> parts() const { return parts_; }

    /// From now on a parameter that is read must be finite: an Error names the tensor, the
    /// place of its first NaN or infinity, and how many there are.
    void require_finite() { finite_ = true; }

    void read(const ParameterRequest& request, std::span<float> out) override {
        read_as(request, out);
    }
    void read(const ParameterRequest& request, std::span<double> out) override {
        read_as(request, out);
    }

    /// Throws one Error, of one line, that lists what is missing (with the nearest name that
    /// the file has to offer), what has another shape, and what nobody asked for; of each the
    /// first eight and how many more. Returns where the files give exactly what is requested.
    void check(std::span<const ParameterRequest> requests) const {
        std::vector<std::string> missing, misshapen;
        std::set<const TensorInfo*> used;
        for (const auto& request : requests) {
            const auto found = find(request.name);
            if (found.tensor == nullptr) {
                missing.push_back(request.name);
                continue;
            }
            used.insert(found.tensor);
            if (detail::same_but_for_ones(found.tensor->shape, request.shape)) continue;
            misshapen.push_back(name_in_file(request.name, found.tensor->name) + " " +
                                detail::shape_text(found.tensor->shape.dims()) +
                                " instead of " + to_string(request.shape));
        }
        const auto unexpected = unused_names(used);
        if (missing.empty() && misshapen.empty() && unexpected.empty()) return;

        std::string got;
        const auto add = [&](const std::string& text) {
            if (text.empty()) return;
            if (!got.empty()) got += ", and ";
            got += text;
        };
        add(listed("missing", missing, [&](const std::string& name) {
            const auto text = name_in_file(name, name_for(name));
            const auto nearest = nearest_name(name_for(name), unexpected);
            return nearest ? text + " (nearest: " + escaped(shortened(*nearest)) + ")" : text;
        }));
        add(listed("misshapen", misshapen, [](const std::string& text) { return text; }));
        add(listed("unexpected", unexpected,
                   [](std::string_view name) { return escaped(shortened(name)); }));
        fail(where(), got,
             "exactly the " + std::to_string(requests.size()) + " parameters of the network");
    }

private:
    struct Found {
        const CheckpointPart* part = nullptr;
        const TensorInfo* tensor = nullptr;
    };

    [[nodiscard]] Found find(const std::string& name) const {
        for (const auto& part : parts_) {
            if (!name.starts_with(part.serves)) continue;
            if (const auto* const tensor = part.file.find(renamed(name, part.rules))) {
                return {&part, tensor};
            }
        }
        return {};
    }

    template <class Real>
    void read_as(const ParameterRequest& request, std::span<Real> out) const {
        const auto [part, tensor] = find(request.name);
        if (tensor == nullptr) {
            fail(where(), "no tensor " + in_quotes(name_for(request.name)),
                 "one of shape " + to_string(request.shape));
        }
        if (!detail::same_but_for_ones(tensor->shape, request.shape)) {
            fail(part->file.path(),
                 detail::shape_text(tensor->shape.dims()) + " for " + in_quotes(tensor->name),
                 to_string(request.shape));
        }
        part->file.read(*tensor, out);
        if (finite_) check_finite(part->file.path(), *tensor, std::span<const Real>(out));
    }

    template <class Real>
    static void check_finite(const std::string& path, const TensorInfo& tensor,
                             std::span<const Real> values) {
        const auto odd = [](Real value) { return !std::isfinite(value); };
        const auto first = std::ranges::find_if(values, odd);
        if (first == values.end()) return;
        const auto place =
            place_text(tensor.shape, static_cast<std::int64_t>(first - values.begin()));
        fail(path,
             in_quotes(tensor.name) + " with " + (std::isnan(*first) ? "nan" : "inf") + " at " +
                 place + ", " + std::to_string(std::ranges::count_if(values, odd)) + " in all",
             "finite weights",
             tensor.dtype == DType::F16
                 ? "a number beyond 65504 becomes infinite in half precision, and SDXL's VAE "
                   "is known for it: take the float32 file or the fp16-fix one"
                 : "");
    }

    /// The parameter's name in the first file that serves it.
    [[nodiscard]] std::string name_for(const std::string& name) const {
        for (const auto& part : parts_) {
            if (name.starts_with(part.serves)) return renamed(name, part.rules);
        }
        return name;
    }

    /// "decoder.layers.0.weight, in the file 1.weight", or the one name where both are the
    /// same.
    [[nodiscard]] static std::string name_in_file(const std::string& name,
                                                  const std::string& in_file) {
        const auto text = escaped(shortened(name));
        return name == in_file ? text : text + ", in the file " + escaped(shortened(in_file));
    }

    [[nodiscard]] std::vector<std::string_view>
    unused_names(const std::set<const TensorInfo*>& used) const {
        std::vector<std::string_view> names;
        for (const auto& part : parts_) {
            for (const auto& tensor : part.file.tensors()) {
                const auto begins = [&](const std::string& prefix) {
                    return tensor.name.starts_with(prefix);
                };
                const bool ours =
                    part.within.empty() || std::ranges::any_of(part.within, begins);
                if (!ours || used.contains(&tensor) || part.spare.contains(tensor.name))
                    continue;
                names.push_back(tensor.name);
            }
        }
        return names;
    }

    [[nodiscard]] std::string where() const {
        std::string paths;
        for (const auto& part : parts_) {
            if (!paths.empty()) paths += " and ";
            paths += part.file.path();
        }
        return paths;
    }

    /// "2 missing: a, b", or "" for none; `show` gives an item's text.
    template <class Item, class Show>
    [[nodiscard]] static std::string listed(const std::string& title,
                                            const std::vector<Item>& items, Show show) {
        constexpr std::size_t most = 8;
        std::string text;
        for (std::size_t i = 0; i < std::min(most, items.size()); ++i) {
            text += i == 0 ? std::to_string(items.size()) + " " + title + ": " : "; ";
            text += show(items[i]);
        }
        if (items.size() > most)
            text += "; and " + std::to_string(items.size() - most) + " more";
        return text;
    }

    std::vector<CheckpointPart> parts_;
    bool finite_ = false;
};

} // namespace latent
