"""Supabase's JavaScript client works with the embedded Auth service."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.auth_contract.conftest import PASSWORD, Person, Target

CLIENT = "@supabase/auth-js@2.119.1"
SCRIPT = Path(__file__).with_name("client.mjs")


def run(*command: str, cwd: Path, told: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=cwd, input=told, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client installed and the script beside it, where Node finds the one from the other."""
    if missing := [name for name in ("node", "npm") if shutil.which(name) is None]:
        pytest.skip(f"there is no {' and no '.join(missing)} on this machine")
    folder = tmp_path_factory.mktemp("javascript")
    install = run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", CLIENT, cwd=folder)
    if install.returncode != 0:
        pytest.skip(f"npm could not fetch {CLIENT}: {install.stderr.strip().splitlines()[-1]}")
    shutil.copy(SCRIPT, folder)
    return folder


@pytest.mark.full
async def test_the_client_for_javascript(javascript: Path, target: Target, person: Person) -> None:
    user = await person(app_metadata={"team": "night"})
    told = {
        "url": target.url,
        "publishable": target.publishable,
        "secret": target.secret,
        "email": user.email,
        "password": PASSWORD,
        "newPassword": "quite-another-one",
    }
    ended = await asyncio.to_thread(run, "node", SCRIPT.name, cwd=javascript, told=json.dumps(told))
    assert ended.returncode == 0, ended.stderr
    seen: dict[str, Any] = json.loads(ended.stdout)
    assert seen["wrongPassword"] == seen["oldPassword"] == {"status": 400, "code": "invalid_credentials"}
    assert seen["signedIn"]["user"]["id"] == user.id
    assert seen["claims"]["claims"]["sub"] == user.id
    assert seen["claims"]["claims"]["amr"][0]["method"] == "password"
    assert seen["refreshed"]["session"]["refresh_token"] != seen["signedIn"]["session"]["refresh_token"]
    assert seen["user"]["user"]["app_metadata"]["team"] == "night"
    assert seen["samePassword"] == {"status": 422, "code": "same_password"}
    assert seen["weakPassword"] == {"status": 422, "code": "weak_password"}
    assert seen["changed"]["user"]["user_metadata"]["theme"] == "dark"
    assert seen["afterwards"]["status"] in {400, 403}  # the client says itself that there is no session
    assert seen["people"]["users"]
    assert seen["people"]["total"] >= 1
    assert seen["link"]["user"]["id"] == seen["recovered"]["user"]["id"] == user.id
    assert seen["secondTime"] == {"status": 403, "code": "otp_expired"}
