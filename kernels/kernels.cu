#include "attention.cuh"
#include "conv2d.cuh"
#include "elementwise.cuh"
#include "group_norm.cuh"
#include "launch.cuh"
#include "linear.cuh"
#include "window.cuh"

#include <algorithm>

/// The one file to compile: launch.hpp's functions.

namespace latent::kernels {

// --- Devices, memory, streams ----------------------------------------------------------------

std::vector<Device> devices(std::string* why) {
    int count = 0;
    if (const auto error = cudaGetDeviceCount(&count); error != cudaSuccess) {
        (void)cudaGetLastError();
        int driver = 0;
        const bool none = cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0;
        if (why) *why = none ? "no driver" : cudaGetErrorString(error);
        return {};
    }
    std::vector<Device> found;
    for (int i = 0; i < count; ++i) {
        cudaDeviceProp about{};
        check(cudaGetDeviceProperties(&about, i), "cudaGetDeviceProperties");
        found.push_back({i, about.name, 10 * about.major + about.minor,
                         about.multiProcessorCount, about.totalGlobalMem});
    }
    return found;
}

void* allocate(int device, std::size_t bytes) {
    check(cudaSetDevice(device), "cudaSetDevice");
    void* memory = nullptr;
    check(cudaMalloc(&memory, bytes), "cudaMalloc of " + std::to_string(bytes) + " bytes");
    return memory;
}
void free(void* memory) noexcept { (void)cudaFree(memory); }

Stream* make_stream(int device) {
    check(cudaSetDevice(device), "cudaSetDevice");
    cudaStream_t stream = nullptr;
    check(cudaStreamCreate(&stream), "cudaStreamCreate");
    return reinterpret_cast<Stream*>(stream);
}
void destroy(Stream* stream) noexcept { (void)cudaStreamDestroy(cuda_stream(stream)); }
void synchronize(Stream* stream) {
    if (!stream) return;
    check(cudaStreamSynchronize(cuda_stream(stream)), "cudaStreamSynchronize");
}

namespace {

void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, Stream* stream) {
    if (bytes == 0 || !stream) return;
    check(cudaMemcpyAsync(to, from, bytes, kind, cuda_stream(stream)),
          "cudaMemcpyAsync of " + std::to_string(bytes) + " bytes");
}

/// A grid for `count` elements: wide enough for any device, and each thread takes several of
/// many.
[[nodiscard]] dim3 element_grid(std::int64_t count) {
    return dim3(std::min(blocks(count, element_threads), 1U << 14U));
}

} // namespace

void copy_to_device(void* to, const void* from, std::size_t bytes, Stream* stream) {
    copy(to, from, bytes, cudaMemcpyHostToDevice, stream);
}
void copy_to_host(void* to, const void* from, std::size_t bytes, Stream* stream) {
    copy(to, from, bytes, cudaMemcpyDeviceToHost, stream);
}
void copy_on_device(void* to, const void* from, std::size_t bytes, Stream* stream) {
    copy(to, from, bytes, cudaMemcpyDeviceToDevice, stream);
}

// --- Operations ------------------------------------------------------------------------------

namespace {

template <class T, int PerThread>
void run(const Conv2d& what, const Conv2dArguments<T>& arguments, Stream* stream) {
    const auto kernel =
        what.kernel_h == 3 && what.kernel_w == 3   ? conv2d_kernel<T, PerThread, 3>
        : what.kernel_h == 1 && what.kernel_w == 1 ? conv2d_kernel<T, PerThread, 1>
                                                   : conv2d_kernel<T, PerThread, 0>;
    const dim3 grid(blocks(what.out_height * what.out_width, tile_right),
                    blocks(what.out_channels, tile_left<PerThread>),
                    static_cast<unsigned>(what.images));
    launch("conv2d", kernel, grid, tile_threads, sizeof(TileShared<PerThread>), stream,
           arguments);
}

} // namespace

