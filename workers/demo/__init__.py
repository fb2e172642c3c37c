"""The demo: clips made on the spot, uploaded with an article, followed until the story is complete, and fetched."""
