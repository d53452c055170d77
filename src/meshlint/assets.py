"""Where the files that are not code lie: beside the package in a wheel, at the top of the tree in a checkout."""

import os.path

_PACKAGE = os.path.dirname(os.path.realpath(__file__))


def folder(name: str) -> str:
    """The folder `rules` or `schemas`."""
    installed = os.path.join(_PACKAGE, name)
    return installed if os.path.isdir(installed) else os.path.join(os.path.dirname(os.path.dirname(_PACKAGE)), name)
