"""Texts are read as Go and Istio read them: every answer here was given by Go's own functions."""

from __future__ import annotations

import pytest

from meshlint.resource.admission import regex, syntax, url
from meshlint.resource.admission.expression import bad_expression
from meshlint.resource.admission.jwks import bad_jwks

REGEX = r"""
a  (a|b)*  a{2,3}  a{,2}  {  a{2  (a{10}){100}  a{1000}  (?i)a  (?i-s:a)  (?U)a  (?P<n>a)  (?<n>a)  [^]a]  []a]  [a-]  [a\-z]  \pL
\p{Greek}  \p{^Lu}  \PN  [\pL\d]  [[:alpha:]]  [[:^digit:]]  [[:a]  \x41  \x{10FFFF}  \07  \12  \Qa(\E  \Q(  \A\b\B\z  \.  \_  ^*  ()
|  a||b  a*?  x(?i)*  ^.*$  é  \Qab\E+  (?:)
"""
NO_REGEX = r"""
*  +a  a**  a+*  a*?+  a{2}{3}  a{2}*  a{1001}  a{3,2}  (a{10}){101}  ((a{10}){10}){11}  (  )  (a  a)  [  [a  []  [^]  [b-a]  [a-\d]
(?=a)  (?!a)  (?<=a)  (?<!a)  (?>a)  (?P=n)  (?P<a-b>x)  (?<>a)  (?i  (?)a(  (?-)  (?i-)  (?x)a  \  a\  \1  \8  \Z  \C  \q  \é  \x4
\x{110000}  \x{}  \pX  \p{Zz}  \p{L  [[:foo:]]  [\b]  [\Q]  |*  (*)  (?i)*  \Q\E*
"""


@pytest.mark.parametrize("text", REGEX.split())
def test_a_regex(text: str) -> None:
    assert regex.bad_regex(text) is None


@pytest.mark.parametrize("text", NO_REGEX.split())
def test_no_regex(text: str) -> None:
    wrong = regex.bad_regex(text)
    assert wrong is not None
    assert wrong.startswith(f"{text!r} is no RE2 expression: ")


def test_every_longer_name_may_be_a_script() -> None:
    """The one place where we take what Go refuses: we have no list of Unicode's scripts."""
    assert regex.bad_regex(r"\p{Klingon}") is None


@pytest.mark.parametrize(
    ("text", "scheme", "is_request_uri"),
    [
        ("http://a.com/b?c#d", "http", True),
        ("HTTPS://a", "https", True),
        ("http://[::1]:80", "http", True),
        ("http://[fe80::1%25eth0]/", "http", True),
        ("http://u:p@a.com:80", "http", True),
        ("http://a.com:", "http", True),
        ("oci://a:b:80", "oci", True),
        ("http:a", "http", True),
        ("a.io:80", "a.io", True),
        ("/a", "", True),
        ("//a", "", True),
        ("*", "", True),
        ("a/b", "", False),
        ("", "", False),
        ("?a", "", False),
        ("http://a#%zz", None, False),
        ("http://a b", None, False),
        ("http://[::1", None, False),
        ("http://[1.2.3.4]", None, False),
        ("http://a:b", None, False),
        ("http://a:1:2", None, False),
        ("http://a%41", None, False),
        ("http://u^@a", None, False),
        ("/%zz", None, False),
        (":a", None, False),
        ("1a:b", None, False),
        ("a\x7f", None, False),
    ],
)
def test_urls(text: str, scheme: str | None, is_request_uri: bool) -> None:
    assert (url.scheme(text), url.is_request_uri(text)) == (scheme, is_request_uri)


@pytest.mark.parametrize(
    ("text", "is_ip", "is_cidr"),
    [
        ("1.2.3.4", True, False),
        ("01.2.3.4", False, False),
        ("1.2.3", False, False),
        ("1.2.3.256", False, False),
        ("::1", True, False),
        ("fe80::1%eth0", True, False),
        ("fe80::1%", False, False),
        ("1.2.3.4%eth0", False, False),
        ("::ffff:1.2.3.4", True, False),
        ("1:2:3:4:5:6:7::8", False, False),
        ("1.2.3.4/0", False, True),
        ("1.2.3.4/32", False, True),
        ("1.2.3.4/33", False, False),
        ("1.2.3.4/08", False, False),
        ("1.2.3.4/", False, False),
        ("::/128", False, True),
        ("fe80::1%eth0/64", True, False),
        ("", False, False),
    ],
)
def test_addresses(text: str, is_ip: bool, is_cidr: bool) -> None:
    assert (syntax.is_ip(text), syntax.is_cidr(text)) == (is_ip, is_cidr)


