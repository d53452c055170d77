"""What a configuration may say: it is validated by this, and `schemas/config.schema.json` is written from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from .model import NEWEST, OLDEST

Schema = dict[str, Any]

LEVELS = {
    "audience": ("regular", "pedantic", "auditor"),
    "min-confidence": ("low", "medium", "high"),
    "fail-on": ("info", "warning", "error", "never"),
}
DEFAULTS = {"audience": "regular", "min-confidence": "medium", "fail-on": "warning"}
SEVERITIES = ("error", "warning", "info")


Rules = Mapping[str, tuple[str, Schema]]
"""By id the title of each rule, and the schema of its options."""


_MAJOR_MINOR = r"^[0-9]+\.[0-9]+(\.[0-9]+)?$"
_ISTIO = rf"^{OLDEST[0]}\.({'|'.join(map(str, range(OLDEST[1], NEWEST[1] + 1)))})(\.[0-9]+)?$"
_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_OBJECT = r"^[^\s/]+ [^\s/]+(/[^\s/]+)?$"
PEER = "^(IST|KIA)[0-9]{4}$"
"""The ids of the checks of istioctl analyze and Kiali."""
_DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
_NAMESPACED = "^[^/]+/[^/]+$"
_MESH = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MODELLED = f"a version of Istio from {'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
PATTERNS = {
    _MAJOR_MINOR: "a version, MAJOR.MINOR,",
    _ISTIO: MODELLED,
    _DAY: "a day, YYYY-MM-DD,",
    _OBJECT: "Kind namespace/name or Kind name",
    _DURATION: "a duration, such as 300s,",
    _NAMESPACED: "namespace/name",
}
"""The patterns that text must have, those of options included, in words."""


def schema(rules: Rules | None = None, words: Sequence[str] = ()) -> Schema:
    """The schema of a whole configuration (JSON Schema 2020-12).

    With all rules, and the words that name rules, it knows an installation; without, it is true of any.
    """
    word = {"enum": list(words)} if words else _TEXT
    left_out = {"anyOf": [word, {"type": "string", "pattern": PEER}]} if words else _TEXT
    defs = {
        "settings": _object("What is known about the mesh besides its manifests", _settings()),
        "selector": _object("Workloads: all that is given must fit", _SELECTOR, minProperties=1),
        "rule": {"description": "The id or category of a rule, a peer's id (IST0109, KIA1106), or all", **word},
        "ignored": {
            "description": "A word for rules as in select, or the id of a peer's check that no rule does yet",
            **left_out,
        },
        "suppression": _suppression(),
        "mesh": _mesh(),
    }
    top = _object("Settings of meshlint for a project", _keys(rules))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "meshlint.yaml",
        **top,
        "type": ["object", "null"],
        "$defs": defs,
    }


def _object(description: str, properties: Mapping[str, Schema], **more: Any) -> Schema:
    return {
        "description": description,
        "type": "object",
        "additionalProperties": False,
        **more,
        "properties": dict(properties),
    }


def _list(description: str, items: Schema, **more: Any) -> Schema:
    return {"description": description, "type": "array", "items": items, **more}


def _text(description: str, **more: Any) -> Schema:
    return {"description": description, "type": "string", "minLength": 1, **more}


def _choice(description: str, values: Sequence[str]) -> Schema:
    return {"description": description, "enum": list(values)}


_TEXT: Schema = {"type": "string", "minLength": 1}
_GLOBS = "as in .gitignore, relative to the folder of this file"
_SELECTOR: dict[str, Schema] = {
    "namespace": _text("Namespace of the workload"),
    "name": _text("Name of the workload"),
    "labels": {
        "description": "Labels of its pods",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "string"},
    },
}
_VERSION: Schema = {"type": ["string", "number"]}


def _keys(rules: Rules | None) -> dict[str, Schema]:
    words = {"$ref": "#/$defs/rule"}
    return {
        "settings": {"$ref": "#/$defs/settings"},
        "rules": _rules(rules),
        "select": _list("Only these rules (default: all)", words),
        "extend-select": _list("These rules besides those of select", words),
        "ignore": _list(
            "Not these rules; goes before select and extend-select, unless these name the rule's own id",
            {"$ref": "#/$defs/ignored"},
        ),
        "suppressions": _list("Findings that the project accepts, with the reason", {"$ref": "#/$defs/suppression"}),
        "audience": _choice("Who reads the findings: an auditor hears most (default: regular)", LEVELS["audience"]),
        "min-confidence": _choice("How sure a finding must be to be shown (default: medium)", LEVELS["min-confidence"]),
        "fail-on": _choice("Severity from which on a finding fails the run (default: warning)", LEVELS["fail-on"]),
        "baseline": _text("File with the findings that are known, which `meshlint baseline` writes"),
        "meshes": {
            "description": "Meshes of this repository, by name; files that none of them names are one mesh together",
            "type": "object",
            "propertyNames": {"pattern": _MESH},
            "additionalProperties": {"$ref": "#/$defs/mesh"},
        },
    }


def _settings() -> dict[str, Schema]:
    selectors = {"$ref": "#/$defs/selector"}
    kind = _choice("What they serve; none: no models", ("generation", "embedding", "predictive", "none"))
    which: Schema = {"anyOf": [{"required": [key]} for key in _SELECTOR]}
    stated = _object("Workloads, and what they serve", {**_SELECTOR, "kind": kind}, required=["kind"], **which)
    return {
        "world": _choice(
            "closed: the input is the whole mesh, what it does not have does not exist", ("open", "closed")
        ),
        "istio-version": {
            "description": "Istio version that runs, MAJOR.MINOR (default: the newest that meshlint knows)",
            **_VERSION,
            "pattern": _ISTIO,
        },
        "kubernetes-version": {
            "description": "Oldest kubelet of the cluster, MAJOR.MINOR",
            **_VERSION,
            "pattern": _MAJOR_MINOR,
        },
        "linkerd-version": _text("Linkerd version that runs"),
        "gateway-api-channel": _choice("Channel of the Gateway API's definitions", ("standard", "experimental")),
        "cluster-domain": _text("DNS domain of the cluster (default: cluster.local)"),
        "trust-domains": _list("Trust domains of identities (default: cluster.local)", _TEXT, minItems=1),
        "root-namespace": _text(
            "Namespace of mesh-wide policies (default: what the mesh settings say, else istio-system)"
        ),
        "approved-egress-hosts": _list("Hosts outside the mesh that may be called", _TEXT),
        "tenant-facing": _list("Workloads that take requests from outside", selectors),
        "internal": _list("Workloads that only the mesh may reach", selectors),
        "inference": _list("What workloads serve, where it cannot be told from their manifests", stated),
    }


def _rules(rules: Rules | None) -> Schema:
    description = "Severity and options of single rules, by rule id"
    if rules is None:
        return {
            "description": description,
            "type": "object",
            "additionalProperties": _rule("A rule", {"type": "object"}),
        }
    return _object(description, {id: _rule(title, options) for id, (title, options) in rules.items()})


def _rule(description: str, options: Schema) -> Schema:
    severity = _choice("In place of the rule's own", SEVERITIES)
    options = {"description": "Options of the rule (meshlint explain RULE)", **options}
    return _object(description, {"severity": severity, "options": options})


def _suppression() -> Schema:
    one_of_both: Schema = {"anyOf": [{"required": ["paths"]}, {"required": ["resources"]}]}
    resource = {"type": "string", "pattern": _OBJECT}
    properties = {
        "rules": _list("Rules whose findings are accepted", {"$ref": "#/$defs/rule"}, minItems=1),
        "paths": _list(f"Files they are in: patterns {_GLOBS}", _TEXT, minItems=1),
        "resources": _list(
            "Objects they are about: `Kind namespace/name` or, without a namespace, `Kind name`; `*` and `?` are wild",
            resource,
            minItems=1,
        ),
        "reason": _text("Why they are accepted", pattern=r"\S"),
        "until": _text("Last day of the suppression, YYYY-MM-DD", pattern=_DAY, format="date"),
    }
    text = "Findings of some rules that are accepted in some files and objects"
    return _object(text, properties, required=["rules", "reason"], **one_of_both)


def _mesh() -> Schema:
    properties = {
        "paths": _list(f"Its files; one may belong to several meshes: patterns {_GLOBS}", _TEXT, minItems=1),
        "settings": {"$ref": "#/$defs/settings"},
    }
    return _object(
        "Files that are applied together; its settings go before those above", properties, required=["paths"]
    )


SETTINGS = frozenset(_settings())
"""The keys of `settings`."""
