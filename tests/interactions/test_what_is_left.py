"""What the page and the print of an interaction say of what is not there: deleted, never sent, or not yet."""

from uuid import UUID

from tests.app_server import AppServer, Person, decision
from tests.interactions.test_interaction_search import finish


async def test_what_was_deleted_is_said_and_not_called_unknown(app_server: AppServer, voice: Person) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent, phone_number="+18505550155")
    asked = await app_server.ask(agent, live)
    async with app_server.browser_of(voice) as browser, app_server.api(agent) as api:
        await browser.post(f"/tool-permissions/{asked['id']}/decision", data=decision(asked, "denied"))
        await api.post(f"/interactions/{live}/turns", json={"speaker": "customer", "text": "My kettle"})
        await api.post(f"/interactions/{live}/metrics", json={"sentiment": "good", "satisfaction_score": 80})
        await api.post(f"/interactions/{live}/end", json={"status": "completed"})
        page = (await browser.get(f"/interactions/{live}")).text
        assert "The archive has not arrived yet." in page
        assert "deleted" not in page
        async with app_server.database() as owner:
            await owner.execute("select private.forget(array[$1::uuid])", UUID(live))
            await owner.execute("delete from realtime_metrics where interaction_id = $1", UUID(live))
        page = (await browser.get(f"/interactions/{live}")).text
    assert "and a number that was deleted</h1>" in page
    assert "What was said and the arguments of tools were deleted on" in page
    assert "The archive was deleted with what was said." in page
    assert "How satisfaction went was deleted on" in page
    for wrong in ("not arrived", "not measured", "unknown", "No satisfaction measured", "Nothing said"):
        assert wrong not in page.partition('id="interaction"')[2].partition("review-part")[0], wrong


async def test_without_a_transcript_nobody_is_said_to_have_been_silent(
    app_server: AppServer, voice: Person
) -> None:
    one = await finish(app_server, voice)
    live = await app_server.start(voice.agents[0])
    async with app_server.browser_of(voice) as browser:
        assert "No transcript was sent." in (await browser.get(f"/interactions/{one}")).text
        assert "No transcript was sent." in (await browser.get(f"/interactions/{one}/print")).text
        assert "Nothing said yet." in (await browser.get(f"/interactions/{live}")).text
