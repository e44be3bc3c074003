"""What may be asked, and what is wrong with what was: openapi.json, and requests held against its schemas."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

DOCUMENT = Path(__file__).with_name("openapi.json")
SPEC: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
TITLES: dict[int, str] = {
    response["content"]["application/problem+json"]["example"]["status"]: response["content"][
        "application/problem+json"
    ]["example"]["title"]
    for response in SPEC["components"]["responses"].values()
}
"""Status → the title of its problem, as the document shows it."""


def validator(schema: str) -> Draft202012Validator:
    """Holds values against one of the document's schemas, formats included."""
    root = {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}
    return Draft202012Validator(root, format_checker=Draft202012Validator.FORMAT_CHECKER)


REQUEST = validator("SuggestionRequest")


def faults(request: dict[str, Any]) -> list[dict[str, str]]:
    """What is wrong with a request, a sentence for each field; empty: nothing.

    >>> faults({"text": "路灯坏了", "county_code": "云溪区"})
    [{'pointer': '#/county_code', 'detail': 'county_code 应为 6 位数字的县区代码。'}]
    """
    said: dict[str, str] = {}
    for fault in REQUEST.iter_errors(request):
        for name, sentence in _sentences(fault):
            said.setdefault(name, sentence)
    return [{"pointer": f"#/{_escaped(name)}", "detail": sentence} for name, sentence in said.items()]


def _sentences(fault: ValidationError) -> list[tuple[str, str]]:
    """Field and sentence. Nothing of the request's values is repeated: they may be texts."""
    properties = SPEC["components"]["schemas"]["SuggestionRequest"]["properties"]
    if fault.validator == "required":
        missing = [name for name in fault.validator_value if name not in fault.instance]
        return [(name, f"缺少字段 {name}，应为 {properties[name]['title']}。") for name in missing]
    if fault.validator == "additionalProperties":
        unknown = [name for name in fault.instance if name not in properties]
        return [(name, f"没有字段“{name[:40]}”，可用的字段：{'、'.join(properties)}。") for name in unknown]
    name = str(fault.path[0])
    had = f"，收到 {len(fault.instance)} 个字" if fault.validator == "maxLength" else ""
    return [(name, f"{name} 应为 {properties[name]['title']}{had}。")]


def _escaped(name: str) -> str:
    return name[:40].replace("~", "~0").replace("/", "~1")
