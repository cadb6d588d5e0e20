"""Config.json of AutoencoderTiny."""

import json

from .common import hostile, put, truncations


CONFIG = {"_class_name": "AutoencoderTiny", "_diffusers_version": "0.20.0", "act_fn": "relu",
          "in_channels": 3, "latent_channels": 4, "latent_magnitude": 3, "latent_shift": 0.5,
          "out_channels": 3, "scaling_factor": 1.0, "force_upcast": False,
          "encoder_block_out_channels": [64, 64, 64, 64],
          "decoder_block_out_channels": [64, 64, 64, 64], "num_encoder_blocks": [1, 3, 3, 3],
          "num_decoder_blocks": [3, 3, 3, 1], "upsample_fn": "nearest",
          "upsampling_scaling_factor": 2}


def make_config():
    def bad(lie, what, config, *words):
        data = config if isinstance(config, bytes) else (
            config if isinstance(config, str) else json.dumps(config)).encode(
                "utf-8", "surrogatepass")
        hostile("config", lie, what, data, *words)

    def changed(lie, what, field, value, *words):
        bad(lie, what, {**CONFIG, field: value}, field, *words)

    # Lengths of lists and words.
    for side in ("encoder", "decoder"):
        channels, blocks = f"{side}_block_out_channels", f"num_{side}_blocks"
        changed("lengths", f"{side}_three_stages_of_four", channels, [64] * 3, "3 stages", "4")
        changed("lengths", f"{side}_five_stages_of_four", channels, [64] * 5, "5 stages", "4")
        changed("lengths", f"{side}_no_stages", channels, [], "0 stages")
        bad("lengths", f"{side}_13_stages", {**CONFIG, channels: [64] * 13, blocks: [1] * 13},
            channels, "13 stages", "12")
        bad("lengths", f"{side}_2000_stages", {**CONFIG, channels: [1] * 2000,
            blocks: [1] * 2000}, channels, "2000 stages")
    changed("lengths", "stem_of_9", "encoder_stem_channels", [64] * 9, "9", "8")
    changed("lengths", "act_fn_of_9000_letters", "act_fn", "r" * 9000, "rrrr")
    changed("lengths", "upsample_fn_empty", "upsample_fn", "", "''")
    changed("lengths", "list_of_3000_for_a_number", "in_channels", [1] * 3000, "list of 3000")
    bad("lengths", "number_of_5000_digits", json.dumps(CONFIG).replace(
        '"in_channels": 3', '"in_channels": ' + "3" * 5000), "number overflow", "33333")

    # Counts.
    for field in ("in_channels", "out_channels", "latent_channels"):
        for what, value in (("zero", 0), ("minus_one", -1), ("65537", 65537),
                            ("2_to_63_minus_1", 2**63 - 1), ("minus_2_to_63", -2**63)):
            changed("counts", f"{field}_{what}", field, value, str(value))
        changed("counts", f"{field}_2_to_63", field, 2**63, "9223372036854775808")
    changed("counts", "in_channels_2_to_64", "in_channels", 2**64, "1.8446744")
    changed("counts", "stage_of_2_to_40_channels", "decoder_block_out_channels",
            [64, 64, 2**40, 64], str(2**40))
    changed("counts", "stage_of_no_channels", "encoder_block_out_channels", [64, 64, 0, 64],
            "0")
    changed("counts", "a_million_blocks", "num_decoder_blocks", [3, 3, 3, 10**6], "1000000")
    changed("counts", "minus_one_blocks", "num_encoder_blocks", [1, -1, 3, 3], "-1")
    changed("counts", "upsampling_by_65", "upsampling_scaling_factor", 65, "65")
    changed("counts", "upsampling_by_zero", "upsampling_scaling_factor", 0, "0")
    changed("counts", "upsampling_by_64_three_times", "upsampling_scaling_factor", 64, "65536")
    changed("counts", "stages_of_different_channels", "encoder_block_out_channels",
            [64, 64, 128, 64], "different")
    changed("counts", "magnitude_zero", "latent_magnitude", 0, "more than 0")
    changed("counts", "magnitude_negative", "latent_magnitude", -3, "-3")
    bad("counts", "magnitude_beyond_reals", json.dumps(CONFIG).replace(
        '"latent_magnitude": 3', '"latent_magnitude": 1e999'), "JSON")
    changed("counts", "stem_of_no_channels", "encoder_stem_channels", [0], "0")

    # Nesting.
    bad("nesting", "arrays_5000_deep", "[" * 5000 + "]" * 5000, "128")
    bad("nesting", "objects_2000_deep", '{"a":' * 2000 + "1" + "}" * 2000, "128")
    bad("nesting", "objects_2000_deep_without_end", '{"a":' * 2000, "128")
    bad("nesting", "unknown_field_200_deep", json.dumps({**CONFIG, "x": None}).replace(
        "null", "[" * 200 + "]" * 200), "128")
    changed("nesting", "list_in_a_list", "num_encoder_blocks", [[1, 3, 3, 3]], "[[1,3,3,3]]")
    changed("nesting", "list_for_a_number", "in_channels", [3], "[3]")
    changed("nesting", "object_for_a_number", "in_channels", {"value": 3}, "object")
    changed("nesting", "object_for_a_list", "num_decoder_blocks", {"0": 3}, "object")
    bad("nesting", "config_in_a_list", [CONFIG], "JSON object")
    bad("nesting", "class_name_in_a_list", {**CONFIG, "_class_name": ["AutoencoderTiny"]},
        "_class_name")

    # Duplicates.
    def twice(what, more, *words):
        bad("duplicates", what, json.dumps(CONFIG)[:-1] + ", " + more + "}", "duplicate",
            *words)

    twice("field", '"in_channels": 3', '"in_channels"')
    twice("field_that_changes", '"in_channels": 4', '"in_channels"')
    twice("class_name", '"_class_name": "AutoencoderTiny"', '"_class_name"')
    twice("list", '"num_decoder_blocks": [1]', '"num_decoder_blocks"')
    twice("spelt_with_an_escape", '"\\u0069n_channels": 3', '"in_channels"')
    twice("unknown_field", '"x": 1, "x": 1', '"x"')
    twice("unknown_field_inside", '"x": {"y": 1, "y": 1}', '"y"')
    twice("empty_name", '"": 1, "": 1', '""')
    twice("name_with_a_line_break", '"a\\nb": 1, "a\\nb": 1', '"a\\nb"')

    # Types.
    for field, value, shown in (
            ("in_channels", "3", '"3"'), ("in_channels", 3.0, "3.0"), ("in_channels", True,
            "true"), ("in_channels", None, "null"), ("force_upcast", 0, "0"),
            ("force_upcast", "false", '"false"'), ("act_fn", 1, "1"), ("act_fn", None, "null"),
            ("act_fn", "system", "'system'"), ("act_fn", "__import__('os')", "__import__"),
            ("act_fn", "re\nlu", "re\\nlu"), ("act_fn", "\x1b[2J", "\\u001b"),
            ("upsample_fn", "area", "'area'"), ("scaling_factor", "1.0", '"1.0"'),
            ("scaling_factor", None, "null"), ("num_encoder_blocks", "1333", '"1333"'),
            ("num_encoder_blocks", 4, "4"), ("num_encoder_blocks", [1, 3, 3, "3"], '"3"'),
            ("num_encoder_blocks", [1, 3, 3, 3.5], "3.5"),
            ("num_encoder_blocks", [1, None, 3, 3], "null"), ("use_midblock_gn", 1, "1"),
            ("_class_name", "UNet2DModel", '"UNet2DModel"'), ("_class_name", 7, "7")):
        words = "".join(c if c.isalnum() else "_" for c in json.dumps(value)).strip("_")
        changed("types", f"{field}_{words[:20]}", field, value, shown)
    sound = json.dumps(CONFIG)
    for what, content, word in (
            ("byte_order_mark", "\ufeff" + sound, "byte order mark"),
            ("comment", sound[:-1] + "// \n}", "no valid JSON"),
            ("trailing_comma", sound[:-1] + ",}", "no valid JSON"),
            ("single_quotes", sound.replace('"', "'"), "no valid JSON"),
            ("not_a_number", sound.replace("0.5", "NaN"), "no valid JSON"),
            ("infinity", sound.replace("0.5", "-Infinity"), "no valid JSON"),
            ("leading_zero", sound.replace("0.5", "00.5"), "no valid JSON"),
            ("hexadecimal", sound.replace("0.5", "0x5"), "no valid JSON"),
            ("python", sound.replace("false", "False"), "no valid JSON"),
            ("nul_behind", sound + "\0", "NUL"), ("nul_inside", sound.replace("relu", "re\0lu"),
                                                  "NUL"),
            ("two_objects", sound + sound, "no valid JSON"),
            ("text", "in_channels: 3", "no valid JSON"), ("null", "null", "JSON object"),
            ("number", "3", "JSON object"), ("string", '"config"', "JSON object")):
        bad("types", what, content, word)
    bad("types", "latin_1", sound.replace("relu", "rel\xfc").encode("latin-1"), "no valid JSON")
    bad("types", "utf_16", sound.encode("utf-16"), "JSON")

    # Truncation: after every token of the first fields, and at the end.
    file = sound.encode()
    cuts = [(0, "nothing"), (1, "the_brace")]
    for word, what in (('"_class', "half_a_name"), ('_name"', "a_name"), (":", "a_colon"),
                       ('"Auto', "half_a_string"), ('Tiny"', "a_string"), (",", "a_comma"),
                       ('"in_channels"', "another_name"), (": 3", "a_number"),
                       ("0.", "half_a_number"), ("5", "a_real"), ("fa", "half_of_false"),
                       ("lse", "false"), ("[", "a_bracket"), ("64", "an_element"),
                       (",", "a_comma_in_a_list"), ("64, 64, 64]", "a_list")):
        place = file.index(word.encode(), cuts[-1][0]) + len(word)
        cuts.append((place, what))
    cuts.append((len(file) - 1, "the_last_field"))
    truncations("config", file, cuts, (), keep=lambda size: ("no valid JSON",))

    # Sound ones: they are read; what comes out is checked by another test.
    for what, content in (
            ("as_diffusers_writes_it", json.dumps(CONFIG, indent=2) + "\n"), ("empty", "{}"),
            ("one_line", sound), ("white_space", " \t\r\n" + sound + "\r\n "),
            ("unknown_fields", json.dumps({**CONFIG, "x": {"y": [1, None, "z"]}, "": 1})),
            ("escapes", sound.replace('"relu"', '"\\u0072elu"')),
            ("whole_numbers_for_reals", json.dumps({**CONFIG, "scaling_factor": 1})),
            ("reals_with_exponents", sound.replace("0.5", "5e-1")),
            ("one_stage", json.dumps({**CONFIG, "encoder_block_out_channels": [8],
                                      "num_encoder_blocks": [1],
                                      "decoder_block_out_channels": [8],
                                      "num_decoder_blocks": [1]})),
            ("no_class_name", json.dumps({"latent_channels": 16})),
            ("nested_120_deep", '{"x":' + "[" * 120 + "]" * 120 + "}"),
            ("two_side_fields", json.dumps({**CONFIG, "use_midblock_gn": True,
                                            "encoder_stem_channels": [32, 64]}))):
        put(f"valid/config/{what}.json", content.encode())
