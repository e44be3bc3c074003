"""Out of the house: one text to one address, through apprise, and was it taken?

An address is what the receiving side shows its administrator:
    https://HOST/cgi-bin/webhook/send?key=…        WeCom 企业微信 group bot; any HOST, so 政务微信 and private ones too
    https://HOST/robot/send?access_token=…         DingTalk 钉钉 group bot, 专有钉钉; 加签 with `secret`
    https://HOST/open-apis/bot/v2/hook/…           Feishu 飞书 group bot; 加签 with `secret`
    mailto://, mailtos://                          e-mail by SMTP, as apprise writes it
    any other http:// or https://                  webhook: JSON with title, message, event, level, url, key
Not covered: messages of an application (corpid and secret, 工作通知) and gateways that want a signature of their own.

The three bots are a plug-in of ours. apprise 2.2.0 has them too, but with fixed hosts, no 加签 for Feishu, a DingTalk
signature quoted twice, and an HTTP 200 taken for delivered, while these services say no within a 200: {"errcode": 93000}.

What must not happen is the same message twice. A send therefore ends in one of three ways: taken; `Refused`, the receiver
was not reached or said no, and it is safe to try again; `Unclear`, it may have arrived: not sent again by itself.
"""

import base64
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import apprise
import requests
from apprise.exception import AppriseImproperlyConfigured
from apprise.plugins.base import NotifyBase
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.email.base import NotifyEmail

from app.push.words import CHANNELS

TIMEOUT_SECONDS = (5, 20)  # to be connected, to be answered
ASSET = apprise.AppriseAsset(app_id="yanpan", app_desc="研判", http_redirects=False, default_service_retry=0)
logging.getLogger("apprise").propagate = False  # it logs addresses with what is secret in them
logging.getLogger("apprise").addHandler(logging.NullHandler())
logging.getLogger("urllib3").setLevel(logging.WARNING)

# bot → how the end of its path looks, most bytes of a text (its documentation, with room for the frame)
BOTS = {
    "wecom": (r"/cgi-bin/webhook/send$", 2048),
    "dingtalk": (r"/robot/send$", 18_000),
    "feishu": (r"/open-apis/bot/(v2/)?hook/[\w-]+/?$", 18_000),
}
MOST_BYTES = 60_000  # of a mail or a webhook: more than anybody reads


class BadAddress(ValueError):
    """Not an address a message can be sent to; the sentence does not repeat it."""


class Refused(Exception):
    """Not delivered, for certain; one Chinese sentence without any part of the address."""


class Unclear(Exception):
    """Perhaps delivered; one Chinese sentence without any part of the address."""


