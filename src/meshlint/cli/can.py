"""`meshlint can`: whether a call is let through."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click

from ..mesh.istio.authorization import matching
from ..mesh.istio.authorization.calls import Caller, Request
from ..mesh.istio.authorization.decide import Outcome, Verdict, verdict
from ..mesh.istio.authorization.survey import Answer, Survey
from ..mesh.subjects import Port
from . import calls, common

_EXIT = {Verdict.ALLOW: 0, Verdict.DENY: 1, Verdict.UNKNOWN: 4}


@click.command("can")
@common.input_options
@click.option("--from", "caller", metavar="NS/ACCOUNT", help="The service account that calls, with mTLS.")
@click.option("--plaintext", is_flag=True, help="The caller has no certificate of the mesh.")
@click.option(
    "--to",
    "target",
    metavar="NS/WORKLOAD:PORT",
    required=True,
    help="A port of the pods, by number or name; all if left out.",
)
@click.option("--method", help="The HTTP method; may be any when left out, as are path and host.")
@click.option("--path", help="The path of the request.")
@click.option("--host", help="The Host header, with a port if the client sends one.")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME: VALUE", help="A header; others are not sent.")
@click.option(
    "--claim", "claims", multiple=True, metavar="NAME=VALUE", help="A claim of a valid token; NAME may be a[b]."
)
@click.option("--ip", "address", metavar="ADDRESS", help="The address of the caller; may be any when left out.")
@click.option("--tcp", is_flag=True, help="What is sent is no HTTP.")
@click.option("--expect", type=click.Choice(["allow", "deny"]), help="Succeed if this is the answer, fail if not.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    paths: tuple[str, ...],
    namespace: str | None,
    config_file: str | None,
    isolated: bool,
    mesh: str | None,
    world: str | None,
    caller: str | None,
    plaintext: bool,
    target: str,
    method: str | None,
    path: str | None,
    host: str | None,
    headers: tuple[str, ...],
    claims: tuple[str, ...],
    address: str | None,
    tcp: bool,
    expect: str | None,
    format_: str,
) -> None:
    """Say whether the mesh of PATH... lets a call through, and why.

    \b
    meshlint can mesh/ --from shop/web --to inference/llm:8000 --method POST --path /v1/chat/completions
    meshlint can mesh/ --plaintext --to inference/llm:http --expect deny

    Exit code: 0 allowed, 1 denied, 4 unknown; with --expect 0 as expected, 1 not, 4 unknown.
    """
    if (caller is None) is not plaintext:
        common.fail("one of --from and --plaintext says who calls", 2)
    if path is not None and not path.startswith("/"):
        common.fail(f"--path {path} does not begin with /", 2)
    if tcp and (method or path or host or headers or claims):
        common.fail("--tcp leaves no room for --method, --path, --host, --header and --claim, which only HTTP has", 2)
    identity = calls.identity(caller) if caller else None
    who = Caller(identity, _claims(claims) if claims else None, _address(address))
    request = Request(method, path, host, dict(map(_header, headers)), tcp)
    paths = paths or (".",)
    with common.usage_errors():
        given = common.read(paths, common.load_config(paths, config_file, isolated, world, mesh), namespace)
    common.tell_failures(given)
    answers = [
        _Found(label if len(given.variants) > 1 else "", port, answer)
        for label, mesh in zip(given.variants, given.meshes, strict=True)
        for port in calls.ports(mesh, target)
        for answer in calls.ordered(Survey(mesh.guard(port), {caller or "plaintext": who}, request))
    ]
    if not answers:
        common.fail(calls.unknown(given.meshes, target), 2)
    if note := identity and calls.unheard(given.meshes, identity):
        common.say(f"meshlint: note: {note}", err=True)
    verdicts = {verdict(found.answer.outcome) for found in answers}
    together = verdicts.pop() if len(verdicts) == 1 else Verdict.UNKNOWN
    stated = caller or "plaintext"
    if format_ == "json":
        _write_json(together, answers, stated)
    else:
        _write(f"{together.value}: {stated} to {target}", answers)
    sys.exit(3 if given.failures else _code(together, expect))


class _Found(NamedTuple):
    """What becomes of some requests to a port, in a variant of the input if there are several."""

    variant: str
    port: Port
    answer: Answer


def _code(found: Verdict, expect: str | None) -> int:
    if expect is None or found is Verdict.UNKNOWN:
        return _EXIT[found]
    if found.value == expect:
        return 0
    click.echo(f"meshlint: expected {expect}, found {found.value}", err=True)
    return 1


def _address(text: str | None) -> str | None:
    if text and matching.block(text) is None:
        common.fail(f"--ip {text} is no address", 2)
    return text


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not (name and colon):
        common.fail(f"--header {text} is not NAME: VALUE", 2)
    if name.strip().lower() == "host":
        common.fail(f"--header {text} is said with --host", 2)
    return name.strip().lower(), value.strip()


def _claims(texts: Sequence[str]) -> dict[str, Any]:
    """Claims by name; one that is given several times is a list, `a[b]` is `b` inside of `a`."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            common.fail(f"--claim {text} is not NAME=VALUE", 2)
        *outer, last = name.removesuffix("]").replace("][", "[").split("[")
        claims = found
        for step in outer:
            claims = claims.setdefault(step, {})
        before = claims.get(last)
        claims[last] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return found


def _write(title: str, answers: Sequence[_Found]) -> None:
    """The verdict, and below it the reasons; where it differs, those of each kind of request."""
    depends = calls.depends_on(found.answer for found in answers)
    common.say(f"{title}, which depends on {' and '.join(depends)}" if depends else title)
    for found in answers:
        if len(answers) > 1:
            where = f"{found.port}{f' in variant {found.variant}' if found.variant else ''}"
            what = f"{verdict(found.answer.outcome).value}: {calls.requests(found.answer)} to {where}"
            common.say(f"  {what}")
        for line in _reasons(found.answer.outcome):
            common.say(f"    {line}")


def _reasons(outcome: Outcome) -> Iterator[str]:
    """The chain of reasons; of a tie that of every candidate."""
    if not outcome.candidates:
        yield from map(common.words, outcome.because)
        return
    yield common.words(outcome.because[0])
    for candidate in outcome.candidates:
        yield f"either {candidate.value.verdict.value}:"
        yield from (f"  {common.words(each)}" for each in candidate.because)


def _write_json(together: Verdict, answers: Sequence[_Found], stated: str) -> None:
    content = {
        "verdict": together.value,
        "answers": [
            {"variant": found.variant or None, **_answer(found.port, found.answer, stated)} for found in answers
        ],
    }
    common.write_json(content)


def _answer(port: Port, answer: Answer, stated: str) -> dict[str, Any]:
    because = [common.plain(reason) for reason in answer.outcome.because]
    return calls.facts([port], answer, stated) | {"verdict": verdict(answer.outcome).value, "because": because}
