"""Npy: signature | version | header length | header | elements."""

from .common import BITS, COMMAND, SIX, counting, hostile, truncations, u16, u32, valid
from .pickle_files import ATTACK, pickle, text
from .torch_lies import swapped, view


def npy(header, data=SIX, version=(1, 0), length=None, pad=True):
    header = header if isinstance(header, bytes) else header.encode("utf-8")
    size = 2 if version[0] < 2 else 4
    if pad:
        header += b" " * (-(8 + size + len(header) + 1) % 64) + b"\n"
    length = len(header) if length is None else length
    return (b"\x93NUMPY" + bytes(version) + (u16 if size == 2 else u32)(length) + header + data)


def npy_dict(descr="<f4", order="False", shape="(2, 3)"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"


NPY_TYPES = {"b1": "BOOL", "i1": "I8", "u1": "U8", "i2": "I16", "u2": "U16", "f2": "F16",
             "i4": "I32", "u4": "U32", "f4": "F32", "i8": "I64", "u8": "U64", "f8": "F64",
             "c8": "C64"}


def make_npy():
    def bad(lie, what, header, *words, **more):
        hostile("npy", lie, what, npy(header, **more), *words)

    sound = npy_dict()
    # Lengths.
    bad("lengths", "header_of_65535", sound, "65535 bytes", "cut short", length=65535)
    bad("lengths", "header_of_2_to_32", sound, "4294967295 bytes", "cut short",
        version=(2, 0), length=2**32 - 1)
    bad("lengths", "header_of_2_to_31", sound, "2147483648 bytes", "cut short",
        version=(3, 0), length=2**31)
    bad("lengths", "header_of_nothing", sound, "header", length=0)
    bad("lengths", "header_ends_in_the_dictionary", sound, "header", length=40)
    bad("lengths", "header_one_byte_less", sound, "25 bytes", "24", length=117)
    bad("lengths", "header_one_byte_more", sound, "header", length=119)
    bad("lengths", "one_byte_more", sound, "25 bytes", "24", data=SIX + b"\0")
    bad("lengths", "one_byte_less", sound, "23 bytes", "24", "cut short", data=SIX[:-1])
    bad("lengths", "no_elements", sound, "0 bytes", "24", "cut short", data=b"")
    bad("lengths", "elements_for_none", npy_dict(shape="(0,)"), "24 bytes")
    bad("lengths", "elements_of_8_bytes", npy_dict("<f8"), "24 bytes", "48", "F64")
    bad("lengths", "elements_of_2_bytes", npy_dict("<f2"), "24 bytes", "12", "F16")
    bad("lengths", "two_arrays", sound, "bytes behind the header", data=SIX + npy(sound))

    # Offsets: where the header and the elements begin.
    bad("offsets", "length_of_4_bytes_in_version_1", b"\0\0" + sound.encode(), "header")
    bad("offsets", "length_big_endian_in_version_1", sound, "header length", length=118 << 8)
    bad("offsets", "length_big_endian_in_version_2", sound, "header length", version=(2, 0),
        length=116 << 24)
    bad("offsets", "header_reaches_into_the_elements", sound, "header", length=118 + 8)
    bad("offsets", "header_reaches_the_last_byte", sound, "header", length=118 + 24)
    bad("offsets", "elements_begin_in_the_header", sound, "bytes behind the header", "24",
        length=100)
    bad("offsets", "dictionary_behind_the_elements", " " * 117, "header", pad=False,
        data=SIX + sound.encode())
    bad("offsets", "nul_in_front_of_the_dictionary", "\0" + sound, "header")
    bad("offsets", "second_dictionary", sound + sound, "text after the dictionary")
    bad("offsets", "dictionary_of_an_offset", sound.replace("'shape'", "'offset': 8, 'shape'"),
        '"offset"')

    # Counts.
    def shape(what, text, *words): bad("counts", what, npy_dict(shape=text), *words)

    shape("number_in_brackets", "(6)", "without its comma")
    shape("2_to_32_squared", "(4294967296, 4294967296)", "[4294967296, 4294967296]")
    shape("product_wraps_to_six", "(2, 9223372036854775807, 3)", "9223372036854775807")
    shape("dimension_2_to_63", "(9223372036854775808,)", "9223372036854775808")
    shape("dimension_2_to_64", "(18446744073709551622,)", "18446744073709551622")
    shape("dimension_of_1000_digits", f"({'9' * 1000},)", "99999999")
    shape("bits_beyond_63", "(1152921504606846976,)", "[1152921504606846976]")
    shape("seven", "(7,)", "24 bytes", "28")
    shape("five", "(5,)", "24 bytes", "20")
    shape("negative", "(-2, -3)", "shape", "-2")
    shape("plus", "(+6,)", "shape", "+6")
    shape("real", "(2.0, 3)", "header")
    shape("hexadecimal", "(0x6,)", "header")
    shape("underscore", "(0_6,)", "header")
    shape("true", "(True, 6)", "shape", "True")
    shape("none", "None", "header")
    shape("list", "[2, 3]", "[2, 3]")
    shape("number", "6", "header")
    shape("string", "'(2, 3)'", "header")
    shape("100_dimensions", "(" + "1, " * 100 + ")", "64 dimensions")
    shape("comma_alone", "(,)", "shape")
    shape("two_commas", "(2,, 3)", "shape")
    shape("no_comma", "(2 3)", "header")

    # Nesting.
    def nested(what, text, *words): bad("nesting", what, npy_dict(shape=text), *words)

    nested("tuple_in_the_shape", "((2, 3),)", "shape", "(2, 3)")
    nested("list_in_the_shape", "([2], 3)", "shape", "[2]")
    nested("5000_brackets", "(" * 5000 + ")" * 5000, "shape", "((((")
    nested("5000_brackets_without_end", "(" * 5000, "shape", "((((")
    nested("dictionary_in_the_shape", "({2: 3},)", "shape", "{2: 3}")
    bad("nesting", "5000_braces", "{" * 5000, "{{{{")
    bad("nesting", "dictionary_in_a_dictionary", "{'descr': " + sound + "}", "descr")
    bad("nesting", "dictionary_in_a_list", "[" + sound + "]", "instead of '{'")
    bad("nesting", "type_of_types", npy_dict().replace("'<f4'", "[('a', [('b', '<f4')])]"),
        "descr")
    bad("nesting", "type_of_fields", npy_dict().replace("'<f4'", "[('a', '<f4')]"), "descr")
    bad("nesting", "type_of_5000_brackets", npy_dict().replace("'<f4'", "[" * 5000), "descr")
    bad("nesting", "brackets_around_true", npy_dict(order="(False)"), "fortran_order")

    # Strides.
    def order(what, text, *words): bad("strides", what, npy_dict(order=text), *words)

    for what, value in (("1", "1"), ("string", "'True'"), ("none", "None"), ("true", "true"),
                        ("in_capitals", "TRUE"), ("f", "F"), ("expression", "not False"),
                        ("nothing", ""), ("two_values", "False, True"),
                        ("or", "False or True")):
        order("fortran_order_" + what, value, "header")
    bad("strides", "strides_of_their_own", npy_dict().replace(
        "'shape'", "'strides': (1, 2), 'shape'"), '"strides"')
    bad("strides", "fortran_order_and_too_few_elements", npy_dict(order="True", shape="(2, 4)"),
        "24 bytes", "32")
    bad("strides", "fortran_order_and_a_product_of_2_to_64", npy_dict(
        order="True", shape="(4294967296, 4294967296)"), "4294967296")

    # Code execution.
    objects = pickle(ATTACK)
    for what, descr in (("object_array", "|O"), ("object_array_of_8", "|O8"),
                        ("object_array_little", "<O"), ("object_array_without_order", "O")):
        bad("code_execution", what, npy_dict(descr), "Python objects", "pickle", data=objects)
    run = f"__import__('os').system('{COMMAND}')"
    bad("code_execution", "call_as_the_type", npy_dict().replace("'<f4'", run), "descr")
    bad("code_execution", "call_as_the_order", npy_dict(order=run), "fortran_order")
    bad("code_execution", "call_as_the_shape", npy_dict(shape=run), "header")
    bad("code_execution", "call_as_a_dimension", npy_dict(shape=f"({run}, 3)"), "shape")
    bad("code_execution", "call_as_a_key", npy_dict().replace("'descr'", run), "key")
    bad("code_execution", "call_as_the_header", run, "__import__")
    bad("code_execution", "call_after_the_dictionary", sound + " or " + run,
        "text after the dictionary")
    bad("code_execution", "dict_call", "dict(descr='<f4', fortran_order=False, shape=(2, 3))",
        "dict(")
    bad("code_execution", "lambda", "(lambda: " + run + ")()", "lambda")
    bad("code_execution", "comprehension", npy_dict(shape=f"tuple({run} for _ in 'x')"),
        "header")
    bad("code_execution", "product_as_a_dimension", npy_dict(shape="(1*2, 3)"), "header")
    bad("code_execution", "pickle_as_the_header", pickle(ATTACK), "header")
    bad("code_execution", "f_string", npy_dict().replace("'<f4'", "f'{" + "1" + "}'"), "descr")

    # Duplicates.
    for key, value in (("descr", "'<f4'"), ("fortran_order", "False"), ("shape", "(2, 3)")):
        bad("duplicates", key, sound.replace(", }", f", '{key}': {value}}}"), "duplicate",
            f'"{key}"')
        other = {"descr": "'<i4'", "fortran_order": "True", "shape": "(6,)"}[key]
        bad("duplicates", key + "_that_changes", f"{{'{key}': {other}, " + sound[1:],
            "duplicate", f'"{key}"')
    bad("duplicates", "descr_in_two_kinds_of_quotes", sound.replace(
        ", }", ", \"descr\": '<i4'}"), "duplicate", '"descr"')
    bad("duplicates", "shape_1000_times", "{" + "'shape': (6,), " * 1000 + "}", "duplicate",
        '"shape"')

    # Types.
    for what, descr in (("structure", "|V24"), ("unicode", "<U6"), ("bytes", "|S4"),
                        ("dates", "<M8[ns]"), ("long_double", "<f16"), ("long_complex", "<c16"),
                        ("bit", "|b8"), ("f3", "<f3"), ("empty", ""), ("order_alone", "<"),
                        ("no_order", "f4"), ("two_orders", "<>f4"), ("not_ordered", "|f4"),
                        ("nul", "<f4\0"), ("space", "<f4 ")):
        bad("types", "type_" + what, npy_dict(descr), "descr")
    for key in ("descr", "fortran_order", "shape"):
        bad("types", "without_" + key, sound.replace(key, "xxxxx"), '"xxxxx"')
    bad("types", "empty_dictionary", "{}", "missing")
    bad("types", "only_a_type", "{'descr': '<f4'}", "missing")
    bad("types", "version_0", sound, "version 0", version=(0, 0))
    bad("types", "version_4", sound, "version 4", version=(4, 0))
    bad("types", "version_1_1", sound, "version 1", version=(1, 1))
    bad("types", "type_without_an_end", "{'descr': '<f4", "descr")

    # Truncation.
    file = npy(sound)
    text_of = file.decode("latin-1")
    at = [(1, "one_byte"), (5, "most_of_the_signature"), (6, "the_signature"),
          (7, "half_a_version"), (8, "the_version"), (9, "half_a_length"), (10, "the_length"),
          (11, "the_brace")]
    for word in ("'descr'", ": '", "'<f4'", "'fortran_order'", "False", "'shape'", "(2", ", 3",
                 ")", "}"):
        place = text_of.index(word, 11) + len(word)
        at.append((place, "".join(c for c in word if c.isalnum()) or
                   {": '": "colon", ")": "bracket", "}": "dictionary"}[word]))
    at += [(127, "the_padding"), (128, "the_header"), (129, "one_byte_of_the_elements"),
           (132, "one_element"), (151, "all_but_one_byte")]
    truncations("npy", file, at, (), keep=lambda size: ("begins with",) if size < 6 else
                ("cut short",))

    # Sound ones.
    def good(what, header, dtype, dims, values, data=None, **more):
        valid("npy", what, npy(header, values if data is None else data, **more),
              ("tensor", dtype, dims, values))

    for code, dtype in NPY_TYPES.items():
        data = counting(dtype, 6)
        width = BITS[dtype] // 8
        for what, mark in (("little", "<"), ("big", ">")) if width > 1 else (("", "|"),):
            part = 4 if dtype == "C64" else width
            good(f"type_{code}_{what}".rstrip("_"), npy_dict(mark + code), dtype, (2, 3), data,
                 swapped(data, part) if mark == ">" else data)
    for version in ((1, 0), (2, 0), (3, 0)):
        good(f"version_{version[0]}", sound, "F32", (2, 3), SIX, version=version)
    good("rank_0", npy_dict(shape="()"), "F32", (), SIX[:4])
    good("rank_1", npy_dict(shape="(6,)"), "F32", (6,), SIX)
    good("rank_32", npy_dict(shape="(" + "1, " * 31 + "6)"), "F32", (1,) * 31 + (6,), SIX)
    good("empty", npy_dict(shape="(0, 3)"), "F32", (0, 3), b"")
    good("empty_fortran", npy_dict(order="True", shape="(3, 0)"), "F32", (3, 0), b"")
    good("fortran", npy_dict(order="True"), "F32", (2, 3), view(SIX, 4, 0, (2, 3), (1, 2)), SIX)
    good("fortran_rank_1", npy_dict(order="True", shape="(6,)"), "F32", (6,), SIX)
    good("fortran_rank_0", npy_dict(order="True", shape="()"), "F32", (), SIX[:4])
    data = counting("I16", 24)
    good("fortran_rank_3_big", npy_dict(">i2", "True", "(2, 3, 4)"), "I16", (2, 3, 4),
         view(data, 2, 0, (2, 3, 4), (1, 2, 6)), swapped(data, 2))
    good("keys_in_another_order", "{'shape': (2, 3), 'fortran_order': False, 'descr': '<f4'}",
         "F32", (2, 3), SIX)
    good("double_quotes", '{"descr": "<f4", "fortran_order": False, "shape": (2, 3)}', "F32",
         (2, 3), SIX)
    good("long_numbers_of_python_2", npy_dict(shape="(2L, 3L)"), "F32", (2, 3), SIX)
    good("no_spaces", "{'descr':'<f4','fortran_order':False,'shape':(2,3)}", "F32", (2, 3), SIX)
    good("no_padding", sound, "F32", (2, 3), SIX, pad=False)
    good("padding_of_1000", sound + " " * 1000, "F32", (2, 3), SIX)
