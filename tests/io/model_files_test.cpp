#include "io/file_bytes.hpp"
#include "support/catch.hpp"

#include <latent/io/model_files.hpp>

#include <filesystem>
#include <string>

using namespace latent;
using namespace latent::test;

namespace {

/// Files and folders to be found.
struct ModelTree : TemporaryFolder {
    void file(const std::string& name, const std::string& text = "x") const {
        const auto path = *this / name;
        std::filesystem::create_directories(path.parent_path());
        write_text(path, text);
    }
    [[nodiscard]] std::string weights(const std::string& name = "") const {
        const auto found = find_model(name.empty() ? path() : *this / name).weights;
        return found.lexically_relative(path()).generic_string();
    }
    [[nodiscard]] std::string refusal(const std::string& name = "") const {
        return message_of([&] { static_cast<void>(weights(name)); });
    }
};

} // namespace

TEST_CASE("find_model: a file is itself, a folder has its weights and its config") {
    const ModelTree tree;
    tree.file("any.ckpt");
    CHECK(tree.weights("any.ckpt") == "any.ckpt");
    CHECK(tree.weights("nothing") == "nothing"); // opening it will say so
    CHECK(contains(tree.refusal(), "a folder without weights"));
    // From the last choice to the first.
    for (const std::string name :
         {"pytorch_model.bin", "model.safetensors", "diffusion_pytorch_model.fp16.bin",
          "diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.safetensors",
          "diffusion_pytorch_model.safetensors.index.json",
          "diffusion_pytorch_model.safetensors"}) {
        tree.file(name);
        CHECK(tree.weights() == name);
    }
    CHECK_FALSE(find_model(tree.path()).config.has_value());
    tree.file("config.json", "{}");
    CHECK(find_model(tree.path()).config == tree / "config.json");
}

TEST_CASE("find_model: a file under diffusers' name has the config beside it") {
    const ModelTree tree;
    const std::string name = "diffusion_pytorch_model.fp16.safetensors";
    tree.file(name);
    tree.file("other.safetensors");
    CHECK_FALSE(find_model(tree / name).config.has_value());
    tree.file("config.json", "{}");
    CHECK(find_model(tree / name).config == tree / "config.json");
    CHECK(find_model(tree / "diffusion_pytorch_model.safetensors.index.json").config ==
          tree / "config.json");
    CHECK_FALSE(find_model(tree / "other.safetensors").config.has_value());
}

TEST_CASE("find_model: a pipeline's folder has the model in its part") {
    const ModelTree tree;
    tree.file("model_index.json", "{}");
    tree.file("vae/diffusion_pytorch_model.fp16.safetensors");
    tree.file("vae/config.json", "{}");
    tree.file("unet/diffusion_pytorch_model.safetensors");
    CHECK(tree.weights() == "vae/diffusion_pytorch_model.fp16.safetensors");
    CHECK(find_model(tree.path()).config == tree / "vae/config.json");
    CHECK(find_model(tree.path(), "unet").weights ==
          tree / "unet/diffusion_pytorch_model.safetensors");
    CHECK(contains(message_of([&] { static_cast<void>(find_model(tree.path(), "other")); }),
                   "a folder without weights"));
}

#if !defined(_WIN32)
TEST_CASE("find_model: the cache's revisions and links") {
    const ModelTree tree;
    tree.file("blobs/0a1b", "weights");
    tree.file("snapshots/abc1/config.json", "{}");
    const auto link = tree / "snapshots/abc1/diffusion_pytorch_model.safetensors";
    std::filesystem::create_symlink("../../blobs/0a1b", link);
    const std::string expected = "snapshots/abc1/diffusion_pytorch_model.safetensors";
    CHECK(tree.weights() == expected); // the only one
    CHECK(read_text(find_model(tree.path()).weights) == "weights");
    std::filesystem::create_directories(tree / "snapshots/abc2");
    CHECK(contains(tree.refusal(), "2 revisions"));
    tree.file("refs/main", "abc1\n");
    CHECK(tree.weights() == expected);
    tree.file("refs/main", "abc3");
    CHECK(contains(tree.refusal(), "the revision \"abc3\", which is not in snapshots"));
    for (const std::string name : {"../x", "", "a/b", "g"}) {
        tree.file("refs/main", name);
        CHECK(contains(tree.refusal(), "the name of a revision"));
    }
    tree.file("refs/main", "abc1");
    std::filesystem::remove(tree / "blobs/0a1b");
    CHECK(contains(tree.refusal(), "a link to a file that is not there"));
}
#endif
