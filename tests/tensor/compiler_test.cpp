#include "support/catch.hpp"

#include <latent/tensor/compiler.hpp>

#include <cstddef>
#include <cstdint>

using namespace latent;

TEST_CASE("vectors of the compiler are as long as they say", "[tensor]") {
    CHECK(sizeof(compiler::vector<float, 16>) == 16);
    CHECK(sizeof(compiler::vector<double, 32>) == 32);
    const compiler::vector<float, 16> a{1, 2, 3, 4}, b{2, 2, 2, 2};
    const auto sum = a + b, product = a * b;
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(sum[i] == a[i] + 2);
        CHECK(product[i] == a[i] * 2);
    }
}

TEST_CASE("a processor that has AVX-512 has AVX2", "[tensor]") {
    CHECK((compiler::processor_has_avx2() || !compiler::processor_has_avx512()));
    CHECK(!compiler::baseline_name.empty());
}
