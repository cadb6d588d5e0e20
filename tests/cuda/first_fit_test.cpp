#include "support/catch.hpp"

#include <latent/cuda/first_fit.hpp>

#include <map>
#include <cstdint>
#include <iterator>

using namespace latent;

TEST_CASE("places in one piece of memory do not overlap", "[cuda]") {
    FirstFit places;
    std::map<std::size_t, std::size_t> held;
    std::uint32_t state = 1;
    std::size_t most = 0;
    for (int round = 0; round < 5000; ++round) {
        state = state * 1664525U + 1013904223U;
        const std::size_t bytes = state >> 20U;
        const auto offset = places.take(bytes);
        CHECK(offset % 256 == 0);
        const auto after = held.lower_bound(offset);
        CHECK((after == held.end() || offset + bytes <= after->first));
        if (after != held.begin()) {
            const auto before = std::prev(after);
            CHECK(before->first + before->second <= offset);
        }
        held[offset] = bytes;
        most = std::max(most, offset + bytes);
        if (held.size() > 20) {
            const auto old = std::next(held.begin(), state % 20);
            places.give(old->first);
            held.erase(old);
        }
    }
    CHECK(places.extent() >= most);
    CHECK(places.extent() < most + 256);
}
