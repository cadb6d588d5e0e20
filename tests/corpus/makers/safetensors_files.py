"""Safetensors: u64 length | JSON | bytes."""

import json
import struct

from .common import BITS, SIX, counting, hostile, longs, truncations, u64, valid


def compact(value): return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def safetensors(header, data=b"", length=None):
    """`header` is a dictionary, or the JSON itself where it shall be wrong."""
    if isinstance(header, dict):
        header = compact(header)
    if isinstance(header, str):
        header = header.encode("utf-8", "surrogatepass")
    return u64(len(header) if length is None else length) + header + data


def entry(dtype, shape, begin, end, **more):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end], **more}


def make_safetensors():
    a = entry("F32", [2, 3], 0, 24)
    b = entry("I64", [2], 24, 40)
    data = SIX + longs(-7, 9)
    both = {"a": a, "b": b}
    A = compact(a)
    B = compact(b)

    def bad(lie, what, header, *words, data=data, length=None):
        hostile("safetensors", lie, what, safetensors(header, data, length), *words)

    size = len(compact(both))
    bad("lengths", "header_all_ones", both, "18446744073709551615", length=2**64 - 1)
    bad("lengths", "header_2_to_63", both, "9223372036854775808", length=2**63)
    bad("lengths", "header_wraps_around_the_file", both, str(2**64 - 8), length=2**64 - 8)
    bad("lengths", "header_above_the_limit", both, "100000001 bytes", "100000000",
        length=100_000_001)
    bad("lengths", "header_at_the_limit", both, "100000000 bytes", "cut short",
        length=100_000_000)
    bad("lengths", "header_one_byte_past_the_end", both, f"{size + 41} bytes", "cut short",
        length=size + 41)
    bad("lengths", "header_big_endian", both, "header length",
        length=int.from_bytes(u64(size), "big"))
    bad("lengths", "header_of_nothing", both, "no valid JSON", length=0)
    bad("lengths", "header_ends_before_its_brace", both, "no valid JSON", length=size - 1)
    bad("lengths", "header_reaches_into_the_data", both, "JSON", length=size + 8)
    bad("lengths", "tensor_shorter_than_its_shape", {"a": entry("F32", [2, 3], 0, 20)},
        "20 bytes", '"a"', "24", data=bytes(20))
    bad("lengths", "tensor_longer_than_its_shape", {"a": entry("F32", [2, 3], 0, 28)},
        "28 bytes", '"a"', "24", data=bytes(28))
    bad("lengths", "half_a_byte", {"a": entry("F4", [3], 0, 1)}, "[3]", "whole number of bytes",
        data=bytes(1))
    bad("lengths", "six_bits", {"a": entry("F6_E2M3", [2], 0, 2)}, "[2]",
        "whole number of bytes", data=bytes(2))
    bad("lengths", "bytes_for_an_empty_tensor", {"a": entry("F32", [0], 0, 4)}, "4 bytes",
        data=bytes(4))

    def offsets(what, one, two, *words, data=data):
        bad("offsets", what, {"a": {**a, "data_offsets": one}, "b": {**b, "data_offsets": two}},
            *words, data=data)

    offsets("hole_in_front", [8, 32], [32, 48], "[8, 32]", '"a"', "begin at 0",
            data=bytes(48))
    offsets("hole_between", [0, 24], [32, 48], "[32, 48]", '"b"', "begin at 24",
            data=bytes(48))
    offsets("overlap_by_one", [0, 24], [23, 39], "[23, 39]", '"b"', "begin at 24")
    offsets("overlap_of_the_whole", [0, 24], [0, 16], '"a"', "begin at 16")
    offsets("reversed", [24, 0], [24, 40], "[24, 0]", '"a"')
    offsets("past_the_end_by_one", [0, 24], [24, 41], '"b"', "byte 41 of 40", "cut short")
    offsets("of_2_to_64", [0, 24], [24, 2**64 - 1], '"b"', str(2**64 - 1))
    offsets("beyond_64_bits", [0, 24], [24, 2**64], '"b"', "data_offsets", "18446744073709")
    offsets("negative", [-24, 0], [0, 16], "-24", '"a"', "data_offsets")
    offsets("real", [0.0, 24.0], [24, 40], "0.0", '"a"', "data_offsets")
    offsets("strings", ["0", "24"], [24, 40], 'string "0"', '"a"', "data_offsets")
    offsets("one", [0], [24, 40], "1 number", '"a"', "data_offsets")
    offsets("three", [0, 24, 24], [24, 40], '"a"', "24", "data_offsets")
    offsets("none", [], [24, 40], "0 numbers", '"a"', "data_offsets")
    offsets("null", None, [24, 40], "null", '"a"', "data_offsets")
    offsets("number_for_two", 24, [24, 40], "24", '"a"', "data_offsets")
    bad("offsets", "trailing_byte", both, "1 bytes after the last tensor", data=data + b"\0")
    bad("offsets", "hidden_zip_behind", both, "22 bytes after the last tensor",
        data=data + b"PK\5\6" + bytes(18))
    bad("offsets", "empty_tensor_inside_of_another", {**both, "c": entry("U8", [0], 8, 8)},
        "[8, 8]", '"c"')

    def shape(what, dims, *words, dtype="F32", end=24):
        text = dims if isinstance(dims, str) else compact(dims)
        bad("counts", what, f'{{"a":{{"dtype":"{dtype}","shape":{text},"data_offsets":[0,{end}]'
            "}}", *words, data=bytes(24))

    shape("20000_dimensions", [1] * 20_000, "20000 dimensions", '"a"', end=4)
    shape("65_dimensions", [1] * 65, "65 dimensions", '"a"', end=4)
    shape("2_to_32_squared", [2**32, 2**32], "[4294967296, 4294967296]", '"a"')
    shape("product_wraps_to_six", [6, 2**63 - 1, 2], "9223372036854775807", "2^63")
    shape("dimension_2_to_63", [2**63], "9223372036854775808", '"a"')
    shape("dimension_2_to_64", [2**64], "18446744073709", '"a"')
    shape("bits_beyond_63", [2**60], "[1152921504606846976]", "2^63 bits")
    shape("negative", [-2, -3], "-2", "shape", '"a"')
    shape("minus_zero", "[-0]", "shape", '"a"', end=0)
    shape("real", "[2.0,3]", "2.0", "shape", '"a"')
    shape("exponent", "[2e0,3]", "2e0", "shape", '"a"')
    shape("true", "[true,6]", "true", "shape", '"a"')
    shape("null", "[null,6]", "null", "shape", '"a"')
    shape("string", '["2",3]', 'string "2"', "shape", '"a"')
    shape("many_dimensions_of_two", [2] * 64, "2^63", '"a"')
    shape("seven_for_six", [7], "24 bytes", "28")
    shape("elements_of_two_bytes", [2, 3], "24 bytes", "12", dtype="F16")

    deep = 8000
    bad("nesting", "arrays_as_the_header", "[" * deep, "array as the header", data=b"")
    bad("nesting", "objects_without_end", '{"a":' * 2000, 'field "a"', data=b"")
    bad("nesting", "arrays_as_a_shape", '{"a":{"shape":' + "[" * deep, "array in the shape",
        '"a"', data=b"")
    bad("nesting", "arrays_as_offsets", '{"a":{"data_offsets":' + "[" * deep,
        "array in data_offsets", '"a"', data=b"")
    bad("nesting", "objects_as_a_dtype", '{"a":{"dtype":' + '{"x":' * 2000,
        "object as dtype", '"a"', data=b"")
    bad("nesting", "objects_in_the_metadata", '{"__metadata__":{"k":' + '{"k":' * 2000,
        "object", '"k"', "__metadata__", data=b"")
    bad("nesting", "array_in_the_metadata", {"__metadata__": {"k": ["v"]}, **both}, "array",
        '"k"', "__metadata__")
    bad("nesting", "array_of_the_header", "[" + compact(both) + "]", "array as the header")
    bad("nesting", "array_of_an_entry", '{"a":[' + A + '],"b":' + B + "}", "array as tensor",
        '"a"')
    bad("nesting", "entry_in_an_entry", '{"a":{"a":' + A + "}}", 'field "a"', data=SIX)
    bad("nesting", "unknown_field_that_is_deep", '{"a":{"x":' + "[" * deep, 'field "x"',
        data=b"")

    def twice(what, text, *words, data=data):
        bad("duplicates", what, text, "duplicate", *words, data=data)

    twice("tensor", f'{{"a":{A},"a":{compact(entry("I64", [2], 24, 40))}}}', '"a"')
    twice("tensor_at_the_same_bytes", f'{{"a":{compact(entry("F32", [0], 0, 0))},'
          f'"a":{compact(entry("F32", [0], 0, 0))}}}', '"a"', data=b"")
    twice("tensor_spelt_with_an_escape", f'{{"a":{A},"\\u0061":{B}}}', '"a"')
    twice("empty_name", f'{{"":{A},"":{B}}}', '""')
    twice("metadata", f'{{"__metadata__":{{}},"a":{A},"b":{B},"__metadata__":{{}}}}',
          '"__metadata__"')
    twice("metadata_once_null", f'{{"__metadata__":null,"a":{A},"b":{B},"__metadata__":{{}}}}',
          '"__metadata__"')
    twice("key_in_the_metadata", f'{{"__metadata__":{{"k":"1","k":"2"}},"a":{A},"b":{B}}}',
          '"k"')
    for field, value in a.items():
        twice("field_" + field, f'{{"a":{A[:-1]},"{field}":{compact(value)}}},"b":{B}}}',
              f'"{field}"')
    twice("dtype_that_changes", f'{{"a":{A[:-1]},"dtype":"I32"}},"b":{B}}}', '"dtype"')

    def wrong(what, text, *words):
        bad("types", what, text, *words)

    wrong("dtype_unknown", {"a": {**a, "dtype": "F128"}, "b": b}, '"F128"', '"a"')
    wrong("dtype_in_small_letters", {"a": {**a, "dtype": "f32"}, "b": b}, '"f32"', '"a"')
    wrong("dtype_of_format_letters", {"a": {**a, "dtype": "%s%n"}, "b": b}, '"%s%n"', '"a"')
    wrong("dtype_is_a_number", {"a": {**a, "dtype": 32}, "b": b}, "32 as dtype", '"a"')
    for field in a:
        rest = {key: value for key, value in a.items() if key != field}
        wrong("without_" + field, {"a": rest, "b": b}, '"a"', field)
    wrong("field_unknown", {"a": {**a, "stride": [1, 2]}, "b": b}, '"stride"', '"a"')
    wrong("metadata_of_a_number", {"__metadata__": {"k": 1}, **both}, '1 as "k"',
          "__metadata__")
    wrong("metadata_is_a_string", {"__metadata__": "k", **both}, '"k"', "__metadata__")
    wrong("entry_is_null", {"a": None, "b": b}, "null", '"a"')
    wrong("header_is_a_string", '"a"', '"a"', "header")
    wrong("byte_order_mark", "\ufeff" + compact(both), "byte order mark")
    wrong("nul_behind_the_header", compact(both) + "\0", "NUL")
    wrong("second_object", compact(both) + "{}", "no valid JSON")
    wrong("comment", compact(both)[:-1] + "/* */}", "no valid JSON")
    wrong("trailing_comma", compact(both)[:-1] + ",}", "no valid JSON")
    wrong("not_a_number", compact(both).replace("[0,24]", "[0,NaN]"), "no valid JSON")
    wrong("leading_zero", compact(both).replace("[0,24]", "[0,024]"), "no valid JSON")
    wrong("line_break_in_a_name", compact(both).replace('"a"', '"a\n"'), "no valid JSON")
    wrong("lone_surrogate", compact(both).replace('"a"', '"\\ud800"'), "no valid JSON")
    wrong("latin_1", compact(both).encode().replace(b'"a"', b'"\xe4"'), "no UTF-8")
    wrong("overlong_utf_8", compact(both).encode().replace(b'"a"', b'"\xc1\xa1"'), "no UTF-8")
    wrong("surrogate_in_utf_8", compact(both).encode().replace(b'"a"', b'"\xed\xa0\x80"'),
          "no UTF-8")

    file = safetensors({"__metadata__": {"k": "v"}, **both}, data)
    text = file[8:-40].decode()
    cuts = [(0, "nothing"), (1, "one_byte"), (4, "half_of_the_length"), (7, "seven_bytes"),
            (8, "the_length")]
    for end, what in ((text.index('"__'), "the_brace"), (text.index(':{"k"'), "a_key"),
                      (text.index('{"k"'), "a_colon"), (text.index(',"a"'), "the_metadata"),
                      (text.index('"a"') + 2, "half_a_name"),
                      (text.index(',"shape"'), "the_dtype"),
                      (text.index("3]"), "a_dimension"),
                      (text.index(',"data'), "the_shape"), (text.index("24]"), "an_offset"),
                      (text.index("}", text.index("24]")), "the_offsets"),
                      (text.index(',"b"'), "the_first_entry"),
                      (len(text) - 1, "the_last_entry"), (len(text), "the_header")):
        cuts.append((8 + end, what))
    start = len(file) - 40
    cuts += [(start + 1, "a_byte"), (start + 24, "the_first_tensor"),
             (start + 39, "all_but_one")]
    truncations("safetensors", file, cuts, ("cut short",),
                keep=lambda size: ("empty",) if size == 0 else (f"{size} bytes",) if size < 8
                else ("cut short",))

    # Sound ones.
    for dtype in BITS:
        count = 4
        values = counting(dtype, count)
        valid("safetensors", "dtype_" + dtype.lower(),
              safetensors({"x": entry(dtype, [2, 2], 0, len(values))}, values),
              ("x", dtype, (2, 2), values))
    everything, position, parts, listed = {}, 0, [], []
    for dtype in BITS:  # small ones in front: most are unaligned
        values = counting(dtype, 4)
        everything[dtype] = entry(dtype, [4], position, position + len(values))
        position += len(values)
        parts.append(values)
        listed.append((dtype, dtype, (4,), values))
    valid("safetensors", "every_dtype_unaligned", safetensors(everything, b"".join(parts)),
          *listed)
    two = [("a", "F32", (2, 3), SIX), ("b", "I64", (2,), longs(-7, 9))]
    valid("safetensors", "two", safetensors(both, data), *two)
    valid("safetensors", "no_tensors", safetensors({}))
    valid("safetensors", "metadata_alone", safetensors({"__metadata__": {"k": "v"}}))
    valid("safetensors", "metadata", safetensors(
        {"__metadata__": {"": "", "format": "pt", "\n": "\u2028"}, **both}, data), *two)
    valid("safetensors", "metadata_null", safetensors({"__metadata__": None, **both}, data),
          *two)
    valid("safetensors", "metadata_last", safetensors({**both, "__metadata__": {}}, data), *two)
    valid("safetensors", "padded_with_spaces", safetensors(compact(both) + " " * 13, data),
          *two)
    valid("safetensors", "white_space_in_front", safetensors("\t\r\n " + compact(both), data),
          *two)
    valid("safetensors", "white_space_inside", safetensors(json.dumps(both, indent=3), data),
          *two)
    valid("safetensors", "header_of_odd_length", safetensors(
        compact(both) + " " * ((1 - len(compact(both))) % 8), data), *two)
    valid("safetensors", "entries_in_reverse", safetensors({"b": b, "a": a}, data), *two)
    valid("safetensors", "fields_in_reverse", safetensors(
        {"a": dict(reversed(a.items())), "b": b}, data), *two)
    valid("safetensors", "rank_0", safetensors({"x": entry("F64", [], 0, 8)}, b"\1" * 8),
          ("x", "F64", (), b"\1" * 8))
    valid("safetensors", "empty_tensors", safetensors(
        {"front": entry("F32", [0, 3], 0, 0), "a": a, "between": entry("U8", [0], 24, 24),
         "b": b, "behind": entry("F4", [5, 0], 40, 40)}, data),
        ("front", "F32", (0, 3), b""), *two, ("between", "U8", (0,), b""),
        ("behind", "F4", (5, 0), b""))
    valid("safetensors", "empty_and_huge", safetensors(
        {"x": entry("F32", [0, 2**62], 0, 0)}), ("x", "F32", (0, 2**62), b""))
    valid("safetensors", "rank_20", safetensors({"x": entry("U8", [1] * 20, 0, 1)}, b"\5"),
          ("x", "U8", (1,) * 20, b"\5"))
    names = ["", "../x", "/etc/passwd", "%n%s", "line\nbreak", "nul\0inside", "\u540d\u524d",
             "\U0001f600", "\x1b[2J", "a" * 300, '"', "\\", "\u202eback", " ", "__metadata",
             "e\u0301", "\u00e9"]
    header = {name: entry("U8", [1], i, i + 1) for i, name in enumerate(names)}
    listed = [(name, "U8", (1,), bytes([i])) for i, name in enumerate(names)]
    valid("safetensors", "odd_names", safetensors(header, bytes(range(len(names)))), *listed)
    valid("safetensors", "odd_names_escaped", safetensors(
        json.dumps(header), bytes(range(len(names)))), *listed)
    special = struct.pack("<6I", 0x7FC00001, 0xFF800000, 0x80000000, 1, 0x7F7FFFFF, 0x7F800001)
    valid("safetensors", "special_values", safetensors(
        {"x": entry("F32", [6], 0, 24)}, special),
          ("x", "F32", (6,), special))
