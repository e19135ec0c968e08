"""Topics and their subscribers; live pages, their regions and streams.

Others use the names below, and the module fanout.
"""

from server.kernel.live.alert_cards import ALERTS_PAGE, alerts_for
from server.kernel.live.amounts import amount_of, unusual
from server.kernel.live.held_settings import HeldSettings
from server.kernel.live.hub import STATE, Hub
from server.kernel.live.known_agents import KnownAgents
from server.kernel.live.listener import hears
from server.kernel.live.pages import Audience, Page
from server.kernel.live.permission_cards import (
    Decision,
    FeedLine,
    Grant,
    Permission,
    Queue,
    alone,
    card,
    key_of,
    queue,
    shown,
)
from server.kernel.live.regions import Parts, Regions
from server.kernel.live.router import Shortcuts
from server.kernel.live.stream import Streams
from server.kernel.live.topics import OWN, Bell, Ring, Topics

__all__ = [
    "ALERTS_PAGE",
    "OWN",
    "STATE",
    "Audience",
    "Bell",
    "Decision",
    "FeedLine",
    "Grant",
    "HeldSettings",
    "Hub",
    "KnownAgents",
    "Page",
    "Parts",
    "Permission",
    "Queue",
    "Regions",
    "Ring",
    "Shortcuts",
    "Streams",
    "Topics",
    "alerts_for",
    "alone",
    "amount_of",
    "card",
    "hears",
    "key_of",
    "queue",
    "shown",
    "unusual",
]
