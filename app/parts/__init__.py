"""The blocks a page is put together from: each a question, its guard, its figure or table, its export."""
