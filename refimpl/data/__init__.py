"""Readers of corpora, tables of the user, and planted sources whose truth is known."""
