#include "support/catch.hpp"

#include <latent/tensor/parallel.hpp>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <vector>

using namespace latent;

TEST_CASE("parallel_for takes every index once", "[parallel]") {
    for (const int threads : {1, 2, 3, 7}) {
        const Workspace run({.threads = threads});
        for (const std::int64_t count : {0, 1, 2, 6, 1000}) {
            std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
            std::atomic<bool> workers_fit{true};
            const int workers = worker_count(count);
            CHECK(workers <= threads);
            parallel_for(count, [&](std::int64_t index, int worker) {
                ++calls.at(static_cast<std::size_t>(index));
                if (worker < 0 || worker >= workers) workers_fit = false;
            });
            for (const auto& calls_of_one : calls) CHECK(calls_of_one == 1);
            CHECK(workers_fit);
        }
    }
}

TEST_CASE("parallel_for works without a workspace", "[parallel]") {
    std::atomic<std::int64_t> sum{0};
    parallel_for(100, [&](std::int64_t index, int) { sum += index; });
    CHECK(sum == 4950);
}

TEST_CASE("an exception in a worker comes out, and ends the loop", "[parallel]") {
    for (const int threads : {1, 3}) {
        const Workspace run({.threads = threads});
        std::atomic<int> calls{0};
        const auto loop = [&] {
            parallel_for(100000, [&](std::int64_t index, int) {
                ++calls;
                if (index == 5) throw std::runtime_error("index 5");
            });
        };
        REQUIRE_THROWS_AS(loop(), std::runtime_error);
        CHECK(calls < 100000);
        // The threads are still good.
        std::atomic<int> after{0};
        parallel_for(50, [&](std::int64_t, int) { ++after; });
        CHECK(after == 50);
    }
}

TEST_CASE("a caller's own pool does the work", "[parallel]") {
    int asked = 0;
    const Workspace run({.threads = 4, .executor = [&](int workers, const auto& body) {
                             asked = workers;
                             // Any order will do.
                             for (int worker = workers - 1; worker >= 0; --worker) body(worker);
                         }});
    std::int64_t sum = 0;
    parallel_for(10, [&](std::int64_t index, int) { sum += index; });
    CHECK(asked == 4);
    CHECK(sum == 45);
}

TEST_CASE("scratch memory is apart for each worker and aligned", "[parallel]") {
    const Workspace run({.poison = true});
    Scratch<float> scratch(3, 21);
    for (int worker = 0; worker < 3; ++worker) {
        CHECK(reinterpret_cast<std::uintptr_t>(scratch.of(worker)) % 64 == 0);
        std::fill_n(scratch.of(worker), 21, static_cast<float>(worker));
    }
    for (int worker = 0; worker < 3; ++worker) {
        for (int i = 0; i < 21; ++i) CHECK(scratch.of(worker)[i] == static_cast<float>(worker));
    }
    CHECK(run.report().live_bytes == 0); // no tensor
}
