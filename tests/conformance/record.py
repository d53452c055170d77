"""Records what the real istiod says of our own meshes: `record.py [TOPIC...]`; needs Go and the probe's source."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from agreement import KINDS, Facts, read
from run import ORACLE, ROOT, asked, probe

RECORDINGS = ROOT / "tests/fixtures/istiod"


def main() -> None:
    topics = sys.argv[1:] or sorted(path.name for path in RECORDINGS.iterdir() if path.is_dir())
    program = probe(ORACLE)
    if program is None:
        sys.exit("there is no Go here to build the probe with")
    with tempfile.TemporaryDirectory() as scratch:
        for topic in topics:
            answers = read(asked(program, RECORDINGS / topic, Path(scratch, f"{topic}.jsonl")))
            lines = [json.dumps(_kept(answers[mesh]), separators=(",", ":")) for mesh in sorted(answers)]
            RECORDINGS.joinpath(f"{topic}.facts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
            print(f"{topic}: {len(lines)} meshes")


def _kept(facts: Facts) -> dict[str, Any]:
    """The kinds that are compared. Of admission only who refuses: the words are istiod's own."""
    if facts.get("error"):
        sys.exit(f"{facts['mesh']}: {facts['error']}")
    admission = {key: {"rejected": v["rejected"], "by": v["by"]} for key, v in facts["admission"].items()}
    return {"mesh": facts["mesh"], **{kind: facts[kind] for kind in KINDS}, "admission": admission}


if __name__ == "__main__":
    main()
