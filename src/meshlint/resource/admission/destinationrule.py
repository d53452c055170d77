"""DestinationRules (`ValidateDestinationRule`), and the connection pools that Sidecars have too."""

from collections.abc import Mapping

from ...source.document import Path
from .common import duration, export_to, labels, not_negative, one_of, selector
from .complaint import Complaint, Complaints, told
from .decode import Message
from .locality import locality, zone_aware
from .meta import Meta
from .syntax import bad_fqdn, bad_host, bad_port, is_dns_label, is_ip

_PORT_POLICY = ("connectionPool", "loadBalancer", "outlierDetection", "tls")
_POLICY = (*_PORT_POLICY, "portLevelSettings", "proxyProtocol", "retryBudget", "tunnel")
_MAX_TABLE = 5_000_011
_MILLISECOND = 1_000_000


def destination_rule(spec: Message, meta: Meta) -> Complaints:
    path: Path = ("spec",)
    yield from told((*path, "host"), bad_host(spec.get("host", "")))
    if "trafficPolicy" in spec:
        yield from _traffic_policy(spec["trafficPolicy"], meta, (*path, "trafficPolicy"))
    names: set[str] = set()
    for index, subset in enumerate(spec.get("subsets", ())):
        name = subset.get("name", "")
        if name in names:
            yield Complaint((*path, "subsets", index, "name"), f"another subset is called {name}")
        names.add(name)
        yield from _subset(subset, meta, (*path, "subsets", index))
    yield from export_to(spec, meta.namespace, path, private="workloadSelector" in spec)
    yield from selector(spec, "workloadSelector", "matchLabels", path)


def _subset(subset: Message, meta: Meta, path: Path) -> Complaints:
    name = subset.get("name", "")
    if not is_dns_label(name):
        yield Complaint((*path, "name"), f"{name!r} is no name of a subset")
    yield from labels(subset.get("labels", {}), (*path, "labels"))
    if "trafficPolicy" in subset:
        yield from _traffic_policy(subset["trafficPolicy"], meta, (*path, "trafficPolicy"))


def _traffic_policy(policy: Message, meta: Meta, path: Path) -> Complaints:
    """`validateTrafficPolicy`."""
    if not policy.keys() & set(_POLICY):
        yield Complaint(path, "a traffic policy must set something")
    elif "tunnel" in policy and "proxyProtocol" in policy:
        yield Complaint(path, "only one of tunnel and proxyProtocol may be set")
    else:
        yield from _port_policy(policy, meta, path)
        for index, settings in enumerate(policy.get("portLevelSettings", ())):
            yield from _port_level(settings, meta, (*path, "portLevelSettings", index))
        if "tunnel" in policy:
            yield from _tunnel(policy["tunnel"], (*path, "tunnel"))
        if policy.get("proxyProtocol", {}).get("version", "V1") not in ("V1", "V2"):
            yield Complaint((*path, "proxyProtocol"), "version must be V1 or V2")


def _port_level(settings: Message, meta: Meta, path: Path) -> Complaints:
    """One of `validatePortTrafficPolicies`."""
    if "port" not in settings:
        yield Complaint(path, "port must be set")
    if not settings.keys() & set(_PORT_POLICY):
        yield Complaint(path, f"one of {', '.join(_PORT_POLICY)} must be set")
    yield from _port_policy(settings, meta, path)


def _port_policy(policy: Message, meta: Meta, path: Path) -> Complaints:
    """What a policy sets for all ports and for one port alike."""
    if "outlierDetection" in policy:
        yield from _outlier_detection(policy["outlierDetection"], (*path, "outlierDetection"))
    if "connectionPool" in policy:
        yield from connection_pool(policy["connectionPool"], (*path, "connectionPool"))
    if "loadBalancer" in policy:
        yield from _load_balancer(policy["loadBalancer"], (*path, "loadBalancer"), "outlierDetection" in policy)
    if "tls" in policy:
        yield from _tls(policy["tls"], meta, (*path, "tls"))


