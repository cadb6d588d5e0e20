#include "support/catch.hpp"

#include <latent/tensor/huge_pages.hpp>

#include <cstdint>
#include <cstring>

using namespace latent;

TEST_CASE("memory is aligned as asked, large memory to a huge page", "[tensor]") {
    for (const std::size_t bytes :
         {std::size_t{64}, huge_page - 1, huge_page, 3 * huge_page + 5, 20 * huge_page}) {
        void* memory = allocate_bytes(bytes, 64);
        const auto address = reinterpret_cast<std::uintptr_t>(memory);
        CAPTURE(bytes);
        CHECK(address % 64 == 0);
        CHECK((bytes < huge_page || address % huge_page == 0));
        std::memset(memory, 1, bytes);
        CHECK(static_cast<unsigned char*>(memory)[bytes - 1] == 1);
        free_bytes(memory, bytes, 64);
    }
}
