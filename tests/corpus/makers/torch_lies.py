"""Lies in the object that torch.save pickled: the same for zip and legacy files."""

import itertools
import struct

from .common import COMMAND, SIX
from .pickle_files import (ATTACK, FALSE, HOOKS, NONE, TRUE, call, dictionary, identity,
                           integer, integers, items, memo, name_of, ordered, parameter, pickle,
                           recall, storage, tensor, tensor_v3, text)


NO_TENSORS = "expected a dictionary of names and tensors"
W = "w", "F32", (2, 3), SIX
SOUND = pickle(dictionary({"w": tensor()}))

STORAGES = {"FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
            "DoubleStorage": "F64", "LongStorage": "I64", "IntStorage": "I32",
            "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
            "BoolStorage": "BOOL", "ComplexFloatStorage": "C64"}
DTYPES = {"uint16": "U16", "uint32": "U32", "uint64": "U64", "float8_e5m2": "F8_E5M2",
          "float8_e4m3fn": "F8_E4M3", "float8_e5m2fnuz": "F8_E5M2FNUZ",
          "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e8m0fnu": "F8_E8M0"}


def view(data, width, offset, size, stride):
    """The bytes of a strided tensor, row-major."""
    out = b""
    for place in itertools.product(*map(range, size)):
        at = (offset + sum(i * step for i, step in zip(place, stride))) * width
        out += data[at:at + width]
    return out


def swapped(data, width):
    return b"".join(data[i:i + width][::-1] for i in range(0, len(data), width))


