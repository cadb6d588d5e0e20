#pragma once

#include "latent/tensor/error.hpp"
#include "latent/tensor/shape.hpp"
#include "latent/tensor/workspace.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace latent {

/// What a type must offer to be a device: its scalar, a movable storage that is constructed
/// with a number of scalars, and whether the processor can reach them there (storage.data()).
template <class Device>
concept DeviceType = requires {
    typename Device::scalar;
    requires std::movable<typename Device::Storage>;
    requires std::constructible_from<typename Device::Storage, std::int64_t>;
    { Device::on_host } -> std::convertible_to<bool>;
};

/// An n-dimensional array on a device, dense and row-major; images are [N, C, H, W].
/// Tensors are moved, never copied by accident: `clone()` says it where a copy is meant.
/// New tensors are uninitialised.
template <DeviceType Device>
class Tensor {
public:
    using scalar = typename Device::scalar;

    Tensor() = default;
    explicit Tensor(Shape shape) : shape_(std::move(shape)), storage_(shape_.numel()) {}
    Tensor(Tensor&&) noexcept = default;
    Tensor& operator=(Tensor&&) noexcept = default;
    Tensor(const Tensor&) = delete;
    Tensor& operator=(const Tensor&) = delete;
    ~Tensor() = default;

    [[nodiscard]] const Shape& shape() const { return shape_; }
    [[nodiscard]] std::int64_t dim(std::size_t axis) const { return shape_[axis]; }
    [[nodiscard]] std::int64_t numel() const { return shape_.numel(); }

    /// The same elements in another shape; throws when the counts differ.
    [[nodiscard]] Tensor reshaped(Shape shape) && {
        if (shape.numel() != numel()) {
            fail("reshape", to_string(shape), "the element count of " + to_string(shape_));
        }
        shape_ = std::move(shape);
        return std::move(*this);
    }

    /// A copy, counted in the run's report.
    [[nodiscard]] Tensor clone() const {
        if (auto* run = Workspace::current()) ++run->report().clones;
        Tensor copy(shape_);
        if constexpr (Device::on_host) {
            std::ranges::copy(values(), copy.data());
        } else if constexpr (requires { copy.storage_.copy_from(storage_, numel()); }) {
            copy.storage_.copy_from(storage_, numel());
        }
        return copy;
    }

    /// What the device keeps of it, where the processor cannot reach the elements.
    [[nodiscard]] const typename Device::Storage& storage() const requires(!Device::on_host) {
        return storage_;
    }

    /// The elements in row-major order, on devices whose memory the processor can reach.
    [[nodiscard]] scalar* data() requires Device::on_host { return storage_.data(); }
    [[nodiscard]] const scalar* data() const requires Device::on_host {
        return storage_.data();
    }
    [[nodiscard]] std::span<scalar> values() requires Device::on_host {
        return {data(), static_cast<std::size_t>(numel())};
    }
    [[nodiscard]] std::span<const scalar> values() const requires Device::on_host {
        return {data(), static_cast<std::size_t>(numel())};
    }

private:
    Shape shape_ = Shape({0});
    typename Device::Storage storage_;
};

/// The four dimensions of a batch of images: `const auto [N, C, H, W] = nchw(x, "conv2d");`
template <class Device>
[[nodiscard]] std::array<std::int64_t, 4> nchw(const Tensor<Device>& x,
                                               std::string_view where) {
    if (x.shape().rank() != 4) fail(where, to_string(x.shape()), "a shape [N, C, H, W]");
    return {x.dim(0), x.dim(1), x.dim(2), x.dim(3)};
}

/// Throws unless both tensors have one shape.
template <class Device>
void require_same_shape(std::string_view where, const Tensor<Device>& a,
                        const Tensor<Device>& b) {
    if (a.shape() == b.shape()) return;
    fail(where, to_string(a.shape()) + " and " + to_string(b.shape()), "two equal shapes");
}

} // namespace latent
