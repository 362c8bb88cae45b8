"""Audit, family learning: the whole chain trained on sources whose truth is known (experiments/planted_checks.py).

The runs go side by side in two processes of one BLAS thread each. They share nothing: the figures do not depend on it.
"""

import math
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from refimpl.checks.planting import About, run_check
from refimpl.checks.result import CheckResult
from refimpl.experiments.planted_checks import (
    PlantedLanguageResult,
    PlantedSentimentResult,
    RandomLabelsResult,
    run_planted_lm,
    run_planted_sentiment,
    run_random_labels,
)

FAMILY = "learning"
PROCESSES = 2
SEEDS = (0, 1, 2)
WITHIN = 0.02  # of the entropy rate
SYMBOLS = 50_000
ABOVE = 1.1  # every shorter memory costs at least 10 % more than the rate
STANDARD_ERRORS = 3.0
RECALL, PRECISION = 0.95, 0.9
KEPT = 0.01


class Learning(NamedTuple):
    """What the planted runs ended with."""

    language: PlantedLanguageResult
    sentiment: tuple[PlantedSentimentResult, ...]
    random: RandomLabelsResult


def planted_runs(tell: Callable[[str], None], preset: str = "small") -> Learning:
    """Train all of them, some four minutes on two cores with the preset small; tell a line as each one ends.

    Errors: what a run raises.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_one_thread) as pool:
        tasks: dict[Future[Any], str] = {pool.submit(_timed, run_planted_lm, 0, preset): "planted-lm"}
        for seed in SEEDS:
            tasks[pool.submit(_timed, run_planted_sentiment, seed, preset)] = f"planted-sentiment, seed {seed}"
        tasks[pool.submit(_timed, run_random_labels, 0, preset)] = "random labels"
        found: dict[str, Any] = {}
        try:
            for done in as_completed(tasks):
                found[tasks[done]], seconds = done.result()
                tell(f"  {tasks[done]} trained ({seconds:.0f} s)")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    sentiment = tuple(found[f"planted-sentiment, seed {seed}"] for seed in SEEDS)
    return Learning(found["planted-lm"], sentiment, found["random labels"])


def _one_thread() -> None:
    threadpool_limits(limits=1)


def _timed(run: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    return run(*arguments), time.perf_counter() - began


def learning_checks(runs: Learning) -> list[CheckResult]:
    """The results of the planted runs, judged."""
    return [*_language(runs.language), *_sentiment(runs), *_random(runs)]


def _same(figure: float) -> float:
    return figure


def _language(found: PlantedLanguageResult) -> list[CheckResult]:
    rate = found.rate_bits
    off, off_reset = (abs(bits / rate - 1.0) for bits in (found.test_bits, found.reset_bits))
    first = run_check(
        About(
            FAMILY,
            "planted-lm reaches the entropy rate",
            f"bits a symbol of fresh text, {found.test_bits:.4f}, against the exact rate of the source, {rate:.4f}, "
            f"relative; the planted bug, h and c reset at every step, has {found.reset_bits:.4f}",
            "anything that keeps an LSTM from learning what is five steps back; a state that is lost",
        ),
        _same,
        off,
        WITHIN,
        planted="h and c reset at every step",
        wrong=off_reset,
    )
    fresh = run_check(
        About(
            FAMILY,
            "planted-lm, fresh symbols",
            f"{SYMBOLS:,} over the {found.symbols:,} fresh symbols that were scored",
            "a rate measured on too few symbols",
        ),
        _same,
        SYMBOLS / found.symbols,
        1.0,
    )
    shorter = {"unigram": found.unigram_bits, "bigram": found.bigram_bits, "4-gram": found.fourgram_bits}
    memories = [
        run_check(
            About(
                FAMILY,
                f"planted-lm, {name} entropy",
                f"the rate, {rate:.4f} bits, over the {name} entropy, {bits:.4f} bits: a model with that memory is at "
                f"least {100 * (ABOVE - 1):.0f} % worse",
                "a source that needs no memory",
            ),
            _same,
            rate / bits,
            1.0 / ABOVE,
        )
        for name, bits in shorter.items()
    ]
    return [first, fresh, *memories]


def _sentiment(runs: Learning) -> list[CheckResult]:
    checks = []
    for result in runs.sentiment:
        name = f"planted-sentiment, seed {result.seed}"
        bayes, error = result.bayes_accuracy, result.standard_error
        checks.append(
            run_check(
                About(
                    FAMILY,
                    f"{name}: accuracy",
                    f"{100 * result.accuracy:.2f} % on {result.texts:,} fresh texts, below the exact Bayes accuracy, "
                    f"{100 * bayes:.2f} %, by so many standard errors",
                    "a classifier that learns less than there is",
                ),
                _same,
                (bayes - result.accuracy) / error,
                STANDARD_ERRORS,
                planted="labels by coin flips",
                wrong=(bayes - runs.random.accuracy) / error,
            )
        )
    planted, left, found = (sum(getattr(r, what) for r in runs.sentiment) for what in ("planted", "left", "found"))
    seeds = f"planted-sentiment, {len(runs.sentiment)} seeds"
    checks.append(
        run_check(
            About(
                FAMILY,
                f"{seeds}: recall",
                f"share of the planted words that were pruned; {found} of {planted} are left",
                "group variables that prune what matters",
            ),
            _same,
            1.0 - found / planted,
            1.0 - RECALL,
        )
    )
    checks.append(
        run_check(
            About(
                FAMILY,
                f"{seeds}: precision",
                f"share of the words left that were not planted; {found} of the {left} words left are",
                "group variables that do not prune",
            ),
            _same,
            1.0 - found / max(left, 1),
            1.0 - PRECISION,
        )
    )
    return checks


def _random(runs: Learning) -> list[CheckResult]:
    found, texts = runs.random, runs.sentiment[0]
    deviation, deviation_of_texts = (abs(a - 0.5) / found.standard_error for a in (found.accuracy, texts.accuracy))
    kept = run_check(
        About(
            FAMILY,
            "random labels: weights kept",
            "the same texts, configuration and steps with coin flips for labels: share of weights left",
            "a posterior that memorises (S002's control)",
        ),
        _same,
        found.kept,
        KEPT,
    )
    chance = run_check(
        About(
            FAMILY,
            "random labels: accuracy",
            f"{100 * found.accuracy:.2f} % on {found.texts:,} fresh texts, from 50 % by so many standard errors",
            "a leak from targets to inputs",
        ),
        _same,
        deviation if math.isfinite(deviation) else math.inf,
        STANDARD_ERRORS,
        planted="the true labels",
        wrong=deviation_of_texts,
    )
    return [kept, chance]
