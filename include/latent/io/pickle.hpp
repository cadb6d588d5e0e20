#pragma once

#include "latent/io/pickle_nodes.hpp"
#include "latent/io/text.hpp"
#include "latent/tensor/error.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Python's pickle, read by a machine that executes nothing. A pickle is a program for a stack
/// machine; here every name of a function or class stays a name, and every call becomes an
/// inert object that remembers what was to be called with what. Nothing is imported, nothing
/// runs. Source: Python's Lib/pickletools.py; the opcodes are those that torch.save and its
/// users write.

namespace latent {

namespace detail {

/// The stack machine. Every step looks at bytes that are there and leaves a value or refuses.
class PickleMachine {
public:
    using Kind = PickleNode::Kind;
    using Index = PickleNode::Index;

    PickleMachine(std::string_view where, std::span<const std::byte> bytes)
        : where_(where), text_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}

    [[nodiscard]] Pickle run() {
        while (step()) {
        }
        pickle_.length = position_;
        return std::move(pickle_);
    }

private:
    /// One instruction; false after STOP. Letters are those of Lib/pickle.py.
    bool step() {
        start_ = position_;
        const auto opcode = number(1);
        // clang-format off
        switch (opcode) {
        // Frames, versions, and the end.
        case 0x80: refuse_unless(number(1) <= 5, "a protocol above 5"); break;  // PROTO
        case 0x95: take(8); break;                                 // FRAME: a hint alone
        case '.': pickle_.root = pop(); return false;              // STOP

        // Constants.
        case 'N': push({Kind::none, std::int64_t{0}}); break;
        case 0x88: push({Kind::boolean, std::int64_t{1}}); break;  // NEWTRUE
        case 0x89: push({Kind::boolean, std::int64_t{0}}); break;  // NEWFALSE
        case 'J': push_integer(static_cast<std::int32_t>(number(4))); break;  // BININT
        case 'K': push_integer(static_cast<std::int64_t>(number(1))); break;  // BININT1
        case 'M': push_integer(static_cast<std::int64_t>(number(2))); break;  // BININT2
        case 0x8A: push_long(take(number(1))); break;              // LONG1
        case 0x8B: push_long(take(number(4))); break;              // LONG4
        case 'G': push_real(); break;                              // BINFLOAT

        // Texts and bytes: their lengths are compared with what is left before anything else.
        case 'X': push_text(take(number(4))); break;               // BINUNICODE
        case 0x8C: push_text(take(number(1))); break;              // SHORT_BINUNICODE
        case 0x8D: push_text(take(number(8))); break;              // BINUNICODE8
        case 'U': push_string(take(number(1))); break;             // SHORT_BINSTRING, Python 2
        case 'T': push_string(take(number(4))); break;             // BINSTRING, Python 2
        case 'C': push({Kind::bytes, take(number(1))}); break;     // SHORT_BINBYTES
        case 'B': push({Kind::bytes, take(number(4))}); break;     // BINBYTES
        case 0x8E: push({Kind::bytes, take(number(8))}); break;    // BINBYTES8
        case 0x96: push({Kind::bytes, take(number(8))}); break;    // BYTEARRAY8

        // The stack.
        case '(': marks_.push_back(stack_.size()); break;          // MARK
        case '0': pop_or_unmark(); break;                          // POP
        case '1': pop_mark(); break;                               // POP_MARK
        case '2': stack_.push_back(top()); break;                  // DUP

        // The memo: values that are used again. Its indices are only keys.
        case 'q': memo_[number(1)] = top(); break;                 // BINPUT
        case 'r': memo_[number(4)] = top(); break;                 // LONG_BINPUT
        case 0x94: memo_[memo_.size()] = top(); break;             // MEMOIZE
        case 'h': recall(number(1)); break;                        // BINGET
        case 'j': recall(number(4)); break;                        // LONG_BINGET

        // Containers.
        case ')': push({Kind::tuple, Items{}}); break;             // EMPTY_TUPLE
        case 0x85: push_tuple(1); break;                           // TUPLE1
        case 0x86: push_tuple(2); break;                           // TUPLE2
        case 0x87: push_tuple(3); break;                           // TUPLE3
        case 't': push({Kind::tuple, pop_mark()}); break;          // TUPLE
        case ']': push({Kind::list, Items{}}); break;              // EMPTY_LIST
        case 'l': push({Kind::list, pop_mark()}); break;           // LIST
        case 'a': append({pop()}, Kind::list); break;              // APPEND
        case 'e': append(pop_mark(), Kind::list); break;           // APPENDS
        case '}': push({Kind::dictionary, Items{}}); break;        // EMPTY_DICT
        case 'd': push_dictionary(pop_mark()); break;              // DICT
        case 's': append_pair(); break;                            // SETITEM
        case 'u': append_pairs(pop_mark()); break;                 // SETITEMS
        case 0x8F: push({Kind::set, Items{}}); break;              // EMPTY_SET
        case 0x90: append(pop_mark(), Kind::set); break;           // ADDITEMS
        case 0x91: push({Kind::set, pop_mark()}); break;           // FROZENSET

        // Functions, classes and calls: named, never made.
        case 'c': push_global(); break;                            // GLOBAL
        case 0x93: push_stack_global(); break;                     // STACK_GLOBAL
        case 'R': call(); break;                                   // REDUCE
        case 0x81: call(); break;                                  // NEWOBJ
        case 0x92: pop(); call(); break;                           // NEWOBJ_EX
        case 'b': pop(); static_cast<void>(top()); break;          // BUILD: a state, unneeded
        case 'Q': push({Kind::persistent, Items{pop()}}); break;   // BINPERSID

        default: refuse_opcode(opcode);
        }
        // clang-format on
        return true;
    }

