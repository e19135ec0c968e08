"""What the filters of lists choose: links into a list, the form of the filters, and the way from one interaction to the next."""

import re
from html import unescape
from uuid import UUID

from tests.app_server import AppServer
from tests.interactions.test_interaction_search import EVERYTHING, finish, found


async def test_neighbours_of_all_that_is_kept_are_those_of_the_list(app_server: AppServer) -> None:
    """An empty value of a filter is a choice of its own: all that is kept, and not the last 7 days."""
    person = await app_server.hire("voice")
    old, middle, new = [await finish(app_server, person) for _ in range(3)]
    async with app_server.browser_of(person) as browser, app_server.database() as owner:
        for one, days in ((old, 31), (middle, 30)):
            await owner.execute(
                "update interactions set started_at = started_at - make_interval(days => $2), ended_at = ended_at - make_interval(days => $2) where id = $1",
                UUID(one),
                days,
            )
        shown = (await browser.get(EVERYTHING)).text
        link = re.search(rf'href="(/interactions/{middle}[^"]+)"', shown)
        assert link
        page = (await browser.get(unescape(link[1]))).text
        ways = dict(re.findall(r'rel="(prev|next)" href="/interactions/([0-9a-f-]{36})', page))
        assert ways == {"prev": new, "next": old}
