"""Representatives: values that together stand for every value, as far as some patterns tell values apart.

One for each text that is named, one for each pattern and each set of patterns that have a value in common, and one that no
pattern fits. Where patterns leave a stretch open it is filled with a character that none of their texts has, so that the value
fits nothing by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import NamedTuple

from .matching import SPIFFE, Block, Parts, Pattern, Wild

ANYTHING = Pattern((Wild.ANY,))
SOMETHING = Pattern((Wild.SOME,))
PATHS = Pattern(("/", Wild.ANY))
ELSEWHERE = "203.0.113.77"

_FILLERS = "~=;!'&()"
_WAYS = 4
"""Ways in which the patterns of a set may meet that are followed up."""


class Named(NamedTuple):
    """A pattern, and what people call what it fits."""

    pattern: Pattern
    label: str


class Sample(NamedTuple):
    """A value, and what it stands for."""

    value: str
    label: str


def identities(domain: str | None) -> Pattern:
    """The certificates of service accounts in a trust domain; None = in any."""
    scheme: Parts = (f"{SPIFFE}{domain}/ns/",) if domain else (SPIFFE, Wild.NAME, "/ns/")
    return Pattern((*scheme, Wild.NAME, "/sa/", Wild.NAME))


def meet(one: Pattern, other: Pattern) -> bool:
    """Whether some text fits both."""
    return bool(_common((one, other)))


def texts(named: Sequence[Named], within: Pattern, other: str) -> Iterator[Sample]:
    """Representatives of the texts that fit `within`, each once; `other` is the label of those that nothing names."""
    found: dict[str, str] = {}
    cases = {one.pattern.any_case for one in named}
    for text, label in _texts(named, within, other):
        found.setdefault(text, label)
        if len(cases) == 2 and within.matches(text.swapcase()):
            found.setdefault(text.swapcase(), label)
    return (Sample(text, label) for text, label in found.items())


def _texts(named: Sequence[Named], within: Pattern, other: str) -> Iterator[tuple[str, str]]:
    exact = {one.pattern.exact: one.label for one in named if one.pattern.exact is not None}
    yield from ((text, label) for text, label in exact.items() if within.matches(text))
    wide = list({one.pattern: one for one in named if one.pattern.exact is None}.values())
    stretches = _stretches([one.pattern for one in named])
    for chosen in _meeting(wide, within, stretches[0]):
        label = " and ".join(dict.fromkeys(one.label for one in chosen)) or other
        patterns = (*(one.pattern for one in chosen), within)
        words = (_filled(parts, stretch) for parts in _common(patterns) for stretch in stretches)
        fitting = (word for word in words if all(pattern.matches(word) for pattern in patterns))
        if chosen:
            yield from ((word, label) for word in fitting)
        else:
            yield from ((word, label) for word in fitting if not any(one.pattern.matches(word) for one in wide))


def addresses(blocks: Sequence[tuple[Block, str]], other: str) -> Iterator[Sample]:
    """Addresses in and out of every block, and of what smaller ones leave of it: the first one, and those next to its borders."""
    yield from (Sample(str(block.network[0]), label) for block, label in blocks)
    for address in (ELSEWHERE, *(address for block, _ in blocks for address in _next_to(block))):
        around = [(block.network.prefixlen, label) for block, label in blocks if block.matches(address)]
        yield Sample(address, f"the rest of {max(around)[1]}" if around else other)


def _next_to(block: Block) -> Iterator[str]:
    first, last = int(block.network[0]), int(block.network[-1])
    kind = type(block.network[0])
    return (str(kind(number)) for number in (first - 1, last + 1) if 0 <= number < 2**block.network.max_prefixlen)


def _meeting(wide: Sequence[Named], within: Pattern, filler: str) -> Iterator[tuple[Named, ...]]:
    """The sets of patterns that some text fits at once; those of several each once, by what else its text fits."""
    yield ()
    seen: set[frozenset[int]] = set()
    waiting: list[tuple[int, ...]] = [(index,) for index in range(len(wide))]
    for chosen in waiting:
        parts = next(iter(_common((*(wide[index].pattern for index in chosen), within))), None)
        if parts is None:
            continue
        text = _filled(parts, filler)
        fits = frozenset(index for index, one in enumerate(wide) if one.pattern.matches(text))
        if fits not in seen or len(chosen) == 1:
            seen.add(fits)
            yield tuple(wide[index] for index in chosen)
            waiting += [(*chosen, index) for index in range(chosen[-1] + 1, len(wide)) if index not in fits]


def _stretches(patterns: Sequence[Pattern]) -> list[str]:
    """What open stretches are filled with: something, nothing, and where templates count segments, several of them and what no
    segment holds."""
    used = {char for pattern in patterns for part in pattern.parts if isinstance(part, str) for char in part}
    filler = next(char for char in chain(_FILLERS, map(chr, range(0x100, 0x10000))) if char not in used)
    templates = [p.parts for p in patterns if not {Wild.SEGMENT, Wild.REST}.isdisjoint(p.parts)]
    if not templates:
        return [filler, ""]
    depth = max(sum(part.count("/") for part in parts if isinstance(part, str)) for parts in templates) + 1
    return [filler, "", *("/".join([filler] * many) for many in range(2, depth + 1)), f'{filler}"']


def _filled(parts: Parts, stretch: str) -> str:
    return "".join(stretch if isinstance(part, Wild) else part for part in parts)


@cache
def _common(patterns: tuple[Pattern, ...]) -> tuple[Parts, ...]:
    """Some parts that only texts fit which fit all patterns; none where no text does."""
    any_case = all(pattern.any_case for pattern in patterns[:-1])
    ways: list[Parts] = [patterns[-1].parts]
    for pattern in patterns[:-1]:
        ways = [met for way in ways for met in islice(_met(pattern.parts, way, any_case), _WAYS)][:_WAYS]
    return tuple(ways)


def _met(one: Parts, other: Parts, any_case: bool) -> Iterator[Parts]:
    """What fits both, the widest first."""
    if one and isinstance(one[0], Wild):
        yield from _stretched(one[0], one[1:], other, any_case)
    elif other and isinstance(other[0], Wild):
        yield from _stretched(other[0], other[1:], one, any_case)
    elif one and other:
        yield from _literal(str(one[0]), one[1:], str(other[0]), other[1:], any_case)
    elif not one and not other:
        yield ()


def _literal(text: str, rest: Parts, other: str, after: Parts, any_case: bool) -> Iterator[Parts]:
    """Both begin with a text: as far as the shorter one goes they must agree."""
    size = min(len(text), len(other))
    if text[:size] == other[:size] or (any_case and text[:size].lower() == other[:size].lower()):
        left, right = _cut(text[size:], rest), _cut(other[size:], after)
        yield from ((text[:size], *met) for met in _met(left, right, any_case))


def _stretched(wild: Wild, rest: Parts, other: Parts, any_case: bool) -> Iterator[Parts]:
    """One begins with a stretch, which takes what the other begins with, or a part of it, or nothing."""
    again = (wild.more, *rest)
    if not other:
        if wild.may_be_empty:
            yield from _met(rest, (), any_case)
        return
    first, after = other[0], other[1:]
    if isinstance(first, Wild):
        both = wild if wild.is_within(first) else first
        yield from ((both, *met) for met in _met(again, after, any_case))
        yield from ((both, *met) for met in _met(rest, (first.more, *after), any_case))
        if wild.may_be_empty:
            yield from _met(rest, other, any_case)
        if first.may_be_empty:
            yield from _met((wild, *rest), after, any_case)
        return
    most = wild.takes(first)
    if most == len(first):
        yield from ((first, *met) for met in _met(again, after, any_case))
    for size in range(min(most, len(first) - 1), 0, -1):
        yield from ((first[:size], *met) for met in _met(rest, (first[size:], *after), any_case))
    if wild.may_be_empty:
        yield from _met(rest, other, any_case)


def _cut(text: str, rest: Parts) -> Parts:
    return (text, *rest) if text else rest
