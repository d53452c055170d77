"""Documents, failures, limits and templates."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from meshlint.source.document import Placeholder, SourceFile
from meshlint.source.yaml import MAX_DEPTH, Loaded, YamlError, load, parse

from .conftest import Read


def loaded(text: str, name: str = "a.yaml", path: Path | None = None) -> Loaded:
    return load(SourceFile(name, text, path))


def data(text: str, name: str = "a.yaml") -> list[Any]:
    return [document.data for document in loaded(text, name).documents]


# ---- documents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("", []),
        ("# nothing\n", []),
        ("---\n---\n# nothing\n--- ~\n", []),
        ("a: 1\n", [{"a": 1}]),
        ("a: 1\n---\nb: 2", [{"a": 1}, {"b": 2}]),
        ("a: 1\n--- # second\nb: 2", [{"a": 1}, {"b": 2}]),
        ("--- a\n--- b", ["a", "b"]),
        ("a: 1\r\n---\r\nb: 2\r\n", [{"a": 1}, {"b": 2}]),
        ("a: 1\n...\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a: 1\n...\n---\nb: 2\n...\n", [{"a": 1}, {"b": 2}]),
        ("%YAML 1.1\n---\na: 1\n...\n%YAML 1.1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a: |\n  ---\n  text\n", [{"a": "---\ntext\n"}]),
        ("a: ---\n", [{"a": "---"}]),
        ("a:\tb\n", [{"a": "b"}]),
        ("a: 1\na: 2\n", [{"a": 2}]),
    ],
)
def test_documents(text: str, documents: list[Any]) -> None:
    assert (data(text), loaded(text).failures) == (documents, ())


def test_a_document_knows_its_stretch_of_the_file() -> None:
    text = "# head\na: 1\n---\nb: 2\n\n---\nc: é\n"
    found = [(d.line, d.text) for d in loaded(text).documents]
    assert found == [(1, "# head\na: 1\n"), (3, "---\nb: 2\n\n"), (6, "---\nc: é\n")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x {q: 1}\nb: *x", {"a": {"q": 1}, "b": {"q": 1}}),
        ("&k a: 1\nb: *k", {"a": 1, "b": "a"}),
        ("a: &x foo\n*x : 1", {"a": "foo", "foo": 1}),
        ("<<: {a: 2, b: 3}\na: 1", {"a": 1, "b": 3}),
        ("a: 1\n<<: {a: 2}", {"a": 2}),
        ("<<: [{a: 1}, {a: 2, b: 3}]\nc: 1", {"a": 1, "b": 3, "c": 1}),
        ("'<<': {a: 1}", {"<<": {"a": 1}}),
    ],
)
def test_anchors_and_merges_are_those_of_kubernetes(text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("text", ["<<: 5", "a: &l [{x: 1}]\n<<: *l", "<<: [1]"])
def test_only_mappings_are_merged(text: str) -> None:
    with pytest.raises(YamlError, match="<< takes a mapping or a list of mappings"):
        parse(text)


def test_the_first_document_of_a_string_is_parsed() -> None:
    assert parse("---\na: 1\n---\nb: 2\n") == {"a": 1}
    assert parse("# nothing") is None


def test_json_reads_like_yaml() -> None:
    text = '{\n\t"apiVersion": "v1",\n\t"url": "a\\/b", "face": "\\ud83d\\ude00", "n": 1.0\n}\n'
    assert data(text, "a.json") == [{"apiVersion": "v1", "url": "a/b", "face": "\U0001f600", "n": 1}]


def test_only_json_has_escapes_in_two_parts() -> None:
    assert parse("a: |\n  \\ud83d\\ude00\n") == {"a": "\\ud83d\\ude00\n"}


def test_json_that_is_not_of_kubernetes_is_not_read() -> None:
    assert loaded('{\n  // a comment\n  "strict": true,\n}\n', "tsconfig.json") == Loaded((), ())


# ---- placeholders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["${X}", "$(POD_NAME)", "${X:-d}", "http://${HOST}:80", "--name=$(A.B)"])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_placeholders_are_no_strings(text: str, quote: str) -> None:
    value = parse(f"a: {quote}{text}{quote}")["a"]
    assert value == Placeholder(text)
    assert value != text


@pytest.mark.parametrize("text", ["$HOME", "^/v1$", "$(date +%s)", "$", "${}"])
def test_other_dollars_are_text(text: str) -> None:
    assert parse(f"a: {text}") == {"a": text}


@pytest.mark.parametrize("text", ["a: |\n  echo ${X}\n", "a: >\n  echo ${X}\n", "a: 'echo\n  ${X}'", "a: echo\n  ${X}"])
def test_scripts_are_text(text: str) -> None:
    assert parse(text)["a"].strip().replace("\n", " ") == "echo ${X}"


# ---- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: b: c\n", 1, "quote text that holds `: `"),
        ("a:\n\tb: 1\n", 2, "not tabs"),
        ("a: 'x\n", 2, "close the quote"),
        ('a: "\\q"\n', 1, "double the backslash"),
        ("- a\nb: 1\n", 2, "indent the items of a list alike"),
        ("a: [1\nb: 2\n", 2, "close the bracket"),
        ("a: *nope\n", 1, "there is no anchor &nope before *nope (column 4)"),
        ("a: &a [*a]\n", 1, "the anchor &a contains itself (column 8)"),
        ("é: \x01\n", 1, "the control character 0x01 is not allowed in YAML (column 4)"),
        ("~: 1\n", 1, "cannot be a key"),
        ("{a: 1}\n{b: 2}\n", 2, "put `---` between two documents"),
    ],
)
def test_a_document_that_is_not_yaml_fails_alone(text: str, line: int, said: str) -> None:
    result = loaded(f"before: 1\n---\n{text}---\nafter: 1\n")
    (failure,) = result.failures
    assert (failure.kind, failure.file, failure.line) == ("yaml", "a.yaml", line + 2)
    assert said in failure.message
    assert [d.data for d in result.documents] == [{"before": 1}, {"after": 1}]


def bomb() -> str:
    names = "abcdefghijklmnopqrstuvwxyz"
    lines = [f"{name}: &{name} [{', '.join([f'*{inner}'] * 9)}]" for inner, name in pairwise(names)]
    return "\n".join(["a: &a [1, 2, 3]", *lines])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (bomb(), 7),
        ("a: " + "[" * 30_000, 1),
        ("- " * 30_000, 1),
        ("\n".join(" " * level + "a:" for level in range(MAX_DEPTH + 50)), MAX_DEPTH + 1),
    ],
    ids=["aliases", "brackets", "dashes", "indents"],
)
def test_a_document_beyond_the_caps_fails_alone(text: str, line: int) -> None:
    result = loaded(f"{text}\n---\nafter: 1\n")
    assert [(f.kind, f.line) for f in result.failures] == [("limit", line)]
    assert [d.data for d in result.documents] == [{"after": 1}]


def test_aliases_within_the_caps_are_read() -> None:
    assert parse("a: &a [1, 2]\nb: [*a, *a]\n") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}


def test_without_libyaml_nothing_is_read_in_its_stead() -> None:
    script = "import sys; sys.modules['yaml._yaml'] = None\nfrom meshlint.source.yaml import parse\nparse('a: 1')"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "LibyamlMissing: PyYAML has no libyaml here: install a PyYAML wheel" in run.stderr


# ---- templates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a: {{ .Values.x }}\n",
        "{{- if .Values.x }}\na: 1\n{{- end }}\n",
        "a:\n  {{- toYaml .Values.x | nindent 2 }}\n",
        "fine: 1\n---\n- {{ .Values.x }}\n",
        'image: "{{ .repo }}:{{ .tag | default "latest" }}"\n',
    ],
)
def test_a_template_is_skipped_and_does_not_fail(text: str) -> None:
    assert loaded(text) == Loaded((), (), helm=True)


@pytest.mark.parametrize(
    "text", ["a: '{{ $labels.pod }}'\n", 'a: |\n  {{ define "x" }}\n  {{- end }}\n', "a: 1 # {{ x }}\n"]
)
def test_go_templates_in_text_are_no_template(text: str) -> None:
    assert not loaded(text).helm
    assert list(data(text)[0]) == ["a"]


def test_an_error_before_any_action_is_a_failure() -> None:
    result = loaded("a: [1\nb: 2\n# {{ x }}\n")
    assert not result.helm
    assert [f.line for f in result.failures] == [2]


def test_in_a_chart_a_template_is_one_however_well_it_parses(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: x\n")
    template = tmp_path / "templates" / "sub" / "a.yaml"
    assert loaded("a: '{{ .Values.x }}'\n", "a.yaml", template) == Loaded((), (), helm=True)
    assert data("a: 1\n") == [{"a": 1}]
    assert not loaded("a: 1\n", "a.yaml", template).helm
    assert not loaded("a: '{{ .Values.x }}'\n", "a.yaml", tmp_path / "values.yaml").helm


# ---- duplicate keys --------------------------------------------------------------------------------------------------


def test_a_key_that_is_there_twice(read: Read) -> None:
    document = read("a:\n- b: 1\n  b: 2\n  c: {d: 1, d: 2}\n  b: 3\n")
    assert document.data == {"a": [{"b": 3, "c": {"d": 2}}]}
    assert [(d.path, tuple(d.first), tuple(d.again)) for d in document.duplicates] == [
        (("a", 0, "b"), (2, 3, 2, 4), (3, 3, 3, 4)),
        (("a", 0, "c", "d"), (4, 7, 4, 8), (4, 13, 4, 14)),
        (("a", 0, "b"), (2, 3, 2, 4), (5, 3, 5, 4)),
    ]


def test_keys_that_json_makes_equal_are_there_twice(read: Read) -> None:
    assert [d.path for d in read("8080: a\n'8080': b\n").duplicates] == [("8080",)]


@pytest.mark.parametrize(
    "text", ["<<: {a: 1}\na: 2\n", "a: 1\n<<: {a: 2}\n", "<<: {a: 1}\n<<: {a: 2}\n", "a: {b: 1}\nb: 2\n"]
)
def test_merged_and_deeper_keys_are_no_duplicates(read: Read, text: str) -> None:
    assert read(text).duplicates == ()


def test_the_item_of_a_list_has_its_own_duplicates(read: Read) -> None:
    document = read("items:\n- a: 1\n- a: 1\n  a: 2\n")
    assert document.within("items", 0).duplicates == ()
    assert [d.path for d in document.within("items", 1).duplicates] == [("a",)]
