"""What sigs.k8s.io/yaml v1.6.0 makes of scalars: the right-hand sides are that library's own answers."""

from __future__ import annotations

from typing import Any

import pytest

from meshlint.source.yaml import YamlError, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, True) for word in ("y", "Y", "yes", "Yes", "YES", "true", "True", "on", "ON")),
        *((word, False) for word in ("n", "N", "no", "NO", "false", "FALSE", "off", "Off")),
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, word) for word in ("tRue", "yEs", "nil", "none", "None")),
        ("0644", 420),
        ("0o644", 420),
        ("08", 8),
        ("09.5", 9.5),
        ("0x1F", 31),
        ("-0x5", -5),
        ("0b11", 3),
        ("0b-1", -1),
        ("+5", 5),
        ("1_000", 1000),
        ("_1", "_1"),
        ("1e3", 1000),
        ("12e03", 12000),
        ("1.0", 1),
        ("1.5", 1.5),
        (".5", 0.5),
        ("._5", "._5"),
        ("1.", 1),
        ("7e409", "7e409"),
        ("91e558", "91e558"),
        ("18446744073709551615", 2**64 - 1),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        ("2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("0x", "0x"),
        ("-", [None]),
        ("<<", "<<"),
        ('"y"', "y"),
        ("'0644'", "0644"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float 5", 5),
        ("!!bool 'yes'", True),
        ("!!null ''", None),
        ("!!binary aGk=", "hi"),
        ("!!foo 5", "5"),
        ("!Ref 5", "5"),
        ("!Sub [1]", [1]),
    ],
)
def test_a_scalar_is_what_kubernetes_reads(text: str, value: Any) -> None:
    found = parse(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("8080", "8080"),
        ("0644", "420"),
        ("1.50", "1.5"),
        ("true", "true"),
        ("y", "true"),
        ("off", "false"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ('"y"', "y"),
        ("2001-01-01", "2001-01-01"),
        ("${X}", "${X}"),
    ],
)
def test_keys_become_strings(text: str, key: str) -> None:
    assert parse(f"{text}: 1") == {key: 1}


@pytest.mark.parametrize("text", ["~: 1", "[a]: 1", "? {a: 1}\n: 2", "{{ .Values.name }}"])
def test_what_has_no_name_is_no_key(text: str) -> None:
    with pytest.raises(YamlError, match="cannot be a key"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (".nan", "no number"),
        ("-.inf", "no number"),
        ("!!int x", "tagged !!int"),
        ("!!bool 5", "tagged !!bool"),
        ("!!binary '@'", "not base64"),
    ],
)
def test_scalars_that_kubernetes_refuses(text: str, said: str) -> None:
    with pytest.raises(YamlError, match=said) as error:
        parse(f"ok: 1\na: {text}")
    assert (error.value.line, error.value.column) == (2, 4)
