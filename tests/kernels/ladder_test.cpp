#include "kernels/ladder/all.cuh"
#include "kernels/ladder/trial.cuh"
#include "kernels/on_device.hpp"
#include "support/catch.hpp"
#include "support/closeness.hpp"

#include <latent/latent.hpp>

#include <limits>
#include <string>
#include <vector>

/// The ladders of kernels: every rung computes what it should, and changes the number that its
/// lesson is about.

using namespace latent;

namespace {

/// What the emulator counts of one run.
template <class Problem, class Example>
ladder::Launcher counted(const ladder::Rung<Problem>& rung, const Example& example) {
    const ladder::Trial trial(rung, example);
    const auto before = cuda_emulation::settings;
    cuda_emulation::settings.count = true;
    const auto did = trial.run();
    cuda_emulation::settings = before;
    return did;
}

double sectors_of_each(const ladder::Launcher& did) {
    return static_cast<double>(did.counts.global_sectors) /
           static_cast<double>(did.counts.global_requests);
}

template <class Example, class Rungs>
void check_all(const Rungs& rungs) {
    for (const auto& rung : rungs) {
        const auto worst = ladder::worst_of_awkward<Example>(rung);
        INFO(Example::name << " " << rung.name << ": " << worst.text);
        CHECK(worst.text.empty());
        CHECK(worst.relative <= ladder::bound_of(9 * 128));
    }
}

/// Our numbers as a tensor of float64.
Tensor<Cpu<double>> tensor(const ladder::Numbers& x, Shape shape) {
    Tensor<Cpu<double>> y(std::move(shape));
    REQUIRE(static_cast<std::size_t>(y.numel()) == x.size());
    std::ranges::copy(x, y.data());
    return y;
}

/// The example's truth, whole.
template <class Example>
std::vector<double> truth(const Example& example) {
    std::vector<double> y;
    for (std::size_t i = 0; i < example.results(); ++i) y.push_back(example.truth(i));
    return y;
}

template <class Example>
bool is(const Example& example, const Tensor<Cpu<double>>& y) {
    const auto expected = truth(example);
    return test::closeness<double, double>(y.values(), expected).relative <= 1e-13;
}

} // namespace

TEST_CASE("every rung is close to the definition", "[kernels]") {
    check_all<ladder::conv2d::Example>(ladder::conv2d::rungs);
    check_all<ladder::group_norm::Example>(ladder::group_norm::rungs);
    check_all<ladder::attention::Example>(ladder::attention::rungs);
}

TEST_CASE("the ladders' definitions are the library's", "[kernels]") {
    const ladder::conv2d::Example c(5, 3, 7, 11);
    CHECK(is(c, reference::conv2d(tensor(c.x, {1, 5, 7, 11}), tensor(c.weight, {3, 5, 3, 3}),
                                  tensor(c.bias, {3}), {.padding = Padding::all(1)})));
    const ladder::group_norm::Example n(6, 35, 3);
    CHECK(is(n, reference::group_norm(tensor(n.x, {1, 6, 5, 7}), tensor(n.weight, {6}),
                                      tensor(n.bias, {6}), 3, static_cast<double>(n.eps))));
    const ladder::attention::Example a(13, 7);
    CHECK(is(a, reference::scaled_dot_product_attention(tensor(a.q, {1, 13, 7}),
                                                        tensor(a.k, {1, 13, 7}),
                                                        tensor(a.v, {1, 13, 7}), 1)));
}

