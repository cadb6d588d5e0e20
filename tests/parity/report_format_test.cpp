#include "support/catch.hpp"

#include <latent/parity/report_format.hpp>

#include <limits>

using namespace latent;
using namespace latent::detail;

TEST_CASE("errors are two digits, and places are without brackets", "[parity]") {
    const auto inf = std::numeric_limits<double>::infinity();
    CHECK(error_text(0) == "0");
    CHECK(error_text(1.26e-7) == "1.3e-07");
    CHECK(error_text(inf) == "inf");
    CHECK(ulp_text(1.5) == "1.5");
    CHECK(ulp_text(123456) == "1.2e+05");
    CHECK(joined({1, 512, 8}, "×") == "1×512×8");
    CHECK(joined(Shape{}, "×") == "scalar");
    CHECK(place_in({1, 2, 3}, 5) == "0,1,2");
    CHECK(place_in(Shape{}, 0).empty());
}

TEST_CASE("a bar is as long as the error's logarithm", "[parity]") {
    CHECK(bar_part(0) == 0);
    CHECK(bar_part(1e-12) == 0);
    CHECK(std::abs(bar_part(1e-4) - 0.5) <= 1e-12);
    CHECK(bar_part(1) == 1);
    CHECK(bar_part(7) == 1);
    CHECK(bar_part(std::numeric_limits<double>::quiet_NaN()) == 1);
    CHECK(bar_text(0, 8).empty());
    CHECK(bar_text(1e-4, 8) == "████");
    CHECK(bar_text(1, 2) == "██");
    CHECK(columns_of(bar_text(2e-5, 8)) <= 8);
}

TEST_CASE("long names keep their ends, and whole characters", "[parity]") {
    CHECK(cut_to("abc", 3) == "abc");
    CHECK(cut_to("abcdefgh", 5) == "ab…gh");
    CHECK(cut_to("äöüäöüäö", 5) == "äö…äö");
    CHECK(columns_of(cut_to(std::string(1000, 'x'), 30)) == 30);
    CHECK(to_width("ab", 4, false) == "ab  ");
    CHECK(to_width("ä", 3, true) == "  ä");
    CHECK(shown("a\x1B[31m\nb") == "a?[31m?b");
}
