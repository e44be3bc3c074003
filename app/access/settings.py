"""Is there a login, and how long does it last? HOME/secrets.toml (or the file YANPAN_SECRETS names) with a table [auth], as
Streamlit's st.login takes it; HOME/access.toml for the rest (docs/access.example.toml)."""

import os
import stat
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from app import versions
from app.access.accounts import Directory, Grant, wrong_with

SECRETS, FILE = "secrets.toml", "access.toml"
ENVIRONMENT = "YANPAN_SECRETS"
NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
MIN_SECRET = 32
DISCOVERY = "/.well-known/openid-configuration"


class BadSetting(ValueError):
    """A file of settings cannot be used; one Chinese sentence says where."""


class Access(NamedTuple):
    """idle_minutes: without a page run, then the login ends. absolute_hours: then it ends in any case. hosts: further names
    under which the dashboard is reached. organisation: named on what is taken away. directory: what a claim of the login stands for."""

    idle_minutes: int = 30
    absolute_hours: int = 12
    hosts: tuple[str, ...] = ()
    organisation: str = ""
    directory: Directory | None = None


LIMITS = {"idle_minutes": (5, 1440), "absolute_hours": (1, 720)}


def secrets_file() -> Path:
    said = os.environ.get(ENVIRONMENT, "").strip()
    return Path(said).expanduser() if said else versions.home() / SECRETS


def auth() -> dict[str, Any] | None:
    """The table [auth]; None without a login. Read once: a server that has a login does not lose it with its file.

    Raises BadSetting.
    """
    return _auth(os.environ.get(ENVIRONMENT, ""), os.environ.get("YANPAN_HOME", ""))


@cache
def _auth(_said: str, _home: str) -> dict[str, Any] | None:
    path = secrets_file()
    try:
        said = _toml(path, "登录设置").get("auth")
    except FileNotFoundError:
        if os.environ.get(ENVIRONMENT, "").strip():
            raise BadSetting(f"环境变量 {ENVIRONMENT} 指向的登录设置 {path} 不存在。请检查路径。") from None
        return None
    if said is None:
        return None
    missing = [
        name for name in NEEDED if not isinstance(said, dict) or not isinstance(said.get(name), str) or not said[name]
    ]
    if missing:
        raise BadSetting(
            f"登录设置 {path} 的 [auth] 缺少 {'、'.join(missing)}。请补全（样例 docs/access.example.toml）。"
        )
    if len(said["cookie_secret"]) < MIN_SECRET:
        raise BadSetting(
            f"登录设置 {path} 的 cookie_secret 太短，应为 {MIN_SECRET} 个以上随机字符。请用 openssl rand -hex 32 生成。"
        )
    url = urlsplit(said["redirect_uri"])
    if url.scheme not in ("http", "https") or not url.hostname or not url.path.endswith("/oauth2callback"):
        raise BadSetting(f"登录设置 {path} 的 redirect_uri 应为 https://看板的域名/oauth2callback。请改正。")
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise BadSetting(
            f"登录设置 {path} 的 redirect_uri 是 http，登录凭据会明文传输。请用 https（nginx 样例见 deploy），本机试用可用 http://localhost。"
        )
    if os.name != "nt" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise BadSetting(f"登录设置 {path} 含密钥，别的用户也能读。请运行 chmod 600 {path}。")
    return said


def issuer(auth: dict[str, Any]) -> str:
    """Whom the identity provider calls itself, from where it describes itself (OpenID Connect Discovery 1.0, section 4)."""
    return str(auth["server_metadata_url"]).removesuffix(DISCOVERY)


def read() -> Access:
    """HOME/access.toml, or the defaults. Raises BadSetting."""
    path = versions.home() / FILE
    try:
        return _read(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return Access()


@lru_cache(maxsize=4)
def _read(path: Path, _touched: int) -> Access:
    said = _toml(path, "访问设置")
    directory = _directory(path, said.pop("directory", None))
    for name, value in said.items():
        low, high = LIMITS.get(name, (0, 0))
        is_number = name in LIMITS and type(value) is int and low <= value <= high
        is_hosts = name == "hosts" and isinstance(value, list) and all(isinstance(one, str) and one for one in value)
        if not (is_number or is_hosts or (name == "organisation" and isinstance(value, str))):
            expected = f"{low} 到 {high} 的整数" if name in LIMITS else "样例 docs/access.example.toml 里的写法"
            raise BadSetting(f"访问设置 {path} 里“{name} = {str(value)[:40]}”不对，应为{expected}。请改正。")
    return Access(**{**said, "hosts": tuple(said.get("hosts", ())), "directory": directory})


def _directory(path: Path, said: Any) -> Directory | None:
    """The table [directory]: claim, and grants: value → { role, places, unit }."""
    if said is None:
        return None
    is_shaped = isinstance(said, dict) and set(said) == {"claim", "grants"} and isinstance(said["grants"], dict)
    if not is_shaped or not isinstance(said["claim"], str) or not said["claim"]:
        raise BadSetting(
            f"访问设置 {path} 的 [directory] 应有 claim（一个词）和 [directory.grants]。样例见 docs/access.example.toml。"
        )
    grants = {}
    for value, row in said["grants"].items():
        is_row = isinstance(row, dict) and set(row) <= {"role", "places", "unit"} and isinstance(row.get("role"), str)
        places, unit = (row.get("places", []), row.get("unit")) if is_row else ([], None)
        is_places = isinstance(places, list) and all(isinstance(one, str) and one for one in places)
        if not is_row or not is_places or not isinstance(unit, str | None):
            raise BadSetting(
                f'访问设置 {path} 的 [directory.grants] 里“{value[:40]}”应写成 {{ role = "analyst", places = ["990101"] }} 这样。请改正。'
            )
        if wrong := wrong_with(row["role"], places, unit):
            raise BadSetting(f"访问设置 {path} 的 [directory.grants] 里“{value[:40]}”：{wrong}")
        grants[value] = Grant(row["role"], tuple(places), unit)
    return Directory(said["claim"], grants)


def _toml(path: Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadSetting(f"{what} {path} 读不出来（{error.strerror}）。请检查文件权限。") from error
    except ValueError:  # what is wrong with it may quote a secret
        raise BadSetting(f"{what} {path} 不是 UTF-8 的 TOML 文件。请对照样例 docs/access.example.toml 改正。") from None
