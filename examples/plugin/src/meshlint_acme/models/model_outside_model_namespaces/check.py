from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.rule import Confidence, Problem, Workload


def check(workload: Workload, options: Mapping[str, Any]) -> Iterator[Problem]:
    inference = workload.inference
    if inference and not workload.implied and workload.namespace not in options["namespaces"]:
        yield Problem(
            workload.place,
            related=inference.because,
            confidence=None if inference.sure else Confidence.LOW,
            missing=None if inference.sure else "a label meshlint.io/inference",
            workload=workload,
            allowed=options["namespaces"],
        )
