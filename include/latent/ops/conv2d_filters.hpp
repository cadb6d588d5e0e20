#pragma once

#include "latent/ops/conv2d_geometry.hpp"
#include "latent/ops/im2col.hpp"
#include "latent/ops/winograd.hpp"
#include "latent/tensor/half.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace latent {

namespace detail {

/// How a 3x3 convolution with stride 1 runs, unless it enlarges on the way.
[[nodiscard]] inline WinogradForm winograd_form(const Conv2dGeometry& geometry) {
    return geometry.options.fast ? WinogradForm::f4 : WinogradForm::f2;
}

/// The filters of a convolution as they are first laid out, [panels of 8 output channels,
/// depth, 8], and at the points of Winograd's form, [points, panels, in_channels, 8].
[[nodiscard]] inline Shape panel_shape(const Conv2dGeometry& geometry) {
    return {(geometry.out_channels + panel_rows - 1) / panel_rows, geometry.depth(),
            panel_rows};
}
[[nodiscard]] inline Shape point_shape(const Conv2dGeometry& geometry) {
    const auto points = std::ssize(filter_rows(winograd_form(geometry)));
    return {points * points, panel_shape(geometry)[0], geometry.in_channels, panel_rows};
}

/// Panels as the fast path reads them.
template <class Device>
[[nodiscard]] Tensor<Device> packed_filters(Tensor<Device> panels,
                                            const Conv2dGeometry& geometry) {
    if (!geometry.uses_winograd()) return panels;
    Tensor<Device> points(point_shape(geometry));
    if constexpr (Device::on_host) {
        winograd_pack(panels.data(), panels.dim(0), geometry.in_channels,
                      winograd_form(geometry), points.data());
    }
    return points;
}

} // namespace detail

/// A convolution's filters: as its fast path reads them, or, where it is told so, in half
/// precision until it runs.
///   weight [out_channels, in_channels, kernel_h, kernel_w]
/// In half they take 2 bytes a weight. As F(2x2, 3x3) reads them 9 weights are 16 floats, 7
/// bytes a weight, and `fast` makes 36 of them, 16 bytes.
template <class Device>
class Conv2dFilters;

template <class S>
class Conv2dFilters<Cpu<S>> {
public:
    Conv2dFilters(const Tensor<Cpu<S>>& weight, const Conv2dGeometry& geometry)
        : geometry_(geometry) {
        auto panels = detail::im2col_pack(weight);
        if (geometry.options.half) {
            halves_.resize(static_cast<std::size_t>(panels.numel()));
            std::ranges::transform(panels.values(), halves_.begin(), Half::nearest<S>);
        } else {
            kept_ = detail::packed_filters(std::move(panels), geometry);
        }
    }

    /// Those that are kept in half, made for one run; else an empty tensor.
    [[nodiscard]] Tensor<Cpu<S>> widened() const {
        if (!geometry_.options.half) return {};
        Tensor<Cpu<S>> panels(detail::panel_shape(geometry_));
        detail::for_blocks(panels.numel(), [&](std::int64_t first, std::int64_t count) {
            const auto from = halves_.begin() + first;
            std::copy(from, from + count, panels.data() + first);
        });
        return detail::packed_filters(std::move(panels), geometry_);
    }
    [[nodiscard]] const Tensor<Cpu<S>>& kept_or(const Tensor<Cpu<S>>& made) const {
        return geometry_.options.half ? made : kept_;
    }

private:
    Conv2dGeometry geometry_;
    Tensor<Cpu<S>> kept_;
    std::vector<Half> halves_;
};

template <>
class Conv2dFilters<Meta> {
public:
    Conv2dFilters(const Tensor<Meta>&, const Conv2dGeometry& geometry) : geometry_(geometry) {}

    [[nodiscard]] Tensor<Meta> widened() const {
        if (!geometry_.options.half) return {};
        return detail::packed_filters(Tensor<Meta>(detail::panel_shape(geometry_)), geometry_);
    }

private:
    Conv2dGeometry geometry_;
};

} // namespace latent