    using Items = PickleNode::Items;

    [[noreturn]] void refuse_opcode(std::uint64_t opcode) const {
        static constexpr char digits[] = "0123456789abcdef";
        refuse(std::string("the opcode 0x") + digits[opcode / 16] + digits[opcode % 16]);
    }
    [[noreturn]] void refuse(const std::string& got) const {
        fail(where_, got + " at byte " + std::to_string(start_) + " of the pickle",
             "a pickle as torch.save writes it");
    }
    void refuse_unless(bool condition, const char* got) const {
        if (!condition) refuse(got);
    }

    // Reading.

    std::string_view take(std::uint64_t count) {
        if (count > text_.size() - position_) {
            refuse(count == 1 ? "an end without STOP"
                              : "a length of " + std::to_string(count) + " bytes with " +
                                    std::to_string(text_.size() - position_) + " left");
        }
        const auto taken = text_.substr(position_, static_cast<std::size_t>(count));
        position_ += taken.size();
        return taken;
    }
    std::uint64_t number(std::size_t bytes) {
        const auto taken = take(bytes);
        std::uint64_t value = 0;
        for (std::size_t i = bytes; i-- > 0;) {
            value = (value << 8U) | static_cast<unsigned char>(taken[i]);
        }
        return value;
    }
    std::string_view line() {
        const auto end = text_.find('\n', position_);
        refuse_unless(end != std::string_view::npos, "a name without an end");
        const auto taken = take(end - position_);
        take(1);
        return taken;
    }

    // The stack. What lies below the last mark is out of reach until the mark is gone.

    [[nodiscard]] Index top() const {
        refuse_unless(stack_.size() > (marks_.empty() ? 0 : marks_.back()), "an empty stack");
        return stack_.back();
    }
    Index pop() {
        const auto index = top();
        stack_.pop_back();
        return index;
    }
    Items pop_mark() {
        refuse_unless(!marks_.empty(), "no mark on the stack");
        const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
        Items items(first, stack_.end());
        stack_.erase(first, stack_.end());
        marks_.pop_back();
        return items;
    }
    void pop_or_unmark() {
        if (!marks_.empty() && marks_.back() == stack_.size()) {
            marks_.pop_back();
        } else {
            pop();
        }
    }

    // Making values.

