"""Compares the facts of meshlint with what the real istiod said, and where Go is present with what it says to fresh meshes."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from agreement import KINDS, Agreement, Difference, Facts, compared, read

ROOT = Path(__file__).parents[2]
ORACLE = ROOT.parent / "shared" / "oracle"
CORPUS = ROOT.parent / "shared" / "corpus" / "meshes.yaml"
LIMITS = {
    "gateway.networking.k8s.io/v1": "it has objects of the Gateway API",
    "kind: IstioOperator": "its mesh settings are in an IstioOperator, which the probe does not read",
    r"host: .*\$\(": "it has hosts that another tool fills in",
    "proxyProtocol:": "the probe does not look for TLS within the PROXY protocol",
    "sidecar.istio.io/status": "its pods hold their proxies, which the probe does not see",
}
MESHLINT = Path(sys.executable).with_name("meshlint")


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        differences: list[Difference] = []
        for title, meshes, istiod in _sets(options, scratch):
            differences += _report(title, read(istiod), _facts(meshes, scratch / "facts.jsonl"), options.show)
    return 1 if differences else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument(
        "--count",
        type=int,
        default=100,
        help="fresh random meshes to ask the real istiod about (100); 0 = only compare with recordings",
    )
    parser.add_argument("--seed", type=int, default=100_001, help="the first of their seeds (100001)")
    parser.add_argument("--show", type=int, default=10, help="differences to print per set of meshes (10)")
    parser.add_argument("--oracle", type=Path, default=ORACLE, help="folder of the probe and the recordings")
    return parser.parse_args()


def _sets(options: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, list[Path], Path]]:
    """Title, meshes and istiod's facts of each set."""
    oracle: Path = options.oracle
    yield "our own", _meshes(ROOT / "tests/fixtures/istiod"), _joined(scratch / "own.jsonl")
    if not oracle.is_dir():
        print(f"no recordings: {oracle} is not there")
        return
    yield "recorded", _meshes(oracle / "recorded/meshes"), oracle / "recorded/facts.jsonl.gz"
    yield "questions", _meshes(oracle / "questions"), oracle / "questions/facts.jsonl.gz"
    program = probe(oracle)
    if program is None:
        print("no fresh meshes: Go is not here to build the probe")
        return
    fresh, real = scratch / "fresh", scratch / "real"
    if options.count == 0:
        return
    seeds = ["--seed-from", str(options.seed), "--count", str(options.count)]
    subprocess.run([sys.executable, oracle / "generate.py", *seeds, "--out", fresh], check=True)
    yield f"{options.count} fresh", _meshes(fresh), asked(program, fresh, scratch / "fresh.jsonl")
    if CORPUS.is_file():
        subprocess.run([sys.executable, oracle / "collect.py", CORPUS, real], check=True)
        yield "real", _meshes(real), asked(program, real, scratch / "real.jsonl")


def _meshes(folder: Path) -> list[Path]:
    """The meshes below a folder, but those that the probe does not read as a whole."""
    found = {path: _limit(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.yaml"))}
    for path, limit in found.items():
        if limit:
            print(f"  {path.stem} is left out: {limit}")
    return [path for path, limit in found.items() if not limit]


def _limit(text: str) -> str | None:
    """Why the probe's answer about a mesh cannot be compared; objects of the Gateway API are for later."""
    return next((why for pattern, why in LIMITS.items() if re.search(pattern, text)), None)


def _joined(target: Path) -> Path:
    recorded = sorted((ROOT / "tests/fixtures/istiod").glob("*.facts.jsonl"))
    target.write_text("".join(path.read_text(encoding="utf-8") for path in recorded), encoding="utf-8")
    return target


def probe(oracle: Path) -> Path | None:
    """The probe, built once; None without Go."""
    go = shutil.which("go")
    if go is None:
        return None
    built = Path(tempfile.gettempdir()) / "meshlint-probe"
    if not built.exists():
        print("building the probe, which takes minutes the first time", flush=True)
        subprocess.run([go, "build", "-o", built, "./probe"], cwd=oracle, check=True)
    return built


def asked(probe: Path, folder: Path, target: Path) -> Path:
    schemas = ORACLE.parent / "crds" / "istio.yaml"
    meshes = [str(path) for path in sorted(folder.glob("*.yaml"))]
    asked = [str(probe), "--crds", str(schemas), "--out", str(target), *meshes]
    subprocess.run(asked, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return target


def _facts(meshes: Sequence[Path], target: Path) -> dict[str, Facts]:
    with target.open("w", encoding="utf-8") as out:
        command = [str(MESHLINT), "facts", "--each", "--namespace", "default", *map(str, meshes)]
        subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, check=False)
    return read(target)


def _report(title: str, istiod: dict[str, Facts], meshlint: dict[str, Facts], show: int) -> list[Difference]:
    """Prints the agreement per kind of fact and the first differences; returns those that nothing explains."""
    answered = {mesh: facts for mesh, facts in istiod.items() if mesh in meshlint and not facts.get("error")}
    found: dict[str, list[Agreement]] = defaultdict(list)
    for mesh, facts in answered.items():
        for kind in KINDS:
            found[kind].append(compared(facts, meshlint[mesh], kind))
    print(f"{title}: {len(answered)} meshes")
    everything = []
    for kind, agreements in found.items():
        same = sum(agreement.same for agreement in agreements)
        differences = [d for agreement in agreements for d in agreement.differences]
        explained = [d for d in differences if d.explained]
        everything += [d for d in differences if not d.explained]
        total = same + len(differences)
        share = 100 * same / total if total else 100
        rest = f", {len(explained)} explained" if explained else ""
        print(f"  {kind:12} {same:7} of {total:7} ({share:.2f} %){rest}")
    for difference in everything[:show]:
        print(f"    {difference}")
    return everything


if __name__ == "__main__":
    sys.exit(main())
