"""Folders of models: written whole, checked, and never over what is not ours; without torch."""
