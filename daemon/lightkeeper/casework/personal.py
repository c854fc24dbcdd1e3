"""What may name a veteran, by its form: neither an id nor what staff write may hold it.

Nothing of it is repeated where it is refused.
"""

import re
from typing import Final

_EXTENSIONS: Final = (
    "pdf|jpe?g|png|gif|bmp|tiff?|heic|heif|webp|svg|txt|text|rtf|docx?|dotx?|docm|odt|pages|xlsx?"
    "|xlsm|ods|csv|tsv|pptx?|xml|html?|json|md|zip|gz|7z|rar|tar|tgz|eml|msg|mp3|mp4|m4a|mov|wav|avi"
    "|p7m|jpe|jfif|wpd|wps|xps|numbers|bak|3gp|mkv|wmv"
)
_PERSONAL: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        # VA's file number is the social security number. vets-api's own ids have seven digits, and
        # grow by some thousand a day.
        (
            r"\d{3}[-._: ]?\d\d[-._: ]?\d{4}|(?:.*\D)?\d{3}-\d\d-\d{4}(?:\D.*)?",
            "formed like a social security number",
        ),
        (r".*\d{10}V\d{6}.*", "formed like a veteran's ICN"),
        (rf".*\.(?:{_EXTENSIONS})(?![A-Za-z0-9]).*", "a file name"),
    )
)
_PART: Final = r"\s?[-._:\s\u2010-\u2015]\s?"
_PARTED: Final = re.compile(rf"(?<!\d)\d{{3}}{_PART}\d\d{_PART}\d{{4}}(?!\d)")
_EMAIL: Final = re.compile(
    r"(?<![\w.+%-])[\w.+%-]+(?:@|%(?:25)*40)(?:[\w-]+\.)+[a-z]{2,}", re.IGNORECASE
)
# Ten digits without a sign between them may be an id.
_PHONE: Final = re.compile(
    rf"(?<![\w.+-])(?:\+?1{_PART})?(?:\(\d{{3}}\)\s?|\d{{3}}{_PART})\d{{3}}{_PART}\d{{4}}(?![\w-])"
    r"|(?<!\w)\+\d(?:[-. ()]{0,2}\d){9,14}(?!\w)"
    r"|\b(?:tele)?(?:phone|tel|cell|mobile)\b\W{0,3}(?:(?:no|number|is)\b\W{0,3})?"
    r"(?:\d{3}[-. ]?)?\d{3}[-. ]?\d{4}(?![\w-])",
    re.IGNORECASE,
)
_NINE_DIGITS: Final = re.compile(r"\d{9}")
_LINK: Final = re.compile(r"https?://\S+")
_WORD: Final = re.compile(r"[^\s,;:()\[\]<>{}\"'/=|]+")
_OF_REQUEST: Final = frozenset({"request", "requests", "id", "ids"})
_BETWEEN_IDS: Final = frozenset({"and", "or", "&"})


def form_of(word: str) -> str | None:
    """What a word is formed like that is never stored; None where it may be an id."""
    return next((words for pattern, words in _PERSONAL if pattern.fullmatch(word)), None)


def in_text(text: str) -> str | None:
    """What a part of a text is formed like that is never stored; None where nothing is."""
    if _EMAIL.search(text):
        return "an e-mail address"
    return in_name(text) or ("formed like a telephone number" if _PHONE.search(text) else None)


def in_name(text: str) -> str | None:
    """The same of the name of who acts, which may be their e-mail address.

    Request ids may have nine digits: such a number is one behind `request id`.
    """
    text = _LINK.sub(lambda link: link[0].replace(".", " "), text)  # page.html names no person
    if _PARTED.search(text):
        return form_of("123-45-6789")
    is_request = False
    for found in _WORD.finditer(text):
        word = found[0].strip(".!?#*`")
        if is_request and _NINE_DIGITS.fullmatch(word):
            continue
        if problem := form_of(word):
            return problem
        is_request = word.lower() in _OF_REQUEST or (is_request and word in _BETWEEN_IDS)
    return None
