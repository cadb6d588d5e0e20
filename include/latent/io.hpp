#pragma once

/// \file
/// Files: checkpoints, configs and images. This second umbrella needs nlohmann-json, libzip and
/// stb (the target latent::io). Read the headers in this order.

// 1. Text, numbers and the system.
#include "latent/io/text.hpp"        // names from files, made fit to be shown
#include "latent/io/system.hpp"      // mapped files, output that appears whole, memory, Ctrl-C
#include "latent/io/dtype.hpp"       // the number types of checkpoints, down to 8 bits
#include "latent/io/json.hpp"        // strict JSON
#include "latent/io/tensor_info.hpp" // what a file says about one of its tensors

// 2. Checkpoints.
#include "latent/io/safetensors_header.hpp" // the JSON in front of
#include "latent/io/safetensors.hpp"        // safetensors, read
#include "latent/io/safetensors_writer.hpp" // and written
#include "latent/io/pickle_nodes.hpp"       // what a pickle is made of
#include "latent/io/pickle.hpp"             // a pickle machine that executes nothing
#include "latent/io/torch_storage.hpp"      // what torch calls a row of bytes
#include "latent/io/torch_calls.hpp"        // how a pickle speaks of tensors
#include "latent/io/torch_tensors.hpp"      // tensors in a pickle
#include "latent/io/zip_archive.hpp"        // where the records of a zip file lie
#include "latent/io/torch_zip.hpp"          // what torch.save writes
#include "latent/io/torch_legacy.hpp"       // and what it wrote before 1.6
#include "latent/io/npy_header.hpp"         // the text in front of
#include "latent/io/npy.hpp"                // numpy's file of one array
#include "latent/io/checkpoint_format.hpp"  // which of these a file is
#include "latent/io/shard_index.hpp"        // one checkpoint in several files
#include "latent/io/tensor_bytes.hpp"       // a tensor's elements, in everybody's order
#include "latent/io/checkpoint.hpp"         // any of these, standing open
#include "latent/io/rounding.hpp"           // to F32, F16, BF16, rounded once
#include "latent/io/convert_file.hpp"       // any of these, as one safetensors file

// 3. From a file to a model.
#include "latent/io/rename.hpp"                // from our names to a file's
#include "latent/io/nearest_name.hpp"          // what a missing name may have meant
#include "latent/io/weight_source.hpp"         // Weights from files, all mistakes in one report
#include "latent/io/config.hpp"                // config.json
#include "latent/io/model_files.hpp"           // where a model's files are
#include "latent/io/autoencoder_tiny_keys.hpp" // the names that projects use: of TAESD
#include "latent/io/autoencoder_kl_keys.hpp"   // and of Stable Diffusion's autoencoder
#include "latent/io/convert_keys.hpp"          // from one project's to another's
#include "latent/io/model_kind.hpp"            // which network a file holds
#include "latent/io/load.hpp"                  // what loaders share
#include "latent/io/load_autoencoder_tiny.hpp" // load_autoencoder_tiny(path)
#include "latent/io/load_autoencoder_kl.hpp"   // load_autoencoder_kl(path)
#include "latent/io/load_vae_approx.hpp"       // load_vae_approx(path)

// 4. Images.
#include "latent/io/stb.hpp"         // the decoder underneath
#include "latent/io/jpeg_tables.hpp" // whether a JPEG's tables fit the room of a decoder
#include "latent/io/image.hpp"       // PNG and JPEG in, PNG out

// 5. What networks did, in files (latent/parity.hpp compares it).
#include "latent/io/recording_metadata.hpp" // what a recording says about itself
#include "latent/io/recording_files.hpp"    // recordings, written and read
#include "latent/io/tab_separated.hpp"      // small tables of text
#include "latent/io/name_map.hpp"           // other people's names
#include "latent/io/raw_dump.hpp"           // numbers without a header
#include "latent/io/dump.hpp"               // anybody's dump
