#pragma once

#include "latent/io/json.hpp"
#include "latent/io/tensor_info.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The JSON in a safetensors file: one object, in which each key is a tensor's name,
///   "conv.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
/// but for "__metadata__", whose value is an object of strings.

namespace latent {

namespace detail {

/// One entry of the header: a tensor and the end of its bytes.
struct SafetensorsEntry {
    TensorInfo info;
    std::uint64_t begin = 0, end = 0;
};

/// Takes the header's JSON piece by piece. What may come next is known at every moment, so a
/// key twice, a wrong type or a nested surprise is refused where it stands.
class SafetensorsHeader {
public:
    explicit SafetensorsHeader(std::string_view where) : where_(where) {}

    std::vector<SafetensorsEntry> entries;
    std::map<std::string, std::string> metadata;

    // nlohmann's SAX interface.
    bool null() {
        // The reference takes a null __metadata__ for none.
        if (expected_ == Expected::metadata) return next(Expected::name);
        refuse("null");
    }
    bool boolean(bool value) { refuse(value ? "true" : "false"); }
    bool number_integer(Json::number_integer_t value) { refuse(std::to_string(value)); }
    bool number_float(Json::number_float_t, const std::string& text) {
        refuse(shortened(text));
    }
    bool binary(Json::binary_t&) { refuse("binary data"); }

    bool number_unsigned(Json::number_unsigned_t value) {
        if (expected_ == Expected::dimension) {
            constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
            if (value > largest) refuse(std::to_string(value));
            dims_.push_back(static_cast<std::int64_t>(value));
        } else if (expected_ == Expected::offset && offsets_.size() < 2) {
            offsets_.push_back(value);
        } else {
            refuse(std::to_string(value));
        }
        return true;
    }

    bool string(std::string& value) {
        if (expected_ == Expected::metadata_value) {
            metadata.emplace(std::move(key_), std::move(value));
            return next(Expected::metadata_key);
        }
        if (expected_ != Expected::dtype) refuse("the string " + in_quotes(value));
        const auto dtype = dtype_named(value);
        if (!dtype) {
            fail(where_,
                 "dtype " + in_quotes(value) + " of tensor " + in_quotes(entry_.info.name),
                 "a dtype of safetensors, such as F32, F16 or BF16");
        }
        entry_.info.dtype = *dtype;
        return next(Expected::field);
    }

    bool start_object(std::size_t) {
        if (expected_ == Expected::header) return next(Expected::name);
        if (expected_ == Expected::metadata) return next(Expected::metadata_key);
        if (expected_ == Expected::entry) return next(Expected::field);
        refuse("an object");
    }

    bool key(std::string& key) {
        if (expected_ == Expected::metadata_key) {
            if (metadata.contains(key)) fail_duplicate_key(where_, key);
            key_ = key;
            return next(Expected::metadata_value);
        }
        if (expected_ == Expected::field) return field(key);
        if (key == "__metadata__") {
            if (std::exchange(has_metadata_, true)) fail_duplicate_key(where_, key);
            return next(Expected::metadata);
        }
        entry_ = {};
        entry_.info.name = key;
        dims_.clear();
        offsets_.clear();
        has_dtype_ = has_shape_ = has_offsets_ = false;
        return next(Expected::entry);
    }

    bool end_object() {
        if (expected_ == Expected::metadata_key) return next(Expected::name);
        if (expected_ != Expected::field) return true; // the end of the header
        if (!has_dtype_ || !has_shape_ || !has_offsets_) {
            fail(where_, "tensor " + in_quotes(entry_.info.name) + " without one of them",
                 "dtype, shape and data_offsets");
        }
        entry_.info.shape = claimed_shape(where_, entry_.info.name, dims_);
        entry_.begin = offsets_[0];
        entry_.end = offsets_[1];
        entries.push_back(std::move(entry_));
        return next(Expected::name);
    }

    bool start_array(std::size_t) {
        if (expected_ == Expected::shape) return next(Expected::dimension);
        if (expected_ == Expected::offsets) return next(Expected::offset);
        refuse("an array");
    }
    bool end_array() {
        if (expected_ == Expected::offset && offsets_.size() != 2) {
            refuse(std::to_string(offsets_.size()) + " numbers");
        }
        return next(Expected::field);
    }

    bool parse_error(std::size_t, const std::string&, const Json::exception& error) {
        fail_json(where_, error);
    }

private:
    enum class Expected {
        header,
        name,
        entry,
        field,
        dtype,
        shape,
        dimension,
        offsets,
        offset,
        metadata,
        metadata_key,
        metadata_value,
    };

    bool next(Expected expected) {
        expected_ = expected;
        return true;
    }

    bool field(const std::string& key) {
        const auto once = [&](bool& seen, Expected value) {
            if (std::exchange(seen, true)) fail_duplicate_key(where_, key);
            return next(value);
        };
        if (key == "dtype") return once(has_dtype_, Expected::dtype);
        if (key == "shape") return once(has_shape_, Expected::shape);
        if (key == "data_offsets") return once(has_offsets_, Expected::offsets);
        fail(where_,
             "the field " + in_quotes(key) + " in tensor " + in_quotes(entry_.info.name),
             "dtype, shape and data_offsets alone");
    }

    [[noreturn]] void refuse(const std::string& got) const {
        const auto tensor = " of tensor " + in_quotes(entry_.info.name);
        switch (expected_) {
        case Expected::header:
        case Expected::name:
            fail(where_, got + " as the header", "a JSON object");
        case Expected::entry:
            fail(where_, got + " as tensor " + in_quotes(entry_.info.name),
                 "an object with dtype, shape and data_offsets");
        case Expected::field:
        case Expected::dtype:
            fail(where_, got + " as dtype" + tensor, "a string");
        case Expected::shape:
        case Expected::dimension:
            fail(where_, got + " in the shape" + tensor,
                 "an array of whole numbers of at least 0");
        case Expected::offsets:
        case Expected::offset:
            fail(where_, got + " in data_offsets" + tensor,
                 "an array of two whole numbers of at least 0");
        case Expected::metadata:
        case Expected::metadata_key:
            fail(where_, got + " as __metadata__", "an object");
        case Expected::metadata_value:
            break;
        }
        fail(where_, got + " as " + in_quotes(key_) + " of __metadata__", "a string");
    }

    std::string where_;
    Expected expected_ = Expected::header;
    SafetensorsEntry entry_;
    std::vector<std::int64_t> dims_;
    std::vector<std::uint64_t> offsets_;
    bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false, has_metadata_ = false;
    std::string key_;
};

} // namespace detail

} // namespace latent