def _outlier_detection(outlier: Message, path: Path) -> Complaints:
    """`validateOutlierDetection`."""
    yield from duration(outlier.get("baseEjectionTime"), (*path, "baseEjectionTime"))
    yield from duration(outlier.get("interval"), (*path, "interval"))
    if outlier.get("consecutiveErrors"):
        yield Complaint(
            (*path, "consecutiveErrors"), "consecutiveErrors is deprecated for consecutive5xxErrors", warns=True
        )
    if outlier.get("consecutiveLocalOriginFailures") and not outlier.get("splitExternalLocalOriginErrors"):
        at = (*path, "consecutiveLocalOriginFailures")
        yield Complaint(at, "consecutiveLocalOriginFailures needs splitExternalLocalOriginErrors")
    for name in ("maxEjectionPercent", "minHealthPercent"):
        if not 0 <= outlier.get(name, 0) <= 100:
            yield Complaint((*path, name), f"{name} must be from 0 to 100")


def connection_pool(pool: Message, path: Path) -> Complaints:
    """`validateConnectionPool`."""
    if not pool.keys() & {"http", "tcp"}:
        yield Complaint(path, "a connection pool must set http or tcp")
    if "http" in pool:
        yield from _http_pool(pool["http"], (*path, "http"))
    if "tcp" in pool:
        yield from _tcp_pool(pool["tcp"], (*path, "tcp"))


def _http_pool(http: Message, path: Path) -> Complaints:
    counts = (
        "http1MaxPendingRequests",
        "http2MaxRequests",
        "maxRequestsPerConnection",
        "maxRetries",
        "maxConcurrentStreams",
    )
    yield from not_negative(http, counts, path)
    yield from duration(http.get("idleTimeout"), (*path, "idleTimeout"))
    if http.get("h2UpgradePolicy") == "UPGRADE" and http.get("useClientProtocol"):
        yield Complaint((*path, "useClientProtocol"), "useClientProtocol excludes h2UpgradePolicy UPGRADE")
    if "http2KeepAlive" in http:
        for name in ("interval", "timeout"):
            if name not in http["http2KeepAlive"]:
                yield Complaint((*path, "http2KeepAlive"), f"{name} must be set")
            yield from duration(http["http2KeepAlive"].get(name), (*path, "http2KeepAlive", name))


def _tcp_pool(tcp: Message, path: Path) -> Complaints:
    """`idleTimeout: 0s` switches it off; so does what is less than a millisecond."""
    yield from not_negative(tcp, ("maxConnections",), path)
    for name in ("connectTimeout", "maxConnectionDuration"):
        yield from duration(tcp.get(name), (*path, name))
    if abs(tcp.get("idleTimeout", 0)) >= _MILLISECOND:
        yield from duration(tcp["idleTimeout"], (*path, "idleTimeout"))
    for name in ("time", "interval"):
        yield from duration(tcp.get("tcpKeepalive", {}).get(name), (*path, "tcpKeepalive", name))


def _load_balancer(balancer: Message, path: Path, has_outlier_detection: bool) -> Complaints:
    """`validateLoadBalancer`."""
    if "consistentHash" in balancer:
        yield from _consistent_hash(balancer["consistentHash"], (*path, "consistentHash"))
    if "localityLbSetting" in balancer and "zoneAwareLbSetting" in balancer:
        yield Complaint(path, "only one of localityLbSetting and zoneAwareLbSetting may be set")
    if "localityLbSetting" in balancer:
        yield from locality(balancer["localityLbSetting"], (*path, "localityLbSetting"), has_outlier_detection)
    if "zoneAwareLbSetting" in balancer:
        yield from zone_aware(balancer["zoneAwareLbSetting"], (*path, "zoneAwareLbSetting"), has_outlier_detection)
    if "warmup" in balancer:
        yield from _warmup(balancer["warmup"], (*path, "warmup"))


