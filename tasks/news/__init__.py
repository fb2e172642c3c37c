"""Reading articles, all of it pure: text → paragraphs and references → the article record.

- `text`: bytes → clean lines;
- `dateline`: the line with date, time and views;
- `references`: the ``Video:`` lines;
- `article`: lines → title, lede, paragraphs, references, byline, keywords, related tail;
- `linking`: a parsed article and the clips that exist → the article record.
"""
