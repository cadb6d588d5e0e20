#pragma once

#include "latent/tensor/devices.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Tensors put together along a dimension, and taken apart again. Nothing is rounded.

namespace latent {

namespace detail {

/// The elements in front of a dimension, and from it on: x is `outer` runs of `run` elements.
struct AxisRuns {
    std::int64_t outer = 1, run = 1;

    AxisRuns(const Shape& shape, std::size_t axis) {
        for (std::size_t i = 0; i < shape.rank(); ++i) (i < axis ? outer : run) *= shape[i];
    }
};

[[nodiscard]] inline Shape with_dim(const Shape& shape, std::size_t axis, std::int64_t size) {
    std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
    dims[axis] = size;
    return Shape(std::move(dims));
}

[[nodiscard]] inline Shape cat_shape(const Shape& a, const Shape& b, std::size_t axis) {
    if (axis >= a.rank() || a.rank() != b.rank() || with_dim(b, axis, a[axis]) != a) {
        fail("cat", to_string(a) + " and " + to_string(b),
             "shapes that differ along axis " + std::to_string(axis) + " alone");
    }
    return with_dim(a, axis, a[axis] + b[axis]);
}

[[nodiscard]] inline Shape chunk_shape(const Shape& x, std::int64_t count, std::size_t axis) {
    if (axis >= x.rank() || count < 1 || x[axis] % count != 0) {
        fail("chunk",
             to_string(x) + " in " + std::to_string(count) + " along axis " +
                 std::to_string(axis),
             "a dimension that can be divided so");
    }
    return with_dim(x, axis, x[axis] / count);
}

/// `parts` are that many tensors of this shape; those that are so already stay.
template <class Device>
void make_parts(std::vector<Tensor<Device>>& parts, const Shape& shape, std::int64_t count) {
    parts.resize(static_cast<std::size_t>(count));
    for (auto& part : parts)
        if (part.shape() != shape) part = Tensor<Device>(shape);
}

} // namespace detail

/// Two tensors one behind the other along a dimension; all other dimensions are equal.
///   a [.., A, ..], b [.., B, ..]  ->  [.., A + B, ..]
/// Parity: torch.cat((a, b), axis).
template <class S>
[[nodiscard]] Tensor<Cpu<S>> cat(const Tensor<Cpu<S>>& a, const Tensor<Cpu<S>>& b,
                                 std::size_t axis) {
    Tensor<Cpu<S>> y(detail::cat_shape(a.shape(), b.shape(), axis));
    const detail::AxisRuns first(a.shape(), axis), second(b.shape(), axis);
    S* to = y.data();
    for (std::int64_t i = 0; i < first.outer; ++i) {
        to = std::copy_n(a.data() + i * first.run, first.run, to);
        to = std::copy_n(b.data() + i * second.run, second.run, to);
    }
    return y;
}
[[nodiscard]] inline Tensor<Meta> cat(const Tensor<Meta>& a, const Tensor<Meta>& b,
                                      std::size_t axis) {
    return Tensor<Meta>(detail::cat_shape(a.shape(), b.shape(), axis));
}

/// The tensor in `count` equal parts along a dimension.
///   [.., count A, ..]  ->  count of [.., A, ..]
/// They go to `parts`, in memory that is there already. Throws Error where the dimension cannot
/// be divided so. Parity: torch.chunk.
template <class S>
void chunk(const Tensor<Cpu<S>>& x, std::int64_t count, std::size_t axis,
           std::vector<Tensor<Cpu<S>>>& parts) {
    const auto shape = detail::chunk_shape(x.shape(), count, axis);
    const detail::AxisRuns whole(x.shape(), axis), part(shape, axis);
    detail::make_parts(parts, shape, count);
    const S* from = x.data();
    for (std::int64_t i = 0; i < whole.outer; ++i) {
        for (auto& y : parts) {
            std::copy_n(from, part.run, y.data() + i * part.run);
            from += part.run;
        }
    }
}
inline void chunk(const Tensor<Meta>& x, std::int64_t count, std::size_t axis,
                  std::vector<Tensor<Meta>>& parts) {
    detail::make_parts(parts, detail::chunk_shape(x.shape(), count, axis), count);
}
/// In new memory.
template <class Device>
[[nodiscard]] std::vector<Tensor<Device>> chunk(const Tensor<Device>& x, std::int64_t count,
                                                std::size_t axis) {
    std::vector<Tensor<Device>> parts;
    chunk(x, count, axis, parts);
    return parts;
}

} // namespace latent
