"""The one door for files: whatever a command reads comes through here, within limits that a person can raise."""

from __future__ import annotations

from meshlab.model.reading.files import file_lines, near_file, read_bytes, read_text, text_of
from meshlab.model.reading.json_text import json_lines, parse_json, read_json
from meshlab.model.reading.limits import JSON, TEXT, VARIABLE, XML, YAML, Limits
from meshlab.model.reading.xml_text import Element, parse_xml
from meshlab.model.reading.yaml_text import parse_yaml

__all__ = [
    "JSON",
    "TEXT",
    "VARIABLE",
    "XML",
    "YAML",
    "Element",
    "Limits",
    "file_lines",
    "json_lines",
    "near_file",
    "parse_json",
    "parse_xml",
    "parse_yaml",
    "read_bytes",
    "read_json",
    "read_text",
    "text_of",
]
