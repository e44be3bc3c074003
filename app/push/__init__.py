"""Push: what should be told to whom, and did it arrive?

settings (HOME/push.toml: who is told what, where and when), events (what there is to tell, in words), outbox (each message
once: planned, claimed, sent, tried again), channels (out of the house, through apprise). `python -m app.push` runs it; the
command `yanpan push` starts that.
"""
