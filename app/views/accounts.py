"""用户与权限: who may come in, as what, and to which part of the data?"""

from app import page
from app.parts import accounts

page.style()
page.head(
    "用户与权限", "谁能进来，看什么，做什么？", lead="身份由统一登录服务确认；角色和范围在这里给。停用在一分钟内生效。"
)
known = accounts.listing()
if known is not None:
    accounts.granting(known)
accounts.what_roles_may()
