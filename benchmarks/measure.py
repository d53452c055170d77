"""Checks a directory once in this process and prints as JSON what each stage took; a process of its own for every run."""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import perf_counter, process_time
from types import FrameType

import yaml

import meshlint
from meshlint import pipeline
from meshlint.config import Config
from meshlint.report import text
from meshlint.report.report import Report
from meshlint.rule import catalog

ACCESS = os.path.join("mesh", "istio", "authorization")
STAGES = {
    "source": "read and parse",
    "resource": "resources and variants",
    "mesh": "mesh",
    ACCESS: "who may call",
    "rule": "rules",
    "report": "report",
}
"""Packages of meshlint, and what the work that they begin is called."""

EVERY = 0.001
"""Seconds between two looks at what runs."""


class Sampler:
    """Processor seconds by stage, from looks at the stack: whoever asks the model, all that it does then is `mesh`, or the
    decision who may call, whichever of them is at work.

    What happens on the way to an answer belongs to these, too; else the package counts that was entered first.
    """

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter(dict.fromkeys(STAGES.values(), 0.0))
        self._since = process_time()

    @contextmanager
    def running(self) -> Iterator[None]:
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)
        self._since = process_time()
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _look(self, _: int, frame: FrameType | None) -> None:
        now = process_time()
        self.seconds[stage(frame)] += now - self._since
        self._since = now


def stage(frame: FrameType | None) -> str:
    """The stage that a stack is in."""
    found = "source"
    while frame:
        package = package_of(frame.f_code.co_filename)
        if package in ("mesh", ACCESS):
            return STAGES[package]
        found = package or found
        frame = frame.f_back
    return STAGES[found]


@cache
def package_of(file: str) -> str | None:
    """The package of meshlint that a file of code is in, if it is one that a stage is named after."""
    root = os.path.join(os.path.dirname(meshlint.__file__), "")
    name = file.removeprefix(root)
    found = ACCESS if name.startswith(ACCESS) else name.partition(os.sep)[0]
    return found if file.startswith(root) and found in STAGES else None


def check(directory: str) -> Report:
    """What `meshlint check` does; the report is written to nowhere."""
    config = Config()
    given = pipeline.read([directory], config)
    report = pipeline.check(given, config, pipeline.Thresholds(), catalog.chosen((), ()))
    printer = text.Printer(io.StringIO(), color=False, width=80)
    text.write_findings(report, printer)
    text.write_summary(report, printer)
    return report


def consume(answers: Iterable[object]) -> None:
    for _ in answers:
        pass


def peak_memory() -> int:
    """Bytes that were resident at most; macOS counts in bytes, Linux in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def csafeloader(directory: str) -> float:
    """Processor seconds in which PyYAML's fastest loader reads the same files, without a position."""
    start = process_time()
    for file in sorted(Path(directory).rglob("*.yaml")):
        consume(yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader))
    return process_time() - start


def main(directory: str) -> None:
    """Without collecting garbage, as the program runs; the loader to compare with collects as usual."""
    gc.disable()
    sampler = Sampler()
    start = perf_counter()
    with sampler.running():
        report = check(directory)
    seconds = perf_counter() - start
    found = {
        "documents": report.summary.documents,
        "findings": len(report.findings),
        "failures": len(report.failures),
        "seconds": seconds,
        "stages": sampler.seconds,
        "peak_memory": peak_memory(),
    }
    del report
    gc.enable()
    gc.collect()
    print(json.dumps({**found, "csafeloader": csafeloader(directory)}))


if __name__ == "__main__":
    main(sys.argv[1])
