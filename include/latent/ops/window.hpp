#pragma once

#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

/// Parts of images: cut out, put back, blended over what is there. An image that is too large
/// for a network goes through it in such parts.

namespace latent {

/// The whole numbers from `begin` up to, and not including, `end`.
struct Range {
    std::int64_t begin = 0, end = 0;

    [[nodiscard]] std::int64_t size() const { return end - begin; }
    friend bool operator==(const Range&, const Range&) = default;
};

/// A part of a batch: some of its images, and of these the same rows and columns, all channels.
struct Window {
    Range images, rows, columns;

    friend bool operator==(const Window&, const Window&) = default;
};

/// "[0..2, 16..48, 0..32]": images, rows, columns.
[[nodiscard]] inline std::string to_string(const Window& window) {
    const auto text = [](const Range& range) {
        return std::to_string(range.begin) + ".." + std::to_string(range.end);
    };
    return "[" + text(window.images) + ", " + text(window.rows) + ", " + text(window.columns) +
           "]";
}

/// The window that is all of x [N, C, H, W].
template <class Device>
[[nodiscard]] Window whole_window(const Tensor<Device>& x) {
    const auto [N, C, H, W] = nchw(x, "window");
    return {{0, N}, {0, H}, {0, W}};
}

namespace detail {

/// Throws Error unless the window lies inside of x.
template <class Device>
void require_inside(std::string_view where, const Tensor<Device>& x, const Window& window) {
    const auto all = whole_window(x);
    const auto inside = [](const Range& part, const Range& of) {
        return 0 <= part.begin && part.begin <= part.end && part.end <= of.end;
    };
    if (inside(window.images, all.images) && inside(window.rows, all.rows) &&
        inside(window.columns, all.columns)) {
        return;
    }
    fail(where, to_string(window), "a window inside of " + to_string(x.shape()));
}

template <class Device>
[[nodiscard]] Shape window_shape(std::string_view where, const Tensor<Device>& x,
                                 const Window& window) {
    require_inside(where, x, window);
    return {window.images.size(), x.dim(1), window.rows.size(), window.columns.size()};
}

/// Throws Error unless tile[from] can be written to y[at].
template <class Device>
void require_fitting(std::string_view where, const Tensor<Device>& y, const Window& at,
                     const Tensor<Device>& tile, const Window& from) {
    const auto to = window_shape(where, y, at);
    const auto part = window_shape(where, tile, from);
    if (to != part)
        fail(where, to_string(part), "the shape " + to_string(to) + " of its place");
}

/// Throws Error unless there is a weight for each row and column.
inline void require_weights(const Window& at, std::span<const double> down,
                            std::span<const double> across) {
    if (std::ssize(down) == at.rows.size() && std::ssize(across) == at.columns.size()) return;
    fail("blend",
         std::to_string(down.size()) + " and " + std::to_string(across.size()) + " weights",
         "one for each row and column of " + to_string(at));
}

/// Calls body(row of y[at], row of tile[from], i) for each row i of every plane.
template <class S, class Body>
void for_window_rows(Tensor<Cpu<S>>& y, const Window& at, const Tensor<Cpu<S>>& tile,
                     const Window& from, const Body& body) {
    const auto C = y.dim(1), height = at.rows.size();
    parallel_for(at.images.size() * C, [&](std::int64_t plane, int) {
        const auto n = plane / C, c = plane % C;
        for (std::int64_t i = 0; i < height; ++i) {
            const auto to_row = ((at.images.begin + n) * C + c) * y.dim(2) + at.rows.begin + i;
            const auto from_row =
                ((from.images.begin + n) * C + c) * tile.dim(2) + from.rows.begin + i;
            body(y.data() + to_row * y.dim(3) + at.columns.begin,
                 tile.data() + from_row * tile.dim(3) + from.columns.begin, i);
        }
    });
}

} // namespace detail

/// y[at] = tile[from]: the tile's window goes to a window of the same size. Nothing is rounded.
/// Throws Error where a window lies outside, or the sizes or channels differ.
template <class S>
void paste(Tensor<Cpu<S>>& y, const Window& at, const Tensor<Cpu<S>>& tile,
           const Window& from) {
    detail::require_fitting("paste", y, at, tile, from);
    detail::for_window_rows(y, at, tile, from, [&](S* to, const S* part, std::int64_t) {
        std::copy_n(part, at.columns.size(), to);
    });
}
inline void paste(Tensor<Meta>& y, const Window& at, const Tensor<Meta>& tile,
                  const Window& from) {
    detail::require_fitting("paste", y, at, tile, from);
}

/// A copy of a window.
///   x [N, C, H, W]  ->  [images, C, rows, columns]
/// Throws Error where the window reaches beyond x. Parity: x[n0:n1, :, i0:i1, j0:j1].
template <class Device>
[[nodiscard]] Tensor<Device> cut(const Tensor<Device>& x, const Window& window) {
    Tensor<Device> y(detail::window_shape("cut", x, window));
    paste(y, whole_window(y), x, window);
    return y;
}

/// y[at] = m tile + (1 - m) y[at] with m[i, j] = down[i] across[j], `tile` being of the
/// window's size. Where m is 1 the tile replaces whatever stood there, even NaN.
/// Throws Error where a size does not fit.
template <class S>
void blend(Tensor<Cpu<S>>& y, const Window& at, const Tensor<Cpu<S>>& tile,
           std::span<const double> down, std::span<const double> across) {
    detail::require_fitting("blend", y, at, tile, whole_window(tile));
    detail::require_weights(at, down, across);
    detail::for_window_rows(
        y, at, tile, whole_window(tile), [&](S* to, const S* part, std::int64_t i) {
            const auto row = static_cast<S>(down[static_cast<std::size_t>(i)]);
            for (std::size_t j = 0; j < across.size(); ++j) {
                const auto m = row * static_cast<S>(across[j]);
                to[j] = m == 1 ? part[j] : m * part[j] + (1 - m) * to[j];
            }
        });
}
inline void blend(Tensor<Meta>& y, const Window& at, const Tensor<Meta>& tile,
                  std::span<const double>, std::span<const double>) {
    detail::require_fitting("blend", y, at, tile, whole_window(tile));
}

} // namespace latent
