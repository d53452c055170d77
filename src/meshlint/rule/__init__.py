"""What the check of a rule may import: the subjects, what they are made of, what a check yields, and what mends it.

For rules outside meshlint this is all there is; whatever else they import may change without notice.
"""

from ..finding import Audience, Confidence, Severity
from ..mesh.effective import UNKNOWN, Basis, Effective, Reason
from ..mesh.mesh import Mesh
from ..mesh.subjects import (
    Answer,
    DataPlane,
    Egress,
    Host,
    ModelKind,
    MtlsMode,
    PlaintextUse,
    Port,
    Route,
    WantedHost,
    Workload,
)
from ..resource.resource import Resource
from ..source.change import Append, Put, Remove, Rename
from ..source.document import Location
from .rule import Problem

__all__ = [
    "UNKNOWN",
    "Answer",
    "Append",
    "Audience",
    "Basis",
    "Confidence",
    "DataPlane",
    "Effective",
    "Egress",
    "Host",
    "Location",
    "Mesh",
    "ModelKind",
    "MtlsMode",
    "PlaintextUse",
    "Port",
    "Problem",
    "Put",
    "Reason",
    "Remove",
    "Rename",
    "Resource",
    "Route",
    "Severity",
    "WantedHost",
    "Workload",
]
