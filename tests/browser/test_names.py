"""What a screen reader calls the buttons: no two of a page have the same name, also where agents have."""

from collections import Counter

import pytest
from playwright.async_api import Page, expect

from tests.app_server import AppServer, Person, decision
from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser


async def repeated(page: Page) -> dict[str, int]:
    """The names that more than one button has, as the browser tells them."""
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Accessibility.getFullAXTree")
    names = Counter(
        node["name"]["value"]
        for node in tree["nodes"]
        if not node.get("ignored") and node["role"]["value"] in ("button", "DisclosureTriangle")
    )
    return {name: count for name, count in names.items() if count > 1}


async def busy(app_server: AppServer, person: Person) -> None:
    """Each agent has a standing approval, and a request that it does not cover."""
    async with app_server.browser_of(person) as browser:
        for agent in person.agents:
            live = await app_server.start(agent)
            asked = await app_server.ask(agent, live)
            form = decision(asked, "allowed", scope="exact", uses="3", minutes="30")
            answer = await browser.post(f"/tool-permissions/{asked['id']}/standing-approval", data=form)
            assert answer.status_code == 303, answer.text
            await app_server.ask(agent, live, arguments={"order": "another", "amount": 5})


async def test_buttons_of_agents_of_one_name_have_names_of_their_own(
    app_server: AppServer, sign_in: SignIn
) -> None:
    await app_server.nobody_waits()
    people = [await app_server.hire("voice", agents=2), await app_server.hire("chat")]
    async with app_server.database() as owner:
        await owner.execute(
            "update agents set name = 'Anna' where supervisor_id = any ($1)", [person.id for person in people]
        )
    for person in people:
        await busy(app_server, person)
    floor = await sign_in(people[0])
    await expect(floor.locator(".approval")).to_have_count(2)
    await expect(floor.locator(".tool-permission.pending")).to_have_count(2)
    assert await repeated(floor) == {}
    for name in ("Pause Anna", "Pause Anna (2)", "Revoke the standing approval of issue_refund for Anna (2)"):
        await expect(floor.get_by_role("button", name=name, exact=True)).to_be_visible()
    admin = await sign_in(await app_server.hire("admin"))
    await expect(admin.locator(".tool-permission.pending")).to_have_count(3)
    assert await repeated(admin) == {}
    await admin.goto("/tool-permissions/standing-approvals")
    assert await admin.locator(".grants details").count() >= 3
    for one in await admin.locator(".grants summary").all():
        await one.click()
    assert await repeated(admin) == {}
