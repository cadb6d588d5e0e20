// latent inspect PATH: one line a tensor of a checkpoint, the size of an image, or a
// config.json with its defaults filled in.

#include "commands.hpp"
#include "files.hpp"
#include "model_config.hpp"

#include <latent/io/checkpoint.hpp>
#include <latent/io/config.hpp>
#include <latent/io/image.hpp>
#include <latent/io/json.hpp>
#include <latent/io/model_files.hpp>
#include <latent/io/model_kind.hpp>
#include <latent/io/system.hpp>
#include <latent/io/text.hpp>
#include <latent/tensor/print.hpp>

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

namespace latent::command {

namespace {

std::string dump(const OrderedJson& json, int indent) {
    return json.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string with_commas(const Shape& shape) {
    std::string text;
    for (const auto dim : shape.dims()) {
        if (!text.empty()) text += ',';
        text += std::to_string(dim);
    }
    return text;
}

void inspect_image(const ImageInfo& info, bool json) {
    OrderedJson fields = {{"width", info.width},
                          {"height", info.height},
                          {"channels", info.channels},
                          {"bits", info.bits}};
    if (json) {
        std::cout << dump(fields, 2) << '\n';
        return;
    }
    for (const auto& [name, value] : fields.items()) std::cout << name << ' ' << value << '\n';
}

template <class Config>
void print_config(const std::filesystem::path& path, const ReadConfig<Config>& read,
                  ModelKind kind) {
    for (const auto& name : read.unknown) {
        std::cerr << display(path) << ": the field " << in_quotes(name)
                  << " has no meaning here\n";
    }
    std::cout << dump(config_to_json(read.config, to_string(kind)), 2) << '\n';
}

void inspect_config(const std::filesystem::path& path) {
    const auto kind = config_kind(path).value_or(ModelKind::autoencoder_tiny);
    kind == ModelKind::autoencoder_kl
        ? print_config(path, load_autoencoder_kl_config(path), kind)
        : print_config(path, load_autoencoder_tiny_config(path), kind);
}

void inspect_checkpoint(const Checkpoint& file, bool json) {
    if (!json) {
        for (const auto& tensor : file.tensors()) {
            std::cout << escaped(tensor.name) << '\t' << to_string(tensor.dtype) << '\t'
                      << with_commas(tensor.shape) << '\n';
        }
        return;
    }
    OrderedJson metadata = OrderedJson::object();
    for (const auto& [name, value] : file.metadata()) metadata[name] = value;
    std::cout << "{\n  \"format\": " << dump(file.format(), -1)
              << ",\n  \"metadata\": " << dump(metadata, -1) << ",\n  \"tensors\": [";
    // One at a time: a file may have very many.
    for (const char* comma = "\n"; const auto& tensor : file.tensors()) {
        const auto dims = tensor.shape.dims();
        const OrderedJson line = {
            {"name", tensor.name},
            {"dtype", to_string(tensor.dtype)},
            {"shape", std::vector<std::int64_t>(dims.begin(), dims.end())}};
        std::cout << comma << "    " << dump(line, -1);
        comma = ",\n";
    }
    std::cout << "\n  ]\n}\n";
}

template <class Real>
void print_values(const Checkpoint& file, const TensorInfo& info) {
    Tensor<Cpu<Real>> values(info.shape);
    file.read(info, values.values());
    std::cout << values << '\n';
}

/// One tensor's numbers, as torch prints them.
void inspect_tensor(const Checkpoint& file, const std::string& name) {
    const auto& info = file.at(name);
    // A float holds what has at most 24 bits.
    const bool narrow = bits_of(info.dtype) < 32 || info.dtype == DType::F32;
    narrow ? print_values<float>(file, info) : print_values<double>(file, info);
}

} // namespace

void Inspect::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand("inspect", "List what a checkpoint, an image or a "
                                                        "config.json holds");
    command
        ->add_option("PATH", path,
                     "A checkpoint, a model's folder, a PNG or JPEG, or a config.json")
        ->required();
    auto* const flag = command->add_flag("--json", json, "Print JSON");
    command->add_option("--tensor", tensor, "Print this tensor's numbers")->excludes(flag);
    command->footer("Example:\n  latent inspect diffusion_pytorch_model.safetensors");
    command->callback([this] { run(); });
}

void Inspect::run() const {
    const auto weights = find_model(path).weights;
    const MappedFile file(weights);
    const auto bytes = file.bytes();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const bool image = latent::detail::is_png(bytes) || latent::detail::is_jpeg(bytes);
    const bool config = is_config(weights, text);
    if (tensor.empty() && image) {
        inspect_image(image_info(display(weights), bytes), json);
    } else if (tensor.empty() && config) {
        inspect_config(weights);
    } else {
        const auto checkpoint = open_checkpoint(weights);
        tensor.empty() ? inspect_checkpoint(checkpoint, json)
                       : inspect_tensor(checkpoint, tensor);
    }
}

} // namespace latent::command
