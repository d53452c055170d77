from collections.abc import Iterator

from meshlint.finding import Confidence
from meshlint.mesh.istio.capacity import Gate, Shortfall
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host, ModelKind
from meshlint.rule.rule import Problem

PROXIES = {
    Gate.SERVERS: "The proxy of each pod admits {} requests at a time",
    Gate.CALLERS: "The proxies of all known callers together admit {} requests at a time",
    Gate.QUEUE: "The proxy of a caller lets {} request wait for a connection",
}


def check(host: Host, mesh: Mesh) -> Iterator[Problem]:
    for short in mesh.capacity.shortfalls(host):
        is_queue = short.gate is Gate.QUEUE
        inference = mesh.workloads.inference_of(host.name) if is_queue else None
        certain = inference is None or (inference.sure and inference.kind is ModelKind.GENERATION)
        yield Problem(
            short.location,
            related=[*short.grounds, *(inference.because if inference else ())],
            rests_on=short.grounds,
            confidence=None if certain else Confidence.LOW,
            missing=None if certain else "the workloads behind the host, or a label meshlint.io/inference",
            proxies=PROXIES[short.gate].format(short.admitted),
            host=short.part,
            servers="" if is_queue else f", where {_servers(short)} can run {short.needed}",
            outcome="what else arrives while one is being opened gets 503" if is_queue else _rest(short),
        )


def _servers(short: Shortfall) -> str:
    return "its model server" if short.gate is Gate.SERVERS else "the model servers"


def _rest(short: Shortfall) -> str:
    return f"the rest {'' if short.refuses else 'waits or '}gets 503 while GPUs idle"
