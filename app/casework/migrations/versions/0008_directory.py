"""Which accounts have their role and scope from the login's own directory?"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("account", sa.Column("is_from_directory", sa.Boolean, nullable=False, server_default=sa.false()))