void conv2d(const Conv2d& what, Stream* stream) {
    with_type(what.scalar, [&]<class T>(T*) {
        const Conv2dArguments<T> arguments{static_cast<int>(what.in_channels),
                                           static_cast<int>(what.height),
                                           static_cast<int>(what.width),
                                           static_cast<int>(what.out_channels),
                                           static_cast<int>(packed_rows(what.out_channels)),
                                           static_cast<int>(what.out_height),
                                           static_cast<int>(what.out_width),
                                           what.kernel_h,
                                           what.kernel_w,
                                           what.stride_down,
                                           what.stride_right,
                                           what.top,
                                           what.left,
                                           what.upsample,
                                           static_cast<const T*>(what.x),
                                           static_cast<const T*>(what.weight),
                                           static_cast<const T*>(what.bias),
                                           static_cast<const T*>(what.add),
                                           what.after,
                                           static_cast<T*>(what.y)};
        // Few channels would leave most of a tall tile empty.
        if (what.out_channels <= tile_left<1>) return run<T, 1>(what, arguments, stream);
        run<T, 8>(what, arguments, stream);
    });
}

void pack_weight(Scalar scalar, const void* weight, std::int64_t rows, std::int64_t depth,
                 void* packed, Stream* stream) {
    with_type(scalar, [&]<class T>(T*) {
        const dim3 grid(blocks(depth, 32), blocks(packed_rows(rows), 32));
        launch("pack_weight", transpose_kernel<T>, grid, element_threads,
               sizeof(TransposeShared), stream, static_cast<const T*>(weight), rows, depth,
               packed_rows(rows), static_cast<T*>(packed));
    });
}

void linear(const Linear& what, Stream* stream) {
    with_type(what.scalar, [&]<class T>(T*) {
        const LinearArguments<T> arguments{static_cast<int>(what.rows),
                                           static_cast<int>(what.in_features),
                                           static_cast<int>(what.out_features),
                                           static_cast<const T*>(what.x),
                                           static_cast<const T*>(what.weight),
                                           static_cast<const T*>(what.bias),
                                           static_cast<T*>(what.y)};
        const dim3 grid(blocks(what.rows, tile_right), blocks(what.out_features, tile_left<8>));
        launch("linear", linear_kernel<T>, grid, tile_threads, sizeof(TileShared<8>), stream,
               arguments);
    });
}

std::int64_t group_norm_scratch(const GroupNorm& what) {
    const auto run = what.channels / what.groups * what.pixels;
    return 2 * what.images * what.groups * norm_pieces(run);
}

void group_norm(const GroupNorm& what, Stream* stream) {
    with_type(what.scalar, [&]<class T>(T*) {
        const auto run = what.channels / what.groups * what.pixels;
        const auto pieces = norm_pieces(run);
        const GroupNormArguments<T> arguments{run,
                                              (run + pieces - 1) / pieces,
                                              what.pixels,
                                              static_cast<int>(what.groups),
                                              static_cast<int>(what.channels),
                                              static_cast<int>(pieces),
                                              what.eps,
                                              static_cast<const T*>(what.x),
                                              static_cast<const T*>(what.weight),
                                              static_cast<const T*>(what.bias),
                                              what.after,
                                              static_cast<T*>(what.y),
                                              reinterpret_cast<float2*>(what.scratch)};
        const dim3 grid(static_cast<unsigned>(pieces), static_cast<unsigned>(what.groups),
                        static_cast<unsigned>(what.images));
        launch("group_norm", group_norm_moments<T>, grid, norm_threads, sizeof(NormShared),
               stream, arguments);
        launch("group_norm", group_norm_apply<T>, grid, norm_threads, 0, stream, arguments);
    });
}

