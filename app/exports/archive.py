"""What do Office files have in common? They are zip archives of XML: their members have times, XML holds no control signs."""

import io
import re
import zipfile
from datetime import datetime

CREATED = datetime(2020, 1, 1)

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(text: str) -> str:
    """What XML cannot hold is left out."""
    return _NO_XML.sub("", text)


def same_bytes(made: bytes) -> bytes:
    """The archive again, with the times of its members fixed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, CREATED.timetuple()[:6])
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 0
            new.writestr(member, old.read(name))
    return buffer.getvalue()