    Index add(PickleNode node) {
        refuse_unless(pickle_.nodes.size() < max_nodes, "more than 16,777,216 values");
        pickle_.nodes.push_back(std::move(node));
        return static_cast<Index>(pickle_.nodes.size() - 1);
    }
    void push(PickleNode node) { stack_.push_back(add(std::move(node))); }
    void push_integer(std::int64_t value) { push({Kind::integer, value}); }
    void push_long(std::string_view bytes) {
        if (bytes.size() > 8) return push({Kind::big_integer, bytes});
        // Two's complement of any width: the sign bit of the last byte is carried on upwards.
        const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
        std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
        for (std::size_t i = bytes.size(); i-- > 0;) {
            value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
        }
        push_integer(static_cast<std::int64_t>(value));
    }
    void push_real() {
        std::uint64_t bits = 0; // the one number of a pickle that is big-endian
        for (const char c : take(8)) bits = (bits << 8U) | static_cast<unsigned char>(c);
        push({Kind::real, std::bit_cast<double>(bits)});
    }
    void push_text(std::string_view text) {
        refuse_unless(is_utf8(text), "a string that is no UTF-8");
        push({Kind::text, text});
    }
    /// Python 2 had one kind for texts and for bytes.
    void push_string(std::string_view string) {
        push({is_utf8(string) ? Kind::text : Kind::bytes, string});
    }
    void recall(std::uint64_t key) {
        const auto found = memo_.find(key);
        if (found == memo_.end())
            refuse("memo index " + std::to_string(key) + ", never stored");
        stack_.push_back(found->second);
    }
    void push_tuple(std::size_t count) {
        Items items(count);
        while (count-- > 0) items[count] = pop();
        push({Kind::tuple, std::move(items)});
    }
    void push_dictionary(Items items) {
        refuse_unless(items.size() % 2 == 0, "a key without a value");
        push({Kind::dictionary, std::move(items)});
    }
    void push_global() {
        const auto module = line();
        const auto name = line();
        refuse_unless(is_utf8(module) && is_utf8(name), "a name that is no UTF-8");
        const auto module_index = add({Kind::text, module});
        push({Kind::global, Items{module_index, add({Kind::text, name})}});
    }
    void push_stack_global() {
        const auto name = pop();
        const auto module = pop();
        refuse_unless(pickle_[name].kind == Kind::text && pickle_[module].kind == Kind::text,
                      "a name that is no string");
        push({Kind::global, Items{module, name}});
    }
    void call() {
        const auto arguments = pop();
        push_call(pop(), arguments);
    }
    /// A call is kept as it stands; but Python's own dictionaries are made by calls, too.
    void push_call(Index callee, Index arguments) {
        const bool dictionary = pickle_.is_global(callee, "collections", "OrderedDict") ||
                                pickle_.is_global(callee, "collections", "defaultdict");
        if (!dictionary) return push({Kind::object, Items{callee, arguments}});
        // Python 2 gives OrderedDict its items at once: a list of [key, value] lists.
        Items items;
        const auto first = first_item(arguments, Kind::tuple);
        if (first != nullptr && first->kind == Kind::list) {
            // Each use of a stored list copies it: no more in all than the pickle has bytes.
            copied_ += first->items().size();
            refuse_unless(copied_ <= text_.size(), "one list used for too many dictionaries");
            for (const auto pair : first->items()) {
                const auto& both = pickle_[pair];
                if ((both.kind != Kind::list && both.kind != Kind::tuple) ||
                    both.items().size() != 2) {
                    continue;
                }
                items.insert(items.end(), both.items().begin(), both.items().end());
            }
        }
        push({Kind::dictionary, std::move(items)});
    }
    [[nodiscard]] const PickleNode* first_item(Index container, Kind kind) const {
        const auto& node = pickle_[container];
        if (node.kind != kind || node.items().empty()) return nullptr;
        return &pickle_[node.items()[0]];
    }

    // Filling containers. Opaque objects swallow what they are given.

    void append(const Items& items, Kind kind) {
        auto& container = pickle_.nodes[top()];
        if (container.kind == Kind::object) return;
        refuse_unless(container.kind == kind, "items for a value that holds none");
        auto& held = std::get<Items>(container.value);
        held.insert(held.end(), items.begin(), items.end());
    }
    void append_pairs(const Items& items) {
        refuse_unless(items.size() % 2 == 0, "a key without a value");
        append(items, Kind::dictionary);
    }
    void append_pair() {
        const auto value = pop();
        const auto key = pop();
        append({key, value}, Kind::dictionary);
    }

    static constexpr std::size_t max_nodes = std::size_t{1} << 24U;

    std::string_view where_;
    std::string_view text_;
    std::size_t position_ = 0, start_ = 0, copied_ = 0;
    Pickle pickle_;
    Items stack_;
    std::vector<std::size_t> marks_;
    // A sorted map: no index makes it large, and no choice of indices makes it slow.
    std::map<std::uint64_t, Index> memo_;
};

} // namespace detail

/// Reads one pickle from the beginning of `bytes`, which must outlive the result; what stands
/// after its STOP is left alone. Time and memory are bounded by the pickle's own length.
/// Throws Error, beginning with `where`, where the bytes are no pickle that torch.save writes.
[[nodiscard]] inline Pickle read_pickle(std::string_view where,
                                        std::span<const std::byte> bytes) {
    return detail::PickleMachine(where, bytes).run();
}

} // namespace latent
