"""Regions of a live page: what it is made of, which of it is another now, and how that travels."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parts:
    """A region whose parts may travel alone: their ids and partials in order, and how they become the whole one.

    As long as the ids and what is beside them are the same, so is everything but the parts.
    """

    each: Mapping[str, str]
    whole: Callable[[], str]
    beside: object = None

    @property
    def shape(self) -> tuple[list[str], object]:
        """What the whole one shows but for the parts."""
        return [*self.each], self.beside


Regions = Mapping[str, str | Parts]


def changes(before: Regions, now: Regions) -> Iterator[tuple[str, bytes]]:
    """Each region that is another now, or the parts of it that are: 'region' or 'region part', and its frame."""
    for name, region in now.items():
        known = before.get(name)
        if isinstance(region, Parts) and isinstance(known, Parts) and region.shape == known.shape:
            for part, html in region.each.items():
                if known.each[part] != html:
                    yield f"{name} {part}", frame(part, html, f' data-of="{name}"')
        elif region != known:
            yield name, frame(name, whole(region))


def whole(region: str | Parts) -> str:
    return region if isinstance(region, str) else region.whole()


def frame(region: str, html: str, more: str = "") -> bytes:
    """A region as lines of an SSE message, encoded once for everybody.

    For 20 readers it is 7 times as fast as encoding the same text for each (bench optimisations).
    """
    if "\r" in html:  # would end a line of the message as well
        html = html.replace("\r\n", "\n").replace("\r", "\n")
    lines = html.replace("\n", "\ndata: ")
    return (
        f'data: <hx-partial hx-target="#{region}" hx-swap="outerMorph"{more}>{lines}</hx-partial>\n'.encode()
    )
