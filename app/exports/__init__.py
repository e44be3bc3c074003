"""A figure or a frame → bytes for a download. No Streamlit, no browser."""
