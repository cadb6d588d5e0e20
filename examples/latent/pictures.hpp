#pragma once

#include "files.hpp"

#include <latent/io/image.hpp>
#include <latent/io/text.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>

namespace latent::command {

/// Whether a file is taken for an image: by its first bytes, or by its name.
[[nodiscard]] inline bool is_picture(const std::filesystem::path& path,
                                     std::span<const std::byte> bytes) {
    const auto end = extension(path);
    return latent::detail::is_png(bytes) || latent::detail::is_jpeg(bytes) || end == ".png" ||
           end == ".jpg" || end == ".jpeg";
}

/// Writes photo.png for one image, photo-0.png, photo-1.png, ... for several, told on stderr
/// unless `quiet`. picture(n) is what write_png() is given of image n.
template <class Picture>
void write_pictures(const std::filesystem::path& path, std::int64_t count, bool quiet,
                    const Picture& picture) {
    for (std::int64_t n = 0; n < count; ++n) {
        auto place = path;
        if (count > 1) {
            auto name = path.stem();
            name += "-" + std::to_string(n);
            name += path.extension();
            place.replace_filename(name);
        }
        stop_if_interrupted();
        write_png(place, picture(n));
        if (count > 1 && !quiet) std::cerr << "wrote " << display(place) << '\n';
    }
}

} // namespace latent::command
