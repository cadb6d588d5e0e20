#pragma once

#include "latent/io/dtype.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The text in a .npy file, a dictionary as Python writes it, with these three keys in any
/// order:
///   {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }

namespace latent::detail {

/// numpy's name for a dtype, without the byte order.
struct NpyType {
    std::string_view code;
    DType dtype;
};
inline constexpr std::array npy_types = {
    NpyType{"b1", DType::BOOL}, NpyType{"i1", DType::I8},  NpyType{"u1", DType::U8},
    NpyType{"i2", DType::I16},  NpyType{"u2", DType::U16}, NpyType{"f2", DType::F16},
    NpyType{"i4", DType::I32},  NpyType{"u4", DType::U32}, NpyType{"f4", DType::F32},
    NpyType{"i8", DType::I64},  NpyType{"u8", DType::U64}, NpyType{"f8", DType::F64},
    NpyType{"c8", DType::C64},
};

/// What the dictionary says.
struct NpyHeader {
    DType dtype = DType::F32;
    bool big_endian = false;
    bool fortran_order = false; ///< the first axis is the one whose neighbours lie together
    std::vector<std::int64_t> shape;
};

/// Reads the dictionary. It is Python only in its looks: nothing but these keys, strings,
/// True, False and whole numbers is understood.
class NpyHeaderParser {
public:
    NpyHeaderParser(std::string_view where, std::string_view text)
        : where_(where), text_(text) {}

    [[nodiscard]] NpyHeader parse() {
        expect('{');
        bool has_type = false, has_order = false, has_shape = false;
        while (!accept('}')) {
            const auto key = string("a key");
            expect(':');
            if (key == "descr") {
                once(key, has_type);
                type(string("descr"));
            } else if (key == "fortran_order") {
                once(key, has_order);
                header_.fortran_order = boolean();
            } else if (key == "shape") {
                once(key, has_shape);
                shape();
            } else {
                refuse("the key " + in_quotes(key));
            }
            if (accept(',')) continue;
            expect('}');
            break;
        }
        skip_space();
        if (position_ != text_.size()) refuse("text after the dictionary");
        if (!has_type || !has_order || !has_shape) refuse("a key that is missing");
        return std::move(header_);
    }

private:
    [[noreturn]] void refuse(const std::string& got) const {
        fail(where_, got + " in the header",
             "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}");
    }
    void once(std::string_view key, bool& seen) const {
        if (std::exchange(seen, true))
            refuse("a duplicate: the key " + in_quotes(key) + " twice");
    }

    void skip_space() {
        while (position_ < text_.size() &&
               (text_[position_] == ' ' || text_[position_] == '\n')) {
            ++position_;
        }
    }
    [[nodiscard]] bool accept(char wanted) {
        skip_space();
        if (position_ == text_.size() || text_[position_] != wanted) return false;
        ++position_;
        return true;
    }
    void expect(char wanted) {
        if (accept(wanted)) return;
        refuse((position_ == text_.size() ? "an end" : in_quotes(text_.substr(position_, 16))) +
               " instead of '" + wanted + "'");
    }
    [[nodiscard]] std::string_view string(const char* what) {
        skip_space();
        const char quote = position_ < text_.size() ? text_[position_] : ' ';
        const auto end = text_.find(quote, position_ + 1);
        if ((quote != '\'' && quote != '"') || end == std::string_view::npos) {
            refuse(in_quotes(text_.substr(position_, 16)) + " as " + what);
        }
        const auto inside = text_.substr(position_ + 1, end - position_ - 1);
        position_ = end + 1;
        return inside;
    }
    [[nodiscard]] bool boolean() {
        skip_space();
        for (const std::string_view word : {"True", "False"}) {
            if (!text_.substr(position_).starts_with(word)) continue;
            position_ += word.size();
            return word == "True";
        }
        refuse(in_quotes(text_.substr(position_, 16)) + " as fortran_order");
    }

    void type(std::string_view descr) {
        if (descr.ends_with('O') || descr.starts_with("|O")) {
            fail(where_, "an array of Python objects, which is a pickle", "an array of numbers",
                 "nothing in a file is executed here");
        }
        for (const auto& [code, dtype] : npy_types) {
            // One byte has no order, which numpy writes as '|'.
            const bool ordered = descr.starts_with('<') || descr.starts_with('>') ||
                                 (bits_of(dtype) == 8 && descr.starts_with('|'));
            if (!ordered || descr.substr(1) != code) continue;
            header_.dtype = dtype;
            header_.big_endian = descr.starts_with('>') && bits_of(dtype) > 8;
            return;
        }
        fail(where_, "descr " + in_quotes(descr), "numbers of one kind, such as <f4 or <i8");
    }

    void shape() {
        expect('(');
        while (!accept(')')) {
            header_.shape.push_back(number());
            if (header_.shape.size() > max_rank) refuse("more than 64 dimensions");
            if (accept(',')) continue;
            expect(')');
            // (2) is a number in Python, and (2,) a tuple.
            if (header_.shape.size() == 1) refuse("a shape without its comma");
            return;
        }
    }
    [[nodiscard]] std::int64_t number() {
        skip_space();
        const auto first = position_;
        std::int64_t value = 0;
        for (; position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9';
             ++position_) {
            const int digit = text_[position_] - '0';
            if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) {
                refuse("the dimension " + in_quotes(text_.substr(first, 24)));
            }
            value = value * 10 + digit;
        }
        if (position_ == first) {
            refuse(in_quotes(text_.substr(position_, 16)) + " in the shape");
        }
        // Python 2 wrote its long numbers so.
        if (position_ < text_.size() && text_[position_] == 'L') ++position_;
        return value;
    }

    std::string_view where_, text_;
    std::size_t position_ = 0;
    NpyHeader header_;
};

} // namespace latent::detail
