"""Measures `meshlint check` on synthetic meshes: throughput, stages, memory, growth, start-up; fastest of several rounds.

And what boundaries cost, on meshes whose policies would punish pairs of workloads (`--boundaries`: that alone).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import boundaries
import generate

SIZES = (1_000, 10_000, 50_000)
LARGE = 50_000
"""Documents from which on one round has to do."""

MODEL, MODEL_AT, GROWTH, START_UP = 0.5, 10_000, 1.1, 0.15
"""What is asked for: the most that the model takes of a run of so many documents, that x is in time ~ documents ** x, and
that a small run takes in seconds over an empty Python.
"""

BOUNDARIES = 10
"""Processor seconds that a mesh of boundaries.MANY workloads and policies may take at most."""

COMMANDS = {"check": ("check", "--exit-zero"), "show exposure": ("show", "exposure")}
STARTS = 15
MEASURE = Path(__file__).with_name("measure.py")
MESHLINT = Path(sys.executable).with_name("meshlint")


@dataclass(frozen=True, slots=True)
class Run:
    """One size; `seconds` by the clock on the wall and `stages` in processor seconds are of the fastest round, memory
    (bytes) is the most.

    Processor seconds far below `seconds` tell of a busy machine, on which the latter are not to be trusted.
    """

    documents: int
    seconds: float
    stages: dict[str, float]
    csafeloader: float
    peak_memory: int
    findings: int

    @property
    def processor(self) -> float:
        return sum(self.stages.values())

    def share(self, stage: str) -> float:
        return self.stages[stage] / self.processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=generate.SEED)
    parser.add_argument("--boundaries", action="store_true", help="only who may call whom")
    given = parser.parse_args()
    if not given.boundaries:
        print_sizes(given.rounds, given.seed)
    print_boundaries()


def print_sizes(rounds: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        runs = [run(Path(scratch, str(size)), size, seed, 1 if size >= LARGE else rounds) for size in SIZES]
        one_file = Path(scratch, "one.yaml")
        generate.write_one(one_file, 4, seed)
        start_up = started(one_file, Path(scratch, "bytecode"))
    print(f"Synthetic mesh, seed {seed}; fastest of {rounds} rounds, each in its own process, the largest once.\n")
    print_runs(runs)
    print_stages(runs)
    print_wanted(runs, start_up)


def run(directory: Path, size: int, seed: int, rounds: int) -> Run:
    generate.write(directory, size, seed)
    return best(size, [measured(directory, size) for _ in range(rounds)])


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
        min(found["seconds"] for found in rounds),
        min((found["stages"] for found in rounds), key=lambda stages: sum(stages.values())),
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


def exponent(small: Run, large: Run, stage: str | None = None) -> float:
    """The x of time ~ documents ** x, of one stage or of the whole run."""
    one, other = (run.stages[stage] if stage else run.processor for run in (small, large))
    return math.log(other / one) / math.log(large.documents / small.documents)


def print_runs(runs: Sequence[Run]) -> None:
    print(
        f"{'documents':>10}{'documents/s':>13}{'seconds':>9}{'CPU s':>8}{'peak MiB':>10}{'findings':>10}{'check/CSafeLoader':>19}"
    )
    for run in runs:
        print(
            f"{run.documents:>10,}{run.documents / run.seconds:>13,.0f}{run.seconds:>9.2f}{run.processor:>8.2f}"
            f"{run.peak_memory / 2**20:>10.0f}{run.findings:>10}{run.processor / run.csafeloader:>19.2f}"
        )
    print()


def print_stages(runs: Sequence[Run]) -> None:
    """CPU seconds and shares by size, and how they grow from each size to the next and in all."""
    spans = [*pairwise(runs), (runs[0], runs[-1])]
    print(f"{'CPU seconds':<24}", *(f"{run.documents:>11,}{'':7}" for run in runs), *(f"{growth(s):>9}" for s in spans))
    for stage in runs[0].stages:
        print(
            f"{stage:<24}",
            *(f"{run.stages[stage]:>11.2f}{run.share(stage):>7.0%}" for run in runs),
            *(f"{f'n^{exponent(*span, stage):.2f}':>9}" for span in spans),
        )
    print(
        f"{'total':<24}",
        *(f"{run.processor:>11.2f}{'':7}" for run in runs),
        *(f"{f'n^{exponent(*span):.2f}':>9}" for span in spans),
    )
    print(f"{'CSafeLoader, same files':<24}", *(f"{run.csafeloader:>11.2f}{'':7}" for run in runs), "\n")


def growth(span: tuple[Run, Run]) -> str:
    """The sizes of two runs, in thousands."""
    return f"{span[0].documents // 1000}k-{span[1].documents // 1000}k"


def print_wanted(runs: Sequence[Run], start_up: float) -> None:
    """What is asked for, and what was measured."""
    run = next(run for run in runs if run.documents == MODEL_AT)
    both = run.share("mesh") + run.share("who may call")
    print(
        f"The mesh model takes {run.share('mesh'):.0%} of {MODEL_AT:,} documents (at most {MODEL:.0%}); "
        f"with the decisions who may call it is {both:.0%}."
    )
    print(f"The run grows as n^{exponent(runs[0], runs[-1]):.2f} over all sizes (at most n^{GROWTH:.2f}).")
    print(
        f"Start-up: {start_up * 1000:.0f} ms over `python -c pass` (4 documents, median of {STARTS}; at most {START_UP * 1000:.0f} ms)."
    )


def print_boundaries() -> None:
    """Processor seconds by shape and command."""
    many = f"{boundaries.MANY:,}"
    print(f"\nWho may call whom: {many} workloads and as many policies; CPU seconds (at most {BOUNDARIES} each).\n")
    print(f"{'':14}", *(f"{command:>14}" for command in COMMANDS), "  shape")
    for shape, made in boundaries.SHAPES.items():
        with tempfile.TemporaryDirectory() as scratch:
            boundaries.write(Path(scratch, shape), shape)
            seconds = [processor([str(MESHLINT), *words, str(Path(scratch, shape))]) for words in COMMANDS.values()]
        about = (made.__doc__ or "").rstrip(".")
        marks = " (too slow)" if max(seconds) > BOUNDARIES else ""
        print(f"{shape:14}", *(f"{each:>14.2f}" for each in seconds), f"  {about}{marks}")


def processor(command: Sequence[str]) -> float:
    """Processor seconds that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
