"""The error that vaelib raises for a mistake of the user, for code that calls vaelib and wants to catch it."""

from .support.errors import UserError

__all__ = ["UserError"]
