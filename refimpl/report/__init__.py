"""Figures (matplotlib, Agg) and the HTML report: one self-contained file, no scripts, no network."""