def _consistent_hash(found: Message, path: Path) -> Complaints:
    if one_of(found, "httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName") == "httpCookie":
        yield from _cookie(found["httpCookie"], (*path, "httpCookie"))
    if found.get("minimumRingSize"):
        yield Complaint((*path, "minimumRingSize"), "minimumRingSize is deprecated for ringHash", warns=True)
        if found.keys() & {"ringHash", "maglev"}:
            yield Complaint((*path, "minimumRingSize"), "minimumRingSize excludes ringHash and maglev")
    if "maglev" in found:
        size = found["maglev"].get("tableSize", 0)
        if size >= _MAX_TABLE or not _is_prime(size):
            yield Complaint((*path, "maglev", "tableSize"), f"tableSize must be a prime number below {_MAX_TABLE}")


def _cookie(cookie: Message, path: Path) -> Complaints:
    if not cookie.get("name"):
        yield Complaint((*path, "name"), "a cookie must have a name")
    names: set[str] = set()
    for index, attribute in enumerate(cookie.get("attributes", ())):
        name = attribute.get("name", "")
        if not name or name in names:
            yield Complaint(
                (*path, "attributes", index), f"{name!r} is set already" if name else "an attribute must have a name"
            )
        names.add(name)


def _is_prime(number: int) -> bool:
    """As Envoy sees it, to which 1 is prime."""
    if number < 4:
        return number != 0
    return bool(number & 1) and all(number % factor for factor in range(3, int(number**0.5) + 1, 2))


def _warmup(warmup: Message, path: Path) -> Complaints:
    if "duration" not in warmup:
        yield Complaint(path, "duration must be set")
    yield from duration(warmup.get("duration"), (*path, "duration"))
    if warmup.get("minimumPercent", 0) > 100:
        yield Complaint((*path, "minimumPercent"), "minimumPercent must be at most 100")
    if warmup.get("aggression", 1) <= 0:
        yield Complaint((*path, "aggression"), "aggression must be more than 0")


def _tunnel(tunnel: Message, path: Path) -> Complaints:
    """`validateTunnelSettings`."""
    host = tunnel.get("targetHost", "")
    if tunnel.get("protocol") not in (None, "", "CONNECT", "POST"):
        yield Complaint((*path, "protocol"), "protocol must be CONNECT or POST")
    if not is_ip(host):
        yield from told((*path, "targetHost"), bad_fqdn(host))
    yield from told((*path, "targetPort"), bad_port(tunnel.get("targetPort", 0)))


def _tls(tls: Message, meta: Meta, path: Path) -> Complaints:
    """`agent.ValidateTLS`."""
    mode, credential = tls.get("mode", "DISABLE"), tls.get("credentialName", "")
    if credential.startswith("configmap://"):
        yield from told((*path, "credentialName"), _bad_config_map(credential, meta.namespace))
    if tls.get("insecureSkipVerify") and mode in ("SIMPLE", "MUTUAL"):
        verified = ("caCertificates", "subjectAltNames", *(["credentialName"] if mode == "SIMPLE" else []))
        yield from _without(tls, verified, "insecureSkipVerify", path)
    if mode in ("SIMPLE", "MUTUAL") and credential:
        yield from _without(tls, ("clientCertificate", "caCertificates", "privateKey", "caCrl"), "credentialName", path)
    elif mode == "MUTUAL":
        for name in ("clientCertificate", "privateKey"):
            if not tls.get(name):
                yield Complaint(path, f"MUTUAL needs {name}, or a credentialName")


def _without(tls: Mapping[str, object], names: tuple[str, ...], because: str, path: Path) -> Complaints:
    for name in names:
        if tls.get(name):
            yield Complaint((*path, name), f"{name} excludes {because}")


def _bad_config_map(credential: str, namespace: str | None) -> str | None:
    parts = credential.removeprefix("configmap://").split("/")
    if len(parts) < 2 or not parts[0] or not parts[1]:
        return f"{credential} is not of the form configmap://NAMESPACE/NAME"
    return None if namespace in (None, parts[0]) else f"{credential} is not in the rule's own namespace"
