#include "launch.hpp"

/// launch.hpp's functions where there is no CUDA to compile kernels.cu with: no device is
/// found, and so nothing else is ever called.

namespace latent::kernels {

namespace {

constexpr const char* reason = "a build without CUDA (LATENT_CUDA=ON needs nvcc)";

[[noreturn]] void no_device() { throw Error(reason); }

} // namespace

std::vector<Device> devices(std::string* why) {
    if (why) *why = reason;
    return {};
}

void* allocate(int, std::size_t) { no_device(); }
void free(void*) noexcept {}
Stream* make_stream(int) { no_device(); }
void destroy(Stream*) noexcept {}
void synchronize(Stream*) { no_device(); }
void copy_to_device(void*, const void*, std::size_t, Stream*) { no_device(); }
void copy_to_host(void*, const void*, std::size_t, Stream*) { no_device(); }
void copy_on_device(void*, const void*, std::size_t, Stream*) { no_device(); }

void conv2d(const Conv2d&, Stream*) { no_device(); }
void pack_weight(Scalar, const void*, std::int64_t, std::int64_t, void*, Stream*) {
    no_device();
}
void linear(const Linear&, Stream*) { no_device(); }
std::int64_t group_norm_scratch(const GroupNorm&) { no_device(); }
void group_norm(const GroupNorm&, Stream*) { no_device(); }
void attention(const Attention&, Stream*) { no_device(); }
void map(const Map&, Stream*) { no_device(); }
void combine(const Combine&, Stream*) { no_device(); }
void upsample_nearest(Scalar, const void*, std::int64_t, std::int64_t, std::int64_t,
                      std::int64_t, void*, Stream*) {
    no_device();
}
void interpolate(Scalar, const void*, std::int64_t, std::int64_t, std::int64_t, int, bool,
                 void*, Stream*) {
    no_device();
}
void window(const Window&, Stream*) { no_device(); }
void scale_planes(Scalar, std::int64_t, std::int64_t, std::int64_t, const void*, const void*,
                  const void*, void*, Stream*) {
    no_device();
}
void transpose(Scalar, const void*, std::int64_t, std::int64_t, std::int64_t, void*, Stream*) {
    no_device();
}
void convert(Scalar, const void*, Scalar, void*, std::int64_t, Stream*) { no_device(); }

} // namespace latent::kernels
