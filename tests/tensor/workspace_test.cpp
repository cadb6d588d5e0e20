#include "support/catch.hpp"

#include <latent/tensor/devices.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

using namespace latent;

namespace {

using T = Tensor<Cpu<float>>;

} // namespace

TEST_CASE("a workspace reuses memory, the best fit first", "[workspace]") {
    const Workspace run;
    const float* large = nullptr;
    const float* small = nullptr;
    {
        const T a(Shape{4096}), b(Shape{2304});
        large = a.data(), small = b.data();
    }
    const T c(Shape{2200});
    CHECK(c.data() == small);
    const T d(Shape{4000});
    CHECK(d.data() == large);
    // Nothing idle is left, and nothing more than twice as large is taken.
    const T e(Shape{100});
    CHECK(e.data() != small);
    CHECK(run.report().peak_bytes == 4 * (4096 + 2304));
    CHECK(run.report().live_bytes == 4 * (2200 + 4000 + 100));
}

TEST_CASE("a buffer is large enough, and not much larger", "[workspace]") {
    Workspace run;
    std::vector<Buffer> held;
    std::uint32_t state = 1;
    for (int round = 0; round < 2000; ++round) {
        state = state * 1664525U + 1013904223U;
        const std::size_t bytes = state >> 16U;
        held.push_back(run.take(bytes));
        CHECK(held.back().size_bytes() >= bytes);
        CHECK(held.back().size_bytes() <= 2 * bytes + 2 * sizeof(CacheLine));
        if (held.size() > 5) {
            run.give(std::move(held[state % 5]));
            held.erase(held.begin() + state % 5);
        }
    }
}

TEST_CASE("pages that move stay where only one buffer sees them", "[workspace]") {
    Workspace run;
    struct Held {
        Buffer buffer;
        std::size_t bytes;
        unsigned char mark;
    };
    std::vector<Held> held;
    std::uint32_t state = 1;
    for (int round = 0; round < 400; ++round) {
        state = state * 1664525U + 1013904223U;
        const std::size_t bytes = 1 + (state >> 8U) % (round % 3 == 0 ? 1U << 20U : 1U << 24U);
        held.push_back({run.take(bytes), bytes, static_cast<unsigned char>(round)});
        CHECK(held.back().buffer.size_bytes() >= bytes);
        std::memset(held.back().buffer.lines.get(), round, bytes);
        if (held.size() < 6) continue;
        const auto index = static_cast<std::ptrdiff_t>(state % 6);
        for (const auto& kept : held) {
            const auto* from = reinterpret_cast<const unsigned char*>(kept.buffer.lines.get());
            CHECK(std::all_of(from, from + kept.bytes,
                              [&](auto byte) { return byte == kept.mark; }));
        }
        run.give(std::move(held[static_cast<std::size_t>(index)].buffer));
        held.erase(held.begin() + index);
    }
}

TEST_CASE("poisoned memory is NaN until it is written", "[workspace]") {
    const Workspace run({.poison = true});
    for (int round = 0; round < 2; ++round) {
        T x(Shape{33});
        Tensor<Cpu<double>> y(Shape{33});
        for (const auto value : x.values()) CHECK(std::isnan(value));
        for (const auto value : y.values()) CHECK(std::isnan(value));
        std::ranges::fill(x.values(), 1.0F);
    }
}

TEST_CASE("the report follows every tensor", "[workspace]") {
    const Workspace run({.record_memory = true});
    {
        const T a(Shape{10});
        const T b(Shape{5});
        const auto c = a.clone();
        CHECK(run.report().live_bytes == 100);
    }
    const auto& report = run.report();
    CHECK(report.live_bytes == 0);
    CHECK(report.peak_bytes == 100);
    CHECK(report.clones == 1);
    const std::vector<MemoryEvent> expected{{0, 40, true},  {1, 20, true},  {2, 40, true},
                                            {2, 40, false}, {1, 20, false}, {0, 40, false}};
    CHECK(report.memory == expected);
}

TEST_CASE("workspaces nest, and belong to their thread", "[workspace]") {
    CHECK(Workspace::current() == nullptr);
    {
        const Workspace outer({.threads = 3});
        CHECK(Workspace::current() == &outer);
        {
            const Workspace inner({.threads = 1});
            CHECK(Workspace::current() == &inner);
            CHECK(inner.serial() != outer.serial());
            const RunScope scope;
            CHECK(Workspace::current() == &inner);
        }
        CHECK(Workspace::current() == &outer);
        CHECK(outer.threads() == 3);
        const Workspace* elsewhere = &outer;
        std::thread([&] { elsewhere = Workspace::current(); }).join();
        CHECK(elsewhere == nullptr);
    }
    CHECK(Workspace::current() == nullptr);
    {
        const RunScope scope;
        CHECK(Workspace::current() != nullptr);
        CHECK(Workspace::current()->threads() >= 1);
    }
    CHECK(Workspace::current() == nullptr);
}
