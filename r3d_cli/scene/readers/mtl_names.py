"""Names of files in OBJ's `mtllib` and MTL's map statements: blanks, quotes, escapes, comments, options."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


def _argument(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"({pattern})\s+", re.IGNORECASE)


_NUMBER = _argument(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
_SWITCH = _argument("on|off")
# What the options of maps take: a pattern for an argument, and the most of them. What does not fit it is the
# file's name already.
_OPTIONS = {
    **dict.fromkeys(("o", "s", "t"), (_NUMBER, 3)),
    "mm": (_NUMBER, 2),
    **dict.fromkeys(("bm", "boost", "texres"), (_NUMBER, 1)),
    **dict.fromkeys(("blendu", "blendv", "cc", "clamp"), (_SWITCH, 1)),
    "imfchan": (_argument("[rgbmlz]"), 1),
    **dict.fromkeys(("type", "colorspace"), (_argument(r"\S+"), 1)),
}
_OPTION = re.compile(r"-([a-z]+)\s+", re.IGNORECASE)
_LATER_OPTIONS = re.compile(rf"(?<=\s)-(?:{'|'.join(_OPTIONS)})\s.*", re.IGNORECASE)
_COMMENT = re.compile(r"(?<!\S)#.*")
_QUOTED = re.compile(r""""([^"]+)"|'([^']+)'""")
_WORD = re.compile(r""""[^"]+"|'[^']+'|(?:\\[ \t]|\S)+""")
# What a name that can be read in one way only does not hold.
_UNPLAIN = re.compile(r"""['"#]|\\[ \t]|(?:^|\s)-""")
# An mtllib of more words than this is not tried for names with blanks.
_MOST_WORDS = 16

#: Tells whether there is a file of that name.
Find = Callable[[str], object]


class MtlMap(NamedTuple):
    """What a map statement says."""

    line: int
    file: str
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamp: bool = False
    channel: str = ""  # of the image, r g b m(atte) l(uminance) z; empty: what suits the map


def parse_map(text: str, line: int, find: Find) -> MtlMap:
    """A map statement's options and its file.

    Raises:
        ValueError: it names no file.
    """
    options, text = _options(text)
    found = _file_name(text, find)
    if found != text and not options:  # some exporters write the options behind the name
        later = _LATER_OPTIONS.search(text)
        options = _options(later[0].strip() + " .")[0] if later else {}
    if not found:
        raise ValueError("a map names no file")
    scale, offset = (_two(options.get(key, []), n) for key, n in (("s", 1.0), ("o", 0.0)))
    clamp, channel = options.get("clamp", [""]), options.get("imfchan", [""])
    return MtlMap(line, found, scale, offset, clamp[-1:] == ["on"], "".join(channel[-1:]))


def readings(material: str) -> list[str]:
    """What the name of a material may mean in usemtl and newmtl, the likeliest first: it may be quoted,
    commented or in another case."""
    bare = _COMMENT.sub("", material).strip()
    others = [reading for reading in (bare, bare.strip("\"'")) if reading]
    return [reading.casefold() for reading in (material, *others)]


def library_names(text: str, find: Find) -> list[str]:
    """The files of an mtllib statement: several, one whose name holds blanks, or both."""
    if not text or (len(text.split()) == 1 and not _UNPLAIN.search(text)) or find(text):
        return [text] if text else []
    words = list(_WORD.finditer(_COMMENT.sub("", text)))
    names = []
    at = 0
    while at < len(words):
        ends = range(len(words), at + 1, -1) if len(words) <= _MOST_WORDS else ()
        spans = ((end, text[words[at].start() : words[end - 1].end()]) for end in ends)
        end, name = next(((end, span) for end, span in spans if find(span)), (at + 1, words[at][0]))
        names.append(name if end > at + 1 or find(name) else _bare(name))
        at = end
    return names


def _options(text: str) -> tuple[dict[str, list[str]], str]:
    """The known options at the text's beginning with their arguments, and what is left."""
    options: dict[str, list[str]] = {}
    at = 0
    while (match := _OPTION.match(text, at)) and (known := _OPTIONS.get(match[1].lower())):
        pattern, most = known
        arguments: list[str] = []
        at = match.end()
        while len(arguments) < most and (argument := pattern.match(text, at)):
            arguments.append(argument[1].lower())
            at = argument.end()
        options[match[1].lower()] = arguments
    return options, text[at:]


def _file_name(text: str, find: Find) -> str:
    """The name that the rest of a map statement means: the first reading of it that is a file, else the
    likeliest."""
    if not _UNPLAIN.search(text) or find(text):
        return text
    likeliest = ""
    unknown = len(text.split()) - 1 if text.startswith("-") else 0
    # Options that nobody knows take nobody knows how many arguments: at least their own word goes.
    for skipped in range(min(unknown, 1), min(unknown, _MOST_WORDS) + 1):
        rest = text.split(None, skipped)[-1]
        for name in dict.fromkeys((_bare(_COMMENT.sub("", rest)), _bare(_LATER_OPTIONS.sub("", rest)))):
            if name and find(name):
                return name
            likeliest = likeliest or name
    return likeliest


def _bare(name: str) -> str:
    """A name without quotes around it and backslashes before its blanks."""
    quoted = _QUOTED.match(name)
    return quoted[1] or quoted[2] if quoted else re.sub(r"\\([ \t])", r"\1", name.strip())


def _two(words: list[str], default: float) -> tuple[float, float]:
    u, v, *_ = [*map(float, words), default, default]
    return u, v
