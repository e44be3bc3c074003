"""Is the address a request came with newer than what this session wrote into it, or older?

The browser sends its address with every request. What a page run writes into it reaches the browser a moment later: who
chooses a source and at once the month asks with the address of before the first choice, and would lose it. Going back, too,
asks with an earlier address, but the browser says so. So an address this session has written past, without going back, is
late: what was written last holds.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

PASSED = "_addresses"
"""In the session: the addresses of this page the browser may still be at, oldest first; the last is where it will be."""
CAUGHT_UP = "_addresses_of"
"""In the session: the page run that has looked at them."""


def arrive(is_new_page: bool) -> None:
    """Called before each page run."""
    _catch_up()
    if is_new_page:
        del st.session_state[PASSED][:-1]


def write(key: str, value: str | None) -> None:
    """Put a value into the address, or take it out; nothing is sent where it is so already. Also from a callback."""
    _catch_up()
    if st.query_params.get(key) == value:
        return
    if value is None:
        del st.query_params[key]
    else:
        st.query_params[key] = value
    st.session_state[PASSED].append(st.query_params.to_dict())


def _catch_up() -> None:
    """Once a page run: put back what a late address lacks, or begin anew with one from elsewhere."""
    run = get_script_run_ctx(suppress_warning=True)
    this_run = run and run.parallel_coordinator  # made anew for each run, callbacks included
    if PASSED in st.session_state and st.session_state.get(CAUGHT_UP) is this_run:
        return
    st.session_state[CAUGHT_UP] = this_run
    asked, went_back = st.query_params.to_dict(), run is not None and run.is_history_navigation
    passed: list[dict[str, str]] = st.session_state.get(PASSED, [])
    if went_back or asked not in passed[:-1]:
        st.session_state[PASSED] = [asked]
    else:
        st.query_params.from_dict(passed[-1])
