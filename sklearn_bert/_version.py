"""The version of the package, its only copy; read by setuptools without importing the rest."""

__version__ = "0.2.0"