@pytest.mark.parametrize(
    ("host", "is_fqdn", "is_host"),
    [
        ("a", True, True),
        ("a.b.", True, True),
        ("A.b", True, True),
        ("a..b", False, False),
        (".", False, False),
        ("a.80", False, False),
        ("80", False, True),
        ("*", False, True),
        ("*.a", False, True),
        ("*a.b", False, True),
        ("*-a.b", False, True),
        ("*--a.b", False, False),
        ("a*.b", False, False),
        ("a_b", False, False),
        ("-a", False, False),
        ("", False, False),
        ("a" * 63, True, True),
        ("a" * 64, False, False),
    ],
)
def test_hosts(host: str, is_fqdn: bool, is_host: bool) -> None:
    assert (syntax.bad_fqdn(host) is None, syntax.bad_host(host) is None) == (is_fqdn, is_host)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a:80", ("a", "80")),
        (":80", ("", "80")),
        ("[::1]:80", ("::1", "80")),
        ("[]:", ("", "")),
        ("::1:80", None),
        ("[::1]", None),
        ("[::1]80", None),
        ("a", None),
        ("a]:80", None),
        ("[a]b:80", None),
    ],
)
def test_hosts_with_ports(text: str, parts: tuple[str, str] | None) -> None:
    assert syntax.split_host_port(text) == parts


@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("2024-02-29T23:59:59Z", True),
        ("2024-01-01T00:00:00.5+01:00", True),
        ("2023-02-29T00:00:00Z", False),
        ("2024-04-31T00:00:00Z", False),
        ("2024-01-01T24:00:00Z", False),
        ("2024-01-01 00:00:00Z", False),
        ("2024-01-01", False),
    ],
)
def test_times(text: str, is_time: bool) -> None:
    assert syntax.is_date_time(text) is is_time


@pytest.mark.parametrize(
    "text",
    [
        "a == 'b' && !c.d || e[0] in [1, 2u, 0x1F,]",
        "x ? y : z ? 1.5e3 : -9223372036854775808",
        "{'a': 1, b: {}}.size() > 0",
        ".a.b.C{d: 1, `e-f`: 2}",
        "a.`b.c/d`",
        "has(a.b) && [1].all(x, x > 0) && m.map(k, k != '', m[k]).exists_one(v, v)",
        'r\'\\d\' + b"\\x00" + \'\'\'a\nb\'\'\' + """"q"""',
        "--1 - -1 // why",
        "a.all(x)",
        "a.package",
    ],
)
def test_a_cel_expression(text: str) -> None:
    assert bad_expression(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a =",
        "a = b",
        "a b",
        "a.",
        "a.(b)",
        "f(a",
        "[1 2]",
        "{1}",
        "a ? b",
        "!-x",
        "'a",
        "'\\q'",
        "a.?b",
        "`a`",
        "if",
        "package.a",
        "has(a)",
        "has(a[0])",
        "a.exists(b.c, d)",
        "9223372036854775808",
        "1 - 9223372036854775808",
        "18446744073709551616u",
        "1e999",
        "a & b",
        "$a",
    ],
)
def test_no_cel_expression(text: str) -> None:
    wrong = bad_expression(text)
    assert wrong is not None
    assert wrong.startswith(f"{text!r} is no CEL expression: ")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"keys": []}', None),
        ('{"keys": null}', None),
        ('{"kty": "oct", "k": "A-_A"}', None),
        ('{"kty": "oct", "k": "A+/A"}', None),
        ('{"kty": "oct", "k": null} and more', None),
        ('{"keys": [{"kty": "RSA", "e": "AQAB", "n": "AQ", "foo": 1}]}', None),
        ('{"kty": "oct", "k": "A"}', "k of a key must be base64"),
        ('{"kty": "oct", "k": "A+_A"}', "k of a key must be base64"),
        ('{"kty": "oct", "k": "AQ="}', "k of a key must be base64"),
        ('{"kty": "oct", "k": 1}', "k of a key must be a string"),
        ('{"kty": "oct", "k": "AQ", "kid": 1}', "kid of a key must be a string"),
        ('{"kty": "oct", "k": "AQ", "key_ops": "sign"}', "key_ops of a key must be a list of strings"),
        ('{"kty": "EC", "x": "AQ", "y": "AQ"}', "a key of kty EC needs crv"),
        ('{"kty": "rsa"}', "kty of a key must be one of RSA, EC, OKP, oct"),
        ('{"keys": [1]}', "kty of a key must be one of RSA, EC, OKP, oct"),
        ('{"keys": {}}', "keys must be a list"),
        ("[]", "must be a mapping with keys"),
        ('{"keys": [NaN]}', "must be a set of keys in JSON"),
        ("a", "must be a set of keys in JSON"),
    ],
)
def test_sets_of_keys(text: str, wrong: str | None) -> None:
    assert bad_jwks(text) == wrong