def lies_about_tensors(bad, zipped):
    """Lies in the pickled object: the same for zip and legacy files. `bad(lie, what, object,
    words)` makes a file whose storage "0" has six floats."""
    def one(lie, what, value, *words):
        bad(lie, what, dictionary({"w": value}), words)

    def store(lie, what, value, *words):
        # A legacy file's storages are looked at before its tensors, which give no name then.
        one(lie, what, value, *words, *(('"w"',) if zipped else ()))

    # Lengths: a storage that is longer or shorter than its record.
    for what, count in (("one_more", 7), ("one_less", 5), ("none", 0), ("2_to_62", 2**62),
                        ("2_to_63_minus_1", 2**63 - 1), ("minus_one", -1),
                        ("minus_2_to_63", -2**63)):
        store("lengths", "storage_of_" + what, tensor(storage(count=count)), str(count))
    store("lengths", "storage_of_2_to_64", tensor(storage(count=2**64)), "huge integer")
    store("lengths", "storage_of_a_real", tensor(storage(count=b"G" + struct.pack(">d", 6.0))),
        "a float")
    one("lengths", "storage_of_doubles", tensor(storage(kind="DoubleStorage")), '"0"', "6")
    if zipped:  # in a legacy file the other 18 bytes are bytes after the last storage
        one("lengths", "storage_of_bytes", tensor(storage(kind="ByteStorage")), '"0"', "6")
    store("lengths", "storage_of_a_string", tensor(storage(count=text("6"))), "a string")

    # Offsets into the storage.
    one("offsets", "one_too_far", tensor(offset=1), "beyond the end of its storage", '"w"')
    one("offsets", "minus_one", tensor(offset=-1), "offset -1", '"w"')
    one("offsets", "minus_2_to_63", tensor(offset=-2**63), "-9223372036854775808", '"w"')
    one("offsets", "2_to_63_minus_1", tensor(offset=2**63 - 1), "beyond the end", '"w"')
    one("offsets", "2_to_62_in_bytes_wraps", tensor(offset=2**62), "beyond the end", '"w"')
    one("offsets", "2_to_64", tensor(offset=2**64), "huge integer", '"w"')
    one("offsets", "at_the_end_of_the_storage", tensor(offset=6, size=(1,), stride=(1,)),
        "beyond the end", '"w"')
    one("offsets", "a_string", tensor(offset=text("0")), "a string", '"w"')
    one("offsets", "none", tensor(offset=NONE), "None", '"w"')
    one("offsets", "true", tensor(offset=TRUE), "a bool", '"w"')

    # Counts: sizes.
    one("counts", "one_row_too_many", tensor(size=(3, 3)), "beyond the end", '"w"')
    one("counts", "product_of_2_to_64", tensor(size=(2**32, 2**32), stride=(0, 0)),
        "[4294967296, 4294967296]", '"w"')
    one("counts", "product_wraps_to_six", tensor(size=(2, 2**63 - 1, 3), stride=(0, 0, 0)),
        "9223372036854775807", '"w"')
    one("counts", "negative", tensor(size=(-2, -3)), "[-2, -3]", '"w"')
    one("counts", "2_to_64", tensor(size=(2**64, 3)), "huge integer", '"w"')
    one("counts", "hundred_dimensions", tensor(size=(1,) * 100, stride=(1,) * 100),
        "100 dimensions", '"w"')
    one("counts", "a_real", tensor(size=items(b"G" + struct.pack(">d", 2.0), integer(3))),
        "a float", '"w"')
    one("counts", "a_string", tensor(size=text("23")), "a string", '"w"')
    one("counts", "true", tensor(size=items(TRUE, integer(6))), "a bool", '"w"')
    one("counts", "one_stride_for_two_sizes", tensor(stride=(1,)), "1 strides", "2 dimensions",
        '"w"')
    one("counts", "three_strides_for_two_sizes", tensor(stride=(3, 1, 1)), "3 strides",
        "2 dimensions", '"w"')
    one("counts", "three_arguments", call(name_of("torch._utils", "_rebuild_tensor_v2"),
                                          storage(), integer(0), integers((2, 3))),
        "too few arguments", '"w"')
    store("counts", "identity_of_four", tensor(items(text("storage"), name_of(
        "torch", "FloatStorage"), text("0"), text("cpu")) + b"Q"), "identity")

    # Strides.
    one("strides", "one_too_wide", tensor(stride=(4, 1)), "beyond the end", '"w"')
    one("strides", "negative", tensor(stride=(-3, 1)), "[-3, 1]", '"w"')
    one("strides", "negative_from_the_end", tensor(offset=5, stride=(-3, -1)), "[-3, -1]",
        '"w"')
    one("strides", "2_to_63_minus_1", tensor(stride=(2**63 - 1, 1)), "beyond the end", '"w"')
    one("strides", "sum_wraps_around", tensor(size=(3, 3), stride=(2**62, 2**62)),
        "beyond the end", '"w"')
    one("strides", "product_wraps_around", tensor(size=(5, 1), stride=(2**62, 1)),
        "beyond the end", '"w"')
    one("strides", "2_to_64", tensor(stride=(2**64, 1)), "huge integer", '"w"')
    one("strides", "a_string", tensor(stride=text("31")), "a string", '"w"')
    one("strides", "a_tensor", tensor(stride=tensor()), '"w"', "strides")
    one("strides", "zero_for_2_to_40_elements", tensor(size=(2**20, 2**20), stride=(0, 0)),
        "[1048576, 1048576]", "storage of 6", '"w"')
    one("strides", "overlap_for_2_to_50_elements",
        tensor(size=(2,) * 50, stride=(0,) * 50), "storage of 6", '"w"')
    bad("strides", "zero_again_and_again_in_many_tensors", dictionary(
        {"w": tensor() + memo(0), **{f"w{i}": tensor(
            storage() if i == 0 else storage(), size=(2**24,), stride=(0,))
            for i in range(64)}}), ("repeat",))

    # Nesting.
    one("nesting", "size_in_a_size", tensor(size=items(integers((2, 3)))), "a tuple", '"w"')
    one("nesting", "size_of_a_size_of_a_size", tensor(size=call(name_of("torch", "Size"), call(
        name_of("torch", "Size"), integers((2, 3))))), '"w"', "a size")
    one("nesting", "stride_in_a_stride", tensor(stride=items(integers((3, 1)))), "a tuple",
        '"w"')
    one("nesting", "tensor_as_a_storage", tensor(tensor()), "an object", '"w"')
    store("nesting", "storage_of_a_storage", tensor(storage() + b"Q"), "a storage")
    store("nesting", "identity_in_an_identity", tensor(items(identity()) + b"Q"), "identity")
    deep = tensor()
    for _ in range(40):
        deep = parameter(deep)
    one("nesting", "parameters_40_deep", deep, "parameter inside of parameters", '"w"')
    one("nesting", "tuples_5000_deep_as_a_size", tensor(
        size=b"(" * 5000 + integer(1) + b"t" * 5000), "a tuple", '"w"')
    one("nesting", "lists_5000_deep_as_a_storage", tensor(
        b"]" * 5000 + b"a" * 4999), "a list", '"w"')
    one("nesting", "list_in_itself_as_a_size", tensor(size=b"]" + memo(9) + recall(9) + b"a"),
        "a list", '"w"')
    bad("nesting", "dictionary_in_itself", b"}" + memo(1) + text("w") + recall(1) + b"s",
        (NO_TENSORS,))
    bad("nesting", "tensor_in_a_tuple", items(tensor()), ("a tuple", NO_TENSORS))
    bad("nesting", "tensor_in_lists", b"](" + b"](" + tensor() + b"ee", ("a list",))

    # Memo bombs.
    def twice(levels, width, name="k", leaf=None):
        """Dictionaries that hold the next one `width` times: width^levels ways to the leaf."""
        body = (leaf or tensor()) + memo(0)
        for level in range(levels):
            body += b"0" + dictionary({f"{name}{i}": recall(level) for i in range(width)})
            body += memo(level + 1)
        return body

    bad("memo_bombs", "tree_of_2_to_40", twice(40, 2), ("share each other",))
    bad("memo_bombs", "tree_of_2_to_40_without_a_tensor", twice(40, 2, leaf=b"}"),
        ("share each other",))
    bad("memo_bombs", "billion_laughs", twice(9, 10), ("share each other",))
    bad("memo_bombs", "tree_of_250_cubed", twice(3, 250), ("more than", "tensors"))
    bad("memo_bombs", "tree_of_500_squared", twice(2, 500), ("more than", "tensors"))
    bad("memo_bombs", "tree_with_long_names", twice(20, 2, "n" * 200),
        ("characters together",))
    graph = b"".join(b"}" + memo(i) + b"0" for i in range(20)) + b"}" + memo(20) + b"0"
    for i in range(20):
        graph += recall(i) + b"(" + b"".join(
            text(str(j)) + recall(j) for j in range(20) if j != i) + b"u0"
    graph += recall(0) + text("w") + tensor() + b"s"
    bad("memo_bombs", "every_dictionary_in_every_other", graph, ("share each other",))
    bad("memo_bombs", "name_of_4200_times_16400_letters", text("n" * 16_400) + b"q\1" + b"0" + (
        b"}h\1" * 4200) + dictionary({"w": tensor()}) + b"s" * 4200, ("name",))
    bad("memo_bombs", "storage_never_stored", dictionary({"w": tensor(recall(77))}),
        ("memo index 77", "never stored"))
    bad("memo_bombs", "index_2_to_32_never_stored", dictionary(
        {"w": tensor() + memo(2**32 - 2), "x": recall(2**32 - 1)}), ("4294967295",))
    bad("memo_bombs", "one_name_5000_times", b"}" + text("w") + b"q\1" + tensor() + b"q\2s(" +
        b"h\1h\2" * 5000 + b"u", ("duplicate", '"w"'))

    # Code execution: a call in every place where a value is wanted.
    posix = name_of("posix", "system")
    bad("code_execution", "os_system_as_the_object", ATTACK, ("an object", NO_TENSORS))
    bad("code_execution", "posix_system_uncalled_as_the_object", posix,
        ("posix.system", NO_TENSORS))
    bad("code_execution", "eval_as_the_object", call(name_of("builtins", "eval"), text(
        f"__import__('os').system('{COMMAND}')")), (NO_TENSORS,))
    bad("code_execution", "exec_as_the_object", call(name_of("__builtin__", "exec"), text(
        f"import os; os.system('{COMMAND}')")), (NO_TENSORS,))
    bad("code_execution", "subprocess_as_the_object", call(name_of(
        "subprocess", "Popen"), items(text("sh"), text("-c"), text(COMMAND))),
        (NO_TENSORS,))
    bad("code_execution", "runpy_as_the_object", call(name_of("runpy", "run_path"), text(
        "/dev/stdin")), (NO_TENSORS,))
    bad("code_execution", "torch_load_as_the_object", call(name_of("torch", "load"), text(
        "other.pth")), (NO_TENSORS,))
    bad("code_execution", "getattr_chain_as_the_object", call(call(
        name_of("builtins", "getattr"), call(name_of("builtins", "__import__"), text("os")),
        text("system")), text(COMMAND)), (NO_TENSORS,))
    bad("code_execution", "reduce_chain_as_the_object", call(call(
        name_of("functools", "partial"), posix, text(COMMAND))), (NO_TENSORS,))
    bad("code_execution", "stack_global_as_the_object", text("posix") + text("system") +
        b"\x93" + items(text(COMMAND)) + b"R", (NO_TENSORS,))
    bad("code_execution", "newobj_as_the_object", posix + items(text(COMMAND)) + b"\x81",
        (NO_TENSORS,))
    bad("code_execution", "numpy_object_array_as_the_object", call(
        name_of("numpy.core.multiarray", "_reconstruct"), name_of("numpy", "ndarray"),
        integers((0,)), b"C\1b") + items(integer(1), integers((1,)), call(
            name_of("numpy", "dtype"), text("O8"), FALSE, TRUE), FALSE, b"](" + ATTACK + b"e")
        + b"b", (NO_TENSORS,))
    one("code_execution", "only_in_a_dictionary", ATTACK, NO_TENSORS)
    one("code_execution", "as_a_storage", tensor(ATTACK), "an object", '"w"')
    store("code_execution", "as_a_storage_class", tensor(storage(kind=posix)), "posix.system")
    store("code_execution", "called_as_a_storage_class", tensor(storage(kind=ATTACK)),
        "an object")
    store("code_execution", "as_a_key", tensor(storage(key=ATTACK)), "identity")
    store("code_execution", "as_an_element_count", tensor(storage(count=ATTACK)), "an object")
    one("code_execution", "as_an_offset", tensor(offset=ATTACK), "an object", '"w"')
    one("code_execution", "as_a_size", tensor(size=ATTACK), "an object", '"w"')
    one("code_execution", "as_a_dimension", tensor(size=items(integer(2), ATTACK)), "an object",
        '"w"')
    one("code_execution", "as_strides", tensor(stride=ATTACK), "an object", '"w"')
    one("code_execution", "as_a_dtype", tensor_v3(posix, storage(), (2, 3), (3, 1)),
        "posix.system", '"w"')
    one("code_execution", "as_arguments", name_of("torch._utils", "_rebuild_tensor_v2") +
        ATTACK + b"R", "arguments", '"w"')
    one("code_execution", "as_a_parameter", parameter(ATTACK), "posix.system", '"w"')
    store("code_execution", "as_the_identity", tensor(ATTACK + b"Q"), "identity")
    one("code_execution", "rebuild_from_type", call(name_of(
        "torch._utils", "_rebuild_from_type_v2"), posix, name_of("torch", "Tensor"),
        items(text(COMMAND)), NONE), "_rebuild_from_type_v2", '"w"')
    one("code_execution", "inst_opcode", b"(" + text(COMMAND) + b"iposix\nsystem\n", "0x69")
    one("code_execution", "obj_opcode", b"(" + posix + text(COMMAND) + b"o", "0x6f")
    one("code_execution", "ext1_opcode", b"\x82\1" + items(text(COMMAND)) + b"R", "0x82")

    # Duplicates.
    bad("duplicates", "name", dictionary([("w", tensor()), ("w", tensor())]),
        ("duplicate", '"w"'))
    bad("duplicates", "name_by_nesting", dictionary(
        [("a.b", tensor()), ("a", dictionary({"b": tensor()}))]), ("duplicate", '"a.b"'))
    bad("duplicates", "name_by_a_number", dictionary(
        [("1", tensor()), (integer(1), tensor())]), ("duplicate", '"1"'))
    bad("duplicates", "name_by_two_dictionaries", dictionary(
        [("a", dictionary({"b": tensor()})), ("a", dictionary({"c": tensor()}))]),
        ("duplicate", '"a"'))
    bad("duplicates", "name_that_hides_a_tensor", dictionary([("w", tensor()), ("w", NONE)]),
        ("duplicate", '"w"'))
    bad("duplicates", "number", dictionary([(integer(7), tensor()), (integer(7), NONE)]),
        ("duplicate", "key 7"))
    bad("duplicates", "state_dict", dictionary(
        [("state_dict", dictionary({"v": tensor()})), ("state_dict", SOUND[2:-1])]),
        ("duplicate", '"state_dict"'))
    bad("memo_bombs", "long_name_before_5000", dictionary({"\1" * 13_000: dictionary(
        {f"{i}": tensor() + memo(1) if i == 0 else recall(1) for i in range(5000)})}),
        ("names of more than", "characters together"))
    bad("memo_bombs", "tensor_of_no_elements_a_million_times", items(
        b"N" * 50_000, tensor(size=(0,), stride=(1,)) + memo(1)) + b"0" +
        dictionary({f"{i}": recall(1) for i in range(300)}) + memo(2) + b"0" + dictionary(
            {f"{i}": recall(2) for i in range(300)}), ("more than", "tensors"))
    bad("duplicates", "name_in_an_ordered_dictionary", ordered(
        [("w", tensor()), ("w", tensor())]), ("duplicate", '"w"'))
    bad("duplicates", "empty_name", dictionary([("", tensor()), ("", tensor())]),
        ("duplicate", '""'))
    bad("duplicates", "name_in_state_dict", dictionary({"state_dict": ordered(
        [("w", tensor()), ("w", tensor())])}), ("duplicate", '"w"'))
    bad("duplicates", "storage_with_two_dtypes", dictionary(
        [("v", tensor()), ("w", tensor(storage(kind="IntStorage")))]),
        ('"0"', "two descriptions"))
    bad("duplicates", "storage_with_two_sizes", dictionary(
        [("v", tensor()), ("w", tensor(storage(count=5), size=(5,), stride=(1,)))]),
        ('"0"', "two descriptions"))

    # Things that are no tensors.
    store("types", "storage_class_unknown", tensor(storage(kind="QInt8Storage")),
        "torch.QInt8Storage")
    store("types", "storage_class_of_control_characters", tensor(storage(kind=name_of(
        "\1" * 300, "\2" * 300))), "\\u0001\\u0001", "...")
    store("types", "storage_class_of_another_module", tensor(storage(kind=name_of(
        "torch_", "FloatStorage"))), "torch_.FloatStorage")
    store("types", "storage_class_is_a_string", tensor(storage(kind=text("FloatStorage"))),
        "a string")
    store("types", "storage_key_is_a_number", tensor(storage(key=integer(0))), "identity")
    store("types", "storage_is_a_module", tensor(items(text("module"), name_of(
        "torch.nn", "Linear"), text("linear.py"), text("source"), integer(6)) + b"Q"),
        "a whole module")
    one("types", "sparse_tensor", call(name_of("torch._utils", "_rebuild_sparse_tensor"),
                                       name_of("torch", "sparse_coo"), NONE),
        "_rebuild_sparse_tensor", '"w"')
    one("types", "quantised_tensor", call(name_of("torch._utils", "_rebuild_qtensor"),
                                          storage(), integer(0), integers((2, 3)),
                                          integers((3, 1)), NONE, FALSE, HOOKS),
        "_rebuild_qtensor", '"w"')
    one("types", "dtype_unknown", tensor_v3("complex32", storage(), (2, 3), (3, 1)),
        "torch.complex32", '"w"')
    one("types", "dtype_is_a_string", tensor_v3(text("uint16"), storage(), (2, 3), (3, 1)),
        "a string", '"w"')
    bad("types", "no_tensor", dictionary({"epoch": integer(3)}), (NO_TENSORS,))
    bad("types", "empty_dictionary", b"}", (NO_TENSORS,))
    bad("types", "number", integer(5), ("an integer", NO_TENSORS))
    bad("types", "none", NONE, ("None", NO_TENSORS))
    bad("types", "whole_module", call(name_of("copyreg", "_reconstructor"), name_of(
        "torch.nn", "Linear"), name_of("builtins", "object"), NONE), (NO_TENSORS,))
