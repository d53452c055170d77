"""The syntax of CEL, in which filters of access logs are written (`cel.Env.Parse`). Expressions are only read here."""

import math
import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<skipped>[\t \r\n\f]+|//[^\n]*)
    |(?P<string>[bB]?(?:
        [rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n\r]*"|'[^'\n\r]*')
        |\"{3}(?:ESCAPE|[^\\])*?\"{3}|'{3}(?:ESCAPE|[^\\])*?'{3}
        |"(?:ESCAPE|[^\\"\n\r])*"|'(?:ESCAPE|[^\\'\n\r])*'))
    |(?P<float>[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.[0-9]+(?:[eE][-+]?[0-9]+)?)
    |(?P<integer>(?:0x[0-9a-fA-F]+|[0-9]+)[uU]?)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<escaped>`[A-Za-z0-9_.\-/\ ]+`)
    |(?P<sign>==|!=|<=|>=|&&|\|\||[-<>\[\]{}().,!?:+*/%])""".replace(
        "ESCAPE", r"""\\(?:[abfnrtv"'\\?`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})"""
    ),
    re.VERBOSE | re.DOTALL,
)
_RESERVED = frozenset[str]().union(
    ["as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in"],
    ["let", "loop", "package", "namespace", "null", "return", "true", "var", "void", "while"],
)
_BINARY = (("||",), ("&&",), ("<", "<=", ">=", ">", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
"""Operators of two operands, those that bind least first."""

_LONGEST = 100_000
_LOOPS = {"all": (2,), "exists": (2,), "exists_one": (2,), "existsOne": (2,), "map": (2, 3), "filter": (2,)}
"""Macros, with the numbers of their arguments, the first of which is a name."""


class _Token(NamedTuple):
    kind: str
    text: str


class _Broken(Exception):
    """What is wrong with an expression."""


def bad_expression(text: str) -> str | None:
    """What is wrong with an expression; None where it can be parsed."""
    if len(text) > _LONGEST:
        return f"an expression must not be longer than {_LONGEST} characters"
    try:
        _Parser(text).parse()
    except _Broken as error:
        return f"{text!r} is no CEL expression: {error}"
    except RecursionError:
        return None
    return None


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if not token:
            raise _Broken(f"{text[position]!r} begins nothing")
        if token.lastgroup and token.lastgroup != "skipped":
            found.append(_Token(token.lastgroup, token[0]))
        position = token.end()
    return [*found, _Token("end", "")]


class _Parser:
    """Recursive descent over the tokens. What is parsed is only told apart as far as macros ask: `name`, `select` or ""."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._position = 0

    def parse(self) -> None:
        self._expression()
        if self._next.kind != "end":
            raise _Broken(f"{self._next.text!r} is too much")

    @property
    def _next(self) -> _Token:
        return self._tokens[self._position]

    def _take(self) -> _Token:
        self._position += 1
        return self._tokens[self._position - 1]

    def _accept(self, *texts: str) -> bool:
        if self._next.kind in ("sign", "word") and self._next.text in texts:
            self._position += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise _Broken(f"{self._next.text or 'its end'!r} is where {text} should be")

    def _expression(self) -> str:
        kind = self._binary(0)
        if self._accept("?"):
            self._binary(0)
            self._expect(":")
            self._expression()
            return ""
        return kind

    def _binary(self, level: int) -> str:
        if level == len(_BINARY):
            return self._unary()
        kind = self._binary(level + 1)
        while self._accept(*_BINARY[level]):
            self._binary(level + 1)
            kind = ""
        return kind

    def _unary(self) -> str:
        sign = self._next.text if self._next.text in ("!", "-") and self._next.kind == "sign" else ""
        while sign and self._accept(sign):
            pass
        if sign == "!" and self._accept("-") and self._next.kind not in ("integer", "float"):
            raise _Broken("a - after ! is for numbers")
        kind = self._member(self._position > 0 and self._tokens[self._position - 1].text == "-" and bool(sign))
        return "" if sign else kind

    def _member(self, is_negative: bool) -> str:
        kind = self._primary(is_negative)
        while True:
            if self._accept("["):
                self._expression()
                self._expect("]")
                kind = ""
            elif self._accept("."):
                escaped = self._next.kind == "escaped"
                name = self._field()
                kind = "select"
                if not escaped and self._accept("("):
                    self._macro(name, self._arguments(")"), _LOOPS)
                    kind = ""
            else:
                return kind

    def _name(self) -> str:
        token = self._take()
        if token.kind != "word" or token.text in ("in", "true", "false", "null"):
            raise _Broken(f"{token.text or 'its end'!r} is where a name should be")
        return token.text

    def _field(self) -> str:
        """The name of a field, which may be escaped: `` `a-b` ``."""
        return self._take().text if self._next.kind == "escaped" else self._name()

    def _primary(self, is_negative: bool) -> str:
        token = self._take()
        if token.kind in ("integer", "float"):
            self._check_number(token, is_negative)
        elif token.text == "(":
            kind = self._expression()
            self._expect(")")
            return kind
        elif token.text == "[":
            self._arguments("]", trailing=True)
        elif token.text == "{":
            self._entries(named=False)
        elif token.text == "." or (token.kind == "word" and token.text not in ("true", "false", "null")):
            return self._named(self._name() if token.text == "." else token.text)
        elif token.kind not in ("string", "word"):
            raise _Broken(f"{token.text or 'its end'!r} is where a value should be")
        return ""

    def _check_number(self, token: _Token, is_negative: bool) -> None:
        if token.kind == "float":
            too_large = math.isinf(float(token.text))
        else:
            number = int(token.text.rstrip("uU")[:400], 16 if token.text.startswith("0x") else 10)
            too_large = number >= (2**64 if token.text[-1] in "uU" else 2**63 + is_negative)
        if too_large:
            raise _Broken(f"{token.text} is too large")

    def _named(self, name: str) -> str:
        """What begins with a name: itself, a call, or a message `a.b{c: d}`."""
        ahead = self._position
        while self._tokens[ahead].text == "." and self._tokens[ahead + 1].kind == "word":
            ahead += 2
        if self._tokens[ahead] == ("sign", "{"):
            self._position = ahead + 1
            self._entries(named=True)
            return ""
        if name in _RESERVED:
            raise _Broken(f"{name} is a reserved word")
        if self._accept("("):
            kinds = self._arguments(")")
            if name == "has" and len(kinds) == 1 and kinds != ["select"]:
                raise _Broken("has() asks about a field")
            return ""
        return "name"

    def _macro(self, name: str, kinds: list[str], macros: dict[str, tuple[int, ...]]) -> None:
        if len(kinds) in macros.get(name, ()) and kinds[0] != "name":
            raise _Broken(f"{name}() needs a name first")

    def _arguments(self, end: str, *, trailing: bool = False) -> list[str]:
        kinds: list[str] = []
        while not self._accept(end):
            if kinds:
                self._expect(",")
                if trailing and self._accept(end):
                    break
            elif trailing and self._accept(","):
                self._expect(end)
                break
            kinds.append(self._expression())
        return kinds

    def _entries(self, *, named: bool) -> None:
        first = True
        while not self._accept("}"):
            if not first:
                self._expect(",")
                if self._accept("}"):
                    break
            elif self._accept(","):
                self._expect("}")
                break
            first = False
            if named:
                self._field()
            else:
                self._expression()
            self._expect(":")
            self._expression()
