"""Asks the oracle about every case and writes `recorded.json`: `record.py PROBE CRDS`.

The oracle is a program that feeds objects to Kubernetes' and istiod's own admission code; ours is `shared/oracle`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import RECORDED, cases


def main(probe: str, definitions: str) -> None:
    asked = cases()
    with tempfile.TemporaryDirectory() as scratch:
        mesh, facts = Path(scratch, "cases.yaml"), Path(scratch, "facts.jsonl")
        mesh.write_text("\n---\n".join(map(json.dumps, asked.values())), encoding="utf-8")
        subprocess.run([probe, "--crds", definitions, "--out", facts, mesh], check=True, stdout=subprocess.DEVNULL)
        admission = json.loads(facts.read_text(encoding="utf-8"))["admission"]
    said = {name: admission[f"{case['kind']} default/{case['metadata']['name']}"]["by"] for name, case in asked.items()}
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(by)}" for name, by in said.items())
    RECORDED.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
