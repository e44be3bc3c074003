"""The page a programmer of the business system reads: the contract in words, tables and a command to copy. No script, no CDN."""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape
from typing import Any

from app import palette
from app.api.contract import SPEC

COLOURS = {name: getattr(palette, name) for name in ("PAPER", "PANEL", "INK", "MUTED", "RULE", "ACCENT")}
TYPES = {
    "string": "文字", "number": "数", "integer": "整数", "boolean": "是否", "array": "列表", "object": "对象", "null": "空",
}  # fmt: skip
STYLE = """
@font-face { font-family: 'Yanpan Sans SC'; font-weight: 400; src: url('/app/static/fonts/yanpan-sans-sc-regular.woff2'); }
@font-face { font-family: 'Yanpan Sans SC'; font-weight: 700; src: url('/app/static/fonts/yanpan-sans-sc-bold.woff2'); }
:root { color-scheme: light dark; %s }
@media (prefers-color-scheme: dark) { :root { %s } }
body { margin: 0 auto; padding: 48px 32px 96px; max-width: 960px; background: var(--paper); color: var(--ink);
  font: 16px/1.7 'Yanpan Sans SC', 'Noto Sans SC', 'Microsoft YaHei', sans-serif; }
h1 { font-size: 30px; line-height: 1.3; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 48px 0 8px; padding-top: 12px; border-top: 2px solid var(--ink); }
h3 { font-size: 16px; margin: 28px 0 4px; }
p { margin: 8px 0; max-width: 44em; }
.lead { font-size: 18px; color: var(--muted); }
table { border-collapse: collapse; table-layout: fixed; width: 100%%; margin: 8px 0; font-size: 15px; }
th { text-align: left; font-weight: 400; color: var(--muted); }
th, td { padding: 6px 24px 6px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th:first-child { width: 144px; }
th:nth-child(2) { width: 160px; }
td:nth-child(2) { color: var(--muted); }
.errors th:first-child { width: 32px; }
.errors th:nth-child(2) { width: 96px; }
code, pre { font: 14px/1.6 ui-monospace, Consolas, 'DejaVu Sans Mono', monospace, 'Yanpan Sans SC'; }
pre { background: var(--panel); padding: 12px 16px; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: var(--accent); }
"""


@lru_cache(maxsize=1)
def page() -> str:
    """The whole page as HTML."""
    return "".join(_parts(SPEC))


def _parts(spec: dict[str, Any]) -> Iterator[str]:
    info, schemas = spec["info"], spec["components"]["schemas"]
    light = _variables(COLOURS)
    dark = _variables({name: palette.DARK.get(colour, colour) for name, colour in COLOURS.items()})
    yield '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(info['title'])}</title><style>{STYLE % (light, dark)}</style>"
    yield f"<h1>{escape(info['title'])}</h1><p class='lead'>{escape(info['summary'])}</p>"
    yield from (f"<p>{escape(line)}</p>" for line in info["description"].splitlines())
    yield "<p>机器可读的说明：<a href='openapi.json'>openapi.json</a>（OpenAPI 3.1）。</p>"
    for path, methods in spec["paths"].items():
        for method, one in methods.items():
            yield from _operation(f"{method.upper()} {spec['servers'][0]['url']}{path}", one, spec)
    yield "<h2>令牌</h2>"
    yield f"<p>{escape(spec['components']['securitySchemes']['token']['description'])}</p>"
    yield "<pre>yanpan token create --name 业务系统 --days 365\nyanpan token list\nyanpan token revoke 业务系统</pre>"
    yield "<h2>出错</h2>"
    yield f"<p>正文是 application/problem+json：{escape(_fields_of(schemas['Problem']))}。</p>"
    yield f"<div class='errors'>{_table(('状态', '', '什么时候', '例'), _errors(spec))}</div>"
    yield "</html>"


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--{name.lower()}: {colour};" for name, colour in colours.items())


def _operation(address: str, one: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    schemas = spec["components"]["schemas"]
    asked = one["requestBody"]["content"]["application/json"]
    answered = one["responses"]["200"]["content"]["application/json"]
    yield f"<h2>{escape(one['summary'])}</h2><p><code>{escape(address)}</code></p><p>{escape(one['description'])}</p>"
    yield f"<h3>请求</h3><p>{escape(one['requestBody']['description'])}</p>"
    yield _schema(schemas, asked["schema"])
    full = list(asked["examples"].values())[-1]["value"]
    command = (
        f"curl http://127.0.0.1:8501{address.partition(' ')[2]} \\\n"
        "  -H 'Authorization: Bearer 令牌' -H 'Content-Type: application/json' \\\n"
        f"  -d '{json.dumps(full, ensure_ascii=False)}'"
    )
    yield f"<h3>例</h3><pre>{escape(command)}</pre>"
    yield "<h3>回答</h3>" + _schema(schemas, answered["schema"])
    for name in ("Issue", "Unit", "Word", "Fact"):
        yield f"<h3>{escape(schemas[name]['title'])}</h3>" + _schema(schemas, {"$ref": f"#/components/schemas/{name}"})
    yield "<h3>例</h3>"
    for example in answered["examples"].values():
        yield f"<pre>{escape(_json(example['value']))}</pre>"


def _schema(schemas: dict[str, Any], schema: dict[str, Any]) -> str:
    schema = _resolved(schemas, schema)
    rows = []
    for name, field in schema["properties"].items():
        field = _resolved(schemas, field)
        wanted = f"{field['title']}。" if "title" in field else ""  # only what is asked for says how it must be
        must = "必填，" if wanted and name in schema["required"] else ""
        rows.append((f"<code>{name}</code>", _type(schemas, field), escape(must + wanted + field["description"])))
    return _table(("字段", "类型", "说明"), rows)


def _type(schemas: dict[str, Any], field: dict[str, Any]) -> str:
    if "items" in field:
        return f"{_resolved(schemas, field['items'])['title']}的列表"
    if "enum" in field:
        return " / ".join(f"<code>{one}</code>" for one in field["enum"] if one)
    kinds = [field["type"]] if isinstance(field["type"], str) else field["type"]
    return "或".join(TYPES[kind] for kind in kinds)


def _resolved(schemas: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _errors(spec: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for response in spec["components"]["responses"].values():
        example = response["content"]["application/problem+json"]["example"]
        yield (str(example["status"]), example["title"], escape(response["description"]), escape(example["detail"]))


def _fields_of(schema: dict[str, Any]) -> str:
    return "、".join(f"{name} {one.get('description', '')}".strip() for name, one in schema["properties"].items())


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells are HTML."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{body}</table>"


def _json(value: dict[str, Any]) -> str:
    """Lists of objects one object a line: what is short stays short."""
    lines = []
    for name, one in value.items():
        text = json.dumps(one, ensure_ascii=False)
        if isinstance(one, list) and one:
            text = "[\n    " + ",\n    ".join(json.dumps(part, ensure_ascii=False) for part in one) + "\n  ]"
        lines.append(f'  "{name}": {text}')
    return "{\n" + ",\n".join(lines) + "\n}"
