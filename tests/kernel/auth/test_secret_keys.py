"""SECRET_KEY is changed while people work: the first key encrypts, all of them decrypt."""

from server.kernel.auth import Auth
from tests.app_server import AppServer, Person
from tests.auth_process import SECRET, Transport, age, auth_process, signed_in


async def is_in(auth: Auth, cookie: str) -> bool:
    return await auth.viewer(cookie) is not None


async def test_a_new_secret_key_before_the_old_ones_ends_no_session(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    """Sessions encrypted with the old key are read; renewed ones are encrypted with the new key, and stay when the old key is removed."""
    old, new = SECRET, SECRET[::-1]
    async with auth_process(app_server, transport, secret=old) as auth:
        cookie = await signed_in(auth, voice)
        device = auth.device_cookie(voice.email)
    async with auth_process(app_server, transport, secret=f"{new}, {old}") as auth:
        assert await is_in(auth, cookie)
        renewed = auth.device_cookie(voice.email, device)
        assert renewed != device, "signed with the new key"
        assert renewed.partition(".")[0] == device.partition(".")[0], "and known"
        await age(app_server, voice, "1 second")
        assert await is_in(auth, cookie)
    async with auth_process(app_server, transport, secret=new) as auth:
        assert await is_in(auth, cookie)
    async with auth_process(app_server, transport, secret=old) as auth:
        assert not await is_in(auth, cookie)


async def test_a_comma_in_a_single_secret_key_is_a_part_of_it(
    app_server: AppServer, voice: Person, transport: Transport
) -> None:
    one = SECRET + ",short"
    async with auth_process(app_server, transport, secret=one) as auth:
        cookie = await signed_in(auth, voice)
    async with auth_process(app_server, transport, secret=SECRET) as auth:
        assert not await is_in(auth, cookie)
    async with auth_process(app_server, transport, secret=one) as auth:
        assert await is_in(auth, cookie)
