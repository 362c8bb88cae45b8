"""Assemblies of layers: a recipe says what a model is made of; no derivative of a formula is written here."""
