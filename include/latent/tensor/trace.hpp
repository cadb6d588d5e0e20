#pragma once

#include "latent/tensor/tensor.hpp"

#include <concepts>
#include <exception>
#include <string_view>

namespace latent {

/// A trace: called with each module's path and output while a network runs, like torch's
/// forward hooks. The path is the module's place in a checkpoint ("decoder.layers.0"). The
/// tensor lives only for the call: clone() what is to be kept. Progress bars, recorders and
/// checkers are traces.
/// A trace may also have a member enter(module, x), see below.
template <class T, class Device>
concept Observer = std::invocable < const T&,
        std::string_view, const Tensor<Device>
& > ;

/// The trace that nobody listens to: it costs nothing.
struct NoTrace {
    void operator()(std::string_view, const auto&) const {}
};

/// Whether somebody wants every value, so that those which a fused step skips are computed
/// beside it.
/// A trace that is content with what a plain run computes, such as a progress bar, specialises
/// this to false.
template <class Trace>
inline constexpr bool is_traced = !std::same_as<Trace, NoTrace>;

/// A trace that is also told of each module before it works, with the module itself and its
/// input, and that says what the module works on: x, or another tensor in its place.
///     template <class Module>
///     const Tensor<Device>& enter(const Module& module, const Tensor<Device>& x) const;
/// Its call with the same path is the exit. Modules have a `path` and torch's `class_name`.
template <class Trace, class Module, class Device>
concept Enters = requires(const Trace& trace, const Module& module, const Tensor<Device>& x) {
    { trace.enter(module, x) } -> std::same_as<const Tensor<Device>&>;
};

/// What the module works on.
template <class Trace, class Module, class Device>
[[nodiscard]] const Tensor<Device>& enter(const Trace& trace, const Module& module,
                                          const Tensor<Device>& x) {
    if constexpr (Enters<Trace, Module, Device>) {
        return trace.enter(module, x);
    } else {
        return x;
    }
}

/// Thrown by a trace that has seen enough: the run ends, and the caller catches it.
struct Stopped : std::exception {
    [[nodiscard]] const char* what() const noexcept override { return "stopped by its trace"; }
};

} // namespace latent
