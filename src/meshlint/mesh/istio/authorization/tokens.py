"""Who issues the tokens that are accepted, and whether a rule asks for whom they were made (semantics §6)."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from .calls import Kind
from .rules import Rule

_FOR_WHOM = {"aud", "azp", "client_id", "hd", "tid", "repository_owner"}
_KEYS = {"request.auth.audiences", "request.auth.presenter"}
_NOBODYS = tuple(f"login.microsoftonline.com/{word}" for word in ("common", "organizations", "consumers"))
"""Where tokens are fetched, but issued under the name of a tenant."""


def is_issuer(issuer: Any, known: Sequence[str]) -> bool:
    """Whether an issuer is one of these; the scheme and a slash at the end make no difference, `*` stands for any text."""
    if not isinstance(issuer, str) or _bare(issuer).startswith(_NOBODYS):
        return False
    return any(fnmatchcase(_bare(issuer), _bare(one)) for one in known)


def _bare(issuer: str) -> str:
    return issuer.removeprefix("https://").removesuffix("/").lower()


def tells_for_whom(rule: Rule) -> bool:
    """Whether a rule tests for which application, customer or project a token was made."""
    for condition in rule.when:
        tests = (test for value in (*condition.values, *condition.excluded) for test in value.tests or ())
        names = {test.attribute.name[0] for test in tests if test.attribute.kind is Kind.CLAIM and test.attribute.name}
        if condition.field in _KEYS or names & _FOR_WHOM:
            return True
    return False
