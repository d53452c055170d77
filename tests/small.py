"""Meshes of a few lines, each with what is found in it."""

OPEN = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls:
    mode: PERMISSIVE
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart, sidecar.istio.io/inject: "true"}}
    spec:
      containers:
        - name: cart
          image: cart
          ports: [{containerPort: 8080}]
"""
"""A warning of high confidence: port-accepts-plaintext at line 6."""

TIMEOUT = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: llm, namespace: shop}
spec:
  hosts: [llm]
  http:
    - match: [{uri: {prefix: /v1/chat/completions}}]
      route: [{destination: {host: llm}}]
      timeout: 5s
      retries: {attempts: 0}
    - route: [{destination: {host: llm}}]
      retries: {attempts: 0}
---
apiVersion: v1
kind: Service
metadata: {name: llm, namespace: shop}
"""
"""A finding of medium confidence for everybody, timeout-cuts-streaming-response at line 9, and one for auditors."""

PORT_WITHOUT_SELECTOR = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls: {mode: STRICT}
  portLevelMtls:
    9090: {mode: PERMISSIVE}
"""
"""One error: port-mtls-without-selector at line 6."""
