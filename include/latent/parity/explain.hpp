#pragma once

#include "latent/models/receptive_field.hpp"
#include "latent/parity/module_info.hpp"
#include "latent/tensor/trace.hpp"
#include "latent/tensor/weights.hpp"
#include "latent/tensor/workspace.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What a network is made of and what it costs, module by module, from its config alone: it
/// runs on Meta, where tensors are shapes without data, and a trace writes down what comes by.
///     const auto decoder = explain<DecoderKL>({1, 4, 64, 64}, "", config);
///     decoder.multiply_adds;    // 1,257,259,466,752 for Stable Diffusion 1
///     const auto block = explain<ResnetBlock2D>({1, 64, 32, 32}, "block",
///                                               ResnetBlock2DConfig{64, 96});
/// Times are in explain_time.hpp.

namespace latent {

/// One module, with all that is below it.
struct ExplanationRow {
    std::string path;       ///< its place in a checkpoint, "decoder.mid_block.resnets.0.conv1"
    std::string class_name; ///< torch's or diffusers'
    std::int64_t depth = 0; ///< 0 for the outermost modules; a row's own are deeper, behind it
    Shape input = {}, output = {};
    std::int64_t parameters = 0;
    /// By definition, of direct arithmetic: convolutions, linear layers, and of attention the
    /// products of queries and keys, and of their weights and values. Fast forms need fewer.
    std::int64_t multiply_adds = 0;
    std::int64_t output_bytes = 0; ///< of the output, in float32
    /// The side, in values of the network's input, of what one output looks at through
    /// convolutions; where outputs see more or less by their place, the most.
    std::int64_t receptive_field = 1;
    /// Whether a group norm or an attention on the way looks at the whole image.
    bool sees_all = false;
};

/// A network's modules in the order in which they run, each in front of its own.
struct Explanation {
    Shape input = {}, output = {};
    std::vector<ExplanationRow> rows = {};
    std::int64_t parameters = 0;
    std::int64_t multiply_adds = 0;
    /// The most that tensors hold at one time in a plain run in float32, the input with them;
    /// weights come on top.
    std::int64_t peak_bytes = 0;
};

namespace detail {

/// What each output of the layers up to here sees of the network's input, along one side. It
/// repeats: every period() outputs see the same, `advance_` inputs further on.
class FieldOfView {
public:
    [[nodiscard]] std::int64_t side() const {
        std::int64_t most = 0;
        for (const auto& range : period_) most = std::max(most, range.size());
        return most;
    }

    void append(const SpatialStep& step) {
        const ReceptiveField layer{{step}};
        const auto pixels = period() * step.upsample;
        const auto common = std::gcd(pixels, step.stride);
        std::vector<Range> outputs;
        for (std::int64_t o = 0; o < pixels / common; ++o) {
            const auto looks_at = layer.input_of({o, o + 1});
            auto seen = at(looks_at.begin);
            for (auto j = looks_at.begin + 1; j < looks_at.end; ++j) {
                const auto next = at(j);
                seen = {std::min(seen.begin, next.begin), std::max(seen.end, next.end)};
            }
            outputs.push_back(seen);
        }
        period_ = std::move(outputs);
        advance_ *= step.stride / common;
    }

private:
    [[nodiscard]] std::int64_t period() const { return std::ssize(period_); }
    [[nodiscard]] Range at(std::int64_t o) const {
        const auto turns = floor_divide(o, period());
        const auto& range = period_[static_cast<std::size_t>(o - turns * period())];
        return {range.begin + turns * advance_, range.end + turns * advance_};
    }

    std::vector<Range> period_{{0, 1}};
    std::int64_t advance_ = 1;
};

/// The product of a module's settings of these names, all their numbers.
[[nodiscard]] inline double product_of(const ModuleInfo& info,
                                       std::initializer_list<const char*> names) {
    double product = 1;
    for (const auto* const name : names) {
        const auto found = info.settings.find(name);
        if (found == info.settings.end()) continue;
        for (const auto number : found->second) product *= number;
    }
    return product;
}

/// The multiply-adds of one output value, of the module's own arithmetic.
[[nodiscard]] inline double multiply_adds_of(const ModuleInfo& info, const Shape& output) {
    if (info.class_name == "Conv2d") return product_of(info, {"in_channels", "kernel_size"});
    if (info.class_name == "Linear") return product_of(info, {"in_features"});
    if (info.class_name == "Attention") // each pixel's query meets all keys, then all values
        return 2 * static_cast<double>(output.numel() / (output[0] * output[1]));
    return 0;
}

/// Writes the rows of a run.
class Explainer {
public:
    template <class Module>
    void enter(const Module& module, const Tensor<Meta>& x) {
        Frame frame{.row = rows_.size(), .info = describe(module)};
        rows_.push_back({.path = module.path,
                         .class_name = frame.info.class_name,
                         .depth = std::ssize(frames_),
                         .input = x.shape()});
        // A shortcut looks at what its block was given, beside the convolutions.
        if (!frames_.empty() && frames_.back().shortcut == module.path) {
            frame.is_shortcut = true;
            frame.main = std::exchange(view_, frames_.back().given);
        }
        frame.given = view_;
        if constexpr (requires { module.conv_shortcut->path; }) {
            if (module.conv_shortcut) frame.shortcut = module.conv_shortcut->path;
        } else if constexpr (requires { module.skip->path; }) {
            if (module.skip) frame.shortcut = module.skip->path;
        }
        if constexpr (requires { module.upsample_fn; }) upsample_fn_ = module.upsample_fn;
        if constexpr (requires { module.kernel.geometry(); }) {
            const auto& geometry = module.kernel.geometry();
            // Where its input is larger than what came last, it was enlarged on the way.
            const auto upsample = height_ > 0 ? x.dim(2) / height_ : 1;
            view_.field.append({.kernel = geometry.kernel_h,
                                .stride = geometry.options.stride[0],
                                .padding = geometry.options.padding.top,
                                .upsample = std::max<std::int64_t>(upsample, 1),
                                .upsample_fn = upsample_fn_});
        }
        const auto& name = frame.info.class_name;
        view_.all = view_.all || name == "GroupNorm" || name == "Attention";
        note_height(x);
        frames_.push_back(std::move(frame));
    }

