"""Anchors, aliases and merge keys of YAML, and what abuses them."""

import pytest

from gateway.settings.yaml_reader import read_document


def data_of(text):
    document = read_document(text, "f.yaml", {})
    assert document.problems == []
    return document.data


def refused(text):
    document = read_document(text, "f.yaml", {})
    return document.lines(document.problems)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: &x 1\nb: *x", {"a": "1", "b": "1"}),
        ("a: &x [1, 2]\nb: {c: *x}", {"a": ["1", "2"], "b": {"c": ["1", "2"]}}),
        ("a: &x k\n*x : v", {"a": "k", "k": "v"}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": "1"}, "c": {"b": "1", "d": "2"}}),
        # A mapping's own keys win over merged ones, wherever << stands.
        ("a: &x {b: 1}\nc: {b: 2, <<: *x}", {"a": {"b": "1"}, "c": {"b": "2"}}),
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}", {"a": {"b": "1"}, "c": {"b": "2"}}),
        # Of several merged mappings, the first one wins.
        ("c: {<<: [{b: 1}, {b: 2, d: 3}]}", {"c": {"b": "1", "d": "3"}}),
        ("c: {<<: [{<<: {b: 1}}, {b: 2}]}", {"c": {"b": "1"}}),
        ("c: {<<: {}}", {"c": {}}),
        # In quotes it is a key like any other.
        ("c: {'<<': {b: 1}}", {"c": {"<<": {"b": "1"}}}),
    ],
)
def test_anchors_aliases_and_merge_keys_mean_what_yaml_says(text, data):
    assert data_of(text) == data


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
# Empty mappings add nothing, however often they are merged.
MERGES = "a0: &a0 {}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 300)}]}}\n" for n in range(1, 5)
)
SELF = "contains itself, by an alias to its own anchor"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [*x]", f"f.yaml:1:4: {SELF}"),
        ("a: &x {b: *x}", f"f.yaml:1:4: {SELF}"),
        ("a: &x {b: [{c: *x}]}", f"f.yaml:1:4: {SELF}"),
        ("a: &x {<<: *x}", f"f.yaml:1:8: {SELF}"),
        ("a: &x {<<: [{b: 1}, *x]}", f"f.yaml:1:8: {SELF}"),
        ("a: &x {<<: {<<: *x}}", f"f.yaml:1:13: {SELF}"),
        ("a: *x\nb: &x 1", "f.yaml:1:4: is not YAML: put a value that begins with * in quotes"),
        (
            "a: &x 1\nb: &x 2",
            "f.yaml:2:4: is not YAML: line 1 has an anchor of this name: use another one",
        ),
        ("a: {<<: [x]}", "f.yaml:1:5: << needs a mapping"),
        ("a: {<<: x}", "f.yaml:1:5: << needs a mapping"),
        (LAUGHS, "is too large: more than 200,000 values"),
        (MERGES, "is too large: more than 200,000 values"),
        ("a: " + "[" * 60 + "]" * 60, "is nested too deeply"),
    ],
)
def test_what_abuses_them_is_one_line(text, message):
    [line] = refused(text)

    assert message in line


def test_a_mistake_in_an_anchor_is_where_it_is_written():
    document = read_document("a: &x {b: 1}\nc: *x\n", "f.yaml", {})

    assert document.marks["c", "b"].value == "f.yaml:1:11"
    assert document.marks["c",].key == "f.yaml:2:1"
