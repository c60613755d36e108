"""The OpenAPI document as one page that loads nothing: no script, no font, no image."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Final, cast

_STYLE: Final = """
:root{color-scheme:light dark}
body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font-family:ui-monospace,monospace;font-size:.875rem}
pre{overflow:auto;padding:1rem;border:1px solid #8888;border-radius:.5rem;max-height:30rem}
section{border-top:1px solid #8888;margin-top:2rem}
h2 code{font-size:1.125rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:start;vertical-align:top;padding:.25rem .75rem .25rem 0}
th{white-space:nowrap}
"""

_CODE: Final = re.compile("`([^`]+)`")

Members = Mapping[str, object]


def page_policy() -> str:
    """Return the page's Content-Security-Policy: its one style by its hash, nothing else."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"


def page(document: Members) -> str:
    """Return the page of an OpenAPI document as ``gateway.http.openapi`` makes it."""
    info = _members(document["info"])
    return "".join(
        [
            '<!doctype html><html lang="ja"><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{_text(info['title'])}</title><style>{_STYLE}</style>",
            f"<h1>{_text(info['title'])} {_text(info['version'])}</h1>",
            f"<p>{_text(info['description'])}</p>",
            '<p><a href="/openapi.json">openapi.json</a></p>',
            *_operations(document),
            *_schemas(_members(_members(document["components"])["schemas"])),
            "</html>",
        ]
    )


def _operations(document: Members) -> Iterator[str]:
    shared = _members(_members(document["components"])["responses"])
    for path, item in _members(document["paths"]).items():
        for method, operation in _members(item).items():
            yield f"<section><h2><code>{_text(method.upper())} {_text(path)}</code></h2>"
            yield from _operation(_members(operation), shared)
            yield "</section>"


def _operation(operation: Members, shared: Members) -> Iterator[str]:
    yield f"<p>{_text(operation['summary'])}</p><table>"
    parameters = operation.get("parameters", [])
    for parameter in cast("list[Members]", parameters):
        described = _text(parameter.get("description", ""))
        yield f"<tr><th><code>{_text(parameter['name'])}</code><td>{described}"
    for status, response in _members(operation["responses"]).items():
        answer = _members(response)
        if "$ref" in answer:
            answer = _members(shared[str(answer["$ref"]).rpartition("/")[2]])
        yield f"<tr><th>{_text(status)}<td>{_text(answer['description'])}"
    yield "</table>"


def _schemas(schemas: Members) -> Iterator[str]:
    for name, schema in schemas.items():
        text = json.dumps(schema, ensure_ascii=False, indent=2)
        yield f'<section><h2 id="{_text(name)}"><code>{_text(name)}</code></h2>'
        yield f"<details><summary>JSON Schema</summary><pre>{escape(text)}</pre></details>"
        yield "</section>"


def _members(value: object) -> Members:
    return cast("Members", value)


def _text(value: object) -> str:
    """Return text as HTML, with what stands in backquotes as code."""
    return _CODE.sub(r"<code>\1</code>", escape(str(value)))
