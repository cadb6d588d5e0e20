#pragma once

#include "latent/io/npy.hpp"
#include "latent/io/safetensors.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/text.hpp"
#include "latent/io/torch_legacy.hpp"
#include "latent/io/torch_zip.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace latent {

namespace detail {

/// Whether all are letters, digits and the like: a length is never written so.
[[nodiscard]] inline bool is_text(std::string_view head) {
    return std::ranges::all_of(head,
                               [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; });
}

/// Says what a file is that is no checkpoint: whoever gave it should learn what happened.
[[noreturn]] inline void fail_format(const std::string& where,
                                     std::span<const std::byte> bytes) {
    const std::string expected = "a checkpoint: safetensors, torch or .npy";
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto refuse = [&](const std::string& got, const std::string& hint) {
        fail(where, got, expected, hint);
    };
    if (text.empty()) refuse("an empty file", "");
    if (text.starts_with("version https://git-lfs")) {
        refuse("a Git LFS pointer instead of the file", "fetch it with: git lfs pull");
    }
    if (text.starts_with("\x80") && text.size() > 2 && text[1] >= 2 && text[1] <= 5) {
        refuse("a bare pickle, not of torch's making", "save it with torch.save");
    }
    if (text.size() > 262 && text.substr(257, 5) == "ustar") {
        refuse("a tar file, as torch before 0.2 wrote it",
               "load it in torch and save it again");
    }
    if (text.starts_with("\x89PNG") || text.starts_with("\xFF\xD8\xFF")) {
        refuse("an image", "");
    }
    if (text.starts_with("\x1F\x8B")) refuse("a gzip file", "unpack it with: gunzip");
    if (text.starts_with("{")) {
        refuse("JSON text", "an index of shards has a name that ends in .index.json");
    }
    fail(where, "a file that begins with " + in_quotes(text.substr(0, 16)), expected);
}

} // namespace detail

/// Reads what one file says about its tensors; `bytes` is the whole file. Its kind shows in its
/// first bytes, not in its name; but what has no signature and is called .safetensors is held
/// against that format.
[[nodiscard]] inline FileContents read_checkpoint(const std::string& where,
                                                  std::span<const std::byte> bytes) {
    if (is_zip(bytes)) return read_torch_zip(where, bytes);
    if (is_torch_legacy(bytes)) return read_torch_legacy(where, bytes);
    if (is_npy(bytes)) return read_npy(where, bytes);
    // safetensors begins with a number, and its JSON behind that with '{' or white space. What
    // has the signature of something else is that, whatever its name.
    const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                                std::min<std::size_t>(bytes.size(), 16));
    const bool json =
        head.size() > 8 && std::string_view("{ \n\t").find(head[8]) != std::string_view::npos;
    const bool plausible =
        head.size() >= 8 && detail::load<std::uint64_t>(bytes.data()) <= max_safetensors_header;
    const bool text = head.size() >= 8 && detail::is_text(head);
    const bool signed_otherwise =
        text || (!json && (head.starts_with("\x89PNG") || head.starts_with("\xFF\xD8\xFF") ||
                           head.starts_with("\x1F\x8B")));
    const bool named = where.ends_with(".safetensors") && !bytes.empty();
    if (!signed_otherwise && (json || plausible || named)) {
        return read_safetensors(where, bytes);
    }
    detail::fail_format(where, bytes);
}

} // namespace latent
