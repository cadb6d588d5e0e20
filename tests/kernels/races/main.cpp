/// Races between CUDA threads, found by ThreadSanitizer: on the emulator each of them is a
/// thread to it. First every kernel runs, and nothing may be reported; then kernels with a race
/// each, which has to be reported, and their right twins. A line a case; the exit status is 1
/// where one fails.

#include "kernels/ladder/all.cuh"
#include "kernels/ladder/trial.cuh"
#include "kernels/launch.cuh"
#include "kernels/ptx.cuh"

#include <atomic>
#include <cstdio>
#include <fcntl.h>

using namespace latent::kernels;

static std::atomic<int> reports{0};

extern "C" {
// ThreadSanitizer asks for its options, and calls at each report. A race at a place where
// another one was is to be reported, too; between the same lines, once is enough.
const char* __tsan_default_options() {
    return "exitcode=0:suppress_equal_addresses=0:history_size=0";
}
void __tsan_on_report(void*) { ++reports; }
}

namespace {

// --- The harness -----------------------------------------------------------------------------

bool all_well = true;

/// Numbers in the device's memory: about 1 in half precision, about 0.01 in float32.
class Numbers {
public:
    explicit Numbers(std::int64_t count, Scalar scalar = Scalar::f32)
        : memory_(allocate(0, static_cast<std::size_t>(count) * size_of(scalar))) {
        const std::string bytes(static_cast<std::size_t>(count) * size_of(scalar), 0x3C);
        auto* stream = make_stream(0);
        copy_to_device(memory_, bytes.data(), bytes.size(), stream);
        synchronize(stream);
        destroy(stream);
    }
    Numbers(const Numbers&) = delete;
    Numbers& operator=(const Numbers&) = delete;
    ~Numbers() { latent::kernels::free(memory_); }

