"""Becomes the command of its arguments, with the shell words of the inputs `args` and `paths` added. Nothing is evaluated."""

import os
import shlex
import sys


def words(name: str) -> list[str]:
    try:
        return shlex.split(os.environ[f"MESHLINT_{name.upper()}"])
    except ValueError as error:
        print(f"meshlint: the input {name} is not made of shell words: {error}", file=sys.stderr)
        sys.exit(2)


os.execv(sys.argv[1], [*sys.argv[1:], *words("args"), "--", *words("paths")])
