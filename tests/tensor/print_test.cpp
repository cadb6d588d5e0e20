#include "support/catch.hpp"
#include "tensor/random_cases.hpp"

#include <latent/tensor/print.hpp>
#include <latent/tensor/random.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <ios>
#include <locale>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

using namespace latent;

namespace {

/// A case of reference_data/tensor/print.txt: `@ DTYPE [SHAPE] VALUES` and what Python prints.
struct PrintCase {
    std::string dtype, shape, values, text;
};

std::vector<PrintCase> print_cases() {
    std::ifstream file(test::reference_file("tensor/print.txt"));
    std::vector<PrintCase> cases;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("@ ")) {
            std::istringstream header(line.substr(2));
            PrintCase next;
            header >> next.dtype >> next.shape >> std::ws;
            std::getline(header, next.values);
            cases.push_back(next);
        } else if (!cases.empty()) {
            auto& text = cases.back().text;
            text += (text.empty() ? "" : "\n") + line;
        }
    }
    return cases;
}

Shape parse_shape(std::string text) { // "[2,3]"
    std::vector<std::int64_t> dims;
    std::istringstream numbers(text.substr(1, text.size() - 2));
    for (std::string dim; std::getline(numbers, dim, ',');) dims.push_back(std::stoll(dim));
    return Shape(dims);
}

template <class Scalar>
std::string printed(const PrintCase& row) {
    Tensor<Cpu<Scalar>> x(parse_shape(row.shape));
    std::istringstream words(row.values);
    std::string kind;
    words >> kind;
    if (kind == "randn") {
        std::uint64_t seed = 0;
        float scale = 0.0F;
        words >> seed >> scale;
        const auto values = Generator(seed).randn<Cpu<float>>(x.shape());
        for (std::size_t i = 0; i < x.values().size(); ++i) {
            x.values()[i] = values.values()[i] * scale;
        }
    } else if (kind == "arange") {
        Scalar next = 0;
        for (auto& value : x.values()) value = next++;
    } else if (kind == "bits") {
        using Word = std::conditional_t<sizeof(Scalar) == 8, std::uint64_t, std::uint32_t>;
        for (auto& value : x.values()) {
            Word word = 0;
            REQUIRE(words >> std::hex >> word);
            value = std::bit_cast<Scalar>(word);
        }
    } else {
        fail("print.txt", kind, "bits, arange or randn");
    }
    std::ostringstream out;
    out << x;
    return out.str();
}

template <class Scalar>
Tensor<Cpu<Scalar>> vector(const std::vector<Scalar>& values) {
    Tensor<Cpu<Scalar>> x(Shape{static_cast<std::int64_t>(values.size())});
    std::ranges::copy(values, x.data());
    return x;
}

} // namespace

TEST_CASE("tensors print as torch prints them", "[print]") {
    const auto cases = print_cases();
    CHECK(cases.size() >= 250);
    for (const auto& row : cases) {
        CAPTURE(row.dtype, row.shape, row.values.substr(0, 200));
        const auto text = row.dtype == "float64" ? printed<double>(row) : printed<float>(row);
        CHECK(text == row.text);
    }
}

TEST_CASE("a few prints, to be read", "[print]") {
    CHECK(to_string(vector<float>({1, 2.5F, -3})) == "tensor([ 1.0000,  2.5000, -3.0000])");
    CHECK(to_string(vector<double>({1, 2})) == "tensor([1., 2.], dtype=torch.float64)");
    CHECK(to_string(vector<float>({1000, 0.5F})) == "tensor([1.0000e+03, 5.0000e-01])");
    CHECK(to_string(Tensor<Cpu<float>>()) == "tensor([])");
    CHECK(to_string(Tensor<Cpu<float>>(Shape{2, 0})) == "tensor([], size=(2, 0))");
}

TEST_CASE("a tensor without data prints its shape", "[print]") {
    std::ostringstream out;
    out << Tensor<Meta>(Shape{1, 3, 64, 64});
    CHECK(out.str() == "tensor(..., device='meta', size=(1, 3, 64, 64))");
    CHECK(to_string(Tensor<Meta>(Shape{5})) == "tensor(..., device='meta', size=(5,))");
    CHECK(to_string(Tensor<Meta>(Shape{})) == "tensor(..., device='meta', size=())");
}

TEST_CASE("printing heeds neither the stream's flags nor the locale", "[print]") {
    struct Comma : std::numpunct<char> {
        char do_decimal_point() const override { return ','; }
    };
    // A locale owns its facets, hence the one `new`.
    const auto before = std::locale::global(std::locale(std::locale::classic(), new Comma));
    std::ostringstream out;
    out << std::hex << std::scientific << vector<float>({1.5F});
    std::locale::global(before);
    CHECK(out.str() == "tensor([1.5000])");
}
