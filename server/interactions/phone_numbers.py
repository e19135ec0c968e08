"""Reads what telephone systems send as a caller's number: numbers, and withheld callers, extensions, SIP addresses, words."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

# The placeholders of Twilio for ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE, as typed on a keypad. The rules of
# some countries accept a few of them as numbers.
_PLACEHOLDERS = {"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"}
_FEWEST = 7  # digits of a number without a country code; a shorter one is an extension or a short code
_STORED = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)  # interactions_phone_number_check
# The library checks only the length of these numbers, and would accept 0000000000.
_NORTH_AMERICAN = re.compile(r"[2-9]\d\d[2-9]\d{6}", re.ASCII)
_SIP = re.compile(r"[^@]*?\bsips?:(?P<user>[^@:;]+)[^@]*@.*", re.IGNORECASE | re.DOTALL)
_TEL = re.compile(r"tel:[+\d().\-]+(;[\w-]+(=[\w.+-]+)?)*", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"(?:whatsapp|sms|callto):(?P<number>.*)", re.IGNORECASE)
_DIGITS = re.compile(r"\+?[\d\s().\-\u2010-\u2015\u2212/]+")
_EXTENSION = re.compile(
    r"(?P<number>.*\d.*?)\s*(?:;ext=|[;,#x]+|ext(?:ension|n)?\b\.?|poste|int\.|durchwahl)[\s:.]*\d{1,9}#?",
    re.IGNORECASE,
)


def read(sent: str | None, called_number: str | None = None) -> tuple[str | None, str | None]:
    """The number in E.164, and the text as sent where it is not a usable number or says more than a number.

    A number without a country code is read as one of the called number's country; without a called number it is not read.
    """
    if sent is None:
        return None, None
    number, whole = _read(sent, _region(called_number))
    if number is None:
        return None, sent
    return number, None if whole else sent


def read_called(sent: str | None) -> str | None:
    """The called number in E.164, or as sent where it cannot be read."""
    number, text = read(sent)
    return number if text is None else sent


def read_told(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The columns to change in the interaction `known` when an agent sends these values.

    A called number that arrives later gives the country, so that a caller text stored before may become a number.
    """
    found = dict(values)
    if "called_number" in values:
        found["called_number"] = read_called(values["called_number"])
    called = found.get("called_number", known["called_number"])
    if "phone_number" in values:
        found["phone_number"], found["caller"] = read(values["phone_number"], called)
    elif known["phone_number"] is None and known["caller"] is not None:
        found["phone_number"], found["caller"] = read(known["caller"], called)
    return found


def _read(sent: str, region: str | None) -> tuple[str | None, bool]:
    """The number, and whether the text contains nothing else."""
    # Full-width digits become plain ones. Direction marks are copied along with numbers from an address book.
    text = "".join(
        one for one in unicodedata.normalize("NFKC", sent) if unicodedata.category(one) != "Cf"
    ).strip()
    if found := _SIP.fullmatch(text):
        return _plain(unquote(found["user"]), region), False
    if _TEL.fullmatch(text):
        return _usable(text, region), ";" not in text
    if found := _OTHER_SCHEME.fullmatch(text):
        return _plain(found["number"].strip(), region), False
    if found := _EXTENSION.fullmatch(text):
        return _plain(found["number"], region), False
    return _plain(text, region), True


def _plain(text: str, region: str | None) -> str | None:
    """The number of a text that consists of digits and separators only."""
    if not _DIGITS.fullmatch(text):
        return None
    if text.startswith("00") and (number := _usable(f"+{text[2:]}", None)):
        return number
    return _usable(text, region)


def _usable(text: str, region: str | None) -> str | None:
    number = _parsed(text, region)
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    national = phonenumbers.national_significant_number(number)
    if len(set(national)) == 1 or ("+" not in text and len(national) < _FEWEST):
        return None
    if number.country_code == 1 and not _NORTH_AMERICAN.fullmatch(national):
        return None
    found = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return found if _STORED.fullmatch(found) and found not in _PLACEHOLDERS else None


def _region(called_number: str | None) -> str | None:
    """The country of the called number. Callers from there may be sent without a country code."""
    number = _parsed(_read(called_number, None)[0], None) if called_number else None
    if number is None or number.country_code is None:
        return None
    found = phonenumbers.region_code_for_number(number)
    return found or phonenumbers.region_code_for_country_code(number.country_code)


def _parsed(text: str | None, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text or "", region)
    except phonenumbers.NumberParseException:
        return None
