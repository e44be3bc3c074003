"""What events, channels and statuses of a message are called."""

from app.casework.workflow import ACTIONS

EVENTS = {
    "new": "新预警",
    "level": "等级上升",
    "again": "销号后又出现",
    **{name: word for name, word in ACTIONS.items() if name not in ("sign", "measure")},
    "due": "即将到期",
    "overdue": "已超期",
    "week": "每周汇总",
    "test": "测试",
}
CHANNELS = {
    "wecom": "企业微信",
    "dingtalk": "钉钉",
    "feishu": "飞书",
    "email": "邮件",
    "webhook": "网络回调",
}
STATUSES = {
    "pending": "等待发送",
    "sending": "正在发送",
    "sent": "已发送",
    "failed": "未送达",
    "unclear": "不确定是否送达",
    "suppressed": "不再需要",
}
