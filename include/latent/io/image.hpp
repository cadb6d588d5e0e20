#pragma once

#include "latent/io/jpeg_tables.hpp"
#include "latent/io/stb.hpp"
#include "latent/io/system.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace latent {

/// An image of 8-bit samples: row after row from the top, pixel after pixel, `channels` samples
/// each; 3 channels are red, green, blue in [0, 255].
struct Image {
    std::int64_t width = 0;
    std::int64_t height = 0;
    std::int64_t channels = 3;
    std::vector<std::uint8_t> pixels;
};

/// What the head of an image file says.
struct ImageInfo {
    std::int64_t width = 0;
    std::int64_t height = 0;
    std::int64_t channels =
        0;        ///< in the file: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
    int bits = 8; ///< of one sample, 8 or 16
};

/// The largest image that is read or written: 64 Mpixel, 8192 x 8192.
inline constexpr std::int64_t max_image_pixels = std::int64_t{1} << 26U;

namespace detail {

[[nodiscard]] inline bool is_png(std::span<const std::byte> bytes) {
    static constexpr std::string_view signature = "\x89PNG\r\n\x1a\n";
    const std::string_view head(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return head.starts_with(signature);
}

[[nodiscard]] inline bool is_jpeg(std::span<const std::byte> bytes) {
    return bytes.size() >= 3 && bytes[0] == std::byte{0xFF} && bytes[1] == std::byte{0xD8} &&
           bytes[2] == std::byte{0xFF};
}

/// Refuses a PNG with a chunk that reaches beyond its end, or without the chunk that ends it:
/// stb asks for the memory first.
inline void require_whole_chunks(std::string_view where, std::span<const std::byte> bytes) {
    // Behind the signature stand chunks: a length, big-endian, a kind, the data, a checksum.
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    bool has_data = false;
    for (std::size_t begin = 8; text.size() - begin >= 12;) {
        std::size_t length = 0;
        for (const char c : text.substr(begin, 4)) {
            length = length * 256 + static_cast<unsigned char>(c);
        }
        if (length > text.size() - begin - 12) {
            fail(where,
                 "a chunk of " + std::to_string(length) + " bytes at byte " +
                     std::to_string(begin),
                 "chunks inside of the file", "it was cut short");
        }
        const auto kind = text.substr(begin + 4, 4);
        if (kind == "IEND") return;
        // stb would copy no bytes to nowhere, which C++ leaves undefined.
        if (kind == "IDAT" && length == 0 && !has_data) {
            fail(where, "an empty chunk IDAT first", "the image's data");
        }
        has_data = has_data || kind == "IDAT";
        begin += 12 + length;
    }
    fail(where, "no chunk IEND", "a PNG with its end", "it was cut short");
}

/// stb's functions are static: the reason must be asked for where the call was.
[[noreturn]] inline void fail_image(std::string_view where, const char* reason) {
    fail(where, "a broken image (" + printable(reason ? reason : "unknown reason") + ")",
         "a PNG or JPEG image");
}

/// Refuses a small file that would take much memory: what stb holds at a time is a PNG's rows
/// unpacked and again as pixels, or a JPEG's three planes, twice as wide coefficients where it
/// is progressive, and its pixels; and then there is the image that we give.
inline void require_modest(std::string_view where, const ImageInfo& info,
                           std::span<const std::byte> bytes) {
    constexpr unsigned progressive = 0xC2;
    std::int64_t bytes_per_pixel = 2 * info.channels * (info.bits / 8);
    if (is_jpeg(bytes)) {
        bytes_per_pixel = 6;
        for_each_marker(JpegBytes(bytes), [&](unsigned marker, std::size_t, bool) {
            if (marker == progressive) bytes_per_pixel = 12;
            return marker != progressive;
        });
    }
    const auto needed = info.width * info.height * (bytes_per_pixel + 3);
    const auto most = (std::int64_t{224} << 20U) + 64 * static_cast<std::int64_t>(bytes.size());
    if (needed <= most) return;
    fail(where,
         std::to_string(info.width) + " x " + std::to_string(info.height) + " pixels in " +
             std::to_string(bytes.size()) + " bytes, which need " +
             std::to_string(needed >> 20U) + " MiB of memory",
         "at most " + std::to_string(most >> 20U) + " MiB for a file of this size");
}

[[nodiscard]] inline const stbi_uc* stb_bytes(std::span<const std::byte> bytes) {
    return reinterpret_cast<const stbi_uc*>(bytes.data());
}

} // namespace detail

/// What the head of a PNG or JPEG says about it, checked against what a file of this length can
/// hold; nothing is decoded.
[[nodiscard]] inline ImageInfo image_info(std::string_view where,
                                          std::span<const std::byte> bytes) {
    const bool png = detail::is_png(bytes);
    if (!png && !detail::is_jpeg(bytes)) {
        fail(where, bytes.empty() ? "an empty file" : "a file of another kind",
             "a PNG or JPEG image");
    }
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        fail(where, std::to_string(bytes.size()) + " bytes", "an image below 2 GiB");
    }
    if (png) detail::require_whole_chunks(where, bytes);
    if (!png && !has_sound_huffman_tables(bytes)) {
        fail(where, "a Huffman table of more than 256 codes", "a JPEG image");
    }
    const auto size = static_cast<int>(bytes.size());
    int width = 0, height = 0, channels = 0;
    if (stbi_info_from_memory(detail::stb_bytes(bytes), size, &width, &height, &channels) ==
        0) {
        // Why, stb says only when it decodes.
        stbi_image_free(stbi_load_from_memory(detail::stb_bytes(bytes), size, &width, &height,
                                              &channels, 3));
        detail::fail_image(where, stbi_failure_reason());
    }
    const bool deep = png && stbi_is_16_bit_from_memory(detail::stb_bytes(bytes), size) != 0;
    const ImageInfo info{width, height, channels, deep ? 16 : 8};
    const auto text = std::to_string(width) + " x " + std::to_string(height) + " pixels";
    if (info.width < 1 || info.height < 1 || info.width > max_image_pixels / info.height) {
        fail(where, text, "1 to " + std::to_string(max_image_pixels) + " pixels");
    }
    if (!png && !has_end_of_image(bytes)) {
        fail(where, "no end of image", "a JPEG with its end", "it was cut short");
    }
    // Each format needs some bits for a pixel, however plain the picture: zlib packs no more
    // than 1032 bytes into one, a JPEG spends two bits or more on a block of 64 pixels (half of
    // that where it is progressive). Grey PNGs have 8 pixels a byte. A factor of 2 is room for
    // doubt.
    const std::int64_t pixels_per_byte =
        png ? std::int64_t{2} * 8 * 1032 : std::int64_t{2} * 512;
    if (info.width * info.height / pixels_per_byte > static_cast<std::int64_t>(bytes.size())) {
        fail(where, text + " in " + std::to_string(bytes.size()) + " bytes",
             "no more pixels than such a file can hold", "the file was cut short or is forged");
    }
    detail::require_modest(where, info, bytes);
    return info;
}

