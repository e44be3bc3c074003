"""审计日志: who did what, when?"""

from app import page
from app.parts import accounts

page.style()
page.head(
    "审计日志",
    "谁在什么时候做了什么？",
    lead="只增不改。记账号、动作和对象，不记事项内容，不记网络地址；时间为协调世界时（北京时间减 8 小时）。",
)
accounts.log()
