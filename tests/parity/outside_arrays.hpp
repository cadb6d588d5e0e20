/// The arrays and layers of the outside port: what a stranger who ports an autoencoder writes
/// without this library. Pictures are NHWC, weights HWIO, everything is float in plain vectors,
/// and sums run in the order in which the numbers lie. Layers take as arguments what ports get
/// wrong, so that a mistake is a wrong argument and no other code.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace outside {

using Floats = std::vector<float>;

/// In which numbers the port stores weights and the output of every layer.
enum class Numbers { single, half, brain };

/// x as it comes back from memory. Half precision has 11 bits and ends at 65504; brain floats
/// have 8 bits and the range of a float.
[[nodiscard]] inline float stored(float x, Numbers numbers) {
    if (numbers == Numbers::single || x == 0 || !std::isfinite(x)) return x;
    const bool half = numbers == Numbers::half;
    const int exponent = std::max(std::ilogb(x), half ? -14 : -126);
    const float step = std::ldexp(1.0F, exponent - (half ? 10 : 7));
    const float rounded = std::nearbyint(x / step) * step; // ties go to even
    if (half && std::abs(rounded) > 65504.0F) {
        return std::copysign(std::numeric_limits<float>::infinity(), x);
    }
    return rounded;
}

/// n images of h rows, w columns and c channels, the channels of a pixel side by side.
struct Picture {
    int n = 0, h = 0, w = 0, c = 0;
    Floats v;

    Picture() = default;
    Picture(int images, int rows, int columns, int channels)
        : n(images),
          h(rows),
          w(columns),
          c(channels),
          v(static_cast<std::size_t>(images) * static_cast<std::size_t>(rows * columns) *
            static_cast<std::size_t>(channels)) {}

    [[nodiscard]] float* pixel(int image, int y, int x) {
        return v.data() + ((static_cast<std::ptrdiff_t>(image) * h + y) * w + x) * c;
    }
    [[nodiscard]] const float* pixel(int image, int y, int x) const {
        return v.data() + ((static_cast<std::ptrdiff_t>(image) * h + y) * w + x) * c;
    }
};

[[nodiscard]] inline Picture stored(Picture x, Numbers numbers) {
    for (auto& value : x.v) value = stored(value, numbers);
    return x;
}

/// How the port takes the memory of a convolution's weight, which torch writes as
/// [out][in][row][column].
enum class Memory { oihw, ohwi, hwio, oiwh };

/// The taps of a convolution as [row][column][in][out].
[[nodiscard]] inline Floats taps(const Floats& memory, int out, int in, int size, Memory as) {
    Floats result(memory.size());
    std::size_t next = 0;
    for (int y = 0; y < size; ++y) {
        for (int x = 0; x < size; ++x) {
            for (int i = 0; i < in; ++i) {
                for (int o = 0; o < out; ++o) {
                    int from = ((o * in + i) * size + y) * size + x;
                    if (as == Memory::ohwi) from = ((o * size + y) * size + x) * in + i;
                    if (as == Memory::hwio) from = ((y * size + x) * in + i) * out + o;
                    if (as == Memory::oiwh) from = ((o * in + i) * size + x) * size + y;
                    result[next++] = memory[static_cast<std::size_t>(from)];
                }
            }
        }
    }
    return result;
}

/// Zeros around a picture.
struct Border {
    int top, bottom, left, right;
};

[[nodiscard]] inline Picture convolved(const Picture& x, const Floats& kernel,
                                       const Floats& bias, int size, int stride,
                                       const Border& border) {
    Picture y(x.n, (x.h + border.top + border.bottom - size) / stride + 1,
              (x.w + border.left + border.right - size) / stride + 1,
              static_cast<int>(bias.size()));
    for (int n = 0; n < y.n; ++n) {
        for (int row = 0; row < y.h; ++row) {
            for (int column = 0; column < y.w; ++column) {
                float* const to = y.pixel(n, row, column);
                std::copy(bias.begin(), bias.end(), to);
                for (int tap = 0; tap < size * size; ++tap) {
                    const int r = row * stride - border.top + tap / size;
                    const int s = column * stride - border.left + tap % size;
                    if (r < 0 || r >= x.h || s < 0 || s >= x.w) continue;
                    const float* const from = x.pixel(n, r, s);
                    const float* weight = kernel.data() + tap * x.c * y.c;
                    for (int i = 0; i < x.c; ++i, weight += y.c) {
                        const float value = from[i];
                        for (int o = 0; o < y.c; ++o) to[o] += value * weight[o];
                    }
                }
            }
        }
    }
    return y;
}

struct Norm {
    int groups;
    float eps;
    bool unbiased = false;  ///< divides by one less than the count, as torch.var does
    bool two_passes = true; ///< else the mean of squares less the square of the mean
};

