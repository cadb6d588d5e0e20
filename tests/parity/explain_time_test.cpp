#include "support/catch.hpp"
#include "support/tiny_networks.hpp"

#include <latent/blocks/resnet_block_2d.hpp>
#include <latent/parity/explain_time.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

using namespace latent;
using namespace latent::test;

namespace {

/// A second passes whenever somebody looks.
struct TickingClock {
    using duration = std::chrono::seconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<TickingClock>;

    static time_point now() {
        static thread_local int ticks = 0;
        return time_point(std::chrono::seconds(++ticks));
    }
};

} // namespace

TEST_CASE("the time of a fused step is its module's", "[parity]") {
    const ResnetBlock2DConfig config{.in_channels = 8, .out_channels = 4, .groups = 2};
    const auto explanation = explain<ResnetBlock2D>({1, 8, 5, 6}, "block", config);
    detail::Stopwatch<TickingClock> watch(explanation.rows);
    const std::function<void()> nothing;
    Recorder recorder;
    const ResnetBlock2D<Meta> block(Weights(recorder, "block"), config);
    watch.start();
    (void)block.forward(Tensor<Meta>({1, 8, 5, 6}),
                        detail::TimeTrace<TickingClock>{&watch, &nothing});
    std::vector<std::string> paths;
    for (const auto& row : explanation.rows) paths.push_back(row.path);
    CHECK(paths == std::vector<std::string>{"block", "block.norm1", "block.conv1",
                                            "block.conv_shortcut", "block.norm2",
                                            "block.conv2"});
    // Norms and the last convolution do not announce their end: they last until the next
    // event. The block's own are three gaps: in front of norm1, behind conv1, and behind the
    // shortcut.
    CHECK(std::move(watch).finish() == std::vector<double>{8, 1, 1, 1, 1, 1});
}

TEST_CASE("each module of a run has its time", "[parity]") {
    const auto config = uneven_config();
    const auto explanation = explain<DecoderTiny>({1, 5, 6, 6}, "decoder", config);
    const auto times = time_modules<DecoderTiny>(
        explanation, {.threads = 1, .patience_seconds = 0.05, .most_runs = 3}, "decoder",
        config);
    const auto& rows = explanation.rows;
    REQUIRE(times.seconds.size() == rows.size());
    CHECK(times.runs >= 1);
    CHECK(times.runs <= 3);
    CHECK(times.total_seconds > 0);
    CHECK(times.seconds.front() > 0);
    CHECK(times.seconds.front() <= times.total_seconds);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        double below = 0;
        for (auto j = i + 1; j < rows.size() && rows[j].depth > rows[i].depth; ++j) {
            if (rows[j].depth == rows[i].depth + 1) below += times.seconds[j];
        }
        CAPTURE(rows[i].path);
        CHECK(times.seconds[i] > 0);
        CHECK(below <= times.seconds[i] * (1 + 1e-9));
    }
}

TEST_CASE("a timed run can be stopped", "[parity]") {
    const auto config = uneven_config();
    const auto explanation = explain<DecoderTiny>({1, 5, 2, 2}, "decoder", config);
    int modules = 0;
    const auto stop = [&] {
        if (++modules == 4) throw Stopped();
    };
    CHECK_THROWS_AS(time_modules<DecoderTiny>(explanation, {.threads = 1, .between = stop},
                                              "decoder", config),
                    Stopped);
    CHECK(modules == 4);
}

TEST_CASE("times belong to the network that was explained", "[parity]") {
    const auto explanation = explain<DecoderTiny>({1, 5, 2, 2}, "decoder", uneven_config());
    CHECK(contains(message_of([&] {
                       (void)time_modules<DecoderTiny>(explanation, {.threads = 1}, "other",
                                                       uneven_config());
                   }),
                   "got another order of modules"));
}