void attention(const Attention& what, Stream* stream) {
    with_type(what.scalar, [&]<class T>(T*) {
        const auto head_dim = what.channels / what.heads;
        const AttentionArguments<T> arguments{
            static_cast<int>(what.tokens),
            static_cast<int>(what.keys),
            static_cast<int>(what.channels),
            static_cast<int>(head_dim),
            static_cast<float>(1 / std::sqrt(static_cast<double>(head_dim))),
            static_cast<const T*>(what.q),
            static_cast<const T*>(what.k),
            static_cast<const T*>(what.v),
            static_cast<T*>(what.y)};
        const dim3 grid(blocks(what.tokens, attention_rows), static_cast<unsigned>(what.heads),
                        static_cast<unsigned>(what.images));
        launch("attention", attention_kernel<T>, grid, attention_threads,
               sizeof(AttentionShared), stream, arguments);
    });
}

void map(const Map& what, Stream* stream) {
    with_type(what.scalar, [&]<class T>(T*) {
        launch("map", map_kernel<T>, element_grid(what.count), element_threads, 0, stream, what,
               static_cast<const T*>(what.x), static_cast<const T*>(what.other),
               static_cast<T*>(what.y));
    });
}

void combine(const Combine& what, Stream* stream) {
    with_type(what.scalar, [&]<class T>(T*) {
        launch("combine", combine_kernel<T>, element_grid(what.count), element_threads, 0,
               stream, what);
    });
}

void upsample_nearest(Scalar scalar, const void* x, std::int64_t planes, std::int64_t height,
                      std::int64_t width, std::int64_t factor, void* y, Stream* stream) {
    with_type(scalar, [&]<class T>(T*) {
        launch("upsample_nearest", upsample_kernel<T>,
               element_grid(planes * height * width * factor * factor), element_threads, 0,
               stream, static_cast<const T*>(x), planes, height, width, factor,
               static_cast<T*>(y));
    });
}

void interpolate(Scalar scalar, const void* x, std::int64_t planes, std::int64_t height,
                 std::int64_t width, int factor, bool cubic, void* y, Stream* stream) {
    with_type(scalar, [&]<class T>(T*) {
        launch("interpolate", interpolate_kernel<T>,
               element_grid(planes * height * width * factor * factor), element_threads, 0,
               stream, static_cast<const T*>(x), planes, height, width, factor, cubic,
               static_cast<T*>(y));
    });
}

void window(const Window& what, Stream* stream) {
    with_type(what.scalar, [&]<class T>(T*) {
        launch("window", window_kernel<T>, element_grid(what.planes * what.rows * what.columns),
               element_threads, 0, stream, what, static_cast<const T*>(what.x),
               static_cast<T*>(what.y));
    });
}

void scale_planes(Scalar scalar, std::int64_t planes, std::int64_t pixels, std::int64_t period,
                  const void* x, const void* factors, const void* offsets, void* y,
                  Stream* stream) {
    with_type(scalar, [&]<class T>(T*) {
        launch("scale_planes", planes_kernel<T>, element_grid(planes * pixels), element_threads,
               0, stream, planes, pixels, period, static_cast<const T*>(x),
               static_cast<const T*>(factors), static_cast<const T*>(offsets),
               static_cast<T*>(y));
    });
}

void transpose(Scalar scalar, const void* x, std::int64_t planes, std::int64_t rows,
               std::int64_t columns, void* y, Stream* stream) {
    with_type(scalar, [&]<class T>(T*) {
        const dim3 grid(blocks(columns, 32), blocks(rows, 32), static_cast<unsigned>(planes));
        launch("transpose", transpose_kernel<T>, grid, element_threads, sizeof(TransposeShared),
               stream, static_cast<const T*>(x), rows, columns, rows, static_cast<T*>(y));
    });
}

void convert(Scalar from, const void* x, Scalar to, void* y, std::int64_t count,
             Stream* stream) {
    with_type(from, [&]<class From>(From*) {
        with_type(to, [&]<class To>(To*) {
            launch("convert", convert_kernel<From, To>, element_grid(count), element_threads, 0,
                   stream, static_cast<const From*>(x), static_cast<To*>(y), count);
        });
    });
}

} // namespace latent::kernels