[[nodiscard]] inline Picture normalised(const Picture& x, const Norm& norm, const Floats& gain,
                                        const Floats& offset) {
    Picture y = x;
    const int width = x.c / norm.groups, pixels = x.h * x.w;
    const auto count = static_cast<float>(width * pixels);
    for (int n = 0; n < x.n; ++n) {
        for (int first = 0; first < x.c; first += width) {
            const auto each = [&](Picture& picture, auto&& f) {
                for (int p = 0; p < pixels; ++p) {
                    float* const at = picture.pixel(n, 0, 0) + p * x.c + first;
                    for (int i = 0; i < width; ++i)
                        f(at[i], static_cast<std::size_t>(first + i));
                }
            };
            float sum = 0, squares = 0;
            each(y, [&](float value, std::size_t) {
                sum += value;
                squares += value * value;
            });
            const float mean = sum / count;
            float variance = squares / count - mean * mean;
            if (norm.two_passes) {
                float around = 0;
                each(y, [&](float value, std::size_t) {
                    around += (value - mean) * (value - mean);
                });
                variance = around / count;
            }
            if (norm.unbiased) variance *= count / (count - 1);
            const float scale = 1 / std::sqrt(variance + norm.eps);
            each(y, [&](float& value, std::size_t c) {
                value = (value - mean) * scale * gain[c] + offset[c];
            });
        }
    }
    return y;
}

[[nodiscard]] inline Picture silu(Picture x) {
    for (auto& value : x.v) value /= 1 + std::exp(-value);
    return x;
}

[[nodiscard]] inline Picture tanh_of(Picture x) {
    for (auto& value : x.v) value = std::tanh(value);
    return x;
}

[[nodiscard]] inline Picture sum(Picture a, const Picture& b, float sign = 1) {
    for (std::size_t i = 0; i < a.v.size(); ++i) a.v[i] += sign * b.v[i];
    return a;
}

/// Each pixel times a matrix, which torch writes as [out][in].
[[nodiscard]] inline Picture dense(const Picture& x, const Floats& matrix, const Floats& bias,
                                   bool transposed) {
    return convolved(x, transposed ? matrix : taps(matrix, x.c, x.c, 1, Memory::oihw), bias, 1,
                     1, {0, 0, 0, 0});
}

/// Every pixel looks at all pixels of its image: softmax(scale q k^T) v, head by head. Scores
/// and weights are stored as everything is.
[[nodiscard]] inline Picture attended(const Picture& q, const Picture& k, const Picture& v,
                                      int heads, float scale, Numbers numbers) {
    Picture y(q.n, q.h, q.w, q.c);
    const int pixels = q.h * q.w, width = q.c / heads;
    Floats weights(static_cast<std::size_t>(pixels));
    for (int n = 0; n < q.n; ++n) {
        for (int first = 0; first < q.c; first += width) {
            for (int p = 0; p < pixels; ++p) {
                const float* const query = q.pixel(n, 0, 0) + p * q.c + first;
                float largest = -std::numeric_limits<float>::infinity(), total = 0;
                for (int s = 0; s < pixels; ++s) {
                    const float* const key = k.pixel(n, 0, 0) + s * q.c + first;
                    float score = 0;
                    for (int i = 0; i < width; ++i) score += query[i] * key[i];
                    score = stored(stored(score, numbers) * scale, numbers);
                    weights[static_cast<std::size_t>(s)] = score;
                    largest = std::max(largest, score);
                }
                for (auto& weight : weights) total += weight = std::exp(weight - largest);
                float* const to = y.pixel(n, 0, 0) + p * q.c + first;
                for (int s = 0; s < pixels; ++s) {
                    const float* const value = v.pixel(n, 0, 0) + s * q.c + first;
                    const float weight =
                        stored(weights[static_cast<std::size_t>(s)] / total, numbers);
                    for (int i = 0; i < width; ++i) to[i] += weight * value[i];
                }
            }
        }
    }
    return y;
}

enum class Enlarging { repeated, tiled, bilinear };

/// Twice the size: each pixel becomes a square; or the whole picture stands there four times;
/// or the pixels between are blends.
[[nodiscard]] inline Picture enlarged(const Picture& x, Enlarging how) {
    Picture y(x.n, 2 * x.h, 2 * x.w, x.c);
    // Half a pixel before the middle of a pair, or behind it.
    const auto pair = [](int at, int size) {
        const float place = std::max(static_cast<float>(at) / 2 - 0.25F, 0.0F);
        const int low = static_cast<int>(place);
        return std::pair{low, std::min(low + 1, size - 1)};
    };
    const auto weight = [](int at) { return at == 0 ? 0.0F : at % 2 == 0 ? 0.75F : 0.25F; };
    for (int n = 0; n < y.n; ++n) {
        for (int row = 0; row < y.h; ++row) {
            for (int column = 0; column < y.w; ++column) {
                float* const to = y.pixel(n, row, column);
                const bool tiled = how == Enlarging::tiled;
                const float* const from = tiled ? x.pixel(n, row % x.h, column % x.w)
                                                : x.pixel(n, row / 2, column / 2);
                std::copy(from, from + x.c, to);
                if (how != Enlarging::bilinear) continue;
                const auto [above, below] = pair(row, x.h);
                const auto [left, right] = pair(column, x.w);
                const float v = weight(row), u = weight(column);
                for (int i = 0; i < x.c; ++i) {
                    to[i] = (1 - v) * ((1 - u) * x.pixel(n, above, left)[i] +
                                       u * x.pixel(n, above, right)[i]) +
                            v * ((1 - u) * x.pixel(n, below, left)[i] +
                                 u * x.pixel(n, below, right)[i]);
                }
            }
        }
    }
    return y;
}

} // namespace outside
