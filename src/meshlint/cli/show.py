"""`meshlint show`: the effective policy itself, with its reasons."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import click

from ..mesh.effective import Effective, Reason
from ..mesh.istio.authorization.calls import Caller
from ..mesh.istio.authorization.decide import Verdict
from ..mesh.istio.authorization.entrances import Way, verdict_of
from ..mesh.istio.authorization.survey import Answer, Survey
from ..mesh.mesh import Mesh
from ..mesh.subjects import Egress, Host, Port, Retries, Route, Workload
from ..resource.match import duration_text
from . import calls, common

COLUMNS = {
    "ports": ("mtls", "proxy"),
    "routes": ("timeout", "attempts", "retryOn", "perTryTimeout", "generation", "protocol"),
    "hosts": ("virtualService", "destinationRule"),
    "egress": ("posture", "networkPolicy"),
    "access": ("callers", "requests", "verdict"),
    "exposure": ("kind", "reached", "confidence", "through"),
}

WIDEST = 60
"""Characters a cell of the table has at most; the reasons below have the rest."""


class Row(NamedTuple):
    """One line of a table: what it is about, its values by column, each with its reasons. `words` are columns of the table alone,
    `steps` lines below it, each with reasons.
    """

    subject: str
    values: dict[str, Effective[Any]]
    facts: dict[str, Any]
    words: Mapping[str, str] = MappingProxyType({})
    steps: Sequence[tuple[str, Sequence[Reason]]] = ()


@click.command("show")
@click.argument("what", type=click.Choice(list(COLUMNS)))
@common.input_options
@click.option("--to", "target", metavar="NS/WORKLOAD[:PORT]", help="access, exposure: of this workload only.")
@click.option("--from", "caller", metavar="NS/ACCOUNT", help="access: by this service account only.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(
    what: str,
    paths: tuple[str, ...],
    namespace: str | None,
    config_file: str | None,
    isolated: bool,
    mesh: str | None,
    world: str | None,
    target: str | None,
    caller: str | None,
    format_: str,
) -> None:
    """Print the effective policy of PATH..., with its reasons.

    \b
    ports    the mTLS mode of every inbound port, and whether the workload has a proxy
    routes   timeout and retries of every http route, and whether it generates
    hosts    which VirtualService and which DestinationRules a host's clients get
    egress   what may leave the mesh, by namespace
    access   who may call each inbound port, and what
    exposure what the outside reaches, and through what, with every internal workload
    """
    if (caller and what != "access") or (target and what not in ("access", "exposure")):
        common.fail(f"--to is for access and exposure, --from for access, not {what}", 2)
    paths = paths or (".",)
    with common.usage_errors():
        given = common.read(paths, common.load_config(paths, config_file, isolated, world, mesh), namespace)
    common.tell_failures(given)
    rows: dict[str, Callable[[Mesh], Iterator[Row]]] = {
        "ports": _ports,
        "routes": _routes,
        "hosts": _hosts,
        "egress": _egress,
        "access": lambda mesh: _access(mesh, target, caller),
        "exposure": lambda mesh: _exposure(mesh, target),
    }
    variants = [(label, list(rows[what](mesh))) for label, mesh in zip(given.variants, given.meshes, strict=True)]
    if target and not any(found for _, found in variants):
        common.fail(calls.unknown(given.meshes, target), 2)
    if format_ == "json":
        _write_json(what, variants)
    elif what == "exposure" and not any(found for _, found in variants):
        click.echo("Nothing in the input is open to the outside, and no workload in it is internal.")
    else:
        _write_table(what, variants)
    sys.exit(3 if given.failures else 0)


def _ports(mesh: Mesh) -> Iterator[Row]:
    for port in mesh.ports:
        yield Row(str(port), {"mtls": port.mtls, "proxy": port.workload.data_plane}, _port_facts(port))


def _port_facts(port: Port) -> dict[str, Any]:
    return {
        "workload": str(port.workload),
        "port": port.number,
        "name": port.name,
        "services": [f"{service.namespace}/{service.name}:{exposed.number}" for service, exposed in port.services],
        "captured": port.captured,
        "plaintextUse": port.plaintext_use.value if port.plaintext_use else None,
    }


def _routes(mesh: Mesh) -> Iterator[Row]:
    for route in mesh.routes:
        values: dict[str, Effective[Any]] = {
            "timeout": route.timeout,
            **_retry_values(route.retries),
            "generation": route.generation,
            "protocol": route.protocol,
        }
        yield Row(str(route), values, _route_facts(route))


def _retry_values(retries: Retries) -> dict[str, Effective[Any]]:
    if retries.attempts.value == 0:
        return {"attempts": retries.attempts}
    return {"attempts": retries.attempts, "retryOn": retries.conditions, "perTryTimeout": retries.per_try_timeout}


def _route_facts(route: Route) -> dict[str, Any]:
    return {
        "virtualService": f"{route.resource.namespace}/{route.resource.name}",
        "path": route.location.pointer,
        "name": route.name,
        "hosts": list(route.hosts),
        "mesh": route.mesh,
        "destinations": [{"host": d.host, "port": d.port, "subset": d.subset} for d in route.destinations],
    }


def _hosts(mesh: Mesh) -> Iterator[Row]:
    """Per host that policies name one row for each group of client namespaces that get the same."""
    for host in mesh.hosts:
        if not (host.claims or host.destination_rules):
            continue
        groups: dict[Any, tuple[list[str], dict[str, Effective[Any]]]] = {}
        for client in (*mesh.inventory.namespaces, "(any other)"):
            values = _for_client(mesh, client, host)
            key = tuple((name, value.value, [c.value for c in value.candidates]) for name, value in values.items())
            groups.setdefault(repr(key), ([], values))[0].append(client)
        for clients, values in groups.values():
            yield Row(host.name, values, {"host": host.name, "clients": clients})


def _for_client(mesh: Mesh, client: str, host: Host) -> dict[str, Effective[Any]]:
    claim = mesh.virtual_service(client, host)
    rule = mesh.destination_rule(client, host)
    return {
        "virtualService": _named(claim, lambda found: f"{found.resource.namespace}/{found.resource.name}"),
        "destinationRule": _named(rule, lambda found: " + ".join(f"{r.namespace}/{r.name}" for r in found.rules)),
    }


def _named(value: Effective[Any], name: Callable[[Any], str]) -> Effective[str | None]:
    candidates = tuple(_named(candidate, name) for candidate in value.candidates)
    return Effective(None if value.value is None else name(value.value), value.because, candidates)


def _egress(mesh: Mesh) -> Iterator[Row]:
    for egress in mesh.egress:
        values: dict[str, Effective[Any]] = {"posture": egress.posture}
        if egress.limited:
            values["networkPolicy"] = Effective("limited", (egress.limited,))
        yield Row(egress.namespace, values, _egress_facts(egress))


def _egress_facts(egress: Egress) -> dict[str, Any]:
    return {
        "namespace": egress.namespace,
        "workloads": [str(workload) for workload in egress.workloads],
        "approvedHosts": list(egress.hosts),
        "confined": [str(workload) for workload in egress.confined],
    }


def _access(mesh: Mesh, target: str | None, caller: str | None) -> Iterator[Row]:
    """Per port one row for each kind of call, those that are let through first; ports of a workload that are alike together."""
    who = {caller: Caller(calls.identity(caller))} if caller else None
    alike: dict[Any, tuple[list[Port], list[Answer]]] = {}
    for port in calls.ports(mesh, target) if target else mesh.ports:
        guard = mesh.guard(port)
        survey = Survey(guard, who) if who else mesh.authorization.survey(guard)
        answers = calls.ordered(survey)
        key = repr([(calls.callers(a), calls.requests(a), a.tcp, a.outcome.because) for a in answers])
        alike.setdefault((str(port.workload), key), ([], answers))[0].append(port)
    for ports, answers in alike.values():
        subject = ",".join([str(ports[0]), *(str(port).rpartition(":")[2] for port in ports[1:])])
        for answer in answers:
            words = {"callers": calls.callers(answer, caller), "requests": calls.requests(answer)}
            yield Row(subject, {"verdict": calls.verdict_of(answer.outcome)}, calls.facts(ports, answer, caller), words)


def _exposure(mesh: Mesh, target: str | None) -> Iterator[Row]:
    """Every workload that the outside reaches, is meant to reach or must not reach, by name."""
    for workload in sorted(mesh.workloads.all, key=str):
        kind, way = _kind(mesh, workload), mesh.outside.way(workload)
        if target in (None, str(workload)) and (target or way or kind.value != "other"):
            yield _exposed(mesh, workload, kind, way)


_REACHED = {Verdict.ALLOW: "yes", Verdict.UNKNOWN: "maybe"}


def _exposed(mesh: Mesh, workload: Workload, kind: Effective[str], way: Way | None) -> Row:
    shown = way or mesh.outside.refused(workload) or ()
    reached = _REACHED[verdict_of(way)] if way else "no"
    confidence = str(mesh.outside.confidence(way)) if way else None
    nothing = () if shown else (Reason("no way from outside leads to it"),)
    facts = {"workload": str(workload), "confidence": confidence, "way": [calls.hop_facts(hop) for hop in shown]}
    through = " > ".join(hop.caller for hop in shown[1:])
    return Row(
        str(workload),
        {"kind": kind, "reached": Effective(reached, nothing)},
        facts,
        {"through": through or "-", "confidence": confidence or "-"},
        [(calls.hop(hop), (*hop.by, *hop.outcome.because)) for hop in shown],
    )


def _kind(mesh: Mesh, workload: Workload) -> Effective[str]:
    for word, found in (
        ("tenant-facing", mesh.exposure.tenant_facing(workload)),
        ("internal", mesh.exposure.internal(workload)),
    ):
        if found.value:
            return Effective(word, found.because)
    return Effective("other")


def _text(value: Any, column: str) -> str:
    """A value as people read it; durations are in milliseconds in the model."""
    if column in ("timeout", "perTryTimeout") and isinstance(value, int):
        return duration_text(value)
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return str(getattr(value, "value", value))


def _write_table(what: str, variants: list[tuple[str, list[Row]]]) -> None:
    """One line per subject, its reasons below it."""
    columns = COLUMNS[what]
    for label, rows in variants:
        if len(variants) > 1:
            common.say(f"# variant {label}")
        lines = [(row.subject, *(_cell(row, column) for column in columns)) for row in rows]
        header = (what.upper(), *(column.upper() for column in columns))
        widths = [max(map(len, cells)) for cells in zip(header, *lines, strict=True)]
        click.echo(_aligned(header, widths))
        for row, line in zip(rows, lines, strict=True):
            common.say(_aligned(line, widths))
            if clients := row.facts.get("clients"):
                common.say(f"    for clients in {', '.join(clients)}")
            for column, text in row.words.items():
                if len(text) > WIDEST:
                    common.say(f"    {column}: {text}")
            for column, value in row.values.items():
                for reason in value.because:
                    common.say(f"    {column}: {common.words(reason)}")
            for step, because in row.steps:
                common.say(f"    {step}")
                for reason in because:
                    common.say(f"        {common.words(reason)}")


def _cell(row: Row, column: str) -> str:
    text = row.words.get(column) or (_outcomes(row.values[column], column) if column in row.values else "-")
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _outcomes(value: Effective[Any], column: str) -> str:
    if not value.candidates:
        return _text(value.value, column)
    return " | ".join(_text(candidate.value, column) for candidate in value.candidates)


def _write_json(what: str, variants: list[tuple[str, list[Row]]]) -> None:
    content = [{"variant": label, what: [_plain(row) for row in rows]} for label, rows in variants]
    common.write_json(content)


def _plain(row: Row) -> dict[str, Any]:
    return row.facts | {column: _effective(value) for column, value in row.values.items()}


def _effective(value: Effective[Any]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "value": _value(value.value),
        "because": [common.plain(reason) for reason in value.because],
    }
    if value.candidates:
        content["candidates"] = [_value(candidate.value) for candidate in value.candidates]
    return content


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return getattr(value, "value", value)