/// The same, of a file.
[[nodiscard]] inline ImageInfo image_info(const std::filesystem::path& path) {
    return image_info(display(path), MappedFile(path).bytes());
}

/// Decodes a PNG or JPEG to 3 channels: grey is repeated, alpha dropped (not blended), 16 bits
/// reduced to their upper 8. Of 4 channels the last is alpha, 255 where the file has none.
/// A JPEG's orientation tag is not obeyed.
/// Throws Error, beginning with `where`, for anything else and for broken images.
[[nodiscard]] inline Image decode_image(std::string_view where,
                                        std::span<const std::byte> bytes,
                                        std::int64_t channels = 3) {
    if (channels != 3 && channels != 4) {
        fail(where, std::to_string(channels) + " channels asked for", "3 or 4");
    }
    const auto info = image_info(where, bytes);
    struct Free {
        void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
    };
    int width = 0, height = 0, stored = 0;
    const std::unique_ptr<stbi_uc, Free> pixels(
        stbi_load_from_memory(detail::stb_bytes(bytes), static_cast<int>(bytes.size()), &width,
                              &height, &stored, static_cast<int>(channels)));
    if (!pixels) detail::fail_image(where, stbi_failure_reason());
    if (width != info.width || height != info.height) {
        fail(where, "two sizes in one image", "one");
    }
    const auto count = static_cast<std::size_t>(info.width * info.height * channels);
    return {info.width, info.height, channels, {pixels.get(), pixels.get() + count}};
}

/// The same, of a file.
[[nodiscard]] inline Image read_image(const std::filesystem::path& path,
                                      std::int64_t channels = 3) {
    const MappedFile file(path);
    return decode_image(display(path), file.bytes(), channels);
}

/// The image as the bytes of a PNG, of 1 to 4 channels. Errors begin with `where`.
[[nodiscard]] inline std::vector<std::byte> encode_png(std::string_view where,
                                                       const Image& image) {
    const auto& [width, height, channels, pixels] = image;
    const bool sized = width >= 1 && height >= 1 && width <= max_image_pixels / height;
    if (!sized || channels < 1 || channels > 4 ||
        pixels.size() != static_cast<std::size_t>(width * height * channels)) {
        fail(where,
             std::to_string(width) + " x " + std::to_string(height) + " pixels of " +
                 std::to_string(channels) + " channels in " + std::to_string(pixels.size()) +
                 " bytes",
             "1 to " + std::to_string(max_image_pixels) + " pixels of 1 to 4 channels");
    }
    std::vector<std::byte> bytes;
    const auto take = [](void* context, void* data, int size) {
        const auto* const first = static_cast<const std::byte*>(data);
        static_cast<std::vector<std::byte>*>(context)->assign(first, first + size);
    };
    const auto stride = static_cast<int>(width * channels);
    if (stbi_write_png_to_func(take, &bytes, static_cast<int>(width), static_cast<int>(height),
                               static_cast<int>(channels), pixels.data(), stride) == 0 ||
        bytes.empty()) {
        fail(where, "an image that cannot be packed", "one that fits into memory");
    }
    return bytes;
}

/// Writes a PNG, whole or not at all.
inline void write_png(const std::filesystem::path& path, const Image& image) {
    const auto bytes = encode_png(display(path), image);
    write_atomically(path, [&](OutputFile& file) { file.write(bytes); });
}

} // namespace latent
