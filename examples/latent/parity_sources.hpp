#pragma once

#include <map>
#include <string>

namespace latent::command {

/// Where a side of a comparison comes from, for the heads of its reports.
struct ParitySource {
    std::string role;                            ///< "reference", "other" or "latent"
    std::string path;                            ///< as it was given
    std::map<std::string, std::string> versions; ///< what it was made with: torch, 2.13.0
};

} // namespace latent::command
