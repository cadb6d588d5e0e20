#include "kernels/launch.cuh"
#include "kernels/ptx.cuh"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

/// Every instruction that has a twin in the emulator, run on random numbers. nvcc makes of this
/// text a program for a GPU, any other compiler one on the emulator: both print a line an
/// instruction, and the lines have to be the same. That is how we know, on the first GPU that
/// is at hand, that the emulator tells the truth. (tests/bench/gpu.sh compares them.)

namespace latent::kernels {

namespace {

constexpr unsigned threads = 64;
constexpr int count = 4096;

struct TwinShared {
    Shared<float, 3, 4 * threads> stages;
};

/// Three groups of copies, some of zeros; the oldest is there when two may be on their way.
__global__ void cp_async_kernel(const float* x, float* y) {
    auto& s = shared_storage<TwinShared>();
    const int thread = static_cast<int>(threadIdx.x);
    for (int stage = 0; stage < 3; ++stage) {
        const bool valid = (thread + stage) % 3 != 0;
        cp_async_16(&s.stages.four(stage, 4 * thread), x + 4 * (stage * 64 + thread), valid);
        cp_async_commit_group();
    }
    cp_async_wait_group<2>();
    __syncthreads();
    store_four(y + 4 * thread, s.stages.four(0, 4 * (thread ^ 1)));
    cp_async_wait_group<0>();
    __syncthreads();
    for (int stage = 1; stage < 3; ++stage)
        store_four(y + 4 * (stage * 64 + thread), s.stages.four(stage, 4 * (thread ^ 1)));
}

__global__ void shuffle_kernel(const float* x, float* y) {
    const int thread = static_cast<int>(threadIdx.x);
    float sum = load(x + thread);
    for (int by = 1; by < 32; by *= 2)
        sum = fmaf(__shfl_xor_sync(whole_warp, sum, by), 0.5F, sum);
    store(y + thread, sum + __shfl_sync(whole_warp, sum, (7 * thread + 3) % 32));
}

/// To half, or bfloat16, and back.
template <class T>
__global__ void round_kernel(const float* x, float* y) {
    for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(threads)) {
        T rounded;
        round_to(rounded, load(x + i));
        store(y + i, to_float(rounded));
    }
}

/// Numbers of every size, with all that rounds in an odd way: their bits are random.
std::vector<float> numbers() {
    std::vector<float> x(count);
    std::uint64_t state = 1;
    for (auto& number : x) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        const auto bits = static_cast<std::uint32_t>(state >> 32U);
        __builtin_memcpy(&number, &bits, 4);
    }
    // Halfway between two halves, and between two bfloat16s; their largest; subnormals.
    for (int i = 0; i < 512; ++i) {
        x[i] = 1 + (2 * static_cast<float>(i) + 1) / 2048;
        x[512 + i] = 1 + (2 * static_cast<float>(i % 128) + 1) / 256;
        x[1024 + i] = 65488 + static_cast<float>(i) / 8;
        x[1536 + i] = static_cast<float>(i) * 0x1p-26F;
    }
    return x;
}

/// The bits of `results` numbers, in one: NaNs count alike, for their bits are nobody's.
template <class Kernel>
void twin(const char* name, Kernel kernel, const std::vector<float>& x, std::size_t results,
          std::size_t shared_bytes, Stream* stream) {
    const auto bytes = 4 * x.size();
    auto* in = static_cast<float*>(allocate(0, bytes));
    auto* out = static_cast<float*>(allocate(0, bytes));
    std::vector<float> y(results);
    copy_to_device(in, x.data(), bytes, stream);
    launch(name, kernel, dim3(1), threads, shared_bytes, stream, static_cast<const float*>(in),
           out);
    copy_to_host(y.data(), out, 4 * results, stream);
    synchronize(stream);
    std::uint64_t hash = 14695981039346656037U;
    for (const float number : y) {
        std::uint32_t bits = 0x7FC00000;
        if (number == number) __builtin_memcpy(&bits, &number, 4);
        hash = (hash ^ bits) * 1099511628211U;
    }
    std::printf("%-20s %016llx, first %.9g\n", name, static_cast<unsigned long long>(hash),
                static_cast<double>(y[4]));
    free(in);
    free(out);
}

} // namespace

} // namespace latent::kernels

int main() {
    using namespace latent::kernels;
    try {
        auto* stream = make_stream(0);
        const auto x = numbers();
        // Sums of numbers of one size: of others they would be infinite, or one alone.
        std::vector<float> mild(x.begin(), x.begin() + 1024);
        twin("cp.async", cp_async_kernel, mild, 3 * 4 * threads, sizeof(TwinShared), stream);
        twin("shfl.sync", shuffle_kernel, mild, threads, 0, stream);
        twin("round to half", round_kernel<__half>, x, count, 0, stream);
        twin("round to bfloat16", round_kernel<__nv_bfloat16>, x, count, 0, stream);
        destroy(stream);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
