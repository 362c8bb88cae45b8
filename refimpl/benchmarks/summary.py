"""Medians, and ratios round by round: what drifts in the machine meets both sides of a ratio alike."""

import statistics
from collections.abc import Sequence
from typing import Any

BASES = ("torch", "torch-compiled", "gemm")  # what each contender is divided by


def summarise(contenders: dict[str, dict[str, Any]], quiet: float) -> dict[str, dict[str, Any]]:
    """Each contender's record with medians a step, ratios of time and memory, and the count of blocks not quiet."""
    summaries = {}
    for name, record in contenders.items():
        blocks = record["blocks"]
        bases = {base: contenders[base] for base in BASES if base in contenders and base != name}
        summaries[name] = record | {
            "median": {key: statistics.median(block[key] for block in blocks) for key in ("wall", "cpu")},
            "ratio": {base: ratio(blocks, other["blocks"]) for base, other in bases.items()},
            "memory_ratio": {
                base: record["peak_mb"] / other["peak_mb"]
                for base, other in bases.items()
                if base != "gemm" and record["peak_mb"] and other["peak_mb"]
            },
            "not_quiet": sum(block["others"] is not None and block["others"] > quiet for block in blocks),
        }
    return summaries


def ratio(blocks: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Time over time in each round: the median, the least and the most.

    Errors: ValueError if the numbers of rounds differ.
    """
    by_round = [ours["wall"] / theirs["wall"] for ours, theirs in zip(blocks, base, strict=True)]
    return {"median": statistics.median(by_round), "least": min(by_round), "most": max(by_round)}
