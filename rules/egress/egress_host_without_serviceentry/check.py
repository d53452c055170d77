from collections.abc import Iterator, Sequence

from meshlint.mesh.effective import Effective, Reason
from meshlint.mesh.istio.egress import OPEN
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Declared, WantedHost
from meshlint.resource.match import subset_of
from meshlint.rule.rule import Problem


def check(wanted: WantedHost, mesh: Mesh) -> Iterator[Problem]:
    if wanted.entries or not (mesh.service_entries.all or mesh.settings.approved_egress_hosts):
        return
    clients = wanted.clients or (mesh.meshconfig.root_namespace,)
    policies = [mesh.outbound_policy(client, wanted.labels) for client in clients]
    yield Problem(
        wanted.location,
        related=[*(_close(wanted, declared) for declared in wanted.near), *policies],
        rests_on=[wanted.external, *([wanted.member] if wanted.member else [])],
        missing="the ServiceEntries of other namespaces",
        host=wanted.host,
        callers=wanted.clients if len(wanted.clients) == 1 else "any namespace with proxies",
        effect=_effects(wanted, policies),
    )


def _close(wanted: WantedHost, declared: Declared) -> Reason:
    hidden = subset_of(wanted.host.lower(), declared.host)
    text = f"{declared.entry} declares {declared.host}" + (", and is not visible there" if hidden else " only")
    return Reason(text, declared.location)


def _effects(wanted: WantedHost, policies: Sequence[Effective[str]]) -> str:
    """What becomes of calls under each outbound policy that may hold."""
    if wanted.fetches_keys:
        return "proxies cannot fetch the keys of tokens there and refuse every token"
    modes = {outcome.value for policy in policies for outcome in policy.candidates or (policy,)}
    effects = ["are refused"] if modes - set(OPEN) else []
    if modes & set(OPEN):
        effects.append("leave as unnamed passthrough traffic that no policy sees")
    return f"calls to it {' or '.join(effects)}"
