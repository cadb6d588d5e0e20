/// Draws every row of reference_data/tensor/random.tsv and compares: the program that
/// CMakeLists.txt builds once for each set of compiler flags. It returns 0 when all bits are
/// torch's.

#include "tensor/random_cases.hpp"

#include <cstdio>
#include <exception>

int main() {
    try {
        std::size_t wrong = 0, all = 0;
        for (const auto& row : latent::test::random_cases()) {
            ++all;
            if (latent::test::draw(row).hash() == row.hash) continue;
            ++wrong;
            std::printf("differs: %s, seed %llu, %zu values\n", row.name.c_str(),
                        static_cast<unsigned long long>(row.seed), row.count);
        }
        std::printf("%zu of %zu rows have torch's bits\n", all - wrong, all);
        return wrong == 0 && all >= 300 ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
