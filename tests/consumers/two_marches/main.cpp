// Runs both translation units and compares what they computed.
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

std::vector<float> run_plain();
std::vector<float> run_native();

int main() {
    const auto plain = run_plain();
    const auto native = run_native();
    if (plain.empty() || plain.size() != native.size()) {
        std::printf("sizes differ: %zu and %zu\n", plain.size(), native.size());
        return 1;
    }
    double error = 0;
    double norm = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        error += std::pow(double{plain[i]} - double{native[i]}, 2);
        norm += std::pow(double{plain[i]}, 2);
    }
    const double relative = std::sqrt(error / norm);
    std::printf("relative difference: %g\n", relative);
    return norm > 0 && relative <= 1e-5 ? 0 : 1;
}
