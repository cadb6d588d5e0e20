// The fuzzer: libFuzzer makes up files from those of tests/corpus, and each reader has to read
// or refuse them. A crash, a finding of a sanitizer, more than 10 s or more than 300 MiB in one
// piece is a fault, and so is a refusal that is not one line.
//     fuzz --reader=NAME [OPTION OF LIBFUZZER...] FOLDER...

#include <latent/io/checkpoint.hpp>
#include <latent/io/image.hpp>
#include <latent/io/load_autoencoder_kl.hpp>
#include <latent/io/load_autoencoder_tiny.hpp>
#include <latent/io/pickle.hpp>
#include <latent/io/shard_index.hpp>
#include <latent/io/text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace latent;
using Bytes = std::span<const std::byte>;

std::string_view text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "fuzz: %s\n", what);
    std::abort();
}

/// Reads all that a file holds, as far as it is no more than a few files of its size.
void read_values(const FileContents& contents, Bytes bytes) {
    for (const auto& tensor : contents.tensors) {
        const auto size = byte_size(tensor);
        if (size > 4 * bytes.size() + 4096) continue;
        std::size_t read = 0;
        for_each_part(bytes, tensor, [&](Bytes part) { read += part.size(); });
        require(read == size, "a tensor with too few values");
    }
}

void fuzz_safetensors(Bytes bytes) {
    const auto contents = read_safetensors("file", bytes);
    read_values(contents, bytes);
    const auto& tensors = contents.tensors;
    if (model_kind(tensors, "file") == ModelKind::autoencoder_kl) {
        const auto keys = find_autoencoder_kl_keys(tensors);
        require(keys.has_value(), "an AutoencoderKL without names");
        check(infer_autoencoder_kl_config(tensors, *keys, "file"));
    }
}
void fuzz_zip(Bytes bytes) { read_values(read_torch_zip("file", bytes), bytes); }
void fuzz_legacy(Bytes bytes) {
    if (is_torch_legacy(bytes)) read_values(read_torch_legacy("file", bytes), bytes);
}
void fuzz_npy(Bytes bytes) { read_values(read_npy("file", bytes), bytes); }
void fuzz_pickle(Bytes bytes) {
    const auto pickle = read_pickle("file", bytes);
    require(pickle.length <= bytes.size(), "a pickle longer than its bytes");
    require(pickle.root < pickle.nodes.size(), "a pickle without a value");
}
void fuzz_index(Bytes bytes) {
    const auto index = read_shard_index("file", text_of(bytes));
    for (const auto& name : index.files) {
        require(name.find('/') == std::string::npos, "a name that leads elsewhere");
    }
}
template <class Config>
void fuzz_config_of(const Json& json, std::string_view class_name) {
    const auto read = read_config<Config>(json, "file", class_name);
    latent::detail::check_config("file", read.config);
    const auto again =
        config_to_json(read.config).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    require(!again.empty(), "a config that cannot be written");
}
void fuzz_config(Bytes bytes) {
    const auto json = parse_json("file", text_of(bytes));
    if (json.contains("_class_name") && json["_class_name"] == "AutoencoderKL") {
        fuzz_config_of<AutoencoderKLConfig>(json, "AutoencoderKL");
    } else {
        fuzz_config_of<AutoencoderTinyConfig>(json, "AutoencoderTiny");
    }
}
void fuzz_image(Bytes bytes) {
    // Large plain images are sound, and slow.
    const auto info = image_info("file", bytes);
    if (info.width * info.height > 1'000'000) return;
    const auto image = decode_image("file", bytes);
    require(image.pixels.size() == static_cast<std::size_t>(3 * image.width * image.height),
            "an image of another size");
}

struct Reader {
    std::string_view name;
    void (*read)(Bytes);
};
constexpr std::array readers = {
    Reader{"safetensors", fuzz_safetensors},
    Reader{"index", fuzz_index},
    Reader{"zip", fuzz_zip},
    Reader{"pickle", fuzz_pickle},
    Reader{"legacy", fuzz_legacy},
    Reader{"npy", fuzz_npy},
    Reader{"config", fuzz_config},
    Reader{"image", fuzz_image},
};

const Reader* chosen = nullptr;

} // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
    for (int i = 1; i < *argc; ++i) {
        const std::string_view argument = (*argv)[i];
        for (const auto& reader : readers) {
            if (argument == "--reader=" + std::string(reader.name)) chosen = &reader;
        }
    }
    if (chosen == nullptr) {
        std::fprintf(stderr, "fuzz: got no reader, expected --reader= one of");
        for (const auto& reader : readers) {
            std::fprintf(stderr, " %.*s", static_cast<int>(reader.name.size()),
                         reader.name.data());
        }
        std::fprintf(stderr, "\n");
        std::exit(2);
    }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        chosen->read(std::as_bytes(std::span(data, size)));
    } catch (const latent::Error& error) {
        const std::string_view text = error.what();
        require(text.size() < 1000 && is_utf8(text), "a refusal that cannot be read");
        require(std::ranges::none_of(text, [](char c) { return c >= 0 && c < ' '; }),
                "a refusal of more than one line");
    }
    return 0;
}
