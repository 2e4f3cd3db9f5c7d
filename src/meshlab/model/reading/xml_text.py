"""XML within limits: elements with the line they begin on; no entities of its own, nothing fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from meshlab.model.errors import InputError
from meshlab.model.reading.limits import XML, beyond


@dataclass(slots=True)
class Element:
    """An XML element with the line it begins on."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)


def parse_xml(data: bytes, file: str) -> Element:
    """Gives a document's root element.

    Raises
    ------
    InputError
        It is not XML, defines entities, is in an encoding that is not read, or is beyond the limits; names the line.
    """
    limits = XML.raised()
    clock = limits.clock(file)
    root = Element("", {}, 0)
    open_ = [root]
    count = 0
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        line = parser.CurrentLineNumber
        if len(open_) > limits.depth:
            raise beyond(file, f"nests deeper than {limits.depth} elements", "depth", line)
        if count > limits.values:
            raise beyond(file, f"holds more than {limits.values} elements", "values", line)
        if count % 256 == 0:
            clock.check(line)
        element = Element(tag, attributes, line)
        open_[-1].children.append(element)
        open_.append(element)

    def entity(name: str, *_: object) -> None:
        line = parser.CurrentLineNumber
        raise InputError.single(file, f"it defines the entity {name[:40]!r}", "write the text itself", line)

    def end(_: str) -> None:
        open_.pop()

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        message = expat.errors.messages[error.code]
        raise InputError.single(file, f"not XML: {message}", "mend the file", error.lineno) from None
    except (LookupError, ValueError) as error:  # an encoding that Python does not know, or is no single byte
        raise InputError.single(
            file, f"its encoding is not read: {error}", "save the file as UTF-8", 1
        ) from None
    return root.children[0]
