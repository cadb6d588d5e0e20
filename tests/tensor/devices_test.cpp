#include "support/catch.hpp"

#include <latent/tensor/devices.hpp>

#include <cstdint>
#include <utility>

using namespace latent;

static_assert(DeviceType<Cpu<float>> && DeviceType<Cpu<double>> && DeviceType<Meta>);
static_assert(!DeviceType<int>);

TEST_CASE("memory on the processor is aligned to 64 bytes", "[devices]") {
    for (const std::int64_t count : {1, 3, 16, 17, 1000}) {
        const Tensor<Cpu<float>> x(Shape{count});
        const Tensor<Cpu<double>> y(Shape{count});
        CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
        CHECK(reinterpret_cast<std::uintptr_t>(y.data()) % 64 == 0);
    }
}

TEST_CASE("Meta has shapes of any size and no memory", "[devices]") {
    const Workspace run;
    const Tensor<Meta> x(Shape{1 << 20, 1 << 20});
    CHECK(x.numel() == std::int64_t{1} << 40);
    CHECK(run.report().live_bytes == std::int64_t{1} << 42); // counted as float32
    CHECK(x.clone().shape() == x.shape());
    CHECK(run.report().clones == 1);
}

TEST_CASE("tensors are counted where they were made, whatever becomes of them", "[devices]") {
    Tensor<Cpu<float>> before(Shape{100});
    Tensor<Cpu<float>> outlives;
    {
        const Workspace run;
        CHECK(run.report().live_bytes == 0); // what was there before is not the run's
        outlives = Tensor<Cpu<float>>(Shape{50});
        CHECK(run.report().live_bytes == 200);
        auto moved = std::move(outlives);
        CHECK(run.report().live_bytes == 200);
        outlives = std::move(moved);
        before = Tensor<Cpu<float>>(Shape{10});
        CHECK(run.report().live_bytes == 240);
        CHECK(run.report().peak_bytes == 240);
    }
    const Workspace other;
    outlives = Tensor<Cpu<float>>();
    CHECK(other.report().live_bytes == 0);
    before.data()[9] = 1;
    CHECK(before.values()[9] == 1);
}
