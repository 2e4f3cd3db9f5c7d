"""The version, apart so that no room needs the whole house for it."""

__version__ = "0.1.0"
