#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace latent {

/// How many letters must be changed, put in or taken out to make `b` of `a` (Levenshtein 1966),
/// or nothing where that is more than `limit`. Time grows with length times limit.
[[nodiscard]] inline std::optional<std::size_t>
edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    if (a.size() > b.size()) std::swap(a, b);
    if (b.size() - a.size() > limit) return std::nullopt;

    // One row of the table a time, and of it only what lies within `limit` of the diagonal.
    const std::size_t far = limit + 1;
    std::vector<std::size_t> row(b.size() + 1, far);
    for (std::size_t j = 0; j <= std::min(limit, b.size()); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        const std::size_t first = i > limit ? i - limit : 1;
        const std::size_t last = std::min(b.size(), i + limit);
        std::size_t diagonal = row[first - 1];
        row[first - 1] = first == 1 ? std::min(i, far) : far;
        std::size_t best = row[first - 1];
        for (std::size_t j = first; j <= last; ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
            diagonal = row[j];
            row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1, far});
            best = std::min(best, row[j]);
        }
        if (best > limit) return std::nullopt;
    }
    if (row[b.size()] > limit) return std::nullopt;
    return row[b.size()];
}

/// The candidate that is most like `name`, or nothing where none is near: at most a third of
/// the letters, and 12, may differ. Of equals the first counts. No more than 20,000 are looked
/// at.
[[nodiscard]] inline std::optional<std::string>
nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
    std::optional<std::string> nearest;
    // A name longer than any network's is no slip of the pen.
    if (name.size() > 512) return nearest;
    std::size_t limit = std::min<std::size_t>(12, name.size() / 3);
    for (const auto candidate :
         candidates.first(std::min<std::size_t>(candidates.size(), 20'000))) {
        const auto distance = edit_distance(name, candidate, limit);
        if (!distance) continue;
        nearest = std::string(candidate);
        if (*distance == 0) break;
        limit = *distance - 1;
    }
    return nearest;
}

} // namespace latent
