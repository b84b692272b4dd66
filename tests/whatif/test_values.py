"""Values as people write them."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.savedmodel import Feature
from tfx_explain.whatif.asking.values import as_text, is_editable, parse, values_of, with_values


def feature(dtype, shape=(None,), **more):
    return Feature("it", "it:0", dtype, tf.TensorShape(shape), **more)


FLOAT, WHOLE, TEXT = feature(tf.float32), feature(tf.int64), feature(tf.string)
SPARSE = feature(tf.string, indices="indices:0", dense_shape="shape:0", required=False)
TEXTS = ["Male", "", " ", "[1]", "[", '["a"]', "1", "a\nb", "\u202eevil", "ä", "'\"<script>", "a, b"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_is_shown_is_read_as_the_same(text):
    values = [text.encode()]
    assert parse(as_text(values), "it", TEXT) == values
    assert "\n" not in as_text(values)


@pytest.mark.parametrize("value", [0.1, -1e-30, 3e38, 143.776, 5.0, 1 / 3])
def test_a_float_that_is_shown_is_read_as_the_same(value):
    values = [np.float32(value)]
    assert parse(as_text(values), "it", FLOAT) == values
    several = feature(tf.float32, (None, 2))
    assert parse(as_text(values * 2), "it", several) == values * 2


def test_whole_numbers_and_lists_are_read():
    assert parse("42", "it", WHOLE) == [42]
    assert parse(" -42 ", "it", WHOLE) == [-42]
    assert parse(str(2**63 - 1), "it", WHOLE) == [2**63 - 1]
    assert parse('["a", "b"]', "it", SPARSE) == [b"a", b"b"]
    assert as_text([b"a", b"b"]) == '["a", "b"]'


@pytest.mark.parametrize("one", [FLOAT, WHOLE, TEXT, SPARSE])
def test_an_empty_field_is_a_missing_value(one):
    assert parse("", "it", one) == [] and as_text([]) == ""


@pytest.mark.parametrize(
    ("text", "one", "sentence"),
    [
        ("abc", FLOAT, "'it' takes numbers, such as 0.5; 'abc' is none."),
        ("nan", FLOAT, "'it' takes numbers"),
        ("1e39", FLOAT, "takes numbers up to 3.4e"),
        ("inf", FLOAT, "takes numbers up to 3.4e"),
        ("4.5", WHOLE, "'it' takes whole numbers, such as 42; '4.5' is none."),
        ("[4.5]", WHOLE, "whole numbers"),
        (str(2**63), WHOLE, "whole numbers from -9223372036854775808 to 9223372036854775807"),
        ("2", feature(tf.bool), "whole numbers from 0 to 1"),
        ("[1, 2]", FLOAT, "'it' takes 1 value a row, not 2."),
        ("1", feature(tf.float32, (None, 2)), "'it' takes 2 values a row, not 1."),
        ("[[1], [2]]", feature(tf.float32, (None, 2)), "has no other lists in it"),
        ("[1, null]", feature(tf.float32, (None, 2)), "takes numbers"),
        ("[1]", SPARSE, 'takes texts; write "1" in the list'),
    ],
)
def test_what_is_no_value_is_refused_in_a_sentence(text, one, sentence):
    with pytest.raises(ValueError) as error:
        parse(text, "it", one)
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_an_error_cuts_what_is_long():
    with pytest.raises(ValueError) as error:
        parse("9" * 9000 + "x", "n" * 9000, WHOLE)
    assert len(str(error.value)) < 300


def test_bytes_that_are_no_text_and_documents_are_not_edited_by_hand():
    assert not is_editable([b"\xff\xd8\xff"])
    assert not is_editable([b"a" * 3000])
    assert is_editable(["ä".encode()]) and is_editable([])


def test_a_record_keeps_all_else_and_its_bytes_where_nothing_is_changed(example):
    record = example({"it": 1.5, "other": ["a", "b"], "n": 7})
    assert with_values(record, {"it": FLOAT}, {}) == record
    changed = with_values(record, {"it": FLOAT}, {"it": [np.float32(2.5)]})
    assert values_of(changed) == {"it": [2.5], "other": [b"a", b"b"], "n": [7]}
    assert values_of(with_values(record, {"it": FLOAT}, {"it": []})) == {"other": [b"a", b"b"], "n": [7]}


def test_a_list_of_numbers_has_no_more_digits_than_it_takes():
    assert json.loads(as_text([np.float32(0.1), np.float32(2)])) == [0.1, 2.0]
