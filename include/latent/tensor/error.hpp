#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace latent {

/// The one exception of this library. Its text is a single line:
///   where: got VALUE, expected RULE; hint
/// `where` names a file, a path in a network, or an operation.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Throws Error with the line above. An empty hint is left out.
[[noreturn]] inline void fail(std::string_view where, std::string_view got,
                              std::string_view expected, std::string_view hint = {}) {
    std::string line(where);
    line.append(": got ").append(got).append(", expected ").append(expected);
    if (!hint.empty()) line.append("; ").append(hint);
    throw Error(line);
}

} // namespace latent
