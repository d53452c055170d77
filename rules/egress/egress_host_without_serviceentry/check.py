from collections.abc import Iterator, Sequence

from meshlint.mesh.effective import Effective, Reason
from meshlint.mesh.istio.egress import OPEN
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import WantedHost
from meshlint.rule.rule import Problem


def check(wanted: WantedHost, mesh: Mesh) -> Iterator[Problem]:
    if wanted.entries or not (mesh.service_entries.all or mesh.settings.approved_egress_hosts):
        return
    clients = wanted.clients or (mesh.meshconfig.root_namespace,)
    policies = [mesh.outbound_policy(client, wanted.labels) for client in clients]
    yield Problem(
        wanted.location,
        related=[*_close(wanted, clients, mesh), *policies],
        rests_on=[wanted.external, *([wanted.member] if wanted.member else [])],
        missing="the ServiceEntries of other namespaces",
        host=wanted.host,
        callers=wanted.clients if len(wanted.clients) == 1 else "any namespace with proxies",
        effect=_effects(wanted, policies),
    )


def _close(wanted: WantedHost, clients: Sequence[str], mesh: Mesh) -> Iterator[Reason]:
    """The ServiceEntries that come close, and what hides them."""
    for declared in wanted.near:
        yield Reason(f"{declared.entry} declares {declared.host}", declared.location)
        hidden = mesh.service_entries.hidden_by(clients[0], declared, wanted.labels)
        if hidden:
            yield hidden


def _effects(wanted: WantedHost, policies: Sequence[Effective[str]]) -> str:
    """What becomes of calls under each outbound policy that may hold."""
    if wanted.fetches_keys:
        return "proxies cannot fetch the keys of tokens there and refuse every token"
    modes = {outcome.value for policy in policies for outcome in policy.candidates or (policy,)}
    effects = ["are refused"] if modes - set(OPEN) else []
    if modes & set(OPEN):
        effects.append("leave as unnamed passthrough traffic that no policy sees")
    return f"calls to it {' or '.join(effects)}"
