#pragma once

#include "latent/tensor/error.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace latent {

/// The dimensions of a tensor, outermost first, as torch.Size: images are [N, C, H, W].
/// Rank 0 is a single number; a dimension of 0 is an empty tensor.
class Shape {
public:
    Shape() = default;
    Shape(const Shape&) = default;
    Shape& operator=(const Shape&) = default;
    /// What was moved from has no elements.
    Shape(Shape&& other) noexcept
        : dims_(std::move(other.dims_)), numel_(std::exchange(other.numel_, 0)) {}
    Shape& operator=(Shape&& other) noexcept {
        dims_ = std::move(other.dims_);
        numel_ = std::exchange(other.numel_, 0);
        return *this;
    }
    ~Shape() = default;
    Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) { check(); }
    explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) { check(); }

    [[nodiscard]] std::size_t rank() const { return dims_.size(); }
    [[nodiscard]] std::int64_t operator[](std::size_t axis) const { return dims_.at(axis); }
    [[nodiscard]] std::span<const std::int64_t> dims() const { return dims_; }

    /// The number of elements: the product of the dimensions, 1 for rank 0.
    [[nodiscard]] std::int64_t numel() const { return numel_; }

    friend bool operator==(const Shape& a, const Shape& b) { return a.dims_ == b.dims_; }

private:
    // Every Shape that exists has dimensions >= 0 whose product fits in 63 bits.
    void check();

    std::vector<std::int64_t> dims_;
    std::int64_t numel_ = 1;
};

/// "[1, 4, 64, 64]", the form in which errors and listings show a shape.
[[nodiscard]] inline std::string to_string(const Shape& shape) {
    std::string text = "[";
    for (const auto dim : shape.dims()) {
        if (text.size() > 1) text += ", ";
        text += std::to_string(dim);
    }
    return text + "]";
}

/// "[0, 2, 5, 7]", the place of element i of a row-major tensor.
[[nodiscard]] inline std::string place_text(const Shape& shape, std::int64_t i) {
    std::vector<std::int64_t> place(shape.rank());
    for (std::size_t axis = shape.rank(); axis-- > 0; i /= shape[axis])
        place[axis] = i % shape[axis];
    return to_string(Shape(std::move(place)));
}

inline void Shape::check() {
    bool empty = false;
    for (const auto dim : dims_) {
        if (dim < 0) fail("shape", to_string(*this), "dimensions of at least 0");
        empty = empty || dim == 0;
    }
    numel_ = empty ? 0 : 1;
    for (const auto dim : dims_) {
        if (!empty && numel_ > std::numeric_limits<std::int64_t>::max() / dim) {
            fail("shape", to_string(*this), "a number of elements below 2^63");
        }
        numel_ *= dim;
    }
}

} // namespace latent
