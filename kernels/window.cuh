#pragma once

#include "elementwise.cuh"

/// Parts of images: cut out, put in, faded into each other; images enlarged; one number for a
/// whole plane.

namespace latent::kernels {

template <class T>
__global__ void __launch_bounds__(element_threads)
    window_kernel(Window what, const T* x, T* y) {
    const auto plane_size = what.rows * what.columns;
    for_elements(what.planes * plane_size, [&](std::int64_t i) {
        const auto plane = i / plane_size, row = i % plane_size / what.columns;
        const auto column = i % what.columns;
        const float part = load(x + plane * what.x_plane + row * what.x_row + column);
        T* to = y + plane * what.y_plane + row * what.y_row + column;
        const float m = what.down ? load(what.down + row) * load(what.across + column) : 1;
        // Where m is 1 what stood there does not matter, even if it is NaN.
        store(to, m == 1 ? part : m * part + (1 - m) * load(to));
    });
}

template <class T>
__global__ void __launch_bounds__(element_threads)
    planes_kernel(std::int64_t planes, std::int64_t pixels, std::int64_t period, const T* x,
                  const T* factors, const T* offsets, T* y) {
    for_elements(planes * pixels, [&](std::int64_t i) {
        const auto at = i / pixels % period;
        const float product = load(x + i) * (factors ? load(factors + at) : 1);
        store(y + i, product + load(offsets + at));
    });
}

/// Four neighbours along one side, and their weights; pixel centres at i + 1/2.
struct Taps {
    std::int64_t first; ///< of the four, may be outside
    float weight[4];

    __device__ Taps(std::int64_t at, int factor, bool cubic) {
        const auto numerator = 2 * at + 1 + factor;
        first = numerator / (2 * factor) - 2;
        const float t =
            static_cast<float>(numerator % (2 * factor)) / static_cast<float>(2 * factor);
        if (!cubic) {
            weight[0] = weight[3] = 0;
            weight[1] = 1 - t, weight[2] = t;
            return;
        }
        weight[0] = far(1 + t), weight[1] = near(t);
        weight[2] = near(1 - t), weight[3] = far(2 - t);
    }

private:
    // The cubic convolution of Keys 1981 with a = -3/4.
    [[nodiscard]] __device__ static float near(float d) {
        return (1.25F * d - 2.25F) * d * d + 1;
    }
    [[nodiscard]] __device__ static float far(float d) {
        return ((-0.75F * d + 3.75F) * d - 6) * d + 3;
    }
};

template <class T>
__global__ void __launch_bounds__(element_threads)
    interpolate_kernel(const T* x, std::int64_t planes, std::int64_t height, std::int64_t width,
                       int factor, bool cubic, T* y) {
    const auto across = width * factor, plane_size = height * factor * across;
    const auto inside = [](std::int64_t at, std::int64_t size) {
        return at < 0 ? 0 : at < size ? at : size - 1;
    };
    for_elements(planes * plane_size, [&](std::int64_t i) {
        const Taps down(i % plane_size / across, factor, cubic),
            right(i % across, factor, cubic);
        float sum = 0;
        for (int u = 0; u < 4; ++u) {
            // A weight of zero takes no part: it must not turn an infinity into NaN.
            if (down.weight[u] == 0) continue;
            const auto row = (i / plane_size * height + inside(down.first + u, height)) * width;
            float line = 0;
            for (int v = 0; v < 4; ++v) {
                if (right.weight[v] == 0) continue;
                line =
                    fmaf(right.weight[v], load(x + row + inside(right.first + v, width)), line);
            }
            sum = fmaf(down.weight[u], line, sum);
        }
        store(y + i, sum);
    });
}

} // namespace latent::kernels
