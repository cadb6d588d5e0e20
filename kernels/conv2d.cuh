#pragma once

#include "activation.cuh"
#include "tile_product.cuh"

/// Convolution as a matrix product whose right side is never made:
///   y [out_channels, pixels] = weight [out_channels, depth] columns [depth, pixels],
///   depth = in_channels kernel_h kernel_w
/// A thread looks its pixel's column up in the image as it needs it. Nearest upsampling is in
/// that look, bias, a tensor to add and an activation are in the writing.
/// conv2d/ has the steps that lead here, one idea each.

namespace latent::kernels {

template <class T>
struct Conv2dArguments {
    int in_channels, height, width, out_channels, packed_channels, out_height, out_width;
    int kernel_h, kernel_w, stride_down, stride_right, top, left, upsample;
    const T *x, *weight, *bias, *add;
    Activation after;
    T* y;
};

/// A square kernel of this size, or of any size: 0.
template <class T, int PerThread, int Size>
__global__ void __launch_bounds__(tile_threads) conv2d_kernel(Conv2dArguments<T> a) {
    auto& s = shared_storage<TileShared<PerThread>>();
    const int kernel_h = Size != 0 ? Size : a.kernel_h,
              kernel_w = Size != 0 ? Size : a.kernel_w;
    const int taps = kernel_h * kernel_w, depth = a.in_channels * taps;
    const int pixels = a.out_height * a.out_width;
    const int first_pixel = static_cast<int>(blockIdx.x) * tile_right;
    const int first_channel = static_cast<int>(blockIdx.y) * tile_left<PerThread>;
    const auto image = static_cast<std::int64_t>(blockIdx.z);
    const T* x = a.x + image * a.in_channels * a.height * a.width;

    // The thread's pixel, and the corner of what it looks at in the enlarged image.
    const int pixel = first_pixel + static_cast<int>(threadIdx.x) % tile_right;
    const int row = pixel / a.out_width * a.stride_down - a.top;
    const int column = pixel % a.out_width * a.stride_right - a.left;

    const auto weight = [&](int k, int i) {
        if (k >= depth || first_channel + i >= a.packed_channels) return float4{};
        return load_four(a.weight + static_cast<std::int64_t>(k) * a.packed_channels +
                         first_channel + i);
    };
    const auto look = [&](int k) {
        const int channel = k / taps, tap = k % taps;
        const int down = row + tap / kernel_w, right = column + tap % kernel_w;
        if (k >= depth || pixel >= pixels || down < 0 || down >= a.height * a.upsample ||
            right < 0 || right >= a.width * a.upsample) {
            return 0.0F;
        }
        const auto line = static_cast<std::int64_t>(channel) * a.height + down / a.upsample;
        return load(x + line * a.width + right / a.upsample);
    };
    float y[PerThread][8];
    tile_product<PerThread>(depth, s, weight, look, y);

#pragma unroll
    for (int i = 0; i < PerThread; ++i) {
        const int channel = first_channel + left_of<PerThread>(i);
        if (channel >= a.out_channels) continue;
        const auto plane = (image * a.out_channels + channel) * pixels;
        const float bias = a.bias ? load(a.bias + channel) : 0;
#pragma unroll
        for (int j = 0; j < 8; ++j) {
            const int at = first_pixel + right_of(j);
            if (at >= pixels) continue;
            float sum = y[i][j] + bias;
            if (a.add) sum += load(a.add + plane + at);
            store(a.y + plane + at, activate(a.after, sum));
        }
    }
}

} // namespace latent::kernels
