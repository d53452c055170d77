"""Writes what was seen as a commented configuration."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from ..config import NEWEST, OLDEST
from ..mesh.subjects import Workload
from ..report.printable import printable
from ..resource.resource import UNSET_NAMESPACE
from .look import Sight, escaped, name_of

SHOWN = 6
"""Entries of one sort that are proposed; the rest is only counted."""

_HEAD = """\
# Settings of meshlint, proposed by `meshlint init`. What begins with # is not in force.
# Every key with its meaning, also for an editor: meshlint config schema > meshlint.schema.json
"""
_TAIL = """\
# Rules to leave out, by id, category, or the id of istioctl analyze or Kiali (meshlint rules lists them):
# ignore: [inference-host-without-circuit-breaker, telemetry, IST0133]

# Severity and options of one rule (meshlint explain RULE):
# rules:
#   port-accepts-plaintext: {severity: error, options: {allow: [9090]}}

# Findings that are accepted, with the reason and, if it is for a while, the last day:
# suppressions:
#   - rules: [port-accepts-plaintext]
#     resources: [PeerAuthentication legacy/*]
#     reason: clients without sidecars until the migration
#     until: 2099-12-31

# Who reads the findings (regular, pedantic, auditor), how sure they must be (low, medium, high), and what fails a run
# (info, warning, error, never):
# audience: regular
# min-confidence: medium
# fail-on: warning

# Findings that were there before (meshlint baseline writes them):
# baseline: meshlint-baseline.json
"""


def text(sight: Sight, difference: str) -> str:
    """The whole file. `difference` says what it changes about a run; "" where it changes nothing."""
    head = [_HEAD.rstrip(), *_comment(difference)]
    parts = [
        "\n".join(head),
        "\n".join(_seen(sight)),
        "\n".join(_settings(sight)),
        "\n".join(_meshes(sight)),
        _TAIL.rstrip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _seen(sight: Sight) -> Iterator[str]:
    if sight.folders:
        most = _largest(sight)
        names = (f"{_safe(folder)} ({sight.folders[folder]})" for folder in most[:SHOWN])
        yield from _comment(f"Objects of a mesh are in {', '.join(names)}{_more(most)}.")
    if sight.charts:
        names = (_safe(chart) for chart in sight.charts[:SHOWN])
        yield from _comment(
            f"Templates of Helm are not read: {', '.join(names)}{_more(sight.charts)}. "
            "Render them: helm template CHART | meshlint check -"
        )


def _settings(sight: Sight) -> Iterator[str]:
    """One line of the mapping after the other; where none is in force, none of it is."""
    lines = [*_version(sight), *_world(), *_hosts(sight), *_servers(sight)]
    in_force = any(active for active, _ in lines)
    yield "settings:" if in_force else "# settings:"
    for active, line in lines:
        plain = active or line.startswith("#")
        yield f"{'  ' if plain else '  # '}{line}" if in_force else f"#   {line}"


Lines = Iterator[tuple[bool, str]]
"""Lines of a mapping, and whether each is in force; those that begin with # explain the next."""


def _version(sight: Sight) -> Lines:
    known = [version for version in sight.versions if OLDEST <= _numbers(version) <= NEWEST]
    if len(sight.versions) == len(known) == 1:
        yield from _why(f"What policies do depends on the version of Istio ({_safe(sight.versions[known[0]])}):")
        yield True, f'istio-version: "{known[0]}"'
        return
    if sight.versions:
        found = sorted(sight.versions, key=_numbers)
        names = ", ".join(f"{v} ({_safe(sight.versions[v])})" for v in found[:SHOWN])
        modelled = " to ".join(".".join(map(str, version)) for version in (OLDEST, NEWEST))
        yield from _why(
            f"What policies do depends on the version of Istio; {modelled} are known, and without this line the newest is "
            f"assumed. Found: {names}{_more(found)}."
        )
    else:
        yield False, "# What policies do depends on the version of Istio; without this line it is the newest known:"
    yield False, f'istio-version: "{max(known, key=_numbers, default=".".join(map(str, NEWEST)))}"'