    [[nodiscard]] operator float*() const { return static_cast<float*>(memory_); }

private:
    void* memory_;
};

/// How many races are reported, in every order of threads, with early and with late copies.
template <class Run>
int races(const Run& run) {
    using namespace cuda_emulation;
    const int before = reports;
    auto* stream = make_stream(0);
    for (const auto order : {Order::forward, Order::reverse, Order::random}) {
        for (const auto copies : {Copies::early, Copies::late}) {
            settings.order = order, settings.copies = copies;
            run(stream);
            synchronize(stream);
        }
    }
    destroy(stream);
    return reports - before;
}

void say(bool well, const char* text, const std::string& name) {
    std::printf("%s%s: %s\n", well ? "" : "FAILED: ", text, name.c_str());
    all_well = all_well && well;
}

template <class Run>
void check_right(const std::string& name, const Run& run) {
    const int many = races(run);
    say(many == 0, many == 0 ? "no race" : "race reported", name);
}

/// What is reported of `bug` is expected, and not printed.
template <class Bug, class Twin>
void check_race(const std::string& name, const Bug& bug, const Twin& twin) {
    static const auto nowhere = std::intptr_t{open("/dev/null", O_WRONLY)};
    __sanitizer_set_report_fd(reinterpret_cast<void*>(nowhere));
    const int many = races(bug);
    __sanitizer_set_report_fd(reinterpret_cast<void*>(std::intptr_t{2}));
    say(many > 0, many > 0 ? "race reported" : "no race", name);
    if (const int false_ones = races(twin); false_ones > 0)
        say(false, "race reported", "the right twin of: " + name);
}

// --- Every kernel ----------------------------------------------------------------------------

void check_conv2d(Scalar scalar, std::int64_t channels, std::int64_t out_channels, int kernel_h,
                  int kernel_w, int upsample) {
    const std::int64_t height = 5, width = 7, images = 2;
    const auto out_height = height * upsample + 2 - kernel_h + 1;
    const auto out_width = width * upsample + 2 - kernel_w + 1;
    const auto depth = channels * kernel_h * kernel_w;
    const Numbers x(images * channels * height * width, scalar),
        weight(out_channels * depth, scalar), bias(out_channels, scalar),
        packed(packed_rows(out_channels) * depth, scalar),
        y(images * out_channels * out_height * out_width, scalar);
    const auto name = "conv2d " + std::to_string(kernel_h) + "x" + std::to_string(kernel_w) +
                      ", to " + std::to_string(out_channels) + " channels";
    check_right(name, [&](Stream* stream) {
        pack_weight(scalar, weight, out_channels, depth, packed, stream);
        conv2d({.scalar = scalar,
                .images = images,
                .in_channels = channels,
                .height = height,
                .width = width,
                .out_channels = out_channels,
                .out_height = out_height,
                .out_width = out_width,
                .kernel_h = kernel_h,
                .kernel_w = kernel_w,
                .stride_down = 1,
                .stride_right = 1,
                .top = 1,
                .left = 1,
                .upsample = upsample,
                .x = x,
                .weight = packed,
                .bias = bias,
                .add = y, // where the result goes
                .after = Activation::silu,
                .y = y},
               stream);
    });
}

void check_linear(Scalar scalar) {
    const Numbers x(131 * 19, scalar), weight(19 * 5, scalar), bias(5, scalar),
        y(131 * 5, scalar);
    check_right("linear", [&](Stream* stream) {
        linear({.scalar = scalar,
                .rows = 131,
                .in_features = 19,
                .out_features = 5,
                .x = x,
                .weight = weight,
                .bias = bias,
                .y = y},
               stream);
    });
}

/// Groups of one piece, or of two.
void check_group_norm(Scalar scalar, std::int64_t pixels) {
    const Numbers x(4 * pixels, scalar), weight(4, scalar), bias(4, scalar);
    GroupNorm what{.scalar = scalar,
                   .images = 1,
                   .channels = 4,
                   .pixels = pixels,
                   .groups = 2,
                   .eps = 1e-6F,
                   .x = x,
                   .weight = weight,
                   .bias = bias,
                   .after = Activation::silu,
                   .y = x};
    const Numbers scratch(group_norm_scratch(what));
    what.scratch = scratch;
    check_right("group_norm of " + std::to_string(pixels) + " pixels, in place",
                [&](Stream* stream) { group_norm(what, stream); });
}

void check_attention(Scalar scalar) {
    const Numbers q(37 * 70, scalar), k(41 * 70, scalar), v(41 * 70, scalar),
        y(37 * 70, scalar);
    check_right("attention", [&](Stream* stream) {
        attention({.scalar = scalar,
                   .images = 1,
                   .tokens = 37,
                   .keys = 41,
                   .channels = 70,
                   .heads = 2,
                   .q = q,
                   .k = k,
                   .v = v,
                   .y = y},
                  stream);
    });
}

void check_elementwise(Scalar scalar) {
    const Numbers x(301, scalar), other(301, scalar), y(9 * 7 * 13, scalar), floats(301);
    check_right("map, in place", [&](Stream* stream) {
        map({.scalar = scalar,
             .what = Elementwise::add,
             .count = 301,
             .x = x,
             .other = other,
             .y = x},
            stream);
    });
    check_right("combine, in place", [&](Stream* stream) {
        combine({.scalar = scalar,
                 .count = 301,
                 .terms = 2,
                 .term = {{x, 1, 0.5F}, {other, -1, 0.25F}},
                 .p_to_y = 2,
                 .limit = 1,
                 .p = other,
                 .y = x},
                stream);
    });
    check_right("convert", [&](Stream* stream) {
        convert(scalar, x, Scalar::f32, floats, 301, stream);
        convert(Scalar::f32, floats, scalar, x, 301, stream);
    });
    check_right("transpose",
                [&](Stream* stream) { transpose(scalar, x, 1, 7, 43, y, stream); });
    check_right("upsample_nearest",
                [&](Stream* stream) { upsample_nearest(scalar, x, 1, 7, 13, 3, y, stream); });
    check_right("interpolate", [&](Stream* stream) {
        interpolate(scalar, x, 1, 7, 13, 2, false, y, stream);
        interpolate(scalar, x, 1, 7, 13, 3, true, y, stream);
    });
    check_right("window", [&](Stream* stream) {
        window({.scalar = scalar,
                .planes = 1,
                .rows = 7,
                .columns = 41,
                .x = x,
                .x_plane = 301,
                .x_row = 43,
                .y = y,
                .y_plane = 301,
                .y_row = 43,
                .down = floats,
                .across = floats},
               stream);
    });
    check_right("scale_planes", [&](Stream* stream) {
        scale_planes(scalar, 7, 43, 7, x, other, other, y, stream);
    });
}

// --- Planted races ---------------------------------------------------------------------------

constexpr int threads = 64;

struct Row {
    latent::kernels::Shared<float, 1, 4 * threads> values;
};
struct Places {
    latent::kernels::Shared<float, 1, threads / 32> values;
};
struct Pipeline {
    latent::kernels::Shared<float, 3, 4 * threads> values;
};

int self() { return static_cast<int>(threadIdx.x); }

/// y[i] = x[63 - i]; a read before everybody has written.
template <bool Bug>
void reads_early(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    s.values(0, self()) = load(x + self());
    if (!Bug) __syncthreads();
    store(y + self(), s.values(0, threads - 1 - self()));
}

/// Sums over tiles of x; the next tile comes while the last one is read.
template <bool Bug>
void uses_tiles(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    float sum = 0;
    for (int tile = 0; tile < 4; ++tile) {
        s.values(0, self()) = load(x + threads * tile + self());
        __syncthreads();
        for (int i = 0; i < threads; i += 16) sum += s.values(0, i);
        if (!Bug) __syncthreads();
    }
    store(y + self(), sum);
}

/// block_sum, where the places are written again before everybody has read them.
template <bool Bug>
void sums_twice(const float* x, float* y) {
    auto& s = shared_storage<Places>();
    float sum = load(x + self());
    for (int time = 0; time < 2; ++time) {
        const float own = warp_sum(sum);
        if (self() % 32 == 0) s.values(0, self() / 32) = own;
        __syncthreads();
        sum = s.values(0, 0) + s.values(0, 1);
        if (!Bug) __syncthreads();
    }
    store(y + self(), sum);
}

/// A warp reads what the other one wrote, behind a barrier of its own lanes alone.
template <bool Bug>
void crosses_warps(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    s.values(0, self()) = load(x + self());
    if (Bug) {
        __syncwarp();
    } else {
        __syncthreads();
    }
    store(y + self(), s.values(0, (self() + 32) % threads));
}

/// Lanes trust that a shuffle orders what they do in memory.
template <bool Bug>
void trusts_shuffle(const float* x, float* y) {
    auto& s = shared_storage<Row>();
    s.values(0, self()) = load(x + self());
    if (Bug) {
        (void)warp_sum(1);
    } else {
        __syncwarp();
    }
    store(y + self(), s.values(0, self() ^ 1));
}

/// Blocks write the same places.
template <bool Bug>
void writes_same(const float* x, float* y) {
    const int block = Bug ? 0 : static_cast<int>(blockIdx.x);
    store(y + threads * block + self(), load(x + self()));
}

/// A block reads what the other one wrote; a barrier does not wait for it.
template <bool Bug>
void reads_other_block(const float* x, float* y) {
    const int block = static_cast<int>(blockIdx.x);
    store(y + threads * block + self(), load(x + self()));
    __syncthreads();
    __syncthreads();
    const float other = load(y + threads * (Bug ? 1 - block : block) + self());
    store(y + 2 * threads + threads * block + self(), other);
}

/// Sums of six rows that come through stages, two of them while one is added.
template <int Stages, int Underway>
void pipelines(const float* x, float* y) {
    auto& s = shared_storage<Pipeline>();
    const auto fetch = [&](int row) {
        const int at = 4 * self();
        if (row < 6)
            cp_async_16(&s.values.four(row % Stages, at), x + 4 * threads * row + at, true);
        cp_async_commit_group();
    };
    float sum = 0;
    fetch(0);
    fetch(1);
    for (int row = 0; row < 6; ++row) {
        cp_async_wait_group<Underway>();
        __syncthreads(); // the row is there, and the one before it is added
        fetch(row + 2);
        sum += s.values(row % Stages, self());
    }
    cp_async_wait_group<0>();
    store(y + self(), sum);
}

/// The launch of a planted kernel, to be checked.
auto launch_of(void (*kernel)(const float*, float*), unsigned many = 1) {
    return [=](Stream* stream) {
        static const Numbers x(24 * threads), y(4 * threads);
        launch("kernel", kernel, dim3(many), threads, sizeof(Pipeline), stream,
               static_cast<const float*>(x), static_cast<float*>(y));
    };
}

/// The rungs of a ladder, on a problem that is no whole number of tiles, and small: a thread of
/// ThreadSanitizer's for each of CUDA's takes memory.
template <class Example, class Rungs>
void check_ladder(const Rungs& rungs, const Example& example) {
    for (const auto& rung : rungs) {
        const ladder::Trial trial(rung, example);
        check_right(std::string(Example::name) + " " + rung.name,
                    [&](Stream*) { trial.run(); });
    }
}

} // namespace

