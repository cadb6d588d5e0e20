#include "support/catch.hpp"

#include <latent/tensor/devices.hpp>
#include <latent/tensor/trace.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace latent;

namespace {

struct TakesPaths {
    void operator()(std::string_view, const Tensor<Meta>&) const {}
};
struct TakesNothing {
    void operator()() const {}
};

/// A module in small: reports its output, and computes more where somebody listens.
template <Observer<Meta> Trace = NoTrace>
int run(const Trace& trace = {}) {
    int computed = 1;
    if constexpr (is_traced<Trace>) ++computed;
    trace("layer", Tensor<Meta>(Shape{2}));
    return computed;
}

} // namespace

static_assert(Observer<NoTrace, Meta> && Observer<NoTrace, Cpu<float>>);
static_assert(Observer<TakesPaths, Meta> && !Observer<TakesPaths, Cpu<float>>);
static_assert(!Observer<TakesNothing, Meta>);
static_assert(is_traced<TakesPaths> && !is_traced<NoTrace>);

TEST_CASE("a trace hears paths and tensors", "[trace]") {
    std::vector<std::string> heard;
    const auto listen = [&](std::string_view path, const Tensor<Meta>& x) {
        heard.push_back(std::string(path) + to_string(x.shape()));
    };
    CHECK(run(listen) == 2);
    CHECK(heard == std::vector<std::string>{"layer[2]"});
    CHECK(run() == 1);
}

TEST_CASE("Stopped is no Error", "[trace]") {
    const auto stop = [](std::string_view, const auto&) { throw Stopped(); };
    REQUIRE_THROWS_AS(run(stop), Stopped);
    CHECK(std::string(Stopped().what()) == "stopped by its trace");
    static_assert(!std::derived_from<Stopped, Error>);
}
