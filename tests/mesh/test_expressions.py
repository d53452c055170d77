"""What of a request may become the value of a metric label: CEL over Envoy's attributes."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.expressions import reads

READS = {
    "request.headers['x-model-name']": ["x-model-name"],
    'request.headers["X-Tenant-Id"].lowerAscii()': ["x-tenant-id"],
    "request.headers.authorization": ["authorization"],
    "request.headers['a'] + '/' + request.headers['b']": ["a", "b"],
    "request.headers['a'] + request.headers['a']": ["a"],
    "request.path": ["the request path"],
    "request.url_path + '?' + request.query": ["the request path", "the query string"],
    "request.headers[':path']": ["the request path"],
    "request.id": ["the request id"],
    "request.useragent": ["user-agent"],
    "request.headers[':method']": [],
    "request.method": [],
    "'eu-1'": [],
    "'request.path'": [],
    "'request.headers.host'": [],
    "string(response.code / 100)": [],
    "xds.node.metadata['NAME']": [],
    "request.headers['x'] == 'a' ? 'a' : 'other'": [],
    "request.headers['x'] == 'a' ? 'a' : request.headers['y']": ["y"],
    "('x' in request.headers) ? request.headers['x'] : 'none'": ["x"],
    "(response.code < 500 ? request.query : 'q:?')": ["the query string"],
    "has(request.headers['x']) ? (request.headers['x'] == 'a' ? 'a' : 'b') : 'none'": [],
    "request.url_path.startsWith('/v1') ? 'v1' : request.url_path.startsWith('/v2') ? 'v2' : 'other'": [],
    "request.headers['x'].matches('^[a-c]$')": [],
    "string(request.headers['x'] == 'b')": [],
    "'x' in request.headers": [],
    "size(request.headers['x']) > 5": [],
}


@pytest.mark.parametrize(("expression", "expected"), READS.items(), ids=READS)
def test_reads(expression: str, expected: list[str]) -> None:
    assert [read.text for read in reads(expression)] == expected


def test_only_headers_can_be_trusted() -> None:
    assert [read.header for read in reads("request.headers['X'] + request.referer + request.path")] == [
        "x",
        "referer",
        None,
    ]
