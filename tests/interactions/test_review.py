"""The review of an interaction over real HTTP: notes and their versions, the flag, tags of people; and for nobody else."""

import re
from uuid import uuid4

import httpx

from tests.app_server import AppServer, Person
from tests.database.acting import as_person
from tests.interactions.test_interaction_search import finish, found

HX = {"HX-Request": "true"}


async def write(browser: httpx.AsyncClient, interaction: str, words: str, **fields: str) -> httpx.Response:
    data = {"note": str(uuid4()), "words": words, **fields}
    return await browser.post(f"/interactions/{interaction}/notes", data=data)


async def notes_of(app_server: AppServer, interaction: str) -> list[str]:
    async with app_server.database() as owner:
        rows = await owner.fetch(
            "select id::text from interaction_notes where interaction_id = $1::text::uuid order by created_at",
            interaction,
        )
    return [row[0] for row in rows]


async def test_a_note_is_read_by_admins_and_its_supervisor_and_by_nobody_else(
    app_server: AppServer, voice: Person
) -> None:
    other, admin = await app_server.hire("voice"), await app_server.hire("admin")
    one = await finish(app_server, voice, said="My kettle <broke>")
    async with (
        app_server.browser_of(voice) as browser,
        app_server.browser_of(other) as another,
        app_server.browser_of(admin) as all_seeing,
    ):
        page = (await browser.get(f"/interactions/{one}")).text
        assert f"none, seen by admins and {voice.username}" in page
        line = re.findall(r'<option value="(t\d+)"', page)[0]
        answer = await write(browser, one, "  Was <b>kind</b>,\r\nthough.  ", line=line)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/interactions/{one}#notes")
        assert (await write(all_seeing, one, "Prompt 15 should stop that.")).status_code == 303
        for viewer in (browser, all_seeing):
            page = (await viewer.get(f"/interactions/{one}")).text
            assert "Was &lt;b&gt;kind&lt;/b&gt;,\nthough." in page
            assert "Prompt 15 should stop that." in page
            assert f'href="/interactions/{one}#entry-{line}"' in page
            assert f'id="entry-{line}"' in page
        [note, _] = await notes_of(app_server, one)
        for path in (
            "notes",
            f"notes/{note}",
            f"notes/{note}/withdrawal",
            "flag",
            "tags",
            "tags/delete",
            "score",
            "score/delete",
            "number",
        ):
            data = {
                "note": str(uuid4()),
                "words": "x",
                "version": "1",
                "tag": "x",
                "place": "1",
                "answer": "no",
                "state": "open",
                "assigned_to": "",
            }
            assert (await another.post(f"/interactions/{one}/{path}", data=data)).status_code == 404, path
        for path in ("", "/print", f"/notes/{note}"):
            assert (await another.get(f"/interactions/{one}{path}")).status_code == 404
    async with app_server.browser_of(None) as nobody:
        assert (await write(nobody, one, "x")).status_code == 303
    assert len(await notes_of(app_server, one)) == 2


