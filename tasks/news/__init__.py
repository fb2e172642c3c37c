"""Reading articles, all of it pure: an uploaded file → paragraphs and references → the article record.

- `reading`: the file, by its extension → blocks (`text`, `markup`, `markdown`, `ninjs`) → the article;
- `references`, `inline_references`: the ``Video:`` lines, and clips named within a paragraph;
- `article`: blocks → title, lede, paragraphs, references, byline, keywords (some by `header`, `byline`, `tail`);
- `identity`, `anchors`: what keeps its id, and its clips, when an article is edited;
- `linking`: a parsed article and the clips that exist → the article record.
"""
