// latent isolate LAYER REFERENCE -o OUT: what one layer is given, has and makes, for a unit
// test elsewhere.

#include "commands.hpp"
#include "files.hpp"
#include "network_input.hpp"
#include "record_network.hpp"

#include <latent/io/dump.hpp>
#include <latent/io/json.hpp>
#include <latent/io/name_map.hpp>
#include <latent/io/nearest_name.hpp>
#include <latent/io/safetensors_writer.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent::command {

namespace {

/// The output that a person calls so: the path of a module that is called once, or of the
/// first of its calls.
std::string find_output(const Recording& recording, const std::string& layer) {
    for (const auto& name : {layer, layer + "#0"}) {
        if (recording.has(name)) return name;
    }
    const std::vector<std::string_view> names(recording.order.begin(), recording.order.end());
    const auto nearest = nearest_name(layer, names);
    fail(recording.where, "no output of a layer " + in_quotes(layer), "one that it has",
         nearest ? "nearest: " + in_quotes(*nearest) : "");
}

/// From the keys of the file that is written to names in the recording.
std::map<std::string, std::string> tensors_of(const Recording& recording,
                                              const std::string& output) {
    std::map<std::string, std::string> tensors{{"output", output}};
    auto names = recording.tensors->names();
    for (const auto& [alias, stored] : recording.aliases) names.push_back(alias);
    const auto parameter = "parameter:" + path_of(output) + ".";
    bool parameters = false;
    for (const auto& name : names) {
        parameters = parameters || name.starts_with("parameter:");
        if (name.starts_with(parameter)) tensors[name.substr(parameter.size())] = name;
        // Behind the output's name: ":input", ":input.temb", ":output.1".
        if (name.starts_with(output + ":")) tensors[name.substr(output.size() + 1)] = name;
    }
    const char* const hint = "-m MODEL gives them";
    if (!tensors.contains("input")) {
        fail(recording.where, "no input of " + in_quotes(output), "a recording with inputs",
             hint);
    }
    if (!parameters) fail(recording.where, "no weights", "a recording with them", hint);
    return tensors;
}

template <class Scalar>
void save(const std::string& path, const Recording& recording,
          const std::map<std::string, std::string>& names,
          const std::map<std::string, std::string>& metadata) {
    std::map<std::string, Tensor<Cpu<Scalar>>> tensors;
    std::vector<NamedTensor> list;
    for (const auto& [key, name] : names) {
        const auto values = recording.read(name);
        auto& tensor = tensors[key];
        tensor = Tensor<Cpu<Scalar>>(values.shape());
        std::ranges::transform(values.values(), tensor.data(),
                               [](double value) { return static_cast<Scalar>(value); });
        list.emplace_back(key, tensor);
    }
    save_safetensors(path, std::move(list), metadata);
}

} // namespace

void Isolate::add_to(CLI::App& app) {
    auto* const command = app.add_subcommand(
        "isolate", "What one layer is given, has and makes: a unit test's data");
    command->add_option("LAYER", layer, "Its path: decoder.mid_block.attentions.0.to_q")
        ->required();
    command
        ->add_option("REFERENCE", reference,
                     "A recording of the network, with inputs and weights")
        ->required();
    command
        ->add_option("-o,--out", out,
                     "A .safetensors file with input, output and the parameters: weight, bias, "
                     "or of a block norm1.weight ...; settings are in its metadata")
        ->required();
    command->add_option("--map", map, "REFERENCE's names and the network's, a pair a line");
    auto* const network = add_model_option(
        *command, model,
        "Our network in float64 on REFERENCE's input gives all, whatever else REFERENCE has");
    add_recorded_input_options(*command, *network, side, input);
    command->add_option("--dtype", dtype, "Of OUT: f32 (default) or f64")
        ->check(CLI::IsMember({"f64", "f32"}));
    command->add_option("--threads", threads, "At most this many threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command->footer("Example:\n  latent isolate decoder.conv_in reference.safetensors -o "
                    "conv_in.safetensors");
    command->callback([this] { run(); });
}

void Isolate::run() const {
    require_output(out, {".safetensors"});
    auto recording = open_dump(reference);
    if (!map.empty()) recording = renamed(std::move(recording), read_name_map(map));
    if (!model.empty()) {
        const auto sides = sides_of_network(model);
        const auto start = input.empty() ? recorded_input(recording, Layout::nchw, sides, side)
                                         : input_from_file(input, "", sides, side);
        recording = record_network(model, start.direction, start.values,
                                   {.precision = Precision::f64,
                                    .inputs = true,
                                    .parameters = true,
                                    .isolated = nullptr,
                                    .entry = start.entry,
                                    .threads = threads});
    }
    const auto output = find_output(recording, layer);
    const auto names = tensors_of(recording, output);
    std::map<std::string, std::string> metadata{{"layer", output}};
    if (const auto* const module = recording.module_of(output)) {
        metadata["class"] = module->class_name;
        metadata["settings"] = Json(module->settings).dump();
    }
    stop_if_interrupted();
    if (dtype == "f64") {
        save<double>(out, recording, names, metadata);
    } else {
        save<float>(out, recording, names, metadata);
    }
}

} // namespace latent::command
