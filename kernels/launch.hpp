#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

/// All that the rest of Latent may ask of a GPU: plain structs and functions, without CUDA.
/// kernels.cu, the one file to compile, makes them. What fails throws latent::kernels::Error,
/// which names the call of CUDA's and what it said.
///
/// Images are [N, C, H, W], dense, float32, half or bfloat16 in memory; sums and statistics are
/// float32 always. All work goes to a stream, in order, and a call returns before it is done.
/// Without a stream, nullptr, a call does nothing: so a run is rehearsed, to learn what memory
/// it needs.

namespace latent::kernels {

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class Scalar { f32, f16, bf16 };
enum class Activation { none, relu, silu, mish, gelu };

[[nodiscard]] constexpr std::size_t size_of(Scalar scalar) {
    return scalar == Scalar::f32 ? 4 : 2;
}

// --- Devices, memory, streams ----------------------------------------------------------------

struct Device {
    int index;
    std::string name;
    int architecture; ///< 90 for compute capability 9.0
    int processors;   ///< streaming multiprocessors
    std::size_t memory_bytes;
};
/// Those that there are; none without a driver, and `why` then says what CUDA said.
[[nodiscard]] std::vector<Device> devices(std::string* why = nullptr);

/// Memory of a device.
[[nodiscard]] void* allocate(int device, std::size_t bytes);
void free(void* memory) noexcept;

struct Stream; ///< CUDA's, behind a pointer
[[nodiscard]] Stream* make_stream(int device);
void destroy(Stream* stream) noexcept;
/// Waits until all is done that the stream was asked for.
void synchronize(Stream* stream);

void copy_to_device(void* to, const void* from, std::size_t bytes, Stream* stream);
void copy_to_host(void* to, const void* from, std::size_t bytes, Stream* stream);
void copy_on_device(void* to, const void* from, std::size_t bytes, Stream* stream);

// --- Operations ------------------------------------------------------------------------------

/// y = after(conv2d(upsample_nearest(x, upsample)) + bias + add).
///   x [images, in_channels, height, width], y [images, out_channels, out_height, out_width]
///   weight: what pack_weight made; bias [out_channels] or nullptr; add as y or nullptr, and it
///   may be y itself
struct Conv2d {
    Scalar scalar = Scalar::f32;
    std::int64_t images = 0, in_channels = 0, height = 0, width = 0, out_channels = 0,
                 out_height = 0, out_width = 0;
    int kernel_h = 0, kernel_w = 0, stride_down = 0, stride_right = 0, top = 0, left = 0,
        upsample = 0;
    const void* x = nullptr;
    const void* weight = nullptr;
    const void* bias = nullptr;
    const void* add = nullptr;
    Activation after = Activation::none;
    void* y = nullptr;
};
void conv2d(const Conv2d& what, Stream* stream);

/// weight [rows, depth] to [depth, rows rounded up to a multiple of 4], zeros behind: so
/// neighbours in memory are neighbouring output channels.
void pack_weight(Scalar scalar, const void* weight, std::int64_t rows, std::int64_t depth,
                 void* packed, Stream* stream);
[[nodiscard]] constexpr std::int64_t packed_rows(std::int64_t rows) {
    return (rows + 3) / 4 * 4;
}

/// y [rows, out_features] = x [rows, in_features] weight^T + bias.
struct Linear {
    Scalar scalar = Scalar::f32;
    std::int64_t rows = 0, in_features = 0, out_features = 0;
    const void* x = nullptr;
    const void* weight = nullptr; ///< [out_features, in_features]
    const void* bias = nullptr;   ///< [out_features] or nullptr
    void* y = nullptr;
};
void linear(const Linear& what, Stream* stream);

/// y = after((x - mean) / sqrt(variance + eps) weight + bias), group by group; y may be x.
///   x [images, channels, pixels]; weight, bias [channels]
///   scratch: group_norm_scratch(...) floats
struct GroupNorm {
    Scalar scalar = Scalar::f32;
    std::int64_t images = 0, channels = 0, pixels = 0, groups = 0;
    float eps = 0;
    const void* x = nullptr;
    const void* weight = nullptr;
    const void* bias = nullptr;
    Activation after = Activation::none;
    void* y = nullptr;
    float* scratch = nullptr;
};
[[nodiscard]] std::int64_t group_norm_scratch(const GroupNorm& what);
void group_norm(const GroupNorm& what, Stream* stream);

/// y = softmax(q k^T / sqrt(channels / heads)) v, head by head, without a matrix of all pairs.
///   q [images, tokens, channels], k and v [images, keys, channels]; channels / heads <= 512
struct Attention {
    Scalar scalar = Scalar::f32;
    std::int64_t images = 0, tokens = 0, keys = 0, channels = 0, heads = 0;
    const void *q = nullptr, *k = nullptr, *v = nullptr;
    void* y = nullptr;
};
void attention(const Attention& what, Stream* stream);

/// Element by element: y = x + other, x other, x factor + offset, tanh(x), clamp(x, low, high),
/// an activation; y may be x.
enum class Elementwise { add, multiply, scale, tanh, exp, sqrt, clamp, activation, leaky_relu };
struct Map {
    Scalar scalar = Scalar::f32;
    Elementwise what = Elementwise::add;
    std::int64_t count = 0;
    const void* x = nullptr;
    const void* other = nullptr; ///< of add and multiply
    float a = 0, b = 0;          ///< factor and offset; low and high; leaky_relu's slope
    Activation activation = Activation::none;
    void* y = nullptr;
};
void map(const Map& what, Stream* stream);

/// p = limited(sum to_p x), y = sum to_y x + p_to_y p, where limited(v) is within +-limit; p
/// and y may each be one of the x. At most 8 terms.
struct Combine {
    struct Term {
        const void* x;
        float to_p, to_y;
    };
    Scalar scalar = Scalar::f32;
    std::int64_t count = 0;
    int terms = 0;
    Term term[8] = {};
    float p_to_y = 0, limit = 0;
    void *p = nullptr, *y = nullptr;
};
void combine(const Combine& what, Stream* stream);

/// y [images, channels, height factor, width factor]: each pixel becomes a square.
void upsample_nearest(Scalar scalar, const void* x, std::int64_t planes, std::int64_t height,
                      std::int64_t width, std::int64_t factor, void* y, Stream* stream);

/// The same with pixels in between: bilinear, or cubic. Parity: torch.nn.Upsample.
void interpolate(Scalar scalar, const void* x, std::int64_t planes, std::int64_t height,
                 std::int64_t width, int factor, bool cubic, void* y, Stream* stream);

/// Rows of planes to other ones: y = m x + (1 - m) y with m = down[row] across[column], or 1
/// where there are none. Strides are in numbers.
struct Window {
    Scalar scalar = Scalar::f32;
    std::int64_t planes = 0, rows = 0, columns = 0;
    const void* x = nullptr;
    std::int64_t x_plane = 0, x_row = 0;
    void* y = nullptr;
    std::int64_t y_plane = 0, y_row = 0;
    const float *down = nullptr, *across = nullptr; ///< on the device
};
void window(const Window& what, Stream* stream);

/// y = x factors[plane % period] + offsets[plane % period]; factors may be nullptr, for 1.
void scale_planes(Scalar scalar, std::int64_t planes, std::int64_t pixels, std::int64_t period,
                  const void* x, const void* factors, const void* offsets, void* y,
                  Stream* stream);

/// y [planes, columns, rows] of x [planes, rows, columns].
void transpose(Scalar scalar, const void* x, std::int64_t planes, std::int64_t rows,
               std::int64_t columns, void* y, Stream* stream);

/// From one storage to another, rounded to nearest.
void convert(Scalar from, const void* x, Scalar to, void* y, std::int64_t count,
             Stream* stream);

} // namespace latent::kernels
