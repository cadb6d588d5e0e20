#include "support/catch.hpp"

#include <latent/io/tensor_info.hpp>

#include <limits>
#include <string>
#include <vector>

using namespace latent;

TEST_CASE("tensor_info: products and sums that a file claims are checked") {
    constexpr auto largest = std::numeric_limits<std::int64_t>::max();
    CHECK(detail::checked_product(3, 4) == 12);
    CHECK(detail::checked_product(0, largest) == 0);
    CHECK(detail::checked_product(largest, 1) == largest);
    CHECK_FALSE(detail::checked_product(largest, 2));
    CHECK_FALSE(detail::checked_product(std::int64_t{1} << 32, std::int64_t{1} << 31));
    CHECK(detail::checked_sum(largest - 1, 1) == largest);
    CHECK_FALSE(detail::checked_sum(largest, 1));
}

TEST_CASE("tensor_info: shapes that a file claims") {
    const auto tensor_info_refusal = [](const std::vector<std::int64_t>& dims) {
        return message_of([&] { static_cast<void>(detail::claimed_shape("f", "t\n", dims)); });
    };
    constexpr auto largest = std::numeric_limits<std::int64_t>::max();
    CHECK(detail::claimed_shape("f", "t", {2, 3}) == Shape{2, 3});
    CHECK(detail::claimed_shape("f", "t", {}).numel() == 1);
    CHECK(detail::claimed_shape("f", "t", {largest, largest, 0}).numel() == 0);
    CHECK(contains(tensor_info_refusal({2, -1}),
                   "f: got shape [2, -1] of tensor \"t\\n\", expected dimensions"));
    CHECK(contains(tensor_info_refusal({largest, 2}), "below 2^63"));
    CHECK(tensor_info_refusal(std::vector<std::int64_t>(100'000, 7)).size() < 300);
}

TEST_CASE("tensor_info: every name once") {
    std::vector<TensorInfo> tensors(3);
    tensors[0].name = "b";
    tensors[1].name = "a";
    tensors[2].name = "c";
    detail::require_unique_names("f", tensors);
    tensors[2].name = "b";
    CHECK(contains(message_of([&] { detail::require_unique_names("f", tensors); }),
                   "duplicate: tensor \"b\" twice"));
}
