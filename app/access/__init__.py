"""Who is here, what may they open and do, and which part of the data is theirs?

    signin    the login of this page run: Streamlit's own OIDC, session limits, one page for whoever has no account yet
    roles     what each role may open and do, as data
    scope     the part of the data a reader sees, as views with the names of the marts (sql/scope.csv)
    accounts  who has been given what, in the state store
    audit     who did what, append-only, each row sealed with the one before
    stamp     the mark on what is taken away
    settings  HOME/secrets.toml ([auth]) and HOME/access.toml

Without [auth] there is one user, this machine's own: everything is open, nothing is marked, roles are said (app.roles).
"""
