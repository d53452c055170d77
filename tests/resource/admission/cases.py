"""Objects that admission takes or refuses, and what the oracle said of each.

`cases/KIND.yaml` holds specs by what they are about (keys with `_` are anchors), `cases/objects.yaml` whole objects.
`recorded.json` is written by `record.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meshlint.source import yaml

HERE = Path(__file__).parent
RECORDED = HERE / "recorded.json"
GROUPS = {
    "security.istio.io/v1": ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"),
    "telemetry.istio.io/v1": ("Telemetry",),
    "extensions.istio.io/v1alpha1": ("TrafficExtension", "WasmPlugin"),
    "networking.istio.io/v1alpha3": ("EnvoyFilter",),
    "networking.istio.io/v1beta1": ("ProxyConfig",),
}
VERSIONS = {kind: version for version, kinds in GROUPS.items() for kind in kinds}


def cases() -> dict[str, dict[str, Any]]:
    """The objects by `KIND/what-it-is-about`; each has a name and is in the namespace `default`."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted((HERE / "cases").glob("*.yaml")):
        for name, value in yaml.parse(file.read_text(encoding="utf-8")).items():
            if name.startswith("_"):
                continue
            whole = value if file.stem == "objects" else {**_header(file.stem), "spec": value}
            found[f"{whole['kind']}/{name}"] = whole
    for name, (kind, spec) in _large().items():
        found[f"{kind}/{name}"] = {**_header(kind), "spec": spec}
    for number, case in enumerate(found.values()):
        case["metadata"] = {"name": f"o{number}", "namespace": "default", **case.get("metadata", {})}
    return found


def _header(kind: str) -> dict[str, str]:
    return {"apiVersion": VERSIONS.get(kind, "networking.istio.io/v1"), "kind": kind}


def _large() -> dict[str, tuple[str, dict[str, Any]]]:
    """What is wrong only for its size."""
    to: dict[str, Any] = {"route": [{"destination": {"host": "s"}}]}
    reply = {"directResponse": {"status": 200, "body": {"string": "a" * (1024 * 1024 + 1)}}}
    return {
        "regex-of-1024": (
            "VirtualService",
            {"hosts": ["s"], "http": [{"match": [{"uri": {"regex": "a" * 1024}}], **to}]},
        ),
        "regex-of-1025": (
            "VirtualService",
            {"hosts": ["s"], "http": [{"match": [{"uri": {"regex": "a" * 1025}}], **to}]},
        ),
        "host-of-256": ("VirtualService", {"hosts": ["a." * 127 + "bc"], "http": [to]}),
        "body-of-more-than-a-mebibyte": ("VirtualService", {"hosts": ["s"], "http": [reply]}),
        "name-of-256": ("WasmPlugin", {"url": "a", "pluginName": "a" * 256}),
        "name-of-257": ("WasmPlugin", {"url": "a", "pluginName": "a" * 257}),
        "secret-of-254": ("WasmPlugin", {"url": "a", "imagePullSecret": "a" * 254}),
        "variable-of-257": ("WasmPlugin", {"url": "a", "vmConfig": {"env": [{"name": "a" * 257}]}}),
        "name-of-257-in-wasm": ("TrafficExtension", {"wasm": {"url": "a", "pluginName": "a" * 257}}),
        "label-prefix-of-254": ("WorkloadEntry", {"address": "1.2.3.4", "labels": {"a." * 126 + "bc/d": "e"}}),
        "label-prefix-of-253": ("WorkloadEntry", {"address": "1.2.3.4", "labels": {"a." * 126 + "b/c": "d"}}),
        "label-name-of-64": ("WorkloadEntry", {"address": "1.2.3.4", "labels": {"a" * 64: "b"}}),
        "code-of-64-kibibytes": ("TrafficExtension", {"lua": {"inlineCode": "a" * 65536}}),
        "code-of-more-than-64-kibibytes": ("TrafficExtension", {"lua": {"inlineCode": "a" * 65537}}),
        "account-of-321": (
            "AuthorizationPolicy",
            {"rules": [{"from": [{"source": {"serviceAccounts": ["a" * 321]}}]}]},
        ),
        "proxy-version-of-1025": (
            "EnvoyFilter",
            {
                "configPatches": [
                    {
                        "applyTo": "CLUSTER",
                        "match": {"proxy": {"proxyVersion": "(" * 1025}},
                        "patch": {"operation": "REMOVE"},
                    }
                ]
            },
        ),
    }


def recorded() -> dict[str, list[str]]:
    """Who refuses each case (`crd`, `webhook`), as the oracle has it."""
    found: dict[str, list[str]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found
