"""`meshlint can` and `meshlint show access`: verdicts with their reasons, and what is wrong with a question."""

from __future__ import annotations

import json
import re
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import jsonschema
import pytest
from program import meshlint

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "can.schema.json").read_text(encoding="utf-8"))

MESH = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, namespace: shop}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      serviceAccountName: llm
      containers:
        - name: llm
          image: llm
          ports: [{name: http, containerPort: 8000}, {name: raw, containerPort: 9000}]
---
apiVersion: v1
kind: Service
metadata: {name: llm, namespace: shop}
spec:
  selector: {app: llm}
  ports: [{name: http-api, port: 80, targetPort: 8000}, {name: tcp, port: 9000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers: [{name: web, image: web}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: chat, namespace: shop}
spec:
  selector: {matchLabels: {app: llm}}
  rules:
    - from: [{source: {serviceAccounts: [web]}}]
      to: [{operation: {methods: [POST], paths: [/v1/*]}}]
    - when: [{key: "request.auth.claims[role]", values: [admin]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-tenant, namespace: shop}
spec:
  selector: {matchLabels: {app: llm}}
  action: DENY
  rules:
    - when: [{key: "request.headers[x-tenant]", values: ["evil*"]}]
      to: [{operation: {ports: ["8000"]}}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec:
  jwtRules: [{issuer: https://i.example}]
"""


def line(text: str) -> int:
    return next(n for n, found in enumerate(MESH.splitlines(), 1) if text in found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mesh.yaml").write_text(MESH)
    return tmp_path


def can(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return meshlint("can", "mesh.yaml", *arguments, cwd=folder)


CALL = ("--from", "shop/web", "--to", "shop/llm:8000", "--method", "POST", "--path", "/v1/chat")
FIRST, SECOND = line("serviceAccounts: [web]"), line("claims[role]")
DENYING = line("x-tenant")


@pytest.mark.parametrize(
    ("arguments", "code", "output"),
    [
        pytest.param(
            CALL,
            0,
            f"allow: shop/web to shop/llm:8000\n    AuthorizationPolicy shop/chat allows it  mesh.yaml:{FIRST}\n",
            id="allowed",
        ),
        pytest.param(
            (*CALL, "--header", "X-Tenant: evil-1"),
            1,
            f"deny: shop/web to shop/llm:8000\n    AuthorizationPolicy shop/no-tenant denies it  mesh.yaml:{DENYING}\n",
            id="denied",
        ),
        pytest.param(
            ("--plaintext", "--to", "shop/llm:http", "--claim", "iss=https://i.example", "--claim", "role=admin"),
            0,
            f"allow: plaintext to shop/llm:http\n    AuthorizationPolicy shop/chat allows it  mesh.yaml:{SECOND}\n",
            id="by its token, to the name of the container's port",
        ),
        pytest.param(
            ("--plaintext", "--to", "shop/llm:http-api", "--claim", "iss=elsewhere"),
            1,
            "deny: plaintext to shop/llm:http-api\n"
            f"    RequestAuthentication shop/tokens takes no token of issuer elsewhere  mesh.yaml:{line('jwtRules')}\n",
            id="a token of nobody, to the name of the Service's port",
        ),
        pytest.param(
            ("--from", "shop/web", "--to", "shop/llm:raw", "--tcp"),
            1,
            "deny: shop/web to shop/llm:raw\n"
            "    no rule of AuthorizationPolicy shop/chat allows it: without HTTP there is nothing that its methods and paths "
            f"and request.auth.claims[role] could fit  mesh.yaml:{FIRST - 1}\n",
            id="without HTTP",
        ),
        pytest.param(
            CALL[:6],
            4,
            "unknown: shop/web to shop/llm:8000, which depends on path\n"
            "  allow: /v1/* to shop/llm:8000\n"
            f"    AuthorizationPolicy shop/chat allows it  mesh.yaml:{FIRST}\n"
            "  deny: any other path to shop/llm:8000\n"
            f"    no rule of AuthorizationPolicy shop/chat allows it  mesh.yaml:{FIRST - 1}\n",
            id="what is left open matters",
        ),
    ],
)
def test_a_call_is_decided_with_reasons(folder: Path, arguments: tuple[str, ...], code: int, output: str) -> None:
    run = can(folder, *arguments)
    assert (run.stdout, run.stderr, run.returncode) == (output, "", code)


@pytest.mark.parametrize(
    ("expected", "header", "code", "message"),
    [
        ("allow", "x-tenant: good", 0, ""),
        ("deny", "x-tenant: good", 1, "meshlint: expected deny, found allow\n"),
        ("deny", "x-tenant: evil", 0, ""),
        ("allow", "x-tenant: evil", 1, "meshlint: expected allow, found deny\n"),
    ],
)
def test_an_assertion(folder: Path, expected: str, header: str, code: int, message: str) -> None:
    run = can(folder, *CALL, "--header", header, "--expect", expected)
    assert (run.stderr, run.returncode) == (message, code)


def test_what_is_not_known_meets_no_expectation(folder: Path) -> None:
    for expected in ("allow", "deny"):
        assert can(folder, *CALL[:4], "--expect", expected).returncode == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "shop/llm:80", "--plaintext"), "shop/llm has no port 80: it has 8000 (http), 9000 (raw); 80 of its Service leads to 8000"),
        (("--to", "shop/llm:grpc", "--plaintext"), "shop/llm has no port grpc: it has 8000 (http), 9000 (raw); * stands for any other"),
        (("--to", "shop/lm:8000", "--plaintext"), "no workload shop/lm is in the input; did you mean shop/llm?"),
        (("--to", "llm", "--plaintext"), "no workload llm is in the input; did you mean shop/llm?"),
        (("--to", "shop/llm:8000"), "one of --from and --plaintext says who calls"),
        (("--to", "shop/llm:8000", "--from", "a/b", "--plaintext"), "one of --from and --plaintext says who calls"),
        (("--to", "shop/llm:8000", "--from", "web"), "web is no service account: NAMESPACE/ACCOUNT is"),
        (("--to", "shop/llm:8000", "--plaintext", "--path", "v1"), "--path v1 does not begin with /"),
        (("--to", "shop/llm:8000", "--plaintext", "--header", "x"), "--header x is not NAME: VALUE"),
        (("--to", "shop/llm:8000", "--plaintext", "--header", "Host: x"), "--header Host: x is said with --host"),
        (("--to", "shop/llm:8000", "--plaintext", "--claim", "x"), "--claim x is not NAME=VALUE"),
        (("--to", "shop/llm:8000", "--plaintext", "--ip", "10.0.0"), "--ip 10.0.0 is no address"),
        (
            ("--to", "shop/llm:9000", "--plaintext", "--tcp", "--path", "/"),
            "--tcp leaves no room for --method, --path, --host, --header and --claim, which only HTTP has",
        ),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    run = can(folder, *arguments)
    assert (run.stdout, run.stderr, run.returncode) == ("", f"meshlint: {message}\n", 2)


def test_an_account_that_nothing_runs_as_is_told(folder: Path) -> None:
    run = can(folder, *CALL[2:], "--from", "shop/wep")
    assert run.returncode == 1
    assert run.stderr == "meshlint: note: no workload of the input runs as shop/wep; did you mean shop/web?\n"


def test_a_port_that_nothing_names(folder: Path) -> None:
    run = can(folder, "--from", "shop/web", "--to", "shop/llm:*", "--tcp", "--expect", "deny")
    assert (run.returncode, run.stdout.splitlines()[0]) == (0, "deny: shop/web to shop/llm:*")
    assert can(folder, "--from", "shop/llm", "--to", "shop/web:1234").stdout.startswith(
        "allow: shop/llm to shop/web:1234\n"
    )


def test_without_a_port_all_are_asked(folder: Path) -> None:
    run = can(folder, *CALL[:3], "shop/llm", *CALL[4:])
    assert run.returncode == 4
    assert run.stdout.splitlines()[1::2] == [
        "  allow: any request to shop/llm:8000",
        "  deny: any bytes to shop/llm:9000",
    ]


def test_nested_claims_and_lists(folder: Path) -> None:
    mesh = (folder / "mesh.yaml").read_text()
    (folder / "mesh.yaml").write_text(mesh.replace("claims[role]", "claims[realm][roles]"))
    token = ("--claim", "iss=https://i.example", "--claim", "realm[roles]=user")
    assert can(folder, "--plaintext", "--to", "shop/llm:8000", *token).returncode == 1
    assert can(folder, "--plaintext", "--to", "shop/llm:8000", *token, "--claim", "realm[roles]=admin").returncode == 0


def answers(run: CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.stdout)
    jsonschema.validate(found, SCHEMA, format_checker=jsonschema.FormatChecker())
    return found


def test_as_json(folder: Path) -> None:
    run = can(folder, *CALL, "--format", "json")
    assert run.returncode == 0
    assert answers(run) == {
        "verdict": "allow",
        "answers": [
            {
                "variant": None,
                "workload": "shop/llm",
                "ports": [8000],
                "tcp": False,
                "callers": [{"caller": ["shop/web"]}],
                "requests": [{}],
                "layer": "rbac",
                "policies": ["shop/chat"],
                "verdict": "allow",
                "because": [
                    {
                        "text": "AuthorizationPolicy shop/chat allows it",
                        "basis": "declared",
                        "location": {"file": "mesh.yaml", "line": FIRST, "path": "spec.rules[0]"},
                    }
                ],
            }
        ],
    }


def test_an_open_question_as_json(folder: Path) -> None:
    run = can(folder, *CALL[:4], "--format", "json")
    found = answers(run)
    assert (run.returncode, found["verdict"]) == (4, "unknown")
    assert [(answer["verdict"], answer["requests"]) for answer in found["answers"]] == [
        ("allow", [{"method": ["POST"], "path": ["/v1/*"]}]),
        ("deny", [{"path": ["any other"]}, {"method": ["any other"]}]),
    ]


def test_variants_are_asked_each(folder: Path) -> None:
    for name, mode in (("prod", "STRICT"), ("test", "PERMISSIVE")):
        (folder / name).mkdir()
        (folder / name / "mtls.yaml").write_text(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
            f"metadata: {{name: default, namespace: shop}}\nspec: {{mtls: {{mode: {mode}}}}}\n"
        )
    run = meshlint("can", ".", "--plaintext", "--to", "shop/web:80", cwd=folder)
    assert run.returncode == 4
    assert [found for found in run.stdout.splitlines() if found.startswith("  ") and found[2] != " "] == [
        "  deny: any request to shop/web:80 in variant prod",
        "  allow: any request to shop/web:80 in variant test",
    ]


def shown(folder: Path, *arguments: str) -> list[tuple[str, ...]]:
    run = meshlint("show", "access", "mesh.yaml", *arguments, cwd=folder)
    assert (run.returncode, run.stderr) == (0, "")
    return [tuple(re.split("  +", row)) for row in run.stdout.splitlines()[1:] if not row.startswith(" ")]


def test_who_may_call_a_port(folder: Path) -> None:
    rows = shown(folder, "--to", "shop/llm:raw")
    assert rows == [("shop/llm:9000", "anyone", "any bytes", "deny")]
    assert shown(folder, "--to", "shop/llm:8000", "--from", "shop/web") == [
        ("shop/llm:8000", "shop/web", "POST, /v1/*, header x-tenant absent or any other header x-t…", "allow"),
        ("shop/llm:8000", "shop/web", "any other path | header x-tenant evil* | any other method", "deny"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ports", "--to", "shop/llm"), "--to is for access and exposure, --from for access, not ports"),
        (("access", "--to", "shop/lm"), "no workload shop/lm is in the input; did you mean shop/llm?"),
        (("access", "--to", "shop/llm:80"), "shop/llm has no port 80: it has 8000 (http), 9000 (raw); 80 of its Service leads to 8000"),
        (("access", "--from", "web"), "web is no service account: NAMESPACE/ACCOUNT is"),
    ],
)  # fmt: skip
def test_access_of_what_is_not_there(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    run = meshlint("show", arguments[0], "mesh.yaml", *arguments[1:], cwd=folder)
    assert (run.stdout, run.stderr, run.returncode) == ("", f"meshlint: {message}\n", 2)


def test_access_as_json_names_what_decides(folder: Path) -> None:
    run = meshlint("show", "access", "mesh.yaml", "--to", "shop/llm:9000", "--format", "json", cwd=folder)
    ((row,),) = [variant["access"] for variant in json.loads(run.stdout)]
    assert (row["ports"], row["layer"], row["policies"], row["verdict"]["value"]) == ([9000], "rbac", [], "deny")
    assert row["verdict"]["because"][-1]["location"]["line"] == FIRST - 1
