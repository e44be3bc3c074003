"""HTTP API for the office's business system: one text in, one suggestion out. openapi.json is the contract.

The contract is written by hand, first and once: requests are checked against its schemas (JSON Schema 2020-12, which OpenAPI
3.1 uses as it is), the page at /api/v1/ is made from it, and the tests hold every answer against it. Served by app.server
under /api/v1, behind the same guard: this machine only, as long as there is no login.

`routes` speaks HTTP, `answers` makes the suggestions, `contract` checks what is asked, `tokens` knows who may ask, `limit` how
often, `manual` is the page.
Texts are redacted before anything looks at them, and neither logged nor stored.
"""
