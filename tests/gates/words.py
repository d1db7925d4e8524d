"""What the editions say: their text, and words by which one page can be told from the others."""

import re
from collections import Counter
from pathlib import Path

from lxml import etree, html

HIDDEN = ("script", "style", "math", "svg", "pre", "nav", "template")


def page_text(path: Path) -> str:
    """The prose of a page's article, without code, formulas and navigation; hyphenated words stay whole."""
    tree = html.parse(str(path), parser=html.HTMLParser(encoding="utf-8"))
    article = tree.find(".//article")
    if article is None:
        return ""
    etree.strip_elements(article, *HIDDEN, with_tail=False)
    for ignored in article.xpath(".//*[@data-pagefind-ignore]"):
        ignored.drop_tree()
    return re.sub(r"\s+", " ", " ".join(article.itertext()))


def distinctive_words(texts: dict[str, str]) -> dict[str, str]:
    """For each page that has one, a word that no other page uses in any form (same first five letters).

    The most frequent such word, the longest among equals, so that the choice does not hang on one slip.
    """
    words = {
        name: Counter(re.findall(r"(?<![\w-])[a-z]{7,14}(?![\w-])", text)) for name, text in texts.items()
    }
    holders = Counter(stem for counts in words.values() for stem in {word[:5] for word in counts})
    found = {}
    for name, counts in words.items():
        own = [word for word in counts if holders[word[:5]] == 1]
        if own:
            found[name] = max(own, key=lambda word: (counts[word], len(word), word))
    return found