def kind(address: str) -> str:
    """Which of CHANNELS an address is of; "other" is none of them."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        return next((bot for bot, (path, _) in BOTS.items() if re.search(path, parts.path)), "webhook")
    return {"mailto": "email", "mailtos": "email", "json": "webhook", "jsons": "webhook"}.get(parts.scheme, "other")


def most_bytes(address: str) -> int:
    """The longest text the channel takes, in bytes of UTF-8."""
    of = kind(address)
    return BOTS[of][1] if of in BOTS else MOST_BYTES


def check(address: str, secret: str = "") -> None:
    """Raises BadAddress where nothing could ever be sent there; sends nothing."""
    _plugin(address, secret)


def send(address: str, subject: str, body: str, *, secret: str = "", about: Mapping[str, str] | None = None) -> None:
    """Send one message. Raises Refused or Unclear.

    about: what a webhook says beside title and message (event, level, url, key). `key` is sent as Idempotency-Key too:
    the receiver can tell a repeated message by it.
    """
    plugin = _plugin(address, secret)
    if isinstance(plugin, Bot):
        plugin.notify(body=f"{subject}\n{body}", title="", body_format=apprise.NotifyFormat.TEXT)
        return
    plugin.socket_connect_timeout, plugin.socket_read_timeout = TIMEOUT_SECONDS
    if isinstance(plugin, NotifyEmail):
        plugin.socket_connect_timeout = TIMEOUT_SECONDS[1]  # it knows one limit, for each answer
    if isinstance(plugin, NotifyJSON):
        about = about or {}
        plugin.payload_extras.update(about)
        plugin.headers["Idempotency-Key"] = hashlib.sha256(about.get("key", "").encode()).hexdigest()
    with apprise.LogCapture(level=logging.DEBUG, fmt="%(message)s") as log:  # apprise gives its reasons nowhere else
        is_taken = plugin.notify(body=body, title=subject, body_format=apprise.NotifyFormat.TEXT)
        said = log.getvalue()
    if not is_taken:
        raise _reason(said)


class Bot(NotifyBase):
    """A group bot: one POST, answered by a code within HTTP 200."""

    service_name: str = "bot"  # type: ignore[assignment]
    request_rate_per_sec = 0  # the outbox sees to it
    title_maxlen = 0
    body_maxlen = 30_000  # characters; the text was cut before, in bytes

    def __init__(self, of: str, address: str, secret: str):
        super().__init__(asset=ASSET)
        self.of, self.address, self.secret = of, address, secret

    def send(self, body: str, title: str = "", notify_type: Any = None, **_: Any) -> bool:
        message: dict[str, Any] = {"msgtype": "text", "text": {"content": body}}
        parameters: dict[str, str] = {}
        if self.of == "feishu":
            message = {"msg_type": "text", "content": {"text": body}}
            if self.secret:
                now = str(int(time.time()))
                message |= {"timestamp": now, "sign": signature(f"{now}\n{self.secret}", "")}
        elif self.of == "dingtalk" and self.secret:
            now = str(round(time.time() * 1000))
            parameters = {"timestamp": now, "sign": signature(self.secret, f"{now}\n{self.secret}")}
        try:
            answer = requests.post(
                self.address, params=parameters, json=message, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise _reason(f"Exception: {error}") from None  # its text holds the address
        if answer.status_code != 200:
            raise _reason(f"error={answer.status_code}")
        try:
            said = answer.json()
            code = next(said[name] for name in ("errcode", "code", "StatusCode") if name in said)
        except (ValueError, TypeError, StopIteration):
            raise Unclear(f"{CHANNELS[self.of]}的回答不是约定的格式，可能已送达。") from None
        if code != 0:
            raise Refused(f"{CHANNELS[self.of]}没有接收：代码 {code}{_meaning(self.of, code)}。")
        return True


def signature(key: str, text: str) -> str:
    """加签 of DingTalk and Feishu: HMAC-SHA256 in base64. DingTalk signs "time\\nsecret" with the secret; Feishu signs nothing
    with "time\\nsecret"."""
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


_MEANINGS = {
    ("wecom", 93000): "机器人地址无效或已被移出群",
    ("wecom", 45009): "发送太频繁",
    ("wecom", 45002): "内容太长",
    ("dingtalk", 310000): "加签、关键词或网段不符",
    ("dingtalk", 300005): "令牌不存在",
    ("dingtalk", 130101): "发送太频繁",
    ("dingtalk", 660026): "发送太频繁",
    ("feishu", 19001): "机器人地址无效",
    ("feishu", 19021): "加签不符，或服务器时间不准",
    ("feishu", 19022): "本机地址不在白名单",
    ("feishu", 19024): "没有包含设定的关键词",
    ("feishu", 9499): "发送太频繁或格式有误",
    ("feishu", 11232): "发送太频繁",
}


def _meaning(of: str, code: object) -> str:
    meaning = _MEANINGS.get((of, code)) if isinstance(code, int) else None
    return f"（{meaning}）" if meaning else ""


def _plugin(address: str, secret: str) -> NotifyBase:
    of, parts = kind(address), urlsplit(address)
    if of != "other" and not parts.hostname:
        raise BadAddress(f"{CHANNELS[of]}的地址里没有主机名。")
    if of in BOTS:
        if secret and of == "wecom":
            raise BadAddress("企业微信机器人没有加签，请删去 secret。")
        return Bot(of, address, secret)
    if secret:
        raise BadAddress("secret 只用于钉钉和飞书机器人的加签。")
    if of == "other":
        raise BadAddress("不是认得的地址；可用群机器人的地址、mailto(s):// 或 http(s)://。")
    kind_of: type[NotifyBase] = NotifyEmail if of == "email" else NotifyJSON
    is_pasted = parts.scheme in ("http", "https")
    if is_pasted:  # json(s)://, as apprise calls a webhook; of its query apprise would take some words for its own
        address = parts._replace(scheme=parts.scheme.replace("http", "json"), query="", fragment="").geturl()
    words = kind_of.parse_url(address)
    try:
        plugin = kind_of(**(words or {}), asset=ASSET)
    except (AppriseImproperlyConfigured, TypeError):
        raise BadAddress(
            "地址不完整；邮件写作 mailtos://用户:密码@主机?to=收件人，网络回调写作 https://主机/路径。"
        ) from None
    if is_pasted and isinstance(plugin, NotifyJSON):
        plugin.params.update(parse_qsl(parts.query, keep_blank_values=True))
    return plugin


def _reason(said: str) -> Refused | Unclear:
    """What apprise or requests said of a failure, as one sentence; whatever is not surely undelivered is unclear.

    A connection that was never made is a MaxRetryError of urllib3 ("Max retries exceeded"); one that broke off, or was
    not answered in time, is not. 504 is a gateway that gave up waiting.
    """
    if "Sent Email to" in said:
        return Unclear("部分收件人已送达，部分没有，请到邮件服务器核对。")
    status = re.search(r"error=(\d{3})", said)
    if status and status[1] != "504":
        meaning = {"429": "（发送太频繁）", "401": "（未授权）", "403": "（未授权）", "404": "（地址不存在）"}
        return Refused(f"对方没有接收：HTTP {status[1]}{meaning.get(status[1], '')}。")
    smtp = re.search(r"Exception: \((\d{3}), |was refused: (\d{3})|Exception: \{.*?\((\d{3}), ", said)
    if smtp:
        return Refused(f"邮件服务器没有接收：{next(code for code in smtp.groups() if code)}。")
    if "Max retries exceeded" in said or "Connection error while submitting" in said:
        is_tls = "SSL" in said or "certificate" in said
        return Refused("证书不受信任，没有发送。" if is_tls else "连接不上对方。")
    return Unclear("发送后没有等到对方的回答，可能已送达。")