async def test_what_is_no_note_is_refused_in_words_and_nothing_typed_is_lost(
    app_server: AppServer, voice: Person
) -> None:
    one, elsewhere = await finish(app_server, voice), await finish(app_server, voice, said="Elsewhere")
    async with app_server.browser_of(voice) as browser, app_server.database() as owner:
        turn = await owner.fetchval(
            "select id from interaction_turns where interaction_id = $1::text::uuid", elsewhere
        )
        for words, line, said in (
            (" \n ", "", "A note has 1 to 4,000 characters."),
            ("x" * 4001, "", "A note has 1 to 4,000 characters."),
            ("Remember me", f"t{turn}", "This interaction has no such line."),
            ("Remember me", "q" + str(uuid4()), "This interaction has no such line."),
            ("Remember me", "'; drop table", "This interaction has no such line."),
        ):
            for headers in ({}, HX):
                data = {"note": str(uuid4()), "words": words, "line": line}
                answer = await browser.post(f"/interactions/{one}/notes", data=data, headers=headers)
                assert answer.status_code == 422
                assert said in answer.text
                assert words in answer.text
                assert ("<html" in answer.text) == (not headers)
        assert (await write(browser, one, "x", note="no id")).status_code == 404
        assert (
            await browser.post(f"/interactions/{one}/notes", data={"words": "x" * 300_000})
        ).status_code == 413
        assert (await browser.post(f"/interactions/{one}/notes", json={"words": "x"})).status_code == 422
        assert (await browser.post("/interactions/7/notes", data={"words": "x"})).status_code == 404
        answer = await browser.post(
            f"/interactions/{one}/notes", data={"words": "x"}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
        assert await notes_of(app_server, one) == []
        # A double click, and a request that is sent again: one note.
        note = str(uuid4())
        for words in ("Once\x00", "Once"):
            assert (await write(browser, one, words, note=note)).status_code == 303
        # With other words it is no repeat, and what was typed stays in the form.
        answer = await write(browser, one, "Otherwise", note=note)
        assert answer.status_code == 409
        assert "This note was saved already, with other words or on another line." in answer.text
        assert ">\nOtherwise</textarea>" in answer.text
        assert f'value="{note}"' not in answer.text, "the form is that of a new note"
        assert await notes_of(app_server, one) == [note]
        assert "Otherwise" not in (await browser.get(f"/interactions/{one}")).text


async def test_a_note_is_edited_by_its_author_alone_and_each_version_is_kept(
    app_server: AppServer, voice: Person
) -> None:
    admin = await app_server.hire("admin")
    one = await finish(app_server, voice)
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as all_seeing:
        await write(browser, one, "First words")
        [note] = await notes_of(app_server, one)
        path = f"/interactions/{one}/notes/{note}"
        assert (await browser.post(path, data={"version": "1", "words": "Second words"})).status_code == 303
        # Another window still shows the first version.
        answer = await browser.post(path, data={"version": "1", "words": "Third words"}, headers=HX)
        assert answer.status_code == 409
        for said in (
            "The note was changed meanwhile, in another window.",
            "Third words",
            "Second words",
            'value="2"',
        ):
            assert said in answer.text
        assert (
            await browser.post(path, data={"version": "1", "words": "Second words"})
        ).status_code == 303  # sent twice
        assert (await browser.post(path, data={"version": "x", "words": "Third words"})).status_code == 409
        assert (await browser.post(path, data={"version": "2", "words": ""})).status_code == 422
        answer = await all_seeing.post(path, data={"version": "2", "words": "Mine now"})
        assert answer.status_code == 403
        assert "A note is changed by its author alone." in answer.text
        assert (
            await browser.post(f"/interactions/{uuid4()}/notes/{note}", data={"version": "2", "words": "x"})
        ).status_code == 404
        page = (await all_seeing.get(path)).text
        assert page.index("Second words") < page.index("First words")
        assert "Version 2, the present one" in page
        assert "2 versions" in (await all_seeing.get(f"/interactions/{one}")).text
        assert (await all_seeing.post(f"{path}/withdrawal")).status_code == 403
        assert (await browser.post(f"{path}/withdrawal")).status_code == 303
        assert (await browser.post(f"{path}/withdrawal")).status_code == 303
        for address in (f"/interactions/{one}", path, f"/interactions/{one}/print"):
            assert "Second words" not in (await all_seeing.get(address)).text
            assert "ithdrawn" in (await all_seeing.get(address)).text
        assert "Second words" in (await browser.get(path)).text
        answer = await browser.post(path, data={"version": "2", "words": "Again"})
        assert answer.status_code == 409
        assert "The note was withdrawn." in answer.text


async def test_an_interaction_is_flagged_assigned_and_found_by_its_flag(app_server: AppServer) -> None:
    voice, other, admin = [await app_server.hire(role) for role in ("voice", "voice", "admin")]
    one, two = await finish(app_server, voice), await finish(app_server, voice)
    live = await app_server.start(voice.agents[0])
    async with app_server.browser_of(voice) as browser, app_server.browser_of(admin) as all_seeing:
        page = (await browser.get(f"/interactions/{one}")).text
        assert "Flag for review" in page
        assert f'value="{admin.id}"' in page
        assert str(other.id) not in page

        async def flag(
            who: httpx.AsyncClient, which: str, version: int, state: str, **more: str
        ) -> httpx.Response:
            data = {"version": str(version), "state": state, "assigned_to": "", "reason": "", **more}
            return await who.post(f"/interactions/{which}/flag", data=data, headers=HX)

        answer = await flag(
            browser, one, 0, "open", reason="It offered <a third> kettle", assigned_to=str(admin.id)
        )
        assert answer.status_code == 200
        assert "Flagged for review" in answer.text
        assert "It offered &lt;a third&gt; kettle" in answer.text
        assert (await flag(browser, live, 0, "open")).status_code == 200
        again = await flag(
            browser, one, 0, "open", reason="It offered <a third> kettle", assigned_to=str(admin.id)
        )
        assert again.status_code == 200, "a double click"
        answer = await flag(all_seeing, one, 0, "done")
        assert answer.status_code == 409
        assert "The flag was changed meanwhile: look at it again. It is open, assigned to" in answer.text
        assert re.search(r'<option value="done" selected', answer.text), "what was chosen is still chosen"
        for data, said in (
            ({"assigned_to": str(other.id)}, "an admin or to the supervisor"),
            ({"assigned_to": "somebody"}, "no such person"),
            ({"reason": "x" * 501}, "500 characters"),
            ({"state": "gone"}, "open, in_review or done"),
        ):
            answer = await flag(browser, one, 1, **{"state": "open", **data})
            assert (answer.status_code, said in answer.text) == (422, True), answer.text[:500]
        assert await found(browser, "flag=yes") == [live, one]
        assert await found(browser, "flag=open") == [live, one]
        assert await found(browser, "outcome=live&flag=yes") == [live]
        assert await found(browser, "flag=in_review") == []
        assert (await flag(all_seeing, one, 1, "in_review", assigned_to=str(voice.id))).status_code == 200
        assert await found(browser, "flag=in_review") == [one]
        assert "In review" in (await browser.get("/interactions?days=")).text
        answer = await flag(browser, one, 2, "done")
        assert f"{voice.username}</b> done" in answer.text
        assert "in review, assigned to" in answer.text
        assert await found(browser, "flag=yes") == [live]
        assert await found(browser, "flag=done") == [one]
        assert two in await found(browser, "")
        assert (await browser.get("/interactions?flag=maybe")).status_code == 422
        assert f"{one}\r\n" in (await browser.get("/interactions.csv?days=&flag=done")).text
    async with app_server.database() as owner:
        entries = await owner.fetch(
            "select changes::text from audit_logs where row_id = (select id::text from interaction_flags where interaction_id = $1::text::uuid)",
            one,
        )
    assert len(entries) == 3
    assert not [row for row in entries if "kettle" in row[0]], "a reason is not in what is never deleted"


async def test_people_add_and_remove_tags_that_the_search_finds(app_server: AppServer) -> None:
    person, admin = await app_server.hire("voice"), await app_server.hire("admin")
    one = await finish(app_server, person, archive={"tags": {"topics": ["kettle"]}})
    live = await app_server.start(person.agents[0])
    async with app_server.browser_of(person) as browser, app_server.browser_of(admin) as all_seeing:
        for which in (one, live):
            for _ in range(2):
                answer = await browser.post(
                    f"/interactions/{which}/tags", data={"tag": "  Big  Customer & <co> "}
                )
                assert answer.status_code == 303
        assert await found(browser, "tag=big+customer+%26+%3Cco%3E") == [live, one]
        assert await found(browser, "tag=Big+Customer+%26+%3Cco%3E") == [live, one]
        page = (await all_seeing.get(f"/interactions/{one}")).text
        assert "big customer &amp; &lt;co&gt;" in page
        for tag in ("", "   ", "x" * 51, "\x00"):
            answer = await browser.post(f"/interactions/{one}/tags", data={"tag": tag}, headers=HX)
            assert (answer.status_code, "A tag has 1 to 50 characters." in answer.text) == (422, True)
        answer = await all_seeing.post(
            f"/interactions/{one}/tags/delete", data={"tag": "big customer & <co>"}, headers=HX
        )
        assert answer.status_code == 200
        assert "big customer" not in answer.text
        assert (
            await all_seeing.post(f"/interactions/{one}/tags/delete", data={"tag": "gone"})
        ).status_code == 303
        assert await found(browser, "tag=big+customer+%26+%3Cco%3E") == [live]
        for number in range(21):
            answer = await browser.post(
                f"/interactions/{one}/tags", data={"tag": f"tag {number}"}, headers=HX
            )
        assert (answer.status_code, "20 tags" in answer.text) == (409, True)


async def test_of_a_forgotten_interaction_nothing_more_is_written(
    app_server: AppServer, voice: Person
) -> None:
    one = await finish(app_server, voice, phone_number="+18505550123")
    async with app_server.browser_of(voice) as browser, app_server.database() as owner:
        await write(browser, one, "About Ada")
        await browser.post(f"/interactions/{one}/tags", data={"tag": "ada"})
        data = {"version": "0", "state": "open", "assigned_to": "", "reason": "Ada"}
        await browser.post(f"/interactions/{one}/flag", data=data)
        assert await found(browser, "tag=ada") == [one]
        await owner.execute("select private.forget(array[$1::text::uuid])", one)
        page = (await browser.get(f"/interactions/{one}")).text
        assert "About Ada" not in page
        assert await found(browser, "tag=ada") == []
        assert await found(browser, "flag=open") == [one]
        [note] = await notes_of(app_server, one)
        for path, fields in (
            ("notes", {"note": str(uuid4()), "words": "Ada again"}),
            (f"notes/{note}", {"version": "1", "words": "Ada again"}),
            ("tags", {"tag": "ada"}),
            ("flag", data | {"version": "1"}),
        ):
            answer = await browser.post(f"/interactions/{one}/{path}", data=fields)
            assert (answer.status_code, "were deleted" in answer.text) == (409, True), path
        assert (
            await browser.post(
                f"/interactions/{one}/flag", data=data | {"version": "1", "reason": "", "state": "done"}
            )
        ).status_code == 303
        answer = await browser.post(f"/interactions/{one}/number")
        assert (answer.status_code, "The number was deleted" in answer.text) == (409, True)
        assert "Ada" not in (await browser.get(f"/interactions/{one}/print")).text


async def test_a_review_moves_with_its_agent_and_is_no_longer_assigned_to_who_cannot_see_it(
    app_server: AppServer,
) -> None:
    voice, other, admin = [await app_server.hire(role) for role in ("voice", "voice", "admin")]
    one = await finish(app_server, voice)
    async with app_server.browser_of(voice) as browser, app_server.browser_of(other) as another:
        await write(browser, one, "Written before the move")
        data = {"version": "0", "state": "open", "assigned_to": str(voice.id), "reason": ""}
        await browser.post(f"/interactions/{one}/flag", data=data)
        async with as_person(app_server, admin, keep=True) as viewer:
            await viewer.execute("select from move_agent($1, $2)", voice.agents[0].id, other.id)
        assert (await browser.get(f"/interactions/{one}")).status_code == 404
        page = (await another.get(f"/interactions/{one}")).text
        assert "Written before the move" in page
        assert f'<option value="{voice.id}"' not in page
        assert await found(another, "flag=open") == [one]
        assert await found(browser, "flag=open") == []
