"""WasmPlugins and TrafficExtensions (`ValidateWasmPlugin`, `ValidateTrafficExtension`)."""

import re

from ...source.document import Path
from .common import attachment
from .complaint import Complaint, Complaints
from .decode import Message
from .meta import Meta
from .url import is_module_url

_MAX_SECRET, _MAX_NAME, _MAX_CODE = 253, 256, 65536


def wasm_plugin(spec: Message, meta: Meta) -> Complaints:
    yield from attachment(spec, ("spec",))
    yield from _module(spec, ("spec",))
    yield from _ports(spec, ("spec",))


def traffic_extension(spec: Message, meta: Meta) -> Complaints:
    path: Path = ("spec",)
    yield from attachment(spec, path)
    if "lua" in spec:
        code = spec["lua"].get("inlineCode", "")
        if not 0 < len(code.encode()) <= _MAX_CODE:
            yield Complaint((*path, "lua", "inlineCode"), f"inlineCode must be from 1 to {_MAX_CODE} bytes long")
    elif "wasm" in spec:
        yield from _module(spec["wasm"], (*path, "wasm"))
    else:
        yield Complaint(path, "one of wasm and lua must be set")
    yield from _ports(spec, path)


def _module(module: Message, path: Path) -> Complaints:
    """A Wasm module and how it is run."""
    url, sha256 = module.get("url", ""), module.get("sha256", "")
    if not url or not is_module_url(url):
        yield Complaint((*path, "url"), f"{url!r} is no URL with the scheme http, https, file or oci, or none")
    if sha256 and not re.fullmatch("[a-f0-9]{64}", sha256):
        yield Complaint((*path, "sha256"), f"{sha256!r} is no SHA-256 in small hexadecimal digits")
    for name, most in (("imagePullSecret", _MAX_SECRET), ("pluginName", _MAX_NAME)):
        if len(module.get(name, "").encode()) > most:
            yield Complaint((*path, name), f"{name} must be at most {most} characters long")
    names: set[str] = set()
    for index, variable in enumerate(module.get("vmConfig", {}).get("env", ())):
        name = variable.get("name", "")
        at = (*path, "vmConfig", "env", index)
        if not 0 < len(name.encode()) <= _MAX_NAME or name in names:
            yield Complaint(at, f"a variable needs a name of its own of at most {_MAX_NAME} characters")
        if variable.get("valueFrom", "INLINE") != "INLINE" and variable.get("value"):
            yield Complaint((*at, "value"), "value must not be set when valueFrom is HOST")
        names.add(name)


def _ports(spec: Message, path: Path) -> Complaints:
    for index, match in enumerate(spec.get("match", ())):
        for number, port in enumerate(match.get("ports", ())):
            if not 0 < port.get("number", 0) <= 65535:
                yield Complaint((*path, "match", index, "ports", number), "number must be from 1 to 65535")
