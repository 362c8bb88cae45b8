"""Embedded sources with known truth: no file is needed, and what a model can reach at best is known."""

from refimpl.data.planted_lm import PlantedLanguage, planted_lm
from refimpl.data.planted_sentiment import PlantedSentiment, planted_sentiment, random_labels

__all__ = ["PlantedLanguage", "PlantedSentiment", "planted_lm", "planted_sentiment", "random_labels"]