TEST_CASE("each rung of conv2d changes the number that it is about", "[kernels]") {
    const ladder::conv2d::Example example(8, 128, 16, 32);
    const auto naive = counted(ladder::conv2d::naive::rung, example);
    const auto coalesced = counted(ladder::conv2d::coalesced::rung, example);
    const auto shared = counted(ladder::conv2d::shared_memory::rung, example);
    const auto registers = counted(ladder::conv2d::register_tiles::rung, example);
    const auto vectorised = counted(ladder::conv2d::vectorised::rung, example);
    const auto winograd = counted(ladder::conv2d::winograd::rung, example);
    // Neighbours read neighbours.
    CHECK(sectors_of_each(naive) > 16);
    CHECK(sectors_of_each(coalesced) < 3);
    // Read once for all of a block; once for many results; four at a time; fewer products.
    CHECK(10 * shared.counts.global_requests < coalesced.counts.global_requests);
    CHECK(5 * registers.counts.shared_requests < shared.counts.shared_requests);
    CHECK(5 * vectorised.counts.shared_requests < registers.counts.shared_requests);
    CHECK(2 * winograd.counts.shared_requests < vectorised.counts.shared_requests);
    for (const auto* did : {&shared, &registers, &vectorised, &winograd})
        CHECK(did->counts.bank_conflicts == 0);
}

TEST_CASE("each rung of group_norm changes the number that it is about", "[kernels]") {
    const ladder::group_norm::Example example(32, 16411, 32);
    const auto naive = counted(ladder::group_norm::naive::rung, example);
    const auto block = counted(ladder::group_norm::block::rung, example);
    const auto pieces = counted(ladder::group_norm::pieces::rung, example);
    CHECK(sectors_of_each(naive) > 20);
    CHECK(sectors_of_each(block) < 4);
    CHECK(block.threads == 256 * naive.threads);
    CHECK(pieces.threads == 2 * block.threads);
}

TEST_CASE("each rung of attention changes the number that it is about", "[kernels]") {
    const ladder::attention::Example example(67, 64);
    const auto matrix = counted(ladder::attention::matrix::rung, example);
    const auto online = counted(ladder::attention::online::rung, example);
    const auto tiles = counted(ladder::attention::tiles::rung, example);
    CHECK(2 * online.counts.global_sectors < matrix.counts.global_sectors);
    CHECK(matrix.launches == 3);
    CHECK(online.launches == 1);
    CHECK(8 * tiles.counts.global_sectors < online.counts.global_sectors);
}

TEST_CASE("a result that was not looked at may not be NaN", "[kernels]") {
    const ladder::group_norm::Example example(6, 35, 3);
    ladder::Numbers y;
    for (const auto value : truth(example)) y.push_back(static_cast<float>(value));
    CHECK(ladder::closeness(y, example, 2).relative <= 1e-7);
    y[5] = std::numeric_limits<float>::quiet_NaN();
    CHECK_FALSE(ladder::closeness(y, example, 2).relative <= 1);
    y[5] = std::numeric_limits<float>::infinity();
    CHECK_FALSE(ladder::closeness(y, example, 2).relative <= 1);
}

TEST_CASE("a wrong rung is found, and told how", "[kernels]") {
    using namespace ladder::conv2d;
    const auto text_of = [](const ladder::Rung<Problem>& rung) {
        const auto worst = ladder::worst_of_awkward<Example>(rung);
        CHECK_FALSE(worst.relative <= ladder::bound_of(9 * 128));
        return worst.text;
    };
    CHECK(test::contains(text_of(yours::rung), "memory is NaN until it is written"));
    CHECK_FALSE(
        ladder::worst_of_awkward<ladder::group_norm::Example>(ladder::group_norm::yours::rung)
            .relative <= ladder::bound_of(9 * 128));
    CHECK_FALSE(
        ladder::worst_of_awkward<ladder::attention::Example>(ladder::attention::yours::rung)
            .relative <= ladder::bound_of(9 * 128));
    const auto less = [](const Problem& p, ladder::Launcher& launch) {
        auto one_channel_less = p;
        --one_channel_less.channels;
        coalesced::run(one_channel_less, launch);
    };
    CHECK(test::contains(text_of({"less", "", less}), "expected"));
    const auto more = [](const Problem& p, ladder::Launcher& launch) {
        auto one_channel_more = p;
        ++one_channel_more.channels;
        coalesced::run(one_channel_more, launch);
    };
    CHECK(test::contains(text_of({"more", "", more}), "outside of what is allocated"));
}
