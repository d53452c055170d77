"""The examples of every rule hold, and the runner that says so notices when one does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from meshes import report

from meshlint.cli.test import run
from meshlint.finding import Finding
from meshlint.rule import catalog

FOLDERS = sorted(path.parent for path in Path(catalog.root()).glob("*/*/rule.yaml"))
SUBJECT = Path(catalog.root()) / "mtls" / "port_mtls_without_selector"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_examples(folder: Path) -> None:
    outcomes = run(folder)
    assert {outcome.example: outcome.errors for outcome in outcomes if outcome.errors} == {}


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    """A copy of a rule with one bad and one good example."""
    folder = tmp_path / "mtls" / SUBJECT.name
    shutil.copytree(SUBJECT, folder, ignore=shutil.ignore_patterns("examples", "__pycache__"))
    (folder / "examples").mkdir()
    for example in ("bad_mesh.yaml", "good_selector.yaml"):
        shutil.copy(SUBJECT / "examples" / example, folder / "examples")
    return folder


def errors(folder: Path) -> list[str]:
    return [error for outcome in run(folder) for error in outcome.errors]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_copy_is_as_it_should_be(rule: Path) -> None:
    assert errors(rule) == []


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            "{15090: {mode: PERMISSIVE}}",
            "null",
            "bad_mesh.yaml:10: port-mtls-without-selector was expected and not found",
        ),
        ("error high", "warning high", "bad_mesh.yaml:10: warning was expected, and it is error, high"),
        ("error high", "error low", "bad_mesh.yaml:10: low was expected, and it is error, high"),
        ("expect: port-mtls", "expect: other", "no line says `# expect: port-mtls-without-selector`"),
    ],
)
def test_a_bad_example_that_differs_is_an_error(rule: Path, old: str, new: str, error: str) -> None:
    edit(rule / "examples" / "bad_mesh.yaml", old, new)
    assert errors(rule)[0] == error


def test_a_finding_that_no_line_expects_is_an_error(rule: Path) -> None:
    example = rule / "examples" / "bad_mesh.yaml"
    text = example.read_text(encoding="utf-8")
    again = text.replace("default", "other").partition(" # expect")[0]
    example.write_text(f"{text}---\n{again}\n", encoding="utf-8")
    (error,) = errors(rule)
    assert error.startswith("bad_mesh.yaml:21: port-mtls-without-selector was found and not expected: ")


def test_a_good_example_that_is_found_is_an_error(rule: Path) -> None:
    edit(rule / "examples" / "good_selector.yaml", "  selector:\n    matchLabels:\n      app: model-server\n", "")
    (error, *_) = errors(rule)
    assert error.startswith("good_selector.yaml:19: port-mtls-without-selector was found in a good example: ")


def test_a_good_example_must_please_every_rule(rule: Path) -> None:
    edit(rule / "examples" / "good_selector.yaml", "    mode: STRICT\n", "    mode: STRICT\n    mode: STRICT\n")
    assert [error.partition(" was")[0] for error in errors(rule)] == [
        "good_selector.yaml:10: duplicate-key",
        "good_selector.yaml:23: duplicate-key",
    ]


@pytest.mark.parametrize("sort", ["bad", "good"])
def test_a_rule_needs_examples_of_both_sorts(rule: Path, sort: str) -> None:
    next((rule / "examples").glob(f"{sort}*")).unlink()
    assert errors(rule) == [f"there is no {sort} example"]


def findings_at(place: str) -> tuple[str, list[Finding]]:
    """The rule whose example has a line, and what every rule finds there."""
    path, _, line = place.partition(":")
    file = Path(catalog.root()) / path
    mesh = file if file.parent.name == "examples" else file.parent
    found = [finding for finding in report(mesh).findings if finding.location.span.start_line == int(line)]
    return path.split("/")[1].replace("_", "-"), found


FIXING = Path(catalog.root()) / "timeouts" / "timeout_cuts_streaming_response"


@pytest.fixture
def fixing(tmp_path: Path) -> Path:
    """A copy of a rule with a fix, with one example of each sort."""
    folder = tmp_path / "timeouts" / FIXING.name
    shutil.copytree(FIXING, folder, ignore=shutil.ignore_patterns("examples", "__pycache__"))
    (folder / "examples").mkdir()
    for name in ("bad_longer_minimum", "fixed_longer_minimum"):
        shutil.copytree(FIXING / "examples" / name, folder / "examples" / name)
    shutil.copy(FIXING / "examples" / "good_stated.yaml", folder / "examples")
    return folder


def test_the_copy_with_a_fix_is_as_it_should_be(fixing: Path) -> None:
    assert errors(fixing) == []


def test_a_rule_with_a_fix_shows_it(fixing: Path) -> None:
    shutil.rmtree(fixing / "examples" / "fixed_longer_minimum")
    assert errors(fixing) == ["there is no fixed example"]


@pytest.mark.parametrize(
    ("old", "new"), [("timeout: 600s", "timeout: 900s"), ("      timeout: 600s", "      timeout:  600s")]
)
def test_a_fixed_example_is_what_the_fixes_write(fixing: Path, old: str, new: str) -> None:
    edit(fixing / "examples" / "fixed_longer_minimum" / "routes.yaml", old, new)
    (error,) = errors(fixing)
    assert error.startswith("fixed_longer_minimum/routes.yaml:16: ")
    assert new in error and old in error


def test_a_fixed_example_has_the_files_of_the_bad_one(fixing: Path) -> None:
    (fixing / "examples" / "fixed_longer_minimum" / "more.yaml").write_text("a: 1\n")
    (fixing / "examples" / "fixed_longer_minimum" / "meshlint.yaml").unlink()
    assert errors(fixing) == [
        "fixed_longer_minimum/meshlint.yaml:1: None is here, and the fixes write 'rules:\\n'",
        "fixed_longer_minimum/more.yaml:1: 'a: 1\\n' is here, and the fixes write None",
    ]


def test_a_fixed_example_belongs_to_a_bad_one(fixing: Path) -> None:
    shutil.copy(fixing / "examples" / "good_stated.yaml", fixing / "examples" / "fixed_stated.yaml")
    assert errors(fixing) == ["there is no bad_stated.yaml"]


def test_a_fix_that_does_not_mend_is_an_error(fixing: Path) -> None:
    edit(fixing / "check.py", "duration_text(least)", '"301s"')
    edit(fixing / "examples" / "fixed_longer_minimum" / "routes.yaml", "600s", "301s")
    after, fixed = errors(fixing)
    assert after.startswith(
        "bad_longer_minimum/routes.yaml:16: timeout-cuts-streaming-response was found after the fixes"
    )
    assert fixed.startswith("fixed_longer_minimum/routes.yaml:16: timeout-cuts-streaming-response was found in a fixed")


WITHOUT_A_FIX = {
    "mtls/port_accepts_plaintext/examples/bad_default.yaml:14": "nothing is written",
    "mtls/port_accepts_plaintext/examples/bad_tie.yaml:25": "nobody knows which policy decides",
    "mtls/mtls_disabled_on_port/examples/bad_tie.yaml:12": "nobody knows which policy decides",
    "egress/egress_unrestricted/examples/bad_mesh_settings.yaml:11": "the namespaces have no Sidecar",
    "egress/egress_unrestricted/examples/bad_root_sidecar.yaml:11": "the Sidecar is for every namespace",
    "destinations/traffic_policy_override_drops_settings/examples/bad_budget_of_a_port.yaml:14": "a port has no budget",
    "destinations/traffic_policy_override_drops_settings/examples/bad_if_it_wins.yaml:38": "nobody knows what is merged",
    "destinations/h2_upgrade_on_non_http_port/examples/bad_tls_twice.yaml:28": "it changes what the proxy offers",
    "destinations/h2_upgrade_on_non_http_port/examples/bad_sniffed_behind_gateway.yaml:37": "gateways obey it",
    "retries/retry_on_generation_route/examples/bad_mesh_default.yaml:11": "it is the policy of every route",
    "retries/retry_on_generation_route/examples/bad_built_in_conditions/routes.yaml:20": "there is no block",
    "authorization/path_wildcard_matched_literally/examples/bad_allow.yaml:16": "only paths have templates",
    "authorization/path_wildcard_matched_literally/examples/bad_allow.yaml:29": "it is no path",
    "authorization/path_wildcard_matched_literally/examples/bad_allow.yaml:30": "a template and * do not mix",
    "authorization/path_wildcard_matched_literally/examples/bad_allow.yaml:31": "a template is a whole segment",
    "authorization/path_wildcard_matched_literally/examples/bad_template_before_1.22/policy.yaml:12": "no templates yet",
}


@pytest.mark.parametrize("place", WITHOUT_A_FIX)
def test_some_findings_have_no_fix(place: str) -> None:
    id, at_the_line = findings_at(place)
    assert [(f.rule.id, f.fix) for f in at_the_line if f.rule.id == id] == [(id, None)], WITHOUT_A_FIX[place]


MESSAGES = [
    (
        "mtls/port_accepts_plaintext/examples/bad_workload_port.yaml:31",
        "Plaintext is accepted on ai-inference/llama:8000: the effective mTLS mode is PERMISSIVE (PeerAuthentication "
        "ai-inference/llama sets PERMISSIVE for port 8000), so any pod that can reach it may call without an identity.",
    ),
    (
        "mtls/port_accepts_plaintext/examples/bad_default.yaml:14",
        "Plaintext is accepted on the ports of namespace search and the ports of namespace shop: the effective mTLS mode "
        "is PERMISSIVE (Istio's default, which no PeerAuthentication of the input changes), so any pod that can reach it "
        "may call without an identity.",
    ),
    (
        "mtls/mtls_disabled_on_port/examples/bad_mesh.yaml:9",
        "Only plaintext is accepted on shop/cart:8080 and billing/ledger:8080: PeerAuthentication istio-system/default "
        "sets DISABLE for the whole mesh, so callers are neither encrypted nor identified, and rules about identities "
        "never match there.",
    ),
    (
        "mtls/port_mtls_without_selector/examples/bad_namespace.yaml:10",
        "PeerAuthentication ai-inference/default is rejected at admission, because portLevelMtls needs a selector; where "
        "it is stored already its port settings are ignored, and the mode of port 9090 and port 8080 stays STRICT.",
    ),
    (
        "mtls/port_mtls_without_selector/examples/bad_empty_map.yaml:10",
        "PeerAuthentication shop/default is rejected at admission, because portLevelMtls needs a selector; where it is "
        "stored already its port settings are ignored, and the mode of all ports stays STRICT.",
    ),
    (
        "mtls/port_mtls_names_no_container_port/examples/bad_service_port.yaml:19",
        "PeerAuthentication ai-inference/embedder sets STRICT for port 80, but that is a port of Service "
        "ai-inference/embedder; the container port behind it is ai-inference/embedder:8080, where the entry has no effect "
        "and the mode stays PERMISSIVE.",
    ),
    (
        "mtls/strict_mtls_blocks_scrape_or_probe/examples/bad_service_monitor.yaml:38",
        "The scrape of ai-inference/llama:8000 by ServiceMonitor ai-inference/llama presents no certificate of the mesh, but "
        "the port requires mTLS (PeerAuthentication istio-system/default sets STRICT for the whole mesh), so each one is reset.",
    ),
    (
        "mtls/strict_mtls_blocks_scrape_or_probe/examples/bad_probe.yaml:45",
        "The health check of ai-inference/llama:8080 by the kubelet (readinessProbe) presents no certificate of the mesh, but "
        "the port requires mTLS (PeerAuthentication istio-system/default sets STRICT for the whole mesh), so each one is reset.",
    ),
    (
        "authorization/path_wildcard_matched_literally/examples/bad_allow.yaml:22",
        "`/v2/models/*/infer` matches only a literal asterisk, so the requests that paths is meant for are refused.",
    ),
    (
        "authorization/path_wildcard_matched_literally/examples/bad_deny.yaml:13",
        "`/v2/repository/models/*/load` matches only a literal asterisk, so the requests that paths is meant for are "
        "never denied.",
    ),
    (
        "authorization/path_wildcard_matched_literally/examples/bad_deny.yaml:30",
        "`/models/*/health` matches only a literal asterisk, so the requests that notPaths is meant for are not "
        "excepted, and are denied.",
    ),
    (
        "authorization/path_wildcard_matched_literally/examples/bad_conditions.yaml:35",
        "`team-*-readonly` matches only a literal asterisk, so the requests that "
        "request.auth.claims[group] is meant for are not excepted, and are admitted.",
    ),
    (
        "retries/retry_on_generation_route/examples/bad_repeats_work.yaml:19",
        "A request to a generating model that fails on 5xx and reset before its answer begins is sent up to 3 more times "
        "(ai-inference/llama http[0] (chat)), so an answer that was already being computed is computed again.",
    ),
    (
        "retries/retry_on_generation_route/examples/bad_repeats_refusals.yaml:18",
        "A request to a generating model that fails on 503 and 429 before its answer begins is sent up to 3 more times "
        "(ai-inference/mistral http[0]), so an overloaded model gets up to 4 times the requests.",
    ),
    (
        "retries/retry_on_generation_route/examples/bad_mesh_default.yaml:11",
        "A request to a generating model that fails on 5xx before its answer begins is sent up to 2 more times "
        "(ai-inference/llama http[0] and ai-inference/llama http[1]), so an answer that was already being computed is "
        "computed again.",
    ),
    (
        "retries/retries_outlast_timeout/examples/bad_attempts.yaml:28",
        "shop/cart http[1] (write) asks for 2 tries of 1.5s in a timeout of 2.5s: at most 1 can run to their end, the "
        "rest are cut short or never start.",
    ),
    (
        "retries/retry_conditions_never_match/examples/bad_grpc_words.yaml:15",
        "shop/search http[0] never retries: `unavailable,resource-exhausted` names only gRPC statuses, which no answer over "
        "plain HTTP has, and it replaces the default conditions, so not even a failed connection is retried.",
    ),
    (
        "retries/retry_conditions_never_match/examples/bad_impossible_words.yaml:18",
        "shop/cart http[0] never retries: `retriable-status-codes` names only conditions that cannot occur, and it replaces "
        "the default conditions, so not even a failed connection is retried.",
    ),
    (
        "retries/per_try_timeout_is_not_retried/examples/bad_conditions.yaml:19",
        "shop/cart http[0] really times out after 2s, not 10s: a slow try is answered with 504 and the default retryOn does "
        "not retry it.",
    ),
    (
        "retries/per_try_timeout_is_not_retried/examples/bad_conditions.yaml:36",
        "shop/cart http[2] really times out after 0.5s, although it has no timeout: a slow try is answered with 504 and "
        "`reset-before-request` does not retry it.",
    ),
    (
        "retries/per_try_timeout_is_not_retried/examples/bad_unknown_timeout.yaml:16",
        "shop/cart http[0] really times out after 2s, whatever its timeout is: a slow try is answered with 504 and the "
        "default retryOn does not retry it.",
    ),
    (
        "retries/default_retries_on_generation_route/examples/bad_built_in.yaml:10",
        "ai-inference/llama http[0] has no retries block, and Istio then retries up to 2 times on connect-failure and "
        "refused-stream.",
    ),
    (
        "retries/default_retries_on_generation_route/examples/bad_mesh_settings.yaml:19",
        "ai-inference/assistant http[0] has no retries block, and Istio then retries up to 2 times on connect-failure, "
        "refused-stream, unavailable and cancelled.",
    ),
    (
        "retries/default_retries_on_generation_route/examples/bad_mesh_default.yaml:36",
        "ai-inference/llama http[0] has no retries block, and Istio then retries once on connect-failure.",
    ),
    (
        "timeouts/zero_timeout_does_not_disable/examples/bad_virtualservice.yaml:13",
        "`0s` here does not mean no timeout: VirtualService ai-inference/llama is rejected at admission, so nothing in it "
        "takes effect.",
    ),
    (
        "timeouts/per_try_timeout_shorter_than_first_token/examples/bad_generation_paths.yaml:20",
        "ai-inference/llama http[0] (chat) gives up a try after 45s without a first byte: a queued or non-streaming "
        "generation is abandoned and sent again while the model still works on it.",
    ),
    (
        "timeouts/per_try_timeout_shorter_than_first_token/examples/bad_backend.yaml:16",
        "ai-inference/assistant http[0] gives up a try after 10s without a first byte: a queued or non-streaming generation "
        "is abandoned with 504.",
    ),
    (
        "routing/uri_wildcard_matched_literally/examples/bad_nobody_takes_them.yaml:19",
        "edge/models http[1] matches only paths with a literal asterisk in `/v2/models/*/infer`; requests to "
        "/v2/models/…/infer get 404.",
    ),
    (
        "routing/uri_wildcard_matched_literally/examples/bad_others_take_them.yaml:20",
        "shop/shop http[1] (beta) matches only paths with a literal asterisk in `/cart*`; requests to /cart… go to "
        "shop/shop http[2] (cart).",
    ),
    (
        "routing/uri_wildcard_matched_literally/examples/bad_perhaps_others.yaml:13",
        "edge/docs http[0] matches only paths with a literal asterisk in `/docs/*`; requests to /docs/… are left to its "
        "other matches.",
    ),
    (
        "routing/uri_wildcard_matched_literally/examples/bad_perhaps_others.yaml:31",
        "edge/blog http[0] matches only paths with a literal asterisk in `/posts/*`; requests to /posts/… go past it.",
    ),
    (
        "routing/rewrite_leaves_double_slash/examples/bad_prefixes.yaml:18",
        "edge/console http[0] (app) rewrites /app/… and /console/… to //…, so the server receives a path with a double "
        "slash.",
    ),
    (
        "routing/virtualservice_without_catch_all/examples/bad_paths.yaml:11",
        "In-mesh requests to llama.ai-inference.svc.cluster.local that match none of /v1/chat/completions, /health and "
        "header x-team get 404 from the caller's proxy, including metrics and model-list calls; they do not fall through to "
        "the service.",
    ),
    (
        "routing/virtualservice_without_catch_all/examples/bad_some_callers.yaml:9",
        "In-mesh requests to guard.shop.svc.cluster.local from callers with app=console that match none of /admin get 404 "
        "from the caller's proxy, including health and metrics calls; they do not fall through to the service.",
    ),
    (
        "timeouts/timeout_cuts_streaming_response/examples/bad_longer_minimum/routes.yaml:16",
        "ai-inference/llama http[0] leads to a generating model, and the proxy cuts every response after 300s, also in "
        "the middle of a stream; the accepted minimum (option min) is 10m.",
    ),
    (
        "routing/virtualservice_shadowed_by_another/examples/bad_tie.yaml:9",
        "For llama.ai-inference.svc.cluster.local sidecars use only one of VirtualService ai-inference/llama-canary and "
        "VirtualService ai-inference/llama-streaming, the older one, which manifests cannot tell; the routes of the "
        "other never take effect.",
    ),
    (
        "routing/virtualservice_shadowed_by_another/examples/bad_private_first.yaml:23",
        "For cart.shop.svc.cluster.local sidecars use VirtualService agents/cart-override and not VirtualService shop/cart, "
        "since clients in agents look first at what is private to the namespace; the routes of the other never take effect "
        "for clients in agents.",
    ),
    (
        "destinations/destinationrule_policy_dropped_in_merge/examples/bad_three_policies.yaml:34",
        "DestinationRule ai-inference/llama-pool, DestinationRule ai-inference/llama-breaker and DestinationRule "
        "ai-inference/llama-locality describe the same host llama.ai-inference.svc.cluster.local, and Istio keeps the "
        "trafficPolicy of only one, the oldest, as a whole; what the others say (connectionPool or outlierDetection or "
        "loadBalancer) never takes effect.",
    ),
    (
        "destinations/destinationrule_policy_dropped_in_merge/examples/bad_empty_policy.yaml:18",
        "DestinationRule ai-inference/llama-pool and DestinationRule ai-inference/llama describe the same host "
        "llama.ai-inference.svc.cluster.local, and Istio keeps the trafficPolicy of only one, the oldest, as a whole; what "
        "the others say (connectionPool) never takes effect.",
    ),
    (
        "egress/authorization_policy_does_not_restrict_egress/examples/bad_allow.yaml:13",
        "AuthorizationPolicy agents/egress-allowlist does not limit outgoing calls: it judges requests that arrive at "
        "agents/planner by their Host header, so it refuses all their normal traffic and admits any caller that sends "
        "Host api.openai.com.",
    ),
    (
        "egress/authorization_policy_does_not_restrict_egress/examples/bad_deny.yaml:16",
        "AuthorizationPolicy agents/no-exfiltration does not limit outgoing calls: it judges requests that arrive at the "
        "workloads of namespace agents by their Host header, so calls to these hosts go out as before.",
    ),
    (
        "egress/authorization_policy_does_not_restrict_egress/examples/bad_beside_other_rules.yaml:31",
        "AuthorizationPolicy agents/providers does not limit outgoing calls: it judges requests that arrive at "
        "agents/planner by their Host header, so it refuses what no other rule allows and admits the callers it names that "
        "send Host api.openai.com.",
    ),
    (
        "egress/egress_unrestricted/examples/bad_default_with_intent.yaml:16",
        "Workloads in agents can call any host on the internet: the outbound policy is ALLOW_ANY (Istio's default, which "
        "nothing in the input changes), so the approved hosts (api.openai.com and api.anthropic.com) are a list, not a limit.",
    ),
    (
        "egress/egress_unrestricted/examples/bad_mesh_settings.yaml:11",
        "Workloads in ai-inference and rag can call any host on the internet: the outbound policy is ALLOW_ANY "
        "(ConfigMap istio sets outboundTrafficPolicy.mode ALLOW_ANY).",
    ),
    (
        "resilience/outlier_ejection_empties_small_pool/examples/bad_everything.yaml:13",
        "Outlier detection may eject all endpoints of cart.shop.svc.cluster.local, so a burst of errors leaves none: every "
        "call gets 503.",
    ),
    (
        "resilience/outlier_ejection_empties_small_pool/examples/bad_smallest_subset.yaml:98",
        "Outlier detection may eject 3 of as few as 4 endpoints of subset v2 of cart.shop.svc.cluster.local, so a burst of "
        "errors leaves 1 to carry the load.",
    ),
    (
        "resilience/outlier_ejection_empties_small_pool/examples/bad_single_error.yaml:51",
        "Outlier detection may eject 2 of 4 endpoints of cart.shop.svc.cluster.local, each after a single error, so a burst "
        "of errors leaves 2 to carry the load.",
    ),
    (
        "resilience/outlier_detection_ejects_nobody/examples/bad_every_subset.yaml:73",
        "Outlier detection takes no failing endpoint out of subset v1 of cart.shop.svc.cluster.local (4 endpoints) and "
        "subset v2 of cart.shop.svc.cluster.local (3 endpoints): 20% of fewer than 5 is less than one.",
    ),
    (
        "resilience/outlier_detection_ejects_nobody/examples/bad_failover.yaml:52",
        "Outlier detection takes no failing endpoint out of cart.shop.svc.cluster.local (4 endpoints), and failover never "
        "starts: 20% of fewer than 5 is less than one.",
    ),
    (
        "resilience/outlier_detection_ejects_nobody/examples/bad_counters.yaml:11",
        "Outlier detection takes no failing endpoint out of cart.shop.svc.cluster.local: every error counter is 0.",
    ),
    (
        "resilience/failover_without_outlier_detection/examples/bad_failover.yaml:15",
        "cart.shop.svc.cluster.local will not fail over from eu-west-1 to eu-central-1 and from eu-central-1 to eu-west-1: "
        "without outlier detection Envoy never considers an endpoint unhealthy.",
    ),
    (
        "resilience/failover_without_outlier_detection/examples/bad_priority.yaml:13",
        "qdrant.rag.svc.cluster.local will not fail over by topology.kubernetes.io/region and topology.kubernetes.io/zone: "
        "without outlier detection Envoy never considers an endpoint unhealthy.",
    ),
    (
        "resilience/locality_distribute_with_failover/examples/bad_rule.yaml:20",
        "DestinationRule shop/retriever is rejected at admission, because its localityLbSetting has distribute and failover; "
        "where it is stored already, failover from eu-west-1 to eu-central-1 and from eu-central-1 to eu-west-1 never happens.",
    ),
    (
        "resilience/locality_distribute_with_failover/examples/bad_mesh_settings.yaml:17",
        "ConfigMap istio-system/istio holds mesh settings that istiod refuses as a whole, because its localityLbSetting has "
        "distribute and failover; istiod keeps those it had, and has Istio's defaults after a restart.",
    ),
    (
        "resilience/locality_distribute_with_failover/examples/bad_priority_is_ignored.yaml:18",
        "DestinationRule shop/cart has a failoverPriority without effect, because its localityLbSetting has distribute and "
        "failoverPriority; distribute decides alone.",
    ),
    (
        "resilience/outlier_detection_enables_locality_failover/examples/bad_blocks.yaml:27",
        "The outlier detection of port 9000 of cart.shop.svc.cluster.local also makes clients send all traffic to endpoints "
        "in their own zone first, which can overload a zone with few replicas.",
    ),
    (
        "resilience/inference_host_without_circuit_breaker/examples/bad_subset.yaml:49",
        "llama.ai-inference.svc.cluster.local has no request limit for calls to subset v1: overload queues without bound.",
    ),
    (
        "resilience/inference_host_without_circuit_breaker/examples/bad_no_rule.yaml:5",
        "llama.ai-inference.svc.cluster.local has no outlier detection and no request limit: a failing replica keeps its "
        "share of the traffic, and overload queues without bound.",
    ),
    (
        "egress/egress_host_not_approved/examples/bad_entries/entries.yaml:10",
        "ServiceEntry egress/providers opens api.deepseek.com to agents, although it is not among the approved external "
        "hosts.",
    ),
    (
        "egress/egress_host_not_approved/examples/bad_routes/routes.yaml:16",
        "VirtualService ai-inference/llama opens api.deepseek.com to the requests that it routes, although it is not among "
        "the approved external hosts.",
    ),
    (
        "egress/egress_host_without_serviceentry/examples/bad_policy.yaml:42",
        "api.cohere.com has no ServiceEntry that is visible in agents, so calls to it leave as unnamed passthrough traffic "
        "that no policy sees.",
    ),
    (
        "egress/egress_host_without_serviceentry/examples/bad_sidecar.yaml:37",
        "api.mistral.ai has no ServiceEntry that is visible in batch, so calls to it are refused.",
    ),
    (
        "egress/egress_host_without_serviceentry/examples/bad_keys.yaml:21",
        "www.googleapis.com has no ServiceEntry that is visible in chat, so proxies cannot fetch the keys of tokens there "
        "and refuse every token.",
    ),
    (
        "egress/model_download_blocked_by_egress_policy/examples/bad_only_the_hub.yaml:46",
        "ai-inference/embedder downloads BAAI/bge-large-en-v1.5 from huggingface.co and *.hf.co at start, but can reach only "
        "huggingface.co (Sidecar ai-inference/default sets outboundTrafficPolicy.mode REGISTRY_ONLY, and no ServiceEntry that "
        "it sees declares *.hf.co), so its pods never become ready.",
    ),
    (
        "egress/model_download_blocked_by_egress_policy/examples/bad_network_policy.yaml:42",
        "ai-inference/llama downloads its model from huggingface.co and *.hf.co at start, but can reach none of them "
        "(NetworkPolicy ai-inference/cluster-only admits no public address on port 443), so its pods never become ready.",
    ),
    (
        "egress/tls_origination_on_tls_port/examples/bad_origination.yaml:25",
        "Calls to api.openai.com:443 will carry TLS inside TLS and fail at the server: the port is TLS, which the application "
        "encrypts, and DestinationRule agents/openai encrypts it again with SIMPLE.",
    ),
    (
        "destinations/traffic_policy_override_drops_settings/examples/bad_subset.yaml:30",
        "Calls to subset stable of llama.ai-inference.svc.cluster.local lose tcp.maxConnections, tcp.connectTimeout, "
        "http.http2MaxRequests and http.maxRetries of the rule's own trafficPolicy: the connectionPool of a subset "
        "replaces the whole block instead of adding to it.",
    ),
    (
        "destinations/traffic_policy_override_drops_settings/examples/bad_port.yaml:17",
        "Calls to port 6334 of qdrant.rag.svc.cluster.local lose connectionPool and outlierDetection of the rule's own "
        "trafficPolicy: an entry of portLevelSettings replaces everything for its port and inherits nothing.",
    ),
    (
        "destinations/traffic_policy_override_drops_settings/examples/bad_port_that_is_forwarded.yaml:35",
        "Calls to port 9000 of prefill.serving.svc.cluster.local lose connectionPool.tcp.maxConnections and "
        "connectionPool.tcp.connectTimeout of the rule's own trafficPolicy: an entry of portLevelSettings replaces "
        "everything for its port and inherits nothing.",
    ),
    (
        "destinations/traffic_policy_override_drops_settings/examples/bad_port_of_a_subset.yaml:22",
        "Calls to port 8080 of subset canary of retriever.rag.svc.cluster.local lose connectionPool and outlierDetection "
        "of the subset's own trafficPolicy and the rule's own trafficPolicy: an entry of portLevelSettings replaces "
        "everything for its port and inherits nothing.",
    ),
    (
        "destinations/traffic_policy_override_drops_settings/examples/bad_two_rules.yaml:27",
        "Calls to subset stable of llama.ai-inference.svc.cluster.local lose http.http2MaxRequests and http.maxRetries of "
        "the trafficPolicy of DestinationRule ai-inference/llama: the connectionPool of a subset replaces the whole block "
        "instead of adding to it.",
    ),
    (
        "destinations/h2_upgrade_on_non_http_port/examples/bad_tls_twice.yaml:28",
        "Calls to api.openai.com are not changed by http.h2UpgradePolicy: port 443 is HTTPS, and proxies forward the "
        "bytes unread; with tls mode SIMPLE it makes them offer ALPN h2 only, which breaks a server of HTTP/1.1.",
    ),
    (
        "destinations/h2_upgrade_on_non_http_port/examples/bad_port_entry.yaml:19",
        "Calls to port 5432 of store.rag.svc.cluster.local are not changed by http.http2MaxRequests and "
        "http.maxRequestsPerConnection: port 5432 is TCP, and proxies forward the bytes unread.",
    ),
    (
        "destinations/h2_upgrade_on_non_http_port/examples/bad_sniffed_behind_gateway.yaml:37",
        "Calls of sidecars to speech.ai-inference.svc.cluster.local are not changed by http.h2UpgradePolicy: port 8000 "
        "names no protocol, and sidecars keep the HTTP version of the caller; only gateways speak HTTP/2 to it.",
    ),
    (
        "resilience/connection_pool_below_model_concurrency/examples/bad_requests.yaml:57",
        "The proxy of each pod admits 128 requests at a time to llama.ai-inference.svc.cluster.local, where its model "
        "server can run 256: the rest gets 503 while GPUs idle.",
    ),
    (
        "resilience/connection_pool_below_model_concurrency/examples/bad_connections.yaml:54",
        "The proxy of each pod admits 100 requests at a time to llama.ai-inference.svc.cluster.local, where its model "
        "server can run 256: the rest waits or gets 503 while GPUs idle.",
    ),
    (
        "resilience/connection_pool_below_model_concurrency/examples/bad_callers.yaml:128",
        "The proxies of all known callers together admit 900 requests at a time to llama.ai-inference.svc.cluster.local, "
        "where the model servers can run 1024: the rest gets 503 while GPUs idle.",
    ),
    (
        "resilience/connection_pool_below_model_concurrency/examples/bad_queue.yaml:27",
        "The proxy of a caller lets 1 request wait for a connection to mistral.ai-inference.svc.cluster.local: what else "
        "arrives while one is being opened gets 503.",
    ),
    (
        "retries/retry_budget_too_large/examples/bad_default_percent.yaml:29",
        "Of the requests that a caller's proxy has running to llama.ai-inference.svc.cluster.local, up to 20% (and never "
        "fewer than 1) may be retries, each a full generation.",
    ),
    (
        "retries/retry_budget_too_large/examples/bad_floor.yaml:31",
        "Of the requests that a caller's proxy has running to llama.ai-inference.svc.cluster.local, always 10 may be "
        "retries, each a full generation.",
    ),
    (
        "retries/retry_budget_too_large/examples/bad_max_retries.yaml:32",
        "Of the requests that a caller's proxy has running to llama.ai-inference.svc.cluster.local, up to 32 may be "
        "retries, each a full generation.",
    ),
    (
        "retries/retries_without_budget/examples/bad_subset.yaml:19",
        "When requests to subset canary of cart.shop.svc.cluster.local fail on gateway-error, every caller retries up to "
        "2 times without a common limit, multiplying the load by up to 3.",
    ),
    (
        "retries/retries_without_budget/examples/bad_no_limit.yaml:22",
        "When requests to cart.shop.svc.cluster.local fail on connect-failure and refused-stream, every caller retries once "
        "without a common limit, multiplying the load by up to 2.",
    ),
    (
        "retries/retries_without_budget/examples/bad_never_occurs.yaml:14",
        "When requests to cart.shop.svc.cluster.local fail on what retryOn may name one day (unavailable,resource-exhausted "
        "never occurs), every caller retries up to 2 times without a common limit, multiplying the load by up to 3.",
    ),
    (
        "schema/duplicate_key/examples/bad_copied_block.yaml:16",
        "`portLevelMtls` is there twice in one mapping: the API server refuses it where it validates strictly, and else "
        "keeps only the last one.",
    ),
    (
        "suppressions/unused_suppression/examples/bad_comment.yaml:27",
        "Nothing is found here that timeout-cut-streaming-response could suppress (there is no rule "
        "timeout-cut-streaming-response; did you mean timeout-cuts-streaming-response?): the suppression would hide a "
        "finding that comes later.",
    ),
    (
        "suppressions/suppression_without_reason/examples/bad_comment.yaml:13",
        "The suppression of timeout-cuts-streaming-response does not say why it is right: the next reader cannot tell "
        "whether it still is.",
    ),
    (
        "timeouts/shutdown_cuts_running_stream/examples/bad_drain_of_the_mesh/mesh.yaml:84",
        "ai-inference/llama-long http[0] lets an answer take 900s, but every rollout or scale-down ends the running streams of "
        "ai-inference/llama after 45s.",
    ),
    (
        "timeouts/shutdown_cuts_running_stream/examples/bad_without_a_timeout.yaml:53",
        "ai-inference/llama http[0] sets no limit for an answer (option min: 120s), but every rollout or scale-down ends the "
        "running streams of ai-inference/llama after 60s.",
    ),
    (
        "dataplane/app_may_start_before_proxy/examples/bad_default/mesh.yaml:19",
        "ai-inference/llama and ai-inference/reindex may start before the proxy is ready, so first calls (--model "
        "meta-llama/Llama-3.1-8B-Instruct and DATABASE_URL) fail at random on every pod start.",
    ),
    (
        "telemetry/metric_tag_from_client_header/examples/bad_headers.yaml:17",
        "Label model has one time series for every value callers put into x-model-name, which any caller can choose.",
    ),
    (
        "telemetry/metric_tag_from_client_header/examples/bad_headers.yaml:19",
        "Label tenant has one time series for every value callers put into x-tenant-id, which any caller can choose, so "
        "tenants can also be billed or blamed for each other.",
    ),
    (
        "telemetry/telemetry_provider_undefined/examples/bad_one_of_two.yaml:26",
        "Telemetry ai-inference/telemetry produces no metrics for datadog: provider datadog is not defined in this mesh, and "
        "istiod skips it without a word.",
    ),
    (
        "telemetry/telemetry_provider_undefined/examples/bad_no_provider.yaml:20",
        "Telemetry ai-inference/telemetry produces no traces: it names no provider, and neither another Telemetry nor the mesh "
        "settings give it one, and istiod skips it without a word.",
    ),
    (
        "telemetry/request_path_not_traced/examples/bad_switched_off.yaml:110",
        "Traces of requests to ai-inference/ranker have a hole: no spans come from ai-inference/ranker.",
    ),
    (
        "telemetry/request_path_not_traced/examples/bad_two_providers.yaml:114",
        "Traces of requests to ai-inference/ranker have a hole: its spans go to tempo, but to otel from edge/public-gateway.",
    ),
    (
        "telemetry/inference_metrics_without_model_label/examples/bad_rate_only.yaml:50",
        "Latency of ai-inference/ranker cannot be split by model: of the two metrics only REQUEST_COUNT has model.",
    ),
    (
        "telemetry/inference_metrics_without_model_label/examples/bad_tenants.yaml:47",
        "Latency and error rate of ai-inference/ranker cannot be split by tenant: no metric label tells them apart.",
    ),
    (
        "references/selected_workloads_not_in_input/examples/bad_policies_alone.yaml:8",
        "No workload or Service of ai-inference and rag was given: what policies say of the pods labelled app=llama, llama and "
        "the pods labelled app=index is taken on trust, and rules that need to know more stay silent or lose confidence.",
    ),
    (
        "authorization/identity_allowlist_bypassed_by_broader_allow/examples/bad_header.yaml:72",
        "rule 0 of AuthorizationPolicy ai-inference/partners lets any caller reach ai-inference/llama (it asks for "
        "methods POST; paths /v1/*; request.headers[x-partner] acme), so the allow-list in AuthorizationPolicy "
        "ai-inference/llama no longer limits who may call it.",
    ),
    (
        "authorization/identity_allowlist_bypassed_by_broader_allow/examples/bad_address.yaml:72",
        "rule 0 of AuthorizationPolicy ai-inference/office lets any caller from 10.0.0.0/8 reach ai-inference/llama (it "
        "asks for nothing), so the allow-list in AuthorizationPolicy ai-inference/llama no longer limits who may call it.",
    ),
    (
        "authorization/callers_not_limited_by_service_account/examples/bad_deny_list.yaml:65",
        "No ALLOW rule names the service accounts that may call ai-inference/llama: its only limit on callers is a DENY "
        "of not namespaces ai-inference, so every workload of ai-inference passes.",
    ),
    (
        "authorization/callers_not_limited_by_service_account/examples/bad_negative.yaml:64",
        "No ALLOW rule names the service accounts that may call ai-inference/llama: its only limit on callers is not "
        "principals cluster.local/ns/guests/sa/default, so every workload but those of "
        "cluster.local/ns/guests/sa/default passes.",
    ),
    (
        "authorization/callers_not_limited_by_service_account/examples/bad_no_source.yaml:62",
        "No ALLOW rule names the service accounts that may call ai-inference/llama: nothing limits its callers, so every "
        "workload of the mesh passes.",
    ),
    (
        "authorization/callers_not_limited_by_service_account/examples/bad_address.yaml:64",
        "No ALLOW rule names the service accounts that may call ai-inference/llama: its only limit on callers is ipBlocks"
        " 10.1.0.0/16, so whatever calls from 10.1.0.0/16 passes.",
    ),
    (
        "authorization/workload_without_authorization/examples/bad_default.yaml:36",
        "No policy limits who may call the workloads of ai-inference (llama): every workload in the mesh is allowed.",
    ),
    (
        "authorization/workload_without_authorization/examples/bad_plaintext.yaml:36",
        "No policy limits who may call the workloads of ai-inference (llama): every workload in the mesh, and anything "
        "that can send plaintext, is allowed.",
    ),
    (
        "authorization/workload_without_authorization/examples/bad_missed.yaml:36",
        "No policy limits who may call ai-inference/llama: every workload in the mesh is allowed.",
    ),
    (
        "authorization/allow_rule_admits_everyone/examples/bad_empty_rule.yaml:65",
        "AuthorizationPolicy ai-inference/llama admits every caller to ai-inference/llama, and makes its other rule "
        "pointless.",
    ),
    (
        "authorization/allow_rule_admits_everyone/examples/bad_stars.yaml:62",
        "AuthorizationPolicy ai-inference/llama admits every caller with a certificate of the mesh to ai-inference/llama.",
    ),
    (
        "authorization/allow_rule_admits_everyone/examples/bad_policies_alone.yaml:9",
        "AuthorizationPolicy ai-inference/all admits every caller to the pods of ai-inference that it selects.",
    ),
    (
        "authorization/authorization_denies_every_caller/examples/bad_hosts.yaml:71",
        "No request can reach ai-inference/llama: all that AuthorizationPolicy ai-inference/egress would let in is hosts "
        "api.openai.com, *.blob.core.windows.net, which no caller of ai-inference/llama sends.",
    ),
    (
        "authorization/authorization_denies_every_caller/examples/bad_denied.yaml:74",
        "No request can reach ai-inference/llama: all that AuthorizationPolicy ai-inference/llama would let in is "
        "serviceAccounts agents/planner, which AuthorizationPolicy ai-inference/fence denies.",
    ),
    (
        "authorization/authorization_denies_every_caller/examples/bad_tcp.yaml:72",
        "No request can reach ai-inference/llama: all that AuthorizationPolicy ai-inference/llama would let in is "
        "serviceAccounts agents/planner; paths /v1/*, which only HTTP has, and the port of ai-inference/llama does not "
        "speak it.",
    ),
    (
        "authorization/authorization_denies_every_caller/examples/bad_port_of_the_service.yaml:74",
        "No request can reach ai-inference/llama: all that AuthorizationPolicy ai-inference/llama would let in is "
        "serviceAccounts agents/planner; ports 80, which is for ports that ai-inference/llama does not listen on.",
    ),
    (
        "authorization/authorization_denies_every_caller/examples/bad_token_of_nobody.yaml:74",
        "No request can reach ai-inference/llama: all that AuthorizationPolicy ai-inference/llama would let in is "
        "requestPrincipals *, which takes a token, and no RequestAuthentication checks any there.",
    ),
    (
        "authorization/authorization_denies_every_caller/examples/bad_disabled_mtls.yaml:74",
        "No request can reach ai-inference/llama: all that AuthorizationPolicy ai-inference/llama would let in is "
        "serviceAccounts agents/planner, which takes an identity, and callers have none where the port of "
        "ai-inference/llama takes no mTLS.",
    ),
    (
        "authorization/model_endpoint_exposed_without_authentication/examples/bad_two_gateways.yaml:160",
        "Anyone who reaches chat.example.com at Gateway istio-ingress/public can use "
        "llama.ai-inference.svc.cluster.local: no hop between the edge and the model checks who is calling.",
    ),
    (
        "authorization/authorization_denies_every_caller/examples/bad_routed_lock.yaml:85",
        "No request can reach ai-inference/llama: nobody is let in by AuthorizationPolicy ai-inference/lock.",
    ),
    (
        "authorization/authorization_denies_every_caller/examples/bad_denied_to_all.yaml:90",
        "No request can reach ai-inference/llama: everybody is refused by AuthorizationPolicy ai-inference/closed.",
    ),
    (
        "authorization/authorization_denies_routed_path/examples/bad_path.yaml:83",
        "ai-inference/llama http[1] sends /v1/completions to ai-inference/llama, but none of these requests is let in by "
        "AuthorizationPolicy ai-inference/llama, so every caller gets 403.",
    ),
    (
        "authorization/authorization_denies_routed_path/examples/bad_method.yaml:74",
        "ai-inference/llama http[0] sends POST /v1/models to ai-inference/llama, but none of these requests is let in by "
        "AuthorizationPolicy ai-inference/llama, so every caller gets 403.",
    ),
    (
        "authorization/authorization_denies_routed_path/examples/bad_denied.yaml:74",
        "ai-inference/llama http[0] sends /v1/admin to ai-inference/llama, but none of these requests is let in by "
        "AuthorizationPolicy ai-inference/llama and AuthorizationPolicy ai-inference/closed, so every caller gets 403.",
    ),
    (
        "authorization/authorization_trusts_client_input/examples/bad_header.yaml:66",
        "AuthorizationPolicy ai-inference/tenants admits whoever sends request.headers[x-tenant-id] acme, which any "
        "caller inside the mesh can forge, so it is not a boundary between tenants.",
    ),
    (
        "authorization/authorization_trusts_client_input/examples/bad_gateway.yaml:34",
        "AuthorizationPolicy istio-ingress/tenants admits whoever sends request.headers[x-user-role] admin, which any "
        "caller can forge, so it is not a boundary between tenants.",
    ),
    (
        "authorization/authorization_trusts_client_input/examples/bad_address.yaml:64",
        "AuthorizationPolicy ai-inference/office admits whoever sends remoteIpBlocks 10.0.0.0/8, which any caller inside "
        "the mesh can forge, so it is not a boundary between tenants.",
    ),
    (
        "authorization/authorization_blocks_scrape_or_probe/examples/bad_pod_monitor.yaml:91",
        "PodMonitor monitoring/llama is refused by AuthorizationPolicy ai-inference/llama, so the metrics of "
        "ai-inference/llama are missing.",
    ),
    (
        "authorization/authorization_blocks_scrape_or_probe/examples/bad_probe.yaml:51",
        "the kubelet (readinessProbe) is refused by AuthorizationPolicy ai-inference/fence, so a pod of "
        "ai-inference/llama is reported unhealthy.",
    ),
    (
        "authorization/jwt_audience_not_checked/examples/bad_public.yaml:62",
        "RequestAuthentication ai-inference/llama accepts every token of https://accounts.google.com, also one issued to "
        "a stranger's application, so ai-inference/llama cannot tell for whom the caller was authenticated.",
    ),
    (
        "authorization/jwt_audience_not_checked/examples/bad_shared.yaml:62",
        "RequestAuthentication ai-inference/llama accepts every token of https://acme.eu.auth0.com/, also one issued for "
        "another application of the same organisation, so ai-inference/llama cannot tell for whom the caller was "
        "authenticated.",
    ),
    (
        "authorization/jwt_audience_not_checked/examples/bad_shared.yaml:63",
        "RequestAuthentication ai-inference/llama accepts every token of "
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc, also one issued for another application of the same "
        "organisation, so ai-inference/llama cannot tell for whom the caller was authenticated.",
    ),
    (
        "authorization/shared_service_account_across_boundary/examples/bad_shared.yaml:41",
        "ai-inference/llama and ai-inference/page both run as service account ai-inference/apps, so no policy can allow "
        "one and refuse the other.",
    ),
    (
        "authorization/shared_service_account_across_boundary/examples/bad_default_named.yaml:40",
        "ai-inference/llama and every other workload without an account of its own both run as service account "
        "ai-inference/default, so no policy can allow one and refuse the other.",
    ),
    (
        "authorization/tenant_facing_caller_reaches_internal_workload/examples/bad_no_policy.yaml:36",
        "edge/page, open to requests from outside, may call ai-inference/llama directly because no policy limits who may "
        "call it; a compromised edge reaches ai-inference/llama unhindered.",
    ),
    (
        "authorization/tenant_facing_caller_reaches_internal_workload/examples/bad_namespace.yaml:116",
        "edge/page, open to requests from outside, may call ai-inference/llama directly because rule 0 of "
        "AuthorizationPolicy ai-inference/llama admits every workload of edge; a compromised edge reaches "
        "ai-inference/llama unhindered.",
    ),
    (
        "authorization/tenant_facing_caller_reaches_internal_workload/examples/bad_deny_list.yaml:117",
        "edge/page, open to requests from outside, may call ai-inference/llama directly because rule 0 of "
        "AuthorizationPolicy ai-inference/fence refuses only others; a compromised edge reaches ai-inference/llama "
        "unhindered.",
    ),
    (
        "authorization/request_authentication_does_not_require_token/examples/bad_gateway.yaml:139",
        "RequestAuthentication istio-ingress/tokens only rejects bad tokens: a request to istio-ingress/ingress without "
        "any token is let through.",
    ),
    (
        "authorization/model_endpoint_exposed_without_authentication/examples/bad_nothing.yaml:111",
        "Anyone who reaches chat.example.com at Gateway istio-ingress/public can use "
        "llama.ai-inference.svc.cluster.local: no hop between the edge and the model checks who is calling.",
    ),
    (
        "authorization/tenant_routed_by_client_header/examples/bad_hosts.yaml:15",
        "Whoever sends x-tenant-id: acme to gateway istio-ingress/public is served as that tenant by "
        "acme.edge.svc.cluster.local: nothing checks that the caller belongs to it.",
    ),
    (
        "authorization/tenant_routed_by_client_header/examples/bad_hosts.yaml:24",
        "Whoever sends x-tenant-id: globex to gateway istio-ingress/public is served as that tenant by "
        "globex.edge.svc.cluster.local: nothing checks that the caller belongs to it.",
    ),
    (
        "authorization/tenant_routed_by_client_header/examples/bad_subset.yaml:15",
        "Whoever sends x-org-id: acme to gateway istio-ingress/public is served as that tenant by "
        "app.edge.svc.cluster.local (acme): nothing checks that the caller belongs to it.",
    ),
]


@pytest.mark.parametrize(("place", "message"), MESSAGES, ids=[place for place, _ in MESSAGES])
def test_messages_say_what_happens_at_run_time(place: str, message: str) -> None:
    _, at_the_line = findings_at(place)
    assert message in [finding.message for finding in at_the_line]
