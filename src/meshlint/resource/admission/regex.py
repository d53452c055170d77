"""Regular expressions as Go takes them (RE2's syntax, `regexp/syntax`). They are only read here, never run.

Go's limits on size and depth are out of reach for the 1024 characters that Istio allows.
"""

import re

_MAX_REPEAT = 1000
_MAX_CODE_POINT = 0x10FFFF
_REPEAT = re.compile(r"(?:[*+?]|\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\})\??")
_NAMED_GROUP = re.compile(r"\(\?P?<[A-Za-z0-9_]+>")
_FLAGS = re.compile(r"\(\?[imsU]*(?:-[imsU]+)?([:)])")
_CHARACTER = re.compile(
    r"\\(?:(0[0-7]{0,2}|[1-7][0-7]{1,2})|x\{([0-9a-fA-F]+)\}|x([0-9a-fA-F]{2})|([afnrtv])|([^\x80-\U0010ffff0-9A-Za-z]))",
    re.DOTALL,
)
_CONTROLS = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_SET = re.compile(r"\\[dDsSwW]|\\[pP](?:\{\^?([^}]*)\}|(.))", re.DOTALL)
_CATEGORY = re.compile("C[cfnos]?|L[clmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?")
_POSIX = re.compile(
    r"\[:\^?(?:al(?:num|pha)|ascii|blank|cntrl|digit|graph|lower|p(?:rint|unct)|space|upper|word|xdigit):\]"
)


class _Broken(Exception):
    """What is wrong with an expression."""


def bad_regex(text: str) -> str | None:
    """What is wrong with an expression; None where Go compiles it."""
    try:
        _Reader(text).read()
    except _Broken as error:
        return f"{text!r} is no RE2 expression: {error}"
    return None


class _Reader:
    """Reads an expression from left to right.

    Every open group has a list of the repetitions of its parts: how often what is innermost in a part is repeated, which
    Go limits. A part is what `*` may stand after; a list starts anew after `|`.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._open: list[tuple[int, list[int]]] = []
        self._most = 1
        self._parts: list[int] = []

    def read(self) -> None:
        repeated = False
        while self._position < len(self._text):
            repeat = _REPEAT.match(self._text, self._position)
            if repeat and repeated:
                raise _Broken(f"{repeat[0]} stands after a repetition")
            if repeat:
                self._repeat(repeat)
            else:
                self._part(self._text[self._position])
            repeated = repeat is not None
        if self._open:
            raise _Broken("a ( is not closed")

    def _take(self, found: re.Match[str]) -> None:
        self._position = found.end()

    def _repeat(self, found: re.Match[str]) -> None:
        least, comma, most = found.groups()
        self._take(found)
        if least and (int(least) > _MAX_REPEAT or (most and not int(least) <= int(most) <= _MAX_REPEAT)):
            raise _Broken(f"{found[0]} is no range of at most {_MAX_REPEAT}")
        if not self._parts:
            raise _Broken(f"{found[0]} has nothing to repeat")
        if least:
            times = int(most) if most else int(least)
            self._parts[-1] *= times or (1 if comma and not most else 0)
            if self._parts[-1] > _MAX_REPEAT:
                raise _Broken(f"{found[0]} repeats more than {_MAX_REPEAT} times")

    def _part(self, character: str) -> None:
        """What is no repetition."""
        if character == "(":
            self._group()
        elif character == ")":
            self._close()
        elif character == "|":
            self._most = max([self._most, *self._parts])
            self._parts = []
            self._position += 1
        elif self._text.startswith(r"\Q", self._position):
            self._literally()
        else:
            self._atom(character)
            self._parts.append(1)

    def _group(self) -> None:
        flags = _FLAGS.match(self._text, self._position)
        named = _NAMED_GROUP.match(self._text, self._position)
        if flags or named:
            self._take(flags or named)  # type: ignore[arg-type]
        elif self._text.startswith("(?", self._position):
            raise _Broken(f"{self._text[self._position : self._position + 4]} is no group that RE2 has")
        else:
            self._position += 1
        if not (flags and flags[1] == ")"):
            self._open.append((self._most, self._parts))
            self._most, self._parts = 1, []

    def _close(self) -> None:
        if not self._open:
            raise _Broken("a ) closes nothing")
        inner = max([self._most, *self._parts])
        self._most, self._parts = self._open.pop()
        self._parts.append(inner)
        self._position += 1

    def _literally(self) -> None:
        r"""`\Q...\E`."""
        literal, end, _ = self._text[self._position + 2 :].partition(r"\E")
        self._position += 2 + len(literal) + len(end)
        self._parts += [1] * len(literal)

    def _atom(self, character: str) -> None:
        if character == "[":
            self._class()
        elif character != "\\":
            self._position += 1
        elif self._text[self._position + 1 : self._position + 2] in tuple("AbBz"):
            self._position += 2
        elif not self._set():
            self._character()

    def _set(self) -> bool:
        r"""A class that is written as an escape: `\d`, `\pL`, `\p{Greek}`. Every longer name may be a script."""
        found = _SET.match(self._text, self._position)
        if not found:
            return False
        name = found[1] if found[2] is None else found[2]
        if name is not None and len(name) < 3 and not _CATEGORY.fullmatch(name.capitalize()):
            raise _Broken(f"{found[0]} is no class of characters")
        self._take(found)
        return True

    def _character(self) -> int:
        """The code point of one character, which may be escaped."""
        if not self._text.startswith("\\", self._position):
            self._position += 1
            return ord(self._text[self._position - 1])
        found = _CHARACTER.match(self._text, self._position)
        if not found:
            raise _Broken(f"{self._text[self._position : self._position + 2]} is no escape that RE2 has")
        self._take(found)
        octal, braced, hexadecimal, control, itself = found.groups()
        if octal or control or itself:
            return int(octal, 8) if octal else _CONTROLS[control] if control else ord(itself)
        code = int(braced or hexadecimal, 16)
        if code > _MAX_CODE_POINT:
            raise _Broken(f"{found[0]} is no character")
        return code

    def _class(self) -> None:
        start = self._position
        self._position += 2 if self._text.startswith("[^", start) else 1
        first = True
        while first or not self._text.startswith("]", self._position):
            first = False
            if self._position >= len(self._text):
                raise _Broken("a [ is not closed")
            if not self._posix() and not self._set():
                self._range()
        self._position += 1

    def _posix(self) -> bool:
        if not self._text.startswith("[:", self._position) or ":]" not in self._text[self._position + 2 :]:
            return False
        found = _POSIX.match(self._text, self._position)
        if not found:
            raise _Broken(f"{self._text[self._position :]} begins with no class of characters")
        self._take(found)
        return True

    def _range(self) -> None:
        low = self._character()
        after = self._text[self._position : self._position + 2]
        if len(after) == 2 and after[0] == "-" and after[1] != "]":
            self._position += 1
            if self._character() < low:
                raise _Broken("a range of characters runs backwards")
