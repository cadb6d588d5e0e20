#include "support/catch.hpp"

#include <latent/tensor/threads.hpp>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

using namespace latent;

TEST_CASE("a pool runs each worker once, again and again", "[threads]") {
    ThreadPool pool;
    for (const int workers : {1, 2, 5, 3, 5}) {
        for (int round = 0; round < 50; ++round) {
            std::vector<std::atomic<int>> calls(static_cast<std::size_t>(workers));
            pool.run(workers,
                     [&](int worker) { ++calls.at(static_cast<std::size_t>(worker)); });
            for (const auto& count : calls) CHECK(count == 1);
        }
    }
}

TEST_CASE("worker 0 is the caller, the others are other threads", "[threads]") {
    ThreadPool pool;
    std::vector<std::thread::id> ids(4);
    pool.run(4, [&](int worker) {
        ids[static_cast<std::size_t>(worker)] = std::this_thread::get_id();
    });
    CHECK(ids[0] == std::this_thread::get_id());
    CHECK(std::set<std::thread::id>(ids.begin(), ids.end()).size() == 4);
}

TEST_CASE("workers run at the same time", "[threads]") {
    ThreadPool pool;
    std::atomic<int> arrived{0};
    // Each waits for the others: were they run one after the other, this would not end.
    pool.run(3, [&](int) {
        ++arrived;
        while (arrived < 3) std::this_thread::yield();
    });
    CHECK(arrived == 3);
}
