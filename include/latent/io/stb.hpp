#pragma once

#include <cstddef>
#include <cstdlib>

/// stb_image and stb_image_write, as static functions of whoever includes image.hpp: PNG and
/// JPEG in, PNG out, from and to memory. A program that includes stb itself does so in another
/// file.

namespace latent::detail {

/// Stands in front of every block that stb asks for.
struct alignas(std::max_align_t) StbBlock {
    std::size_t first_size;
};

[[nodiscard]] inline void* stb_allocate(std::size_t size) {
    auto* const block = static_cast<StbBlock*>(std::malloc(sizeof(StbBlock) + size));
    if (block == nullptr) return nullptr;
    block->first_size = size;
    return block + 1;
}

/// stb doubles the buffer of an unpacked PNG for as long as its bytes go on, and a few packed
/// bytes may go on for gigabytes; but it begins with the size that the image's head promises.
/// So a buffer may grow to twice its first size and what the largest image needs besides, and
/// no more.
[[nodiscard]] inline void* stb_reallocate(void* data, std::size_t size) {
    if (data == nullptr) return stb_allocate(size);
    constexpr std::size_t largest_image = std::size_t{3} << 26U;
    auto* const block = static_cast<StbBlock*>(data) - 1;
    if (size > 2 * block->first_size + largest_image) return nullptr;
    auto* const moved = static_cast<StbBlock*>(std::realloc(block, sizeof(StbBlock) + size));
    return moved == nullptr ? nullptr : moved + 1;
}

inline void stb_free(void* data) {
    if (data != nullptr) std::free(static_cast<StbBlock*>(data) - 1);
}

} // namespace latent::detail

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wshadow"
#elif defined(_MSC_VER)
#pragma warning(push, 0)
#endif

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS (1 << 20)
#define STBI_MALLOC(size) latent::detail::stb_allocate(size)
#define STBI_REALLOC(data, size) latent::detail::stb_reallocate(data, size)
#define STBI_FREE(data) latent::detail::stb_free(data)
#include <stb_image.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#elif defined(_MSC_VER)
#pragma warning(pop)
#endif
