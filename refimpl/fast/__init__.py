"""Twins of hot functions: the same equations in place, with memory that is kept. Each is tested equal to its own."""
