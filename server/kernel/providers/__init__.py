"""Requests that the server makes to addresses that people or their browsers entered: the one check of addresses, and web push."""

from server.kernel.providers.addresses import Answer, HostGates, post
from server.kernel.providers.web_push import PushKeys, encrypt, from_base64url, new_key, public_point

__all__ = ["Answer", "HostGates", "PushKeys", "encrypt", "from_base64url", "new_key", "post", "public_point"]
