"""Texts and what is read of them, in NumPy alone: what serving needs without torch."""
