"""Requests that the server makes to addresses that people entered: the one check of addresses."""

from server.kernel.providers.addresses import Answer, post

__all__ = ["Answer", "post"]
