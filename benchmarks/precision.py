"""How many findings on real meshes are true: the tables of precision/README.md, from the judgements beside it.

`precision.py` prints them; `--write` puts them into the README. Where ../shared is present, the meshes are linted again, and it
is told which judged findings are still made, which are gone, which say something else now, and which nobody has judged yet.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from meshlint import config, pipeline
from meshlint.finding import Audience, Confidence
from meshlint.report import json as report
from meshlint.rule import catalog
from meshlint.source.files import CONFIGURATIONS

FOLDER = Path(__file__).with_suffix("")
SHARED = Path(__file__).parents[2] / "shared"
CONFIDENCES = ("high", "medium", "low")
VERDICTS = ("true", "false", "undecidable")
THRESHOLDS = {"high": 0.95, "medium": 0.85}
LABELLED = ("seed", "meshes")
"""The folders of ../shared whose meshes are made up; everything else is from repositories."""

NO_MESH = "repository istio+istio"
"""Test data of hundreds of meshes, which are judged one by one; linted as a whole they are none, and do not count."""

EVERYTHING = pipeline.Thresholds(Audience.AUDITOR, Confidence.LOW)
_TABLES = re.compile(r"(?<=<!-- tables -->\n).*(?=<!-- end of tables -->)", re.DOTALL)


class Place(NamedTuple):
    """Where a finding was made: `input` is a mesh of corpus/meshes.yaml, `repository NAME`, or a labelled folder."""

    input: str
    settings: str
    rule: str
    file: str
    line: int
    place: str


class Judgement(NamedTuple):
    """What somebody who read the manifests says of a finding; `gone` tells why it is not made any more."""

    where: Place
    confidence: str
    message: str
    verdict: str
    gone: str

    @property
    def origin(self) -> str:
        if self.where.input.startswith(LABELLED):
            return "labelled"
        return "no mesh" if self.where.input == NO_MESH else "real"


class Found(NamedTuple):
    where: Place
    confidence: str
    message: str


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true", help="put the tables into the README")
    judgements = read()
    if options.parse_args().write:
        readme = FOLDER / "README.md"
        readme.write_text(written(readme.read_text(encoding="utf-8"), judgements), encoding="utf-8")
    print(tables(judgements), end="")
    if not SHARED.is_dir():
        print(f"\nNothing is linted again: {SHARED} is not there.")
        return 0
    return compare(judgements)


def read() -> list[Judgement]:
    files = sorted(FOLDER.glob("*.jsonl"))
    return [_judgement(json.loads(line)) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def _judgement(entry: Mapping[str, Any]) -> Judgement:
    settings = json.dumps(entry["settings"], sort_keys=True)
    where = Place(entry["input"], settings, entry["rule"], _file(entry), entry["line"], entry["place"])
    return Judgement(where, entry["confidence"], entry["message"], entry["verdict"], entry.get("gone", ""))


def _file(entry: Mapping[str, Any]) -> str:
    return "/".join(filter(None, (entry["repository"], entry["file"])))


# ---- tables ----------------------------------------------------------------------------------------------------------


def written(readme: str, judgements: Sequence[Judgement]) -> str:
    return _TABLES.sub(lambda _: tables(judgements), readme)


def tables(judgements: Sequence[Judgement]) -> str:
    made = [judgement for judgement in judgements if not judgement.gone]
    parts = {
        "Meshes and repositories of the corpus": _table(chosen(made, "real")),
        "Labelled meshes (seed, vllm-istio, clean-llm-platform)": _table(chosen(made, "labelled")),
        "False once, and gone": _mended(judgements),
        "istio/istio as one input, which is no mesh: not counted": _table(chosen(made, "no mesh")),
    }
    return "\n".join(f"**{title}**\n\n{table}" for title, table in parts.items())


def chosen(judgements: Iterable[Judgement], *origins: str) -> list[Judgement]:
    return [judgement for judgement in judgements if judgement.origin in origins]


def _table(judgements: Sequence[Judgement]) -> str:
    rows = ["| rule | confidence | true | false | undecidable | precision |", "|---|---|--:|--:|--:|--:|"]
    for rule in (*sorted({j.where.rule for j in judgements}), ""):
        for confidence in CONFIDENCES:
            some = [j for j in judgements if j.confidence == confidence and rule in (j.where.rule, "")]
            if some:
                verdicts = Counter(j.verdict for j in some)
                cells = " | ".join(str(verdicts[verdict]) for verdict in VERDICTS)
                rows.append(f"| {rule or '**all**'} | {confidence} | {cells} | {precision(some):.0%} |")
    return "\n".join(rows) + "\n"


def precision(judgements: Sequence[Judgement]) -> float:
    """The share that is true; what the input cannot decide counts as not true."""
    return sum(judgement.verdict == "true" for judgement in judgements) / len(judgements)


def _mended(judgements: Sequence[Judgement]) -> str:
    gone = Counter((j.where.rule, j.confidence, j.gone) for j in judgements if j.gone)
    rows = ["| rule | confidence | findings | since |", "|---|---|--:|---|"]
    rows += [f"| {rule} | {confidence} | {n} | {since} |" for (rule, confidence, since), n in sorted(gone.items())]
    real = chosen(judgements, "real")
    before = [f"{precision([j for j in real if j.confidence == c]):.0%} ({c})" for c in THRESHOLDS]
    return "\n".join(rows) + f"\n\nWith them the first table would say {' and '.join(before)}.\n"


# ---- what is found today ---------------------------------------------------------------------------------------------


def compare(judgements: Sequence[Judgement]) -> int:
    """Prints what has changed since the findings were judged; 1 if anything has."""
    found = {f.where: f for run in _runs(judgements) for f in _findings(*run)}
    judged = {j.where: j for j in judgements}
    made = [j for j in judgements if not j.gone]
    defaults = {f._replace(where=f.where._replace(settings="{}")) for f in found.values() if f.where.settings == "{}"}
    new = [f for f in found.values() if f.where not in judged and not _is_repeated(f, defaults)]
    back = [j for j in judgements if j.gone and j.where in found and _says(found[j.where]) == _says(j)]
    changed = [j for j in made if j.where in found and _says(found[j.where]) != _says(j)]
    missing = [j for j in made if j.where not in found]
    print(f"\n{len(made) - len(changed) - len(missing)} judged findings are made as they were judged.")
    for title, entries in (("gone", missing), ("other words", changed), ("back", back), ("not judged", new)):
        for entry in entries:
            where, words = entry.where, found.get(entry.where, entry)
            print(f"{title}: {where.input} {where.settings} {where.rule} {words.confidence} {where.file}:{where.line}")
            print(f"    {words.message}")
    return 1 if missing or changed or back or new else 0


def _says(entry: Judgement | Found) -> tuple[str, str]:
    return entry.confidence, entry.message


def _is_repeated(found: Found, defaults: set[Found]) -> bool:
    """Whether other settings leave a finding as it is without them."""
    return found.where.settings != "{}" and found._replace(where=found.where._replace(settings="{}")) in defaults


def _runs(judgements: Iterable[Judgement]) -> Iterator[tuple[str, str]]:
    """What is linted, and with which settings: every mesh of the corpus by default, and whatever was judged."""
    yield from dict.fromkeys([*((name, "{}") for name in _meshes()), *(j.where[:2] for j in judgements)])


@cache
def _meshes() -> Mapping[str, Mapping[str, Any]]:
    entries = yaml.safe_load((SHARED / "corpus/meshes.yaml").read_text(encoding="utf-8"))["meshes"]
    return {entry["name"]: entry for entry in entries}


def _findings(name: str, settings: str) -> Iterator[Found]:
    base, paths, namespace = SHARED / "corpus", [name.removeprefix("repository ")], None
    if name.startswith(LABELLED):
        base = SHARED
    elif name in _meshes():
        paths, namespace = _meshes()[name]["paths"], _meshes()[name]["namespace"]
    with contextlib.chdir(base), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, CONFIGURATIONS[0])
        file.write_text(yaml.safe_dump({"settings": json.loads(settings)}), encoding="utf-8")
        project = config.load(paths, None if settings == "{}" else str(file))
        given = pipeline.read(paths, project, namespace=namespace)
        checked = pipeline.check(given, project, EVERYTHING, catalog.chosen((), ()))
        report.write(checked, told := io.StringIO())
        for entry in json.loads(told.getvalue())["findings"]:
            place = entry["location"]
            own = CONFIGURATIONS[0] if place["file"] == str(file) else place["file"]
            where = Place(name, settings, entry["rule"], own, place["startLine"], place["path"])
            yield Found(where, entry["confidence"], entry["message"])


if __name__ == "__main__":
    raise SystemExit(main())
