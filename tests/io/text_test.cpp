#include "support/catch.hpp"

#include <latent/io/text.hpp>

#include <string>

using namespace latent;

TEST_CASE("text: UTF-8 is told from what is not") {
    CHECK(is_utf8(""));
    CHECK(is_utf8("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8E\xA8"));
    CHECK(is_utf8(std::string("a\0b", 3)));
    CHECK_FALSE(is_utf8("\xC3"));             // cut
    CHECK_FALSE(is_utf8("\xE2\x82"));         // cut
    CHECK_FALSE(is_utf8("\x80"));             // no beginning
    CHECK_FALSE(is_utf8("\xC0\xAF"));         // overlong
    CHECK_FALSE(is_utf8("\xE0\x80\xAF"));     // overlong
    CHECK_FALSE(is_utf8("\xF0\x80\x80\xAF")); // overlong
    CHECK_FALSE(is_utf8("\xED\xA0\x80"));     // a surrogate
    CHECK_FALSE(is_utf8("\xF4\x90\x80\x80")); // beyond U+10FFFF
    CHECK_FALSE(is_utf8("\xFF"));
}

TEST_CASE("text: names are shown on one line, harmless, and read back as JSON") {
    CHECK(escaped("conv1.weight") == "conv1.weight");
    CHECK(escaped("a\"b\\c") == "a\\\"b\\\\c");
    CHECK(escaped("a\nb\tc") == "a\\nb\\tc");
    CHECK(escaped(std::string("a\0b", 3)) == "a\\u0000b");
    CHECK(escaped("\x1B[31m") == "\\u001b[31m");
    CHECK(escaped("\xC2\x9B") == "\\u009b");     // a terminal's escape in one character
    CHECK(escaped("\xE2\x80\xAE") == "\\u202e"); // turns the direction of writing
    CHECK(escaped("caf\xC3\xA9") == "caf\xC3\xA9");
    CHECK(escaped("\xFF") == "\xEF\xBF\xBD");
    CHECK(printable("C:\\a\"b\n") == "C:\\a\"b\\n");
    CHECK(in_quotes("%n") == "\"%n\"");
    CHECK(in_quotes("") == "\"\"");
}

TEST_CASE("text: long text is cut at a character's boundary") {
    CHECK(shortened("abcdef", 6) == "abcdef");
    CHECK(shortened("abcdefg", 6) == "abcdef...");
    CHECK(shortened("abcde\xC3\xA9g", 6) == "abcde...");
    CHECK(in_quotes(std::string(1000, 'x')).size() == 125);
    const auto controls = brief(std::string(1000, '\1'));
    CHECK(controls.size() == 243);
    CHECK(controls.starts_with("\\u0001\\u0001"));
    CHECK(controls.ends_with("..."));
    CHECK(in_quotes(std::string(1000, '\1')).size() == 245);
}
