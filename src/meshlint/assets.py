"""Where the files that are not code lie: beside the package in a wheel, at the top of the tree in a checkout."""

import os.path
from typing import Any

_PACKAGE = os.path.dirname(os.path.realpath(__file__))


def folder(name: str) -> str:
    """The folder `rules` or `schemas`."""
    installed = os.path.join(_PACKAGE, name)
    return installed if os.path.isdir(installed) else os.path.join(os.path.dirname(os.path.dirname(_PACKAGE)), name)


def schema(name: str) -> Any:
    """The JSON Schema of one of our own files, by its name without the ends."""
    import json

    with open(os.path.join(folder("schemas"), f"{name}.schema.json"), encoding="utf-8") as file:
        return json.load(file)
