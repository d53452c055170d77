"""What a caller asks of a port, and what the filters of the server's proxy see of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from .matching import SPIFFE
from .truth import Missing, missing


class Kind(Enum):
    """What of a call a condition looks at, in people's words."""

    IDENTITY = "the caller's identity"
    ADDRESS = "the caller's address"
    FORWARDED = "the address that X-Forwarded-For ends with"
    TOKEN = "a claim of the token, as one text"
    CLAIM = "a claim of the token"
    METHOD = "the method"
    PATH = "the path"
    HOST = "the host"
    HEADER = "a header"
    PORT = "the port"
    SNI = "the server name of the TLS handshake"
    OWN_ADDRESS = "the server's address"
    METADATA = "metadata of another filter"

    @property
    def is_http(self) -> bool:
        """Whether only HTTP has it."""
        return self in _HTTP


_HTTP = frozenset({Kind.TOKEN, Kind.CLAIM, Kind.METHOD, Kind.PATH, Kind.HOST, Kind.HEADER})


class Attribute(NamedTuple):
    """One thing of a call. `name` is that of a header, in lower case, or the path of a claim."""

    kind: Kind
    name: str | tuple[str, ...] = ""

    def __str__(self) -> str:
        match self.kind:
            case Kind.HEADER:
                return f"the header {self.name}"
            case Kind.CLAIM | Kind.TOKEN:
                return f"the claim {'.'.join(self.name)}"
        return str(self.kind.value)


def of_header(name: str) -> Attribute:
    """What a header of a request is; some of HTTP/2 are the method and the host."""
    kind = {":method": Kind.METHOD, ":authority": Kind.HOST, "host": Kind.HOST}.get(name)
    return Attribute(kind) if kind else Attribute(Kind.HEADER, name)


class Identity(NamedTuple):
    """A service account. `trust_domain` None = the mesh's own."""

    namespace: str
    account: str
    trust_domain: str | None = None

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.account}"
        return f"{name} of {self.trust_domain}" if self.trust_domain else name


class Caller(NamedTuple):
    """Who calls. `identity` None = plaintext, from outside the mesh. `claims` are those of a token that is valid, None =
    without one. `address` None = not known. `forwarded` is the address that X-Forwarded-For ends with, if that header is sent.
    """

    identity: Identity | None
    claims: Mapping[str, Any] | None = None
    address: str | None = None
    forwarded: str | None = None


class Request(NamedTuple):
    """What is asked for. A method, path or host that is None is not known; a header that is left out is not sent.

    `tcp`: the bytes are no HTTP. `authorized` is the answer of an external authorizer, None = not known. `whole`: there is
    nothing to know of the call that stands neither here nor in its caller (a server name, metadata of other filters).
    """

    method: str | None = None
    path: str | None = None
    host: str | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    tcp: bool = False
    authorized: bool | None = None
    whole: bool = False


class Normalization(Enum):
    """What a proxy does with a path before anything reads it (`meshConfig.pathNormalization`)."""

    NONE = "NONE"
    BASE = "BASE"
    MERGE_SLASHES = "MERGE_SLASHES"
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"


class Call(NamedTuple):
    """A call as filters see it. `http`: they can read the request. `spiffe` is the identity that mTLS proved, if it did.

    `port` None = one that nothing names. `claims` are those of a token that the proxy has checked; `spaced` are the claims
    whose text it has split into words.
    """

    request: Request
    http: bool
    port: int | None
    spiffe: str | None
    address: str | None
    forwarded: str | None
    claims: Mapping[str, Any] | None
    spaced: frozenset[str]
    path: str | None

    def of(self, attribute: Attribute) -> tuple[str, ...] | Missing:
        """The values of a thing; none where the call does not have it."""
        if attribute.kind.is_http and not self.http:
            return ()
        match attribute.kind:
            case Kind.IDENTITY:
                return (self.spiffe,) if self.spiffe else ()
            case Kind.ADDRESS:
                return self._known(self.address, attribute)
            case Kind.FORWARDED:
                return self._known(self.forwarded or self.address, attribute)
            case Kind.TOKEN | Kind.CLAIM:
                return self._claim(attribute)
            case Kind.METHOD:
                return self._known(self.request.method, attribute)
            case Kind.PATH:
                return self._known(self.path, attribute)
            case Kind.HOST:
                return self._known(self.request.host, attribute)
            case Kind.HEADER if attribute.name == ":path":
                return self._known(self.request.path, attribute)
            case Kind.HEADER if attribute.name == ":scheme":
                return ("http",)
            case Kind.HEADER:
                value = self.request.headers.get(str(attribute.name))
                return () if value is None else (value,)
            case Kind.PORT:
                return self._known(None if self.port is None else str(self.port), attribute)
            case Kind.SNI if self.request.whole:
                return ("",)
        return self._known(None, attribute)

    def _known(self, value: str | None, attribute: Attribute) -> tuple[str, ...] | Missing:
        if value is not None:
            return (value,)
        return () if self.request.whole else missing(f"{attribute} is not known")

    def _claim(self, attribute: Attribute) -> tuple[str, ...]:
        value: Any = self.claims
        for step in attribute.name:
            value = value.get(step) if isinstance(value, Mapping) else None
        if attribute.kind is Kind.CLAIM and isinstance(value, list):
            return tuple(item for item in value if isinstance(item, str))
        if not isinstance(value, str):
            return ()
        is_spaced = len(attribute.name) == 1 and attribute.name[0] in self.spaced
        return tuple(value.split(" ")) if is_spaced else (value,)


def forwarded(request: Request) -> str:
    """The address that X-Forwarded-For ends with; "" where it is not sent."""
    return request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()


def spiffe(identity: Identity, own: str) -> str:
    """The name in a workload's certificate."""
    return f"{SPIFFE}{identity.trust_domain or own}/ns/{identity.namespace}/sa/{identity.account}"
