#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace latent {

namespace detail {

/// The bytes of a JPEG as a decoder sees them: after the last one there are zeros.
class JpegBytes {
public:
    explicit JpegBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] unsigned at(std::size_t i) const {
        return i < bytes_.size() ? std::to_integer<unsigned>(bytes_[i]) : 0U;
    }
    /// A segment's length, which counts its own two bytes.
    [[nodiscard]] std::ptrdiff_t length_at(std::size_t i) const {
        return static_cast<std::ptrdiff_t>(at(i) * 256 + at(i + 1));
    }

private:
    std::span<const std::byte> bytes_;
};

/// Whether no table in the Huffman segment whose length stands at `begin` counts more codes
/// than there are values of a byte. Tables are followed beyond the segment's end where they
/// claim to go on there, as stb does.
[[nodiscard]] inline bool is_sound_huffman_segment(const JpegBytes& jpeg, std::size_t begin) {
    auto left = jpeg.length_at(begin) - 2;
    for (auto table = begin + 2; left > 0 && table < jpeg.size();) {
        std::size_t codes = 0;
        for (std::size_t length = 1; length <= 16; ++length) codes += jpeg.at(table + length);
        if (codes > 256) return false;
        table += 17 + codes;
        left -= static_cast<std::ptrdiff_t>(17 + codes);
    }
    return true;
}

/// Calls visit(marker, the position behind it, whether a scan stands in front of it) for each
/// marker, until it returns false. Segments in front of the first scan are stepped over by
/// their lengths, so that what looks like a marker inside of a comment or a profile is none;
/// behind it every marker counts, for there a decoder may find one wherever it stands.
template <class Visit>
void for_each_marker(const JpegBytes& jpeg, Visit&& visit) {
    constexpr unsigned scan = 0xDA, first_plain = 0xD0, last_plain = 0xD9;
    bool in_front = true;
    for (std::size_t i = 0; i + 1 < jpeg.size(); ++i) {
        if (jpeg.at(i) != 0xFF) continue;
        const auto marker = jpeg.at(i + 1);
        if (marker == 0 || marker == 0xFF) continue;
        if (!visit(marker, i + 2, !in_front)) return;
        if (marker == scan) in_front = false;
        const bool plain = marker >= first_plain && marker <= last_plain;
        if (!in_front || plain || marker == 0x01) continue;
        const auto length = jpeg.length_at(i + 2);
        if (length < 2) continue; // no decoder goes on from here
        i += 1 + static_cast<std::size_t>(length);
    }
}

} // namespace detail

/// Whether the Huffman tables of a JPEG fit the room that a decoder has for them: 256 codes
/// each. Versions of stb_image up to 2.28 do not look, and write behind their tables.
[[nodiscard]] inline bool has_sound_huffman_tables(std::span<const std::byte> bytes) {
    constexpr unsigned huffman = 0xC4;
    const detail::JpegBytes jpeg(bytes);
    bool sound = true;
    detail::for_each_marker(jpeg, [&](unsigned marker, std::size_t behind, bool) {
        sound = marker != huffman || detail::is_sound_huffman_segment(jpeg, behind);
        return sound;
    });
    return sound;
}

/// Whether the marker that ends a JPEG stands behind its first scan. A file that was cut short
/// has none, and stb would make up the rest of the image.
[[nodiscard]] inline bool has_end_of_image(std::span<const std::byte> bytes) {
    constexpr unsigned end = 0xD9;
    bool found = false;
    detail::for_each_marker(detail::JpegBytes(bytes),
                            [&](unsigned marker, std::size_t, bool behind_scan) {
                                found = behind_scan && marker == end;
                                return !found;
                            });
    return found;
}

} // namespace latent
