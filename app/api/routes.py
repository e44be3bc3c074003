"""POST suggestion, GET openapi.json, GET the manual: a Starlette app that app.server mounts at /api/v1.

Every refusal is a problem document (RFC 9457) with one Chinese sentence. The order: where from, token, how often, how it is
sent, what it says; a body is not read before its sender is known.
"""

import logging
import time
import traceback
from datetime import date
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.api import answers, contract, limit, manual, tokens
from pipelines.errors import YanpanError

MOST_BYTES = 256 * 1024
log = logging.getLogger(__name__)
TITLES = {**contract.TITLES, 404: "没有这个地址", 405: "方法不对"}


class Problem(HTTPException):
    """A refusal: status, one sentence, and whatever else belongs into the problem document."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None, **more: Any):
        super().__init__(status, sentence, headers)
        self.more = more


def create() -> Starlette:
    """The API with buckets and a thread of its own. limit.BadSetting."""
    buckets, together = limit.buckets(), answers.Together()

    async def suggestion(request: Request) -> Response:
        _check_origin(request)
        name = _holder(request)
        seconds = ceil(buckets.wait(name, time.monotonic()))
        if seconds:
            raise Problem(429, f"请求太快，请在 {seconds} 秒后再试。", {"Retry-After": str(seconds)})
        asked = _checked(await _body(request))
        made = await together.made(asked)
        if error := made.exception():
            raise _problem(error)
        return _json(made.result(), {"Cache-Control": "no-store"})

    return Starlette(
        routes=[
            Route("/", page),
            Route("/openapi.json", document),
            Route("/suggestion", suggestion, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _explained},
    )


def _problem(error: BaseException) -> Problem:
    """What went wrong, for the caller and the log. No text gets into the log: what a bug says may quote it, where it is cannot."""
    if isinstance(error, YanpanError):
        log.warning("no suggestion: %s", error)
        return Problem(503, str(error))
    log.error("suggestion failed: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return Problem(500, "程序出错，不是您的操作问题。请把时间告诉管理员，服务日志里有出错的位置。")


# ---------------------------------------------------------------- who asks, and how


def _check_origin(request: Request) -> None:
    """A page of another site, in a browser on this machine, could reach this address: refused."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if site not in ("none", "same-origin") or not is_ours:
        raise Problem(403, "不接受其他网站的页面发来的请求，请从业务系统的服务端调用。")


def _holder(request: Request) -> str:
    try:
        return tokens.holder(request.headers.get("authorization"), date.today())
    except tokens.Refused as error:
        raise Problem(401, str(error), {"WWW-Authenticate": 'Bearer realm="yanpan"'}) from None


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "请求头应有 Content-Type: application/json，正文为 UTF-8。")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise Problem(
                413, f"正文超过 {MOST_BYTES // 1024} KiB。请只传一件的文字，不超过 10000 字。", {"Connection": "close"}
            )
    return bytes(body)


def _checked(body: bytes) -> dict[str, Any]:
    """The request in the body. orjson refuses what is no UTF-8, half characters and endless nesting as well."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        raise Problem(400, "正文不是 UTF-8 的 JSON 对象。请检查引号、逗号和编码。")
    if faults := contract.faults(asked):
        raise Problem(422, "".join(one["detail"] for one in faults), errors=faults)
    return asked


# ---------------------------------------------------------------- answers


async def document(_request: Request) -> Response:
    return Response(contract.DOCUMENT.read_bytes(), media_type="application/json")


async def page(_request: Request) -> Response:
    return HTMLResponse(manual.page())


async def _explained(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: "没有这个地址，接口说明见 /api/v1/。", 405: "这个地址不接受这种方法，接口说明见 /api/v1/。"}
    problem = {
        "type": "about:blank",
        "title": TITLES[error.status_code],
        "status": error.status_code,
        "detail": said.get(error.status_code, error.detail),
        **(error.more if isinstance(error, Problem) else {}),
    }
    return _json(problem, error.headers, error.status_code, "application/problem+json")


def _json(value: object, headers: Any = None, status: int = 200, media_type: str = "application/json") -> Response:
    return Response(orjson.dumps(value), status, headers, media_type)
