"""What several tests hold a result or an error to."""

import json
import os
from datetime import datetime

from mcl_platform_sdk.exceptions import ApiException

import samples

ENGINES = os.environ.get("PALISADE_ENGINES", "filetype,reputation,yara,unpack").split(",")

NO_THREAT, INFECTED, UNKNOWN, ENCRYPTED_ARCHIVE = 0, 1, 5, 12
OF_ONE_ENGINE = {0, 1, 2, 3, 10, 19, 22, 23}
"""The result codes that one engine may give; the others are of a whole file."""


def is_time(text: str) -> bool:
    """An ISO 8601 time that says in which zone."""
    return datetime.fromisoformat(text).tzinfo is not None


def assert_engines(names) -> None:
    """Every expected engine is among the names, however they are spelt."""

    def plain(name: str) -> str:
        return "".join(character for character in name.casefold() if character.isalnum())

    assert {plain(name) for name in names} >= {plain(name) for name in ENGINES}


def assert_refused(error: ApiException, code: int) -> None:
    """The error has Cloud's form and this code; the HTTP status is the code's first digits."""
    body = json.loads(error.body)
    assert body["success"] is False
    assert body["error"]["code"] == code
    assert error.status == code // 1000
    assert body["error"]["messages"], "an error says what is wrong"
    assert all(isinstance(message, str) and message for message in body["error"]["messages"])


def assert_describes(file_info, content: bytes, name: str) -> None:
    """Name, size and every hash are those of the content."""
    assert file_info.display_name == name
    assert file_info.file_size == len(content)
    for kind, value in samples.hashes(content).items():
        assert getattr(file_info, kind) == value


def assert_shows_engines(scan_results: dict) -> None:
    """Every engine has a whole entry, also one that had nothing to do."""
    details = scan_results["scan_details"]
    assert_engines(details)
    assert 4 <= scan_results["total_avs"] <= len(details)
    for name, entry in details.items():
        assert entry["scan_result_i"] in OF_ONE_ENGINE, name
        assert isinstance(entry["threat_found"], str), name
        assert isinstance(entry["scan_time"], int) and entry["scan_time"] >= 0, name
        assert is_time(entry["def_time"]), name
