from collections.abc import Iterator

from meshlint.mesh.istio.host_policies import names
from meshlint.mesh.istio.unread import Unread
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host
from meshlint.rule.rule import Problem
from meshlint.source.change import Remove


def check(host: Host, mesh: Mesh) -> Iterator[Problem]:
    for unread in mesh.unread_settings.of(host):
        tls = unread.offers
        yield Problem(
            unread.pool.at("http", unread.fields[0]),
            related=[*unread.ports, *([tls.at("mode")] if tls else [])],
            rests_on=[unread.unless] if unread.unless else [],
            fix=_removed(unread),
            calls="Calls of sidecars" if unread.by_gateways else "Calls",
            host=names(unread.parts),
            fields=[f"http.{field}" for field in unread.fields],
            ports=[reason.text for reason in unread.ports],
            why=unread.why,
            but=_but(unread),
        )


def _but(unread: Unread) -> str:
    """What h2UpgradePolicy does all the same."""
    if unread.offers:
        mode = unread.offers.get("mode")
        return f"; with tls mode {mode} it makes them offer ALPN h2 only, which breaks a server of HTTP/1.1"
    return "; only gateways speak HTTP/2 to it" if unread.by_gateways else ""


def _removed(unread: Unread) -> list[Remove]:
    """Nothing changes without a tls block; the pool itself stays, since it may replace another."""
    if unread.tls or unread.by_gateways:
        return []
    if set(unread.pool.get("http")) == set(unread.fields):
        return [Remove(unread.pool.at("http"))]
    return [Remove(unread.pool.at("http", field)) for field in unread.fields]
