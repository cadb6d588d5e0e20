#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/schedulers/scheduler.hpp>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

using namespace latent;
using namespace latent::test;

TEST_CASE("a run stands at an index", "[schedulers]") {
    const std::vector<double> timesteps{9, 6, 6, 3};
    StepIndex index;
    CHECK(index.at(9, timesteps) == 0);
    // From there on it counts, whatever is given.
    index.advance();
    CHECK(index.at(1234, timesteps) == 1);
    index.advance(), index.advance(), index.advance();
    CHECK(message_of([&] { (void)index.at(3, timesteps); }) ==
          "step: got a step beyond the last one, expected 4 of them; set_timesteps begins "
          "another run");
    // Of two that are equal the second; or where it was told to begin.
    index.reset();
    CHECK(index.at(6, timesteps) == 2);
    index.reset();
    index.set_begin(1);
    CHECK(index.at(6, timesteps) == 1);
    index.reset();
    CHECK(message_of([&] { (void)index.at(5, timesteps); }) ==
          "timestep: got 5.000000, expected one of the scheduler's timesteps");
    CHECK(StepIndex::find(3, timesteps) == 3);
    // A run from the very beginning has all its steps.
    StepIndex whole;
    CHECK(whole.at(9, std::vector<double>{9, 9, 3}) == 0);
}

TEST_CASE("a history has the newest first, in memory that is used again", "[schedulers]") {
    History<Cpu<float>> history(2);
    CHECK(history.size() == 0);
    const auto push = [&](float value) {
        auto& newest = history.push(Shape{1});
        newest.data()[0] = value;
        return newest.data();
    };
    const auto* const first = push(1);
    push(2);
    CHECK(history.size() == 2);
    CHECK(history[0].data()[0] == 2);
    CHECK(history[1].data()[0] == 1);
    CHECK(push(3) == first);
    CHECK(history.size() == 2);
    CHECK(history[0].data()[0] == 3);
    CHECK(history[1].data()[0] == 2);
    history.clear();
    CHECK(history.size() == 0);
    CHECK(history.push(Shape{2, 3}).shape() == Shape{2, 3});
    CHECK(history.size() == 1);
}

TEST_CASE("noise is torch's randn, in one buffer", "[schedulers]") {
    const Shape shape{2, 20};
    Generator ours(5), expected(5);
    NoiseBuffer<Cpu<float>> buffer;
    const auto* const first = &buffer.draw(ours, shape);
    const auto* const memory = first->data();
    CHECK(same_bits(*first, expected.randn<Cpu<float>>(shape)));
    const auto& second = buffer.draw(ours, shape);
    CHECK(second.data() == memory);
    CHECK(same_bits(second, expected.randn<Cpu<float>>(shape)));
    CHECK(buffer.draw(ours, Shape{3}).shape() == Shape{3});
    NoiseBuffer<Meta> meta;
    CHECK(meta.draw(ours, shape).shape() == shape);
}

TEST_CASE("sums and inputs stand in the sample's memory", "[schedulers]") {
    const auto make = [](double value) {
        Tensor<Cpu<double>> x({1});
        x.data()[0] = value;
        return x;
    };
    auto x = make(3);
    const auto* const memory = x.data();
    const auto z = make(5);
    x = latent::detail::noised(std::move(x), 2, z, -1);
    CHECK(x.data() == memory);
    CHECK(x.data()[0] == 1);
    x = scaled_input(std::move(x), std::sqrt(3.0));
    CHECK(x.data() == memory);
    CHECK(std::abs(x.data()[0] - 0.5) <= 1e-15);
}

TEST_CASE("a name that is none of a field's is refused with all of them", "[schedulers]") {
    check_name("field", "b", {"a", "b"});
    CHECK(message_of([] {
              check_name("field", "d", {"a", "b", "c"});
          }) == "field: got 'd', expected a, b or c");
    CHECK(message_of([] { check_name("field", "", {"a"}); }) == "field: got '', expected a");
}
