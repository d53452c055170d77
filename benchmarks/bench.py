"""Measures `meshlint check` on synthetic meshes: throughput, stages, memory, growth, start-up; fastest of several rounds."""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import generate

SIZES = (1_000, 10_000)
STARTS = 15
MEASURE = Path(__file__).with_name("measure.py")
MESHLINT = Path(sys.executable).with_name("meshlint")


@dataclass(frozen=True, slots=True)
class Run:
    """One size; seconds are each the least of all rounds, memory (bytes) is the most.

    `processor` far below the sum of the stages tells of a busy machine, on which the rest is not to be trusted.
    """

    documents: int
    stages: dict[str, float]
    processor: float
    csafeloader: float
    peak_memory: int
    findings: int

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=generate.SEED)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        meshes = {size: Path(scratch, str(size)) for size in SIZES}
        for size, directory in meshes.items():
            generate.write(directory, size, given.seed)
        rounds = [{size: measured(directory, size) for size, directory in meshes.items()} for _ in range(given.rounds)]
        runs = [best(size, [measurements[size] for measurements in rounds]) for size in SIZES]
        one_file = Path(scratch, "one.yaml")
        generate.write_one(one_file, 4, given.seed)
        start_up = started(one_file, Path(scratch, "bytecode"))
    print(f"Synthetic mesh, seed {given.seed}; fastest of {given.rounds} rounds, each in its own process.\n")
    print_runs(runs)
    print_stages(runs)
    print(f"Start-up: {start_up * 1000:.0f} ms over `python -c pass` (4 documents, median of {STARTS}; budget 150 ms)")


def measured(directory: Path, size: int) -> dict[str, Any]:
    """One round of one size. A run that did not check everything measures nothing."""
    command = [sys.executable, str(MEASURE), str(directory)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if found["documents"] != size or found["failures"]:
        sys.exit(f"{directory}: {found['documents']} of {size} documents read, {found['failures']} failures")
    return found


def best(size: int, rounds: Sequence[dict[str, Any]]) -> Run:
    return Run(
        size,
        {stage: min(found["stages"][stage] for found in rounds) for stage in rounds[0]["stages"]},
        min(found["processor"] for found in rounds),
        min(found["csafeloader"] for found in rounds),
        max(found["peak_memory"] for found in rounds),
        rounds[0]["findings"],
    )


def started(file: Path, bytecode: Path) -> float:
    """Seconds that `meshlint check` of one file takes over an empty Python, taken in turns.

    Compiled modules lie in `bytecode`, as they would beside an installed package after its first run.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    check, empty = [str(MESHLINT), "check", "--exit-zero", str(file)], [sys.executable, "-c", "pass"]
    timed(check, environment)
    pairs = [(timed(check, environment), timed(empty, environment)) for _ in range(STARTS)]
    ours, least = (statistics.median(times) for times in zip(*pairs, strict=True))
    return float(ours - least)


def timed(command: Sequence[str], environment: Mapping[str, str]) -> float:
    start = perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return perf_counter() - start


def exponent(small: float, large: float) -> float:
    """The x of time ~ documents ** x."""
    return math.log(large / small) / math.log(SIZES[1] / SIZES[0])


def print_runs(runs: Sequence[Run]) -> None:
    print(
        f"{'documents':>10}{'documents/s':>13}{'seconds':>9}{'CPU s':>8}{'peak MiB':>10}{'findings':>10}{'check/CSafeLoader':>19}"
    )
    for run in runs:
        print(
            f"{run.documents:>10,}{run.documents / run.seconds:>13,.0f}{run.seconds:>9.2f}{run.processor:>8.2f}"
            f"{run.peak_memory / 2**20:>10.0f}{run.findings:>10}{run.seconds / run.csafeloader:>19.2f}"
        )
    print()


def print_stages(runs: Sequence[Run]) -> None:
    small, large = runs
    print(f"{'stage':<24}{small.documents:>10,}{'share':>8}{large.documents:>10,}{'share':>8}{'growth':>10}")
    rows = [(stage, small.stages[stage], large.stages[stage]) for stage in small.stages]
    for stage, one, other in [*rows, ("total", small.seconds, large.seconds)]:
        print(
            f"{stage:<24}{one:>8.3f} s{one / small.seconds:>8.0%}{other:>8.3f} s{other / large.seconds:>8.0%}"
            f"{f'n^{exponent(one, other):.2f}':>10}"
        )
    print(f"{'CSafeLoader, same files':<24}{small.csafeloader:>8.3f} s{'':>8}{large.csafeloader:>8.3f} s\n")


if __name__ == "__main__":
    main()