int main() {
    cuda_emulation::settings.workers = 1; // races are found without any two at a time
    for (const auto scalar : {Scalar::f32, Scalar::f16}) {
        std::printf("%s\n", scalar == Scalar::f32 ? "float32" : "half");
        check_conv2d(scalar, 3, 5, 3, 3, 1);
        check_conv2d(scalar, 2, 130, 1, 1, 1);
        check_conv2d(scalar, 3, 17, 2, 3, 2);
        check_linear(scalar);
        check_group_norm(scalar, 77);
        check_group_norm(scalar, 8209);
        check_attention(scalar);
        check_elementwise(scalar);
    }
    std::printf("ladders\n");
    check_ladder(ladder::conv2d::rungs, ladder::conv2d::Example(5, 3, 3, 5));
    check_ladder(ladder::group_norm::rungs, ladder::group_norm::Example(6, 35, 3));
    check_ladder(ladder::attention::rungs, ladder::attention::Example(5, 7));
    std::printf("planted\n");
    check_race("a read before the others have written", launch_of(reads_early<true>),
               launch_of(reads_early<false>));
    check_race("a missing barrier after a tile's use", launch_of(uses_tiles<true>),
               launch_of(uses_tiles<false>));
    check_race("a block sum whose places are written again too early",
               launch_of(sums_twice<true>), launch_of(sums_twice<false>));
    check_race("a barrier of a warp where the block's is needed",
               launch_of(crosses_warps<true>), launch_of(crosses_warps<false>));
    check_race("a shuffle in place of a warp's barrier", launch_of(trusts_shuffle<true>),
               launch_of(trusts_shuffle<false>));
    check_race("two blocks that write the same place", launch_of(writes_same<true>, 2),
               launch_of(writes_same<false>, 2));
    check_race("a block that reads what another one writes",
               launch_of(reads_other_block<true>, 2), launch_of(reads_other_block<false>, 2));
    check_race("a wait for one group of copies too few", launch_of(pipelines<3, 2>),
               launch_of(pipelines<3, 1>));
    check_race("a copy into the stage that is read", launch_of(pipelines<2, 1>),
               launch_of(pipelines<3, 1>));
    // The kernels themselves are watched: an operand that overlaps the result is a race.
    const Numbers x(65), y(65);
    const auto add_to = [&](float* to) {
        return [&, to](Stream* stream) {
            map({.count = 64, .x = x, .other = x, .y = to}, stream);
        };
    };
    check_race("a result that overlaps its operand", add_to(x + 1), add_to(y + 1));
    return all_well ? 0 : 1;
}
