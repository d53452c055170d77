"""Records what the real istiod says of our own meshes: those that are not recorded, and all of the topics named.

`record.py [TOPIC...]`; needs Go and the probe's source.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from agreement import KINDS, Facts, read
from run import ORACLE, ROOT, asked, probe

RECORDINGS = ROOT / "tests/fixtures/istiod"


def main() -> None:
    program = probe(ORACLE)
    if program is None:
        sys.exit("there is no Go here to build the probe with")
    with tempfile.TemporaryDirectory() as scratch:
        for topic in sorted(path.name for path in RECORDINGS.iterdir() if path.is_dir()):
            _record(program, topic, Path(scratch), again=topic in sys.argv[1:])


def _record(program: Path, topic: str, scratch: Path, *, again: bool) -> None:
    recording = RECORDINGS / f"{topic}.facts.jsonl"
    lines = {mesh: _line(facts) for mesh, facts in read(recording).items()} if recording.exists() and not again else {}
    meshes = scratch / topic
    meshes.mkdir()
    asked_about = [path for path in sorted(RECORDINGS.joinpath(topic).glob("*.yaml")) if path.stem not in lines]
    for path in asked_about:
        shutil.copy(path, meshes)
    if asked_about:
        answers = read(asked(program, meshes, scratch / f"{topic}.jsonl"))
        lines |= {mesh: _line(_kept(facts)) for mesh, facts in answers.items()}
        recording.write_text("".join(f"{lines[mesh]}\n" for mesh in sorted(lines)), encoding="utf-8")
        print(f"{topic}: {', '.join(path.stem for path in asked_about)}")


def _line(facts: Facts) -> str:
    return json.dumps(facts, separators=(",", ":"))


def _kept(facts: Facts) -> dict[str, Any]:
    """The kinds that are compared. Of admission only who refuses: the words are istiod's own."""
    if facts.get("error"):
        sys.exit(f"{facts['mesh']}: {facts['error']}")
    admission = {key: {"rejected": v["rejected"], "by": v["by"]} for key, v in facts["admission"].items()}
    return {"mesh": facts["mesh"], **{kind: facts[kind] for kind in KINDS}, "admission": admission}


if __name__ == "__main__":
    main()
