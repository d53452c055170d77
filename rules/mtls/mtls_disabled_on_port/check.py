from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.mesh.subjects import MtlsMode, PlaintextUse, Port
from meshlint.rule.rule import Problem
from meshlint.source.change import Put

ACCEPTED = (PlaintextUse.METRICS, PlaintextUse.INGRESS_TLS)


def check(port: Port, options: Mapping[str, Any]) -> Iterator[Problem]:
    mode = port.mtls.holds(lambda value: value is MtlsMode.DISABLE)
    if not mode or not port.captured or not port.workload.in_mesh.value:
        return
    if port.number not in options["allow"] and port.plaintext_use not in ACCEPTED:
        yield Problem(
            mode,
            rests_on=[port.workload.in_mesh],
            fix=[Put(mode.declared, MtlsMode.STRICT.value)] if mode.declared else (),
            port=port,
            reason=mode.because[-1].text,
        )