    void exit(std::string_view path, const Tensor<Meta>& y) {
        if (frames_.empty() || rows_[frames_.back().row].path != path) return;
        const auto frame = std::move(frames_.back());
        frames_.pop_back();
        auto& row = rows_[frame.row];
        row.output = y.shape();
        row.output_bytes = y.numel() * std::int64_t{sizeof(float)};
        const auto each = multiply_adds_of(frame.info, y.shape());
        work_ += each * static_cast<double>(y.numel());
        if (!(work_ <= most_work)) {
            fail(row.path, "a network of more than 2^62 multiply-adds up to here",
                 "one that a number of 63 bits can count", "a smaller image has fewer");
        }
        row.multiply_adds += static_cast<std::int64_t>(each) * y.numel();
        if (!frames_.empty()) rows_[frames_.back().row].multiply_adds += row.multiply_adds;
        row.receptive_field = view_.field.side();
        row.sees_all = view_.all;
        if (frame.is_shortcut) view_ = frame.main;
        note_height(y);
    }

    /// The rows, with the parameters that these requests are for.
    [[nodiscard]] Explanation finish(std::span<const ParameterRequest> requests) {
        std::vector<std::pair<std::string_view, std::int64_t>> sorted;
        for (const auto& [name, shape, init] : requests) {
            sorted.emplace_back(name, shape.numel());
        }
        std::ranges::sort(sorted);
        std::vector<std::int64_t> before{0}; // parameters in front of each name
        for (const auto& [name, count] : sorted) before.push_back(before.back() + count);
        const auto in_front = [&](const std::string& name) {
            const auto at = std::ranges::lower_bound(
                sorted, std::pair(std::string_view(name), std::int64_t{0}));
            return before[static_cast<std::size_t>(at - sorted.begin())];
        };
        Explanation result{.rows = std::move(rows_), .parameters = before.back()};
        for (auto& row : result.rows) {
            // '/' is the character behind '.', so between the two are the names below the path.
            row.parameters = row.path.empty()
                                 ? result.parameters
                                 : in_front(row.path + "/") - in_front(row.path + ".");
            if (row.depth == 0) result.multiply_adds += row.multiply_adds;
        }
        return result;
    }

private:
    static constexpr double most_work = 4611686018427387904.0; // 2^62

    struct View {
        FieldOfView field;
        bool all = false;
    };
    struct Frame {
        std::size_t row = 0;
        ModuleInfo info = {};
        View given = {};           ///< what the module's input sees
        std::string shortcut = {}; ///< the path of the convolution beside its others
        bool is_shortcut = false;
        View main = {}; ///< of a shortcut: where the convolutions beside it stand
    };

    void note_height(const Tensor<Meta>& x) {
        if (x.shape().rank() == 4) height_ = x.dim(2);
    }

    std::vector<ExplanationRow> rows_;
    std::vector<Frame> frames_;
    View view_;
    std::int64_t height_ = 0;
    Interpolation upsample_fn_ = Interpolation::nearest;
    double work_ = 0;
};

/// Hands an Explainer what comes by.
struct ExplainTrace {
    Explainer* to;

    template <class Module>
    const Tensor<Meta>& enter(const Module& module, const Tensor<Meta>& x) const {
        to->enter(module, x);
        return x;
    }
    void operator()(std::string_view path, const Tensor<Meta>& y) const { to->exit(path, y); }
};

} // namespace detail

/// What Network<Device>(Weights at `place`, settings...) does with an input of this shape,
/// whose first axis is the batch. Network is EncoderKL, DecoderTiny, Attention, or any class of
/// one's own whose forward(x, trace) calls enter() and its trace as the library's do. Throws
/// Error for more than 2^62 multiply-adds, and what the network throws for settings or shapes
/// that do not fit.
template <template <class> class Network, class... Settings>
[[nodiscard]] Explanation explain(const Shape& input, const std::string& place,
                                  const Settings&... settings) {
    Recorder recorder;
    const Network<Meta> network(Weights(recorder, place), settings...);
    detail::Explainer explainer;
    (void)network.forward(Tensor<Meta>(input), detail::ExplainTrace{&explainer});
    auto explanation = explainer.finish(recorder.requests());
    // A trace has fused steps computed in parts, so memory is that of a run without one.
    Workspace run({.threads = 1});
    explanation.input = input;
    explanation.output = network.forward(Tensor<Meta>(input)).shape();
    explanation.peak_bytes = run.report().peak_bytes;
    return explanation;
}

} // namespace latent
