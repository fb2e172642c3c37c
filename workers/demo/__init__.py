"""The demo: clips made on the spot, put with an article, watched until the story is complete, and fetched whole."""
