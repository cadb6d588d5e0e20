#include "kernels/launch.cuh"
#include "kernels/on_device.hpp"
#include "kernels/ptx.cuh"
#include "support/catch.hpp"

#include <cmath>
#include <functional>
#include <string>

/// Kernels with a mistake each, and their twins without it. A mistake has to be found by the
/// detector that is there for it, and the twin has to pass under the same settings: so the
/// detectors are tested, too.

using namespace latent;
using namespace latent::test;
using namespace latent::kernels;
using cuda_emulation::Copies, cuda_emulation::Order;

namespace {

constexpr unsigned threads = 64;

struct Row {
    latent::kernels::Shared<float, 1, threads> values;
};
struct Tile32 {
    latent::kernels::Shared<float, 32, 32> values;
};
struct Tile33 {
    latent::kernels::Shared<float, 32, 33> values;
};

int self() { return static_cast<int>(threadIdx.x); }

// --- Barriers --------------------------------------------------------------------------------

/// y[i] = x[63 - i], through shared memory.
template <bool Bug>
void reverse_kernel(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    s.values(0, self()) = load(x + self());
    if (!Bug) __syncthreads();
    store(y + self(), s.values(0, 63 - self()));
}

/// The same twice in the same place: y[i] = x[63 - i] + x[i].
template <bool Bug>
void twice_kernel(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    s.values(0, self()) = load(x + self());
    __syncthreads();
    const float first = s.values(0, 63 - self());
    if (!Bug) __syncthreads();
    s.values(0, self()) = load(x + 63 - self());
    __syncthreads();
    store(y + self(), first + s.values(0, 63 - self()));
}

template <bool Bug>
void returns_early_kernel(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    if (Bug && self() >= 40) return;
    s.values(0, self()) = load(x + self());
    __syncthreads();
    store(y + self(), s.values(0, self()));
}

template <bool Bug>
void two_barriers_kernel(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    s.values(0, self()) = load(x + self());
    if (Bug && self() < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    store(y + self(), s.values(0, self()));
}

// --- Memory ----------------------------------------------------------------------------------

/// y[i] = x[i] + x[i + 1], and the last one x[63] twice.
template <bool Bug>
void neighbours_kernel(const float* x, float* y) {
    const int next = Bug || self() < 63 ? self() + 1 : 63;
    store(y + self(), load(x + self()) + load(x + next));
}
template <bool Bug>
void writes_behind_kernel(const float* x, float* y) {
    store(y + self() + (Bug ? 1 : 0), load(x + self()));
}
template <bool Bug>
void misaligned_kernel(const float* x, float* y) {
    const int at = self() % 8 * 4 + (Bug ? 2 : 0);
    store(y + self(), load_four(x + at).x);
}
template <bool Bug>
void shared_bounds_kernel(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    s.values(0, self() + (Bug ? 1 : 0)) = load(x + self());
    __syncthreads();
    store(y + self(), s.values(0, self()));
}
template <bool Bug>
void never_written_kernel(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    if (!Bug || self() != 17) s.values(0, self()) = load(x + self());
    __syncthreads();
    store(y + self(), s.values(0, self()));
}
template <bool Bug>
void result_missing_kernel(const float* x, float* y) {
    if (!Bug || self() != 17) store(y + self(), load(x + self()));
}

// --- Warps -----------------------------------------------------------------------------------

template <bool Bug>
void half_a_warp_kernel(const float* x, float* y) {
    float sum = load(x + self());
    if (!Bug || self() % 32 < 16) sum = warp_sum(sum);
    store(y + self(), sum);
}
template <bool Bug>
void other_operation_kernel(const float* x, float* y) {
    float sum = load(x + self());
    if (Bug && self() % 2 == 1) {
        __syncwarp();
    } else {
        sum = __shfl_sync(whole_warp, sum, 0);
    }
    store(y + self(), sum);
}
template <bool Bug>
void part_of_a_warp_kernel(const float* x, float* y) {
    store(y + self(), __shfl_sync(Bug ? 0xFFFFU : whole_warp, load(x + self()), 0));
}

// --- Copies ----------------------------------------------------------------------------------

struct Stages {
    latent::kernels::Shared<float, 2, 4 * threads> values;
};

enum class CopyBug { none, waits_for_too_few, overwrites, never_waits };

/// Sums of four rows that come through two stages, each while the one before is added.
template <CopyBug Bug>
void copies_kernel(const float* x, float* y) {
    auto& s = shared_storage<Stages>();
    const auto fetch = [&](int row) {
        const int at = 4 * self();
        cp_async_16(&s.values.four(row % 2, at), x + 4 * threads * row + at, true);
        cp_async_commit_group();
    };
    float sum = 0;
    fetch(0);
    for (int row = 0; row < 4; ++row) {
        const bool last = row == 3;
        if (!last) fetch(row + 1);
        if (!last || Bug == CopyBug::waits_for_too_few) {
            cp_async_wait_group<1>();
        } else if (Bug != CopyBug::never_waits) {
            cp_async_wait_group<0>();
        }
        __syncthreads();
        sum += s.values(row % 2, self());
        if (Bug != CopyBug::overwrites) __syncthreads();
    }
    if (Bug == CopyBug::waits_for_too_few) cp_async_wait_group<0>();
    store(y + self(), sum);
}

// --- The speed of memory ---------------------------------------------------------------------

/// A tile of 32 x 32 is turned; in rows of 32 its columns stand in one bank.
template <class Storage>
void turn_kernel(const float* x, float* y) {
    auto& s = shared_storage<Storage>();
    const int lane = self() % 32, warp = self() / 32;
    for (int row = warp; row < 32; row += 2) s.values(row, lane) = load(x + 32 * row + lane);
    __syncthreads();
    for (int row = warp; row < 32; row += 2) store(y + 32 * row + lane, s.values(lane, row));
}
template <bool Columns>
void stride_kernel(const float* x, float* y) {
    store(y + self(), load(x + (Columns ? 16 * self() : self())));
}

// --- The harness -----------------------------------------------------------------------------

using Kernel = void (*)(const float*, float*);

/// What a run of the kernel on one block says: the message of its error, or "".
std::string message(Kernel kernel, std::size_t shared_bytes, std::int64_t many,
                    Numbers& result) {
    const auto x = normal_image(1, {many});
    const TestStream stream;
    const OnDevice in(x), out(Scalar::f32, result.numel());
    try {
        launch("kernel", kernel, dim3(1), threads, shared_bytes, stream,
               static_cast<const float*>(in.floats()), out.floats());
        synchronize(stream);
    } catch (const cuda_emulation::Error& error) {
        return error.what();
    }
    result = out.back(result.shape());
    return {};
}

using Definition = std::function<float(const float* x, int i)>;

/// "wrong" where a value is not what it should be, or the message.
std::string verdict(Kernel kernel, std::size_t shared_bytes, std::int64_t many,
                    const Definition& definition) {
    Numbers result({threads});
    auto text = message(kernel, shared_bytes, many, result);
    if (!text.empty()) return text;
    const auto x = normal_image(1, {many});
    for (int i = 0; i < static_cast<int>(threads); ++i) {
        // The sums of a warp are of another order.
        if (!(std::abs(result.data()[i] - definition(x.data(), i)) <= 1e-5F)) return "wrong";
    }
    return {};
}

std::string verdict_under(Order order, Copies copies, Kernel kernel, std::size_t shared_bytes,
                          std::int64_t many, const Definition& definition) {
    const auto before = cuda_emulation::settings;
    cuda_emulation::settings.order = order, cuda_emulation::settings.copies = copies;
    auto text = verdict(kernel, shared_bytes, many, definition);
    cuda_emulation::settings = before;
    return text;
}

/// The twin passes in every order; the mistake is found: each `detector`'s words in some order.
void check(const std::string& words, Kernel bug, Kernel twin, std::size_t shared_bytes,
           const Definition& definition, std::int64_t many = threads) {
    bool found = false;
    std::string said;
    for (const auto order : {Order::forward, Order::reverse, Order::random}) {
        for (const auto copies : {Copies::early, Copies::late}) {
            CHECK(verdict_under(order, copies, twin, shared_bytes, many, definition).empty());
            said = verdict_under(order, copies, bug, shared_bytes, many, definition);
            found = found || said.find(words) != std::string::npos;
        }
    }
    INFO("expected: " << words << "; the last one said: " << said);
    CHECK(found);
}

float same(const float* x, int i) { return x[i]; }

} // namespace

TEST_CASE("a missing barrier is found by the orders of threads", "[kernels][bugs]") {
    check("wrong", reverse_kernel<true>, reverse_kernel<false>, sizeof(Row),
          [](const float* x, int i) { return x[63 - i]; });
    check("wrong", twice_kernel<true>, twice_kernel<false>, sizeof(Row),
          [](const float* x, int i) { return x[63 - i] + x[i]; });
}

TEST_CASE("threads that cannot meet are named", "[kernels][bugs]") {
    check("24 threads have returned, 40 threads wait at __syncthreads in line",
          returns_early_kernel<true>, returns_early_kernel<false>, sizeof(Row), same);
    check("divergence: __syncthreads in line", two_barriers_kernel<true>,
          two_barriers_kernel<false>, sizeof(Row), same);
    const auto sum = [](const float* x, int i) {
        float all = 0;
        for (int lane = 0; lane < 32; ++lane) all += x[i / 32 * 32 + lane];
        return all;
    };
    check("wait at __shfl_xor_sync", half_a_warp_kernel<true>, half_a_warp_kernel<false>, 0,
          sum);
    const auto lane_0 = [](const float* x, int i) { return x[i / 32 * 32]; };
    check("of the warp are at", other_operation_kernel<true>, other_operation_kernel<false>, 0,
          lane_0);
    check("expected a whole warp", part_of_a_warp_kernel<true>, part_of_a_warp_kernel<false>, 0,
          lane_0);
}

TEST_CASE("memory that is nobody's is not touched", "[kernels][bugs]") {
    check("4 bytes outside of what is allocated", neighbours_kernel<true>,
          neighbours_kernel<false>, 0,
          [](const float* x, int i) { return x[i] + x[i < 63 ? i + 1 : 63]; });
    check("4 bytes outside of what is allocated", writes_behind_kernel<true>,
          writes_behind_kernel<false>, 0, same);
    check("misaligned for 16 bytes", misaligned_kernel<true>, misaligned_kernel<false>, 0,
          [](const float* x, int i) { return x[i % 8 * 4]; });
    check("shared array of 64: got index 64", shared_bounds_kernel<true>,
          shared_bounds_kernel<false>, sizeof(Row), same);
}

TEST_CASE("what nobody wrote is NaN", "[kernels][bugs]") {
    check("wrong", never_written_kernel<true>, never_written_kernel<false>, sizeof(Row), same);
    check("wrong", result_missing_kernel<true>, result_missing_kernel<false>, 0, same);
}

TEST_CASE("copies are early and late", "[kernels][bugs]") {
    const auto sum = [](const float* x, int i) {
        float all = 0;
        for (int row = 0; row < 4; ++row) all += x[4 * 64 * row + i];
        return all;
    };
    constexpr auto many = std::int64_t{4 * 4 * threads};
    const auto twin = copies_kernel<CopyBug::none>;
    const auto size = sizeof(Stages);
    check("wrong", copies_kernel<CopyBug::waits_for_too_few>, twin, size, sum, many);
    check("wrong", copies_kernel<CopyBug::overwrites>, twin, size, sum, many);
    check("returned before it waited", copies_kernel<CopyBug::never_waits>, twin, size, sum,
          many);
    // Each by its own mode.
    for (const auto order : {Order::forward, Order::reverse, Order::random}) {
        CHECK(verdict_under(order, Copies::late, copies_kernel<CopyBug::waits_for_too_few>,
                            size, many, sum) != "");
        CHECK(verdict_under(order, Copies::early, copies_kernel<CopyBug::overwrites>, size,
                            many, sum) == "wrong");
    }
}

TEST_CASE("a launch asks for what there is", "[kernels][bugs]") {
    const auto try_launch = [](unsigned block, std::size_t shared_bytes) {
        const TestStream stream;
        const OnDevice x(normal_image(1, {threads})), y(Scalar::f32, threads);
        try {
            launch("kernel", reverse_kernel<false>, dim3(1), block, shared_bytes, stream,
                   static_cast<const float*>(x.floats()), y.floats());
            synchronize(stream);
        } catch (const cuda_emulation::Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(try_launch(threads, sizeof(Row)).empty());
    CHECK(contains(try_launch(threads, 100), "100 bytes were launched, the kernel needs 256"));
    CHECK(contains(try_launch(1056, sizeof(Row)), "bad sizes"));
    CHECK(try_launch(threads, 90 << 10).empty());
    const auto before = cuda_emulation::settings;
    for (const auto& profile : cuda_emulation::profiles) {
        cuda_emulation::settings.profile = profile;
        CHECK(try_launch(threads, profile.shared_bytes).empty());
        CHECK(contains(try_launch(threads, profile.shared_bytes + 4), "expected at most"));
        const auto copies = verdict(copies_kernel<CopyBug::none>, sizeof(Stages),
                                    4 * 4 * threads, [](const float*, int) { return NAN; });
        CHECK(
            contains(copies, profile.architecture < 80 ? "needs compute capability" : "wrong"));
    }
    cuda_emulation::settings = before;
}

TEST_CASE("a host that does not wait finds nothing", "[kernels][bugs]") {
    const auto before = cuda_emulation::settings;
    cuda_emulation::settings.copies = Copies::late;
    const TestStream stream;
    const OnDevice x(normal_image(1, {threads}));
    Numbers y({threads});
    std::ranges::fill(y.values(), NAN);
    copy_to_host(y.data(), x.data(), threads * sizeof(float), stream);
    CHECK(std::isnan(y.data()[5]));
    synchronize(stream);
    CHECK(y.data()[5] == normal_image(1, {threads}).data()[5]);
    cuda_emulation::settings = before;
}

TEST_CASE("conflicts of banks and pieces of memory are counted", "[kernels][bugs]") {
    const auto before = cuda_emulation::settings;
    cuda_emulation::settings.count = true;
    Numbers y({1024});
    CHECK(message(turn_kernel<Tile33>, sizeof(Tile33), 1024, y).empty());
    CHECK(cuda_emulation::counts.bank_conflicts == 0);
    CHECK(cuda_emulation::counts.shared_requests == 64);
    CHECK(message(turn_kernel<Tile32>, sizeof(Tile32), 1024, y).empty());
    CHECK(cuda_emulation::counts.bank_conflicts == 32 * 31);
    Numbers few({threads});
    CHECK(message(stride_kernel<false>, 0, 1024, few).empty());
    CHECK(cuda_emulation::counts.global_requests == 4);
    CHECK(cuda_emulation::counts.global_sectors == 4 * 4);
    CHECK(message(stride_kernel<true>, 0, 1024, few).empty());
    CHECK(cuda_emulation::counts.global_sectors == 2 * 4 + 2 * 32);
    cuda_emulation::settings = before;
}
