"""Checks a directory once in this process and prints as JSON what each stage took; a process of its own for every run."""

from __future__ import annotations

import gc
import io
import json
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter, process_time

import yaml

from meshlint import pipeline
from meshlint.config import Config
from meshlint.report import text
from meshlint.report.report import Report
from meshlint.rule import catalog
from meshlint.source.document import SourceFile

STAGES = ("read and parse", "resources and variants", "mesh", "rules", "report")


class Clock:
    """Seconds since the last lap."""

    def __init__(self) -> None:
        self.laps: list[float] = []
        self._since = perf_counter()

    def lap(self) -> None:
        now = perf_counter()
        self.laps.append(now - self._since)
        self._since = now

    def parsing(self, files: Sequence[SourceFile]) -> Iterator[SourceFile]:
        """The progress of pipeline.read: the lap ends behind the last file."""
        yield from files
        self.lap()


def check(directory: str) -> tuple[dict[str, float], Report]:
    """Seconds per stage, and the report, so that it can be seen to be one."""
    config = Config()
    clock = Clock()
    given = pipeline.read([directory], config, progress=clock.parsing)
    clock.lap()
    for mesh in given.meshes:
        for answers in (mesh.workloads.all, mesh.routes, mesh.ports, mesh.hosts, mesh.egress):
            consume(answers)
    clock.lap()
    report = pipeline.check(given, config, pipeline.Thresholds(), catalog.chosen((), ()))
    clock.lap()
    printer = text.Printer(io.StringIO(), color=False, width=80)
    text.write_findings(report, printer)
    text.write_summary(report, printer)
    clock.lap()
    return dict(zip(STAGES, clock.laps, strict=True)), report


def consume(answers: Iterable[object]) -> None:
    for _ in answers:
        pass


def peak_memory() -> int:
    """Bytes that were resident at most; macOS counts in bytes, Linux in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def csafeloader(directory: str) -> float:
    """Seconds in which PyYAML's fastest loader reads the same files, without a position."""
    start = perf_counter()
    for file in sorted(Path(directory).rglob("*.yaml")):
        consume(yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader))
    return perf_counter() - start


def main(directory: str) -> None:
    """Without collecting garbage, as the program runs; the loader to compare with collects as usual."""
    gc.disable()
    before = process_time()
    stages, report = check(directory)
    processor = process_time() - before
    summary = report.summary
    found = {
        "documents": summary.documents,
        "findings": len(report.findings),
        "failures": len(report.failures),
        "stages": stages,
        "processor": processor,
        "peak_memory": peak_memory(),
    }
    del report
    gc.enable()
    gc.collect()
    print(json.dumps({**found, "csafeloader": csafeloader(directory)}))


if __name__ == "__main__":
    main(sys.argv[1])
