"""Torch zip files of every layout, dtype, stride pattern, opcode and nesting."""

import struct

from .common import BITS, COMMAND, SIX, counting, u16, u32, u64, valid
from .pickle_files import (ATTACK, EMPTY, FALSE, HOOKS, NONE, TRUE, call, dictionary, integer,
                           integers, items, memo, name_of, ordered, parameter, pickle, recall,
                           storage, tensor, tensor_v3, text)
from .zip_files import Record, new_layout, torch_records, torch_zip, zip_file
from .torch_lies import DTYPES, SOUND, STORAGES, W, swapped, view


def make_valid_zip():
    def good(what, saved, storages, *tensors, **more):
        valid("zip", what, torch_zip(pickle(saved), storages, **more), *tensors)

    one = dictionary({"w": tensor()})
    valid("zip", "layout_old", torch_zip(SOUND), W)
    valid("zip", "layout_new", new_layout(SOUND), W)
    valid("zip", "layout_new_unicode_folder", new_layout(SOUND, root="\u6a21\u578b"), W)
    good("folder_with_spaces", one, None, W, root="my model (1)")
    good("folder_empty_name", one, None, W, root="")
    good("without_version", one, None, W, version=None)
    good("version_10", one, None, W, version="10\n")
    records = torch_records(SOUND, order="little")
    valid("zip", "records_in_reverse", zip_file(records[::-1]), W)
    valid("zip", "archive_comment", zip_file(torch_records(SOUND), comment=b"a comment"), W)
    records = torch_records(SOUND, order="little")
    records[0].comment = b"of a record"
    records[1].central_extra = b"UT" + u16(5) + b"\3abcd"
    records[2].local_extra = b"UX" + u16(1) + b"x"
    valid("zip", "comments_and_extra_fields", zip_file(records), W)
    valid("zip", "record_name_with_a_nul", torch_zip(SOUND, more=[
        Record(b"model/data/0\0x", bytes(24))]), W)
    records = torch_records(SOUND, order="little")
    records[2].central = {"disk": 1}
    valid("zip", "record_on_another_disk", zip_file(records), W)
    records = torch_records(SOUND, order="little")
    for record in records:
        record.local = {"crc": 0x12345678}
        record.central = {"crc": 0x12345678}
    valid("zip", "wrong_checksums", zip_file(records), W)
    records = torch_records(SOUND, order="little")
    for record in records:
        record.central_extra = (b"\1\0" + u16(16) + u64(len(record.data)) +
                                u64(len(record.data)))
        record.central = {"size": 2**32 - 1, "packed": 2**32 - 1}
    valid("zip", "zip64_sizes", zip_file(records), W)
    records = torch_records(SOUND, order="little")
    zip_file(records)
    for record in records:
        record.central_extra = b"\1\0" + u16(8) + u64(record.offset)
        record.central = {"offset": 2**32 - 1}
    valid("zip", "zip64_offsets", zip_file(records), W)
    four = {"count": 0xFFFF, "count_here": 0xFFFF, "size": 2**32 - 1, "offset": 2**32 - 1}
    valid("zip", "zip64_end", zip_file(torch_records(SOUND, order="little"), end=four,
                                        zip64={}), W)
    valid("zip", "zip64_end_beside_a_plain_one", zip_file(torch_records(SOUND, order="little"),
                                                         zip64={}), W)
    records = torch_records(SOUND, order="little")
    zip_file(records)
    for record in records:
        size = len(record.data)
        record.central_extra = b"\1\0" + u16(24) + u64(size) + u64(size) + u64(record.offset)
        record.central = {"size": 2**32 - 1, "packed": 2**32 - 1, "offset": 2**32 - 1}
    valid("zip", "zip64_everything", zip_file(records, end=four, zip64={}), W)

    # Every storage class and dtype, little and big.
    names, listed = {}, []
    storages = {}
    for i, (kind, dtype) in enumerate(STORAGES.items()):
        data = counting(dtype, 6)
        storages[str(i)] = data
        names[kind] = tensor(storage(key=str(i), kind=kind))
        listed.append((kind, dtype, (2, 3), data))
    good("every_storage_class", dictionary(names), storages, *listed)
    good("every_storage_class_little", dictionary(names), storages, *listed, order="little")
    big = {}
    for i, (kind, dtype) in enumerate(STORAGES.items()):
        width = 4 if dtype == "C64" else BITS[dtype] // 8
        big[str(i)] = swapped(storages[str(i)], width)
    good("every_storage_class_big_endian", dictionary(names), big, *listed, order="big")
    names, listed, storages = {}, [], {}
    for i, (name, dtype) in enumerate(DTYPES.items()):
        data = counting(dtype, 6)
        storages[str(i)] = data
        names[name] = tensor_v3(name, storage(key=str(i), count=len(data), kind=name_of(
            "torch.storage", "UntypedStorage")), (2, 3), (3, 1))
        listed.append((name, dtype, (2, 3), data))
    good("every_dtype_without_a_storage_class", dictionary(names), storages, *listed,
         order="little")

    # Strides and shared storages.
    data = counting("I16", 60)
    patterns = {"rows": (0, (3, 4), (4, 1)), "transposed": (0, (4, 3), (1, 4)),
                "every_other": (1, (5, 2), (4, 2)), "one_column": (2, (6,), (4,)),
                "broadcast": (5, (2, 3), (0, 0)), "broadcast_rows": (5, (3, 2), (0, 1)),
                "overlapping": (0, (5, 4), (1, 1)), "diagonal": (0, (5,), (11,)),
                "rank_0": (59, (), ()), "one_element": (7, (1, 1, 1), (99, 0, 1)),
                "empty": (0, (0, 3), (3, 1)), "empty_at_the_end": (60, (0,), (1,)),
                "permuted": (0, (2, 3, 4), (1, 8, 2)), "channels_last": (0, (1, 3, 2, 2),
                                                                         (12, 1, 6, 3)),
                "last_element": (59, (1,), (1,)), "whole": (0, (60,), (1,))}
    named = {name: tensor(storage(kind="ShortStorage", count=60), *pattern)
             for name, pattern in patterns.items()}
    seen = [(name, "I16", size, view(data, 2, offset, size, stride))
            for name, (offset, size, stride) in patterns.items()]
    good("every_stride_pattern", dictionary(named), {"0": data}, *seen)
    good("every_stride_pattern_big_endian", dictionary(named), {"0": swapped(data, 2)}, *seen,
         order="big")
    good("one_tensor_twice", dictionary([("a", tensor() + memo(0)), ("b", recall(0))]), None,
         ("a", "F32", (2, 3), SIX), ("b", "F32", (2, 3), SIX))
    good("storage_key_is_any_name", dictionary({"w": tensor(storage(key="../../etc/passwd"))}),
         {"../../etc/passwd": SIX}, W)
    good("empty_storage", dictionary({"w": tensor(storage(count=0), size=(0, 3))}), {"0": b""},
         ("w", "F32", (0, 3), b""))
    good("size_as_a_list", dictionary({"w": tensor(
        size=b"](" + integers((2, 3))[1:-1] + b"e")}), None, W)
    good("torch_size", dictionary({"w": tensor(size=call(name_of("torch", "Size"),
                                                         integers((2, 3))))}), None, W)
    good("requires_grad", dictionary({"w": tensor(gradient=TRUE)}), None, W)
    good("location_on_a_gpu", dictionary({"w": tensor(storage(place="cuda:7"))}), None, W)
    good("seventh_argument", dictionary({"w": tensor(more=b"}")}), None, W)
    good("rebuild_tensor_old", dictionary({"w": call(name_of("torch._utils", "_rebuild_tensor"),
        storage(), integer(0), integers((2, 3)), integers((3, 1)))}), None, W)
    good("rebuild_parameter", dictionary({"w": parameter(tensor())}), None, W)
    good("rebuild_parameter_with_state", dictionary({"w": call(name_of(
        "torch._utils", "_rebuild_parameter_with_state"), tensor(), TRUE, HOOKS,
        dictionary({"tag": text("x")}))}), None, W)
    good("tensor_alone", tensor(), None, ("tensor", "F32", (2, 3), SIX))

    # Dictionaries.
    good("nested_dictionaries", dictionary({"a": dictionary({"b": ordered({"c": tensor()}),
        "": tensor()}), "d.e": tensor(), "f": b"]", "g": items(tensor())}), None,
        ("a.b.c", "F32", (2, 3), SIX), ("a.", "F32", (2, 3), SIX), ("d.e", "F32", (2, 3), SIX))
    good("keys_of_numbers", dictionary([(integer(0), tensor()), (integer(-5), dictionary(
        [(integer(2**40), tensor())]))]), None, ("0", "F32", (2, 3), SIX),
        ("-5.1099511627776", "F32", (2, 3), SIX))
    for wrapper in ("state_dict", "params_ema", "params"):
        good("wrapper_" + wrapper, dictionary({"epoch": integer(3), wrapper: ordered(
            {"w": tensor()}), "optimizer": dictionary({"w": tensor()})}), None, W)
    good("wrapper_params_ema_before_params", dictionary({"params": dictionary({"x": tensor()}),
        "params_ema": dictionary({"w": tensor()})}), None, W)
    good("wrapper_name_on_a_tensor", dictionary({"params": tensor()}), None,
         ("params", "F32", (2, 3), SIX))
    good("ordered_dict_with_metadata", ordered({"w": tensor()}) + dictionary({"_metadata":
        ordered({"": dictionary({"version": integer(1)})})}) + b"b", None, W)
    good("ordered_dict_of_python_2", name_of("collections", "OrderedDict") + b"](](" + text("w")
         + tensor() + b"ee\x85R", None, W)
    good("defaultdict", call(name_of("collections", "defaultdict"), name_of(
        "builtins", "list")) + dictionary({"w": tensor()})[1:], None, W)
    good("one_dictionary_twice", dictionary([("a", dictionary({"w": tensor()}) + memo(0)),
        ("b", recall(0))]), None, ("a.w", "F32", (2, 3), SIX), ("b.w", "F32", (2, 3), SIX))
    good("dictionary_in_itself", b"}" + memo(0) + b"(" + text("self") + recall(0) + text("w") +
         tensor() + b"u", None, W)
    good("odd_names", dictionary({"": tensor(), "../x": tensor(), "line\nbreak": tensor(),
                                  "nul\0": tensor(), "\u540d": tensor(), "%n": tensor()}), None,
         *[(name, "F32", (2, 3), SIX)
           for name in ("", "../x", "line\nbreak", "nul\0", "\u540d", "%n")])

    # A checkpoint of a trainer, with objects of classes that nobody here has.
    callbacks = dictionary([(name_of("pytorch_lightning.callbacks.model_checkpoint",
                                     "ModelCheckpoint"), dictionary({
        "monitor": text("val/loss"), "best_model_score": tensor(), "dirpath": NONE})),
        (text("EarlyStopping{'monitor': None}"), b"}")])
    config = (name_of("omegaconf.dictconfig", "DictConfig") + b")\x81" + dictionary(
        {"_content": b"}", "_parent": NONE}) + b"b")
    hyper = (name_of("pytorch_lightning.utilities.parsing", "AttributeDict") + b")\x81" +
             dictionary({"lr": b"G" + struct.pack(">d", 1e-4), "config": config})[1:] + b"}b")
    lightning = {
        "epoch": integer(3), "global_step": integer(470_000),
        "pytorch-lightning_version": text("1.4.2"), "callbacks": callbacks,
        "optimizer_states": b"](" + dictionary({"state": dictionary([(integer(0), dictionary(
            {"step": integer(5), "exp_avg": tensor()}))])}) + b"e",
        "lr_schedulers": b"]", "hyper_parameters": hyper,
        "loops": NONE, "numpy": call(name_of("numpy.core.multiarray", "scalar"), call(
            name_of("numpy", "dtype"), text("f8"), FALSE, TRUE), call(
                name_of("_codecs", "encode"), text("\u00e9"), text("latin1"))),
        "set": call(name_of("__builtin__", "set"), b"](" + integer(1) + b"e"),
        "device": call(name_of("torch", "device"), text("cuda"), integer(0)),
        "dtype": name_of("torch", "float16"),
        "state_dict": ordered({"w": tensor(storage(place="cuda:0"))})}
    good("lightning", dictionary(lightning), None, W)
    good("subclass_of_ordered_dict", dictionary({"w": tensor(), "x": call(name_of(
        "mymodel.utils", "MyOrderedDict")) + dictionary({"y": tensor()})[1:]}), None, W)

    # Attacks that stand beside tensors: nothing runs, and the tensors are read.
    attacks = {"posix": ATTACK, "os": call(name_of("os", "system"), text(COMMAND)),
               "eval": call(name_of("builtins", "eval"), text("1")),
               "exec": call(name_of("__builtin__", "exec"), text(f"import os; os.system('"
                                                                 f"{COMMAND}')")),
               "subprocess": call(name_of("subprocess", "check_output"), items(
                   text("sh"), text("-c"), text(COMMAND))),
               "stack_global": text("posix") + text("system") + b"\x93" + items(text(COMMAND)) +
               b"R",
               "newobj": name_of("posix", "system") + items(text(COMMAND)) + b"\x81",
               "newobj_ex": name_of("posix", "system") + items(text(COMMAND)) + b"}\x92",
               "build": name_of("some.module", "Class") + b")\x81" + dictionary(
                   {"__setstate__": ATTACK}) + b"b",
               "setitems": call(name_of("some.module", "Dict")) + dictionary(
                   {"x": ATTACK})[1:],
               "appends": call(name_of("some.module", "List")) + b"(" + ATTACK + b"e",
               "torch_load": call(name_of("torch", "load"), text("/dev/zero")),
               "getattr": call(name_of("builtins", "getattr"), name_of("os", "path"),
                               text("os")),
               "persistent": items(text("module"), name_of("posix", "system"), text("a.py"),
                                   text(COMMAND)) + b"Q"}
    good("attacks_beside_tensors", dictionary({**attacks, "w": tensor()}), None, W)
    for name, attack in attacks.items():
        good("attack_beside_a_tensor_" + name, dictionary({"x": attack, "w": tensor()}), None,
             W)
    good("attack_as_a_key", dictionary([(ATTACK, tensor()), (text("w"), tensor())]), None, W)
    good("attack_as_hooks", dictionary({"w": call(name_of(
        "torch._utils", "_rebuild_tensor_v2"), storage(), integer(0), integers((2, 3)),
        integers((3, 1)), FALSE, ATTACK)}), None, W)
    good("attack_as_a_location", dictionary({"w": tensor(items(text("storage"), name_of(
        "torch", "FloatStorage"), text("0"), ATTACK, integer(6)) + b"Q")}), None, W)
    good("attack_popped", ATTACK + b"0" + one, None, W)

    # Every opcode, and every protocol.
    junk = {"binint": integer(-70000), "binint1": integer(7), "binint2": integer(700),
            "long1": integer(2**40), "long1_empty": b"\x8a\0", "long1_huge": integer(2**200),
            "long4": b"\x8b" + u32(2) + b"\1\2", "binfloat": b"G" + struct.pack(">d", 0.5),
            "short_binunicode": b"\x8c\3abc", "binunicode8": b"\x8d" + u64(3) + b"abc",
            "short_binstring": b"U\3abc", "binstring": b"T" + u32(3) + b"abc",
            "short_binbytes": b"C\3\xff\0a", "binbytes": b"B" + u32(3) + b"\xff\0a",
            "binbytes8": b"\x8e" + u64(3) + b"abc",
            "bytearray8": b"\x96" + u64(3) + b"abc", "none": NONE, "true": TRUE, "false": FALSE,
            "empty_tuple": EMPTY, "tuple1": b"N\x85", "tuple2": b"NN\x86", "tuple3": b"NNN\x87",
            "tuple": b"(NNNNt", "empty_list": b"]", "append": b"]Na", "appends": b"](NNe",
            "list": b"(NNl", "dict": b"(" + text("k") + b"Nd", "setitem": b"}" + text("k") +
            b"Ns", "empty_set": b"\x8f", "additems": b"\x8f(NN\x90", "frozenset": b"(NN\x91",
            "dup": b"N2\x86", "pop": b"NN0", "pop_mark": b"N(NNN1", "pop_of_a_mark": b"(0N",
            "binput": b"Nq\0", "long_binput": b"N" + memo(2**32 - 1), "binget": b"h\0",
            "long_binget": recall(2**32 - 1), "memoize": b"N\x94",
            "stack_global": b"\x8c\2os\x8c\6system\x93", "frame": b"\x95" + u64(2**60) + b"N",
            "proto_inside": b"\x80\3N", "newobj": name_of("a", "b") + b")\x81",
            "newobj_ex": name_of("a", "b") + b")}\x92", "build": name_of("a", "b") +
            b")\x81}b", "real_nan": b"G\x7f\xf8\0\0\0\0\0\0"}
    good("every_opcode", dictionary({**junk, "w": tensor()}), None, W)
    for protocol in range(6):
        valid("zip", f"protocol_{protocol}_announced", torch_zip(pickle(one, protocol)), W)
    valid("zip", "protocol_not_announced", torch_zip(one + b"."), W)

    def short(string): return b"\x8c" + bytes([len(string)]) + string.encode() + b"\x94"
    modern = (b"\x80\4\x95" + u64(0) + b"}\x94" + short("w") + short("torch._utils") +
              short("_rebuild_tensor_v2") + b"\x93\x94(" + b"(" + short("storage") +
              short("torch") + short("FloatStorage") + b"\x93\x94" + short("0") + short("cpu") +
              b"K\6t\x94Q" + b"K\0K\2K\3\x86\x94K\3K\1\x86\x94\x89" + short("collections") +
              short("OrderedDict") + b"\x93\x94)R\x94t\x94R\x94s.")
    valid("zip", "protocol_4_opcodes", torch_zip(modern), W)
    valid("zip", "protocol_5_opcodes", torch_zip(modern.replace(b"\x80\4", b"\x80\5", 1)), W)
    valid("zip", "bytes_after_the_pickle", torch_zip(SOUND + b"anything"), W)
    deep = b"(" * 8000 + b"t" * 8000
    good("tuples_8000_deep_beside", dictionary({"x": deep, "w": tensor()}), None, W)
    good("lists_5000_deep_beside", dictionary({"x": b"]" * 5000 + b"a" * 4999,
                                                "w": tensor()}), None, W)
    laughs = b"](NNe" + memo(0)
    for i in range(40):
        laughs += b"0](" + recall(i) * 10 + b"e" + memo(i + 1)
    good("billion_laughs_beside", dictionary({"x": laughs, "w": tensor()}), None, W)
    good("memo_flood_beside", dictionary({"x": b"N" + b"".join(
        memo(i * 4_294_967) for i in range(1000)), "w": tensor()}), None, W)
    good("dup_flood_beside", dictionary({"x": b"(N" + b"2" * 9000 + b"t", "w": tensor()}),
         None, W)
    good("dictionaries_1000_deep", b"".join(b"}" + text("d") for _ in range(60)) + dictionary(
        {"w": tensor()}) + b"s" * 60, None, ("d." * 60 + "w", "F32", (2, 3), SIX))