def _world() -> Lines:
    yield False, "# What is checked is the whole mesh, and what it lacks does not exist:"
    yield False, "world: closed"


def _hosts(sight: Sight) -> Lines:
    if not sight.hosts:
        yield False, "# Hosts outside the mesh that may be called:"
        yield False, "approved-egress-hosts: [api.openai.com]"
        return
    yield False, "# Hosts outside the mesh that may be called; ServiceEntries name these:"
    yield False, "approved-egress-hosts:"
    yield from _entries({_scalar(host): place for host, place in sight.hosts.items()})


def _servers(sight: Sight) -> Lines:
    if not sight.servers:
        yield (
            False,
            "# What a workload serves, where its manifests do not tell (generation, embedding, predictive, none):",
        )
        yield False, "inference: [{namespace: ml, name: ranker, kind: predictive}]"
        return
    yield (
        False,
        "# What these serve cannot be told from their manifests; kind is generation, embedding, predictive or none:",
    )
    yield False, "inference:"
    yield from _entries({_server(server): place for server, place in sight.servers})


def _server(server: Workload) -> str:
    namespace = "" if server.namespace == UNSET_NAMESPACE else f"namespace: {_scalar(server.namespace)}, "
    return f"{{{namespace}name: {_scalar(server.name)}, kind: generation}}"


def _why(text: str) -> Lines:
    return ((False, line) for line in _comment(text))


def _entries(values: Mapping[str, str]) -> Lines:
    for value, place in list(values.items())[:SHOWN]:
        yield False, f"  - {value} # {_safe(place)}"
    if len(values) > SHOWN:
        yield False, f"# and {len(values) - SHOWN} more"


def _numbers(version: str) -> tuple[int, int]:
    major, minor = version.split(".")
    return int(major), int(minor)


def _meshes(sight: Sight) -> Iterator[str]:
    if sight.meshes:
        yield "# Overlays of one base are meshes of their own; files that none of them names are one more."
        yield "meshes:"
        for name, paths in sight.meshes.items():
            yield f"  {_scalar(name)}:"
            yield from ("    paths:", *(f"      - {_scalar(path)}" for path in paths))
        return
    folders = sight.alternates
    if sight.variants > 1:
        yield from _comment(
            f"The same objects are defined differently, so {sight.variants} variants are checked. Better name what is applied "
            "together; a file may belong to several meshes, and those of none are one more."
        )
        folders = folders or _apart(sight)
    else:
        yield "# Several meshes of this repository, by their files; those that no mesh names are one together."
    yield "# meshes:"
    for folder in list(folders)[:SHOWN] or ["overlays/prod"]:
        yield f"#   {_scalar(_name(folder, folders))}: {{paths: [{_scalar(f'/{escaped(folder)}/')}]}}"
    if len(folders) > SHOWN:
        yield f"#   # and {len(folders) - SHOWN} more"


def _apart(sight: Sight) -> list[str]:
    """The folders of a mesh that lie beside each other, if there are several."""
    largest = _largest(sight)
    folders = [folder for folder in largest if not any(other.startswith(f"{folder}/") for other in largest)]
    return [folder for folder in folders if folder != "."] if len(folders) > 1 else []


def _name(folder: str, others: Sequence[str]) -> str:
    """A name for the mesh of a folder: its own, or where that is not unique its whole path."""
    own = folder.rpartition("/")[2]
    unique = [other.rpartition("/")[2] for other in others].count(own) <= 1
    return name_of(own if unique else folder)


def _largest(sight: Sight) -> list[str]:
    return sorted(sight.folders, key=lambda folder: (-sight.folders[folder], folder))


def _comment(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(
        text, 110, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False, break_long_words=False
    )


def _more(values: Sequence[str]) -> str:
    return f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""


def _safe(text: str) -> str:
    """Text for a comment, which it must not end."""
    return printable(" ".join(text.split()))


def _scalar(text: str) -> str:
    """Text as YAML that is nothing else."""
    return (
        text
        if re.fullmatch(r"[A-Za-z/]([A-Za-z0-9./_-]*[A-Za-z0-9/_])?", text) and text.lower() not in _WORDS
        else json.dumps(text)
    )


_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
