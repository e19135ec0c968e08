"""What a person may have been misled by is told: in the dialog of an answer, and on the page of a decision afterwards."""

from tests.app_server import AppServer, Person, decision


async def test_the_fields_of_an_answer_name_characters_that_are_not_visible(
    app_server: AppServer, voice: Person
) -> None:
    live = await app_server.start(voice.agents[0])
    asked = await app_server.ask(
        voice.agents[0], live, arguments={"account": "\u202e4321", "order": "W1", "words": "two\nlines\u2066"}
    )
    async with app_server.browser_of(voice) as browser:
        form = (await browser.get(f"/tool-permissions/{asked['id']}/answer")).text
    assert form.count("It has characters that are not visible:") == 2
    for code in ("202E", "2066"):
        assert f'<span class="code-point">U+{code}</span>' in form


async def test_values_without_a_field_are_counted(app_server: AppServer, voice: Person) -> None:
    live = await app_server.start(voice.agents[0])
    asked = await app_server.ask(voice.agents[0], live, arguments={f"v{n}": n for n in range(120)})
    async with app_server.browser_of(voice) as browser:
        form = (await browser.get(f"/tool-permissions/{asked['id']}/answer")).text
    assert "20 more values can be changed in the JSON alone." in form


async def test_a_decision_tells_what_the_agent_said_and_what_the_allow_gave(
    app_server: AppServer, voice: Person
) -> None:
    agent = voice.agents[0]
    live = await app_server.start(agent)
    asked = await app_server.ask(agent, live, tool_name="pay", tool_description="A <harmless> payment")
    path = f"/tool-permissions/{asked['id']}"
    async with app_server.browser_of(voice) as browser:
        given = decision(asked, "allowed", scope="exact", uses="3", minutes="30")
        assert (await browser.post(f"{path}/standing-approval", data=given)).status_code in (200, 303)
        page = (await browser.get(path)).text
        used = await app_server.ask(agent, live, tool_name="pay", tool_description="A <harmless> payment")
        of_use = (await browser.get(f"/tool-permissions/{used['id']}")).text
    assert "The agent said of this tool: “A &lt;harmless&gt; payment”" in page
    assert "It was not one of the agent's tools." in page
    assert "<dt>Gave</dt><dd>Standing approval: the same arguments</dd>" in page
    assert "use 1 of 3" in of_use
    assert "<dt>Gave</dt>" not in of_use
