"""A page of the HTML edition or a document of the EPUB: addresses, links, requests, the words of pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from bookkit.checks.built.glyphs import Signs, signs
from bookkit.manuscript import Finding

POLICY = (
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "media-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
)
LOADS = {
    "script": ("src",), "img": ("src", "srcset"), "source": ("src", "srcset"), "audio": ("src",),
    "track": ("src",), "video": ("src", "poster"), "iframe": ("src",), "embed": ("src",),
    "object": ("data",), "input": ("src",),
    "use": ("href",), "image": ("href",), "form": ("action",),
}  # fmt: skip
LOADING_RELATIONS = frozenset({
    "stylesheet", "icon", "preload", "modulepreload", "prefetch", "manifest", "apple-touch-icon",
    "dns-prefetch", "preconnect",
})  # fmt: skip
DATA_TYPES = frozenset({"application/json", "application/ld+json"})
SCRIPT_KEY, SCRIPT_ADDRESS = re.compile(r"on[a-z]{2,}"), re.compile(r"\s*javascript:", re.I)
REMOTE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.I)
CSS_ADDRESS = re.compile(r"""url\(\s*['"]?([^'")]+)['"]?\s*\)|@import\s+['"]([^'"]+)['"]""", re.I)


@dataclass
class Document:
    """What one page holds. `links` are addresses of `a`, `loads` are addresses that the page fetches."""

    path: str
    text: str
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    alts: list[str] = field(default_factory=list)
    signs: Signs = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def line(self, needle: str) -> int:
        """The line where `needle` stands in the file; 1 when it is written some other way."""
        at = self.text.find(needle.replace("&", "&amp;"))
        return 1 + self.text.count("\n", 0, max(0, at))

    def say(self, rule: str, message: str, remedy: str, needle: str = "") -> None:
        """Keep a finding about this page."""
        self.findings.append(Finding(self.path, self.line(needle), rule, message, remedy))


def read_html(path: str, text: str, policy: bool = True) -> Document:
    """A page of the HTML edition. With `policy` it must hold nothing inline and carry the security policy."""
    import html5lib

    tree = html5lib.parse(text, treebuilder="etree", namespaceHTMLElements=False)
    document = Document(path, text)
    _gather(document, tree)
    document.signs = signs(tree)
    if policy:
        _policy(document, tree)
    return document


def read_xhtml(path: str, data: bytes) -> Document:
    """A document of the EPUB; not well-formed XML is a finding."""
    from lxml import etree

    document = Document(path, data.decode("utf-8", "replace"))
    try:
        tree = etree.fromstring(data)
    except etree.XMLSyntaxError as error:
        message = f"not well-formed: {error.msg}"
        line = error.lineno or 1
        document.findings.append(Finding(path, line, "built-epub", message, "Mend the EPUB writer."))
        return document
    _gather(document, tree)
    return document


def elements(tree: Any) -> Iterator[tuple[str, dict[str, str], Any]]:
    """(local name, attributes by local name, element) of every element."""
    for element in tree.iter():
        if isinstance(element.tag, str):
            attributes = {}
            for key, value in element.attrib.items():
                attributes[_local(key)] = value
            yield _local(element.tag), attributes, element


def _local(name: str) -> str:
    return re.split(r"[}:]", name)[-1]


def _gather(document: Document, tree: Any) -> None:
    inside: set[int] = set()
    for name, attributes, element in elements(tree):
        if "id" in attributes:
            document.ids.append(attributes["id"])
        if name == "a" and "href" in attributes:
            document.links.append(attributes["href"])
        if name == "link" and set(attributes.get("rel", "").split()) & LOADING_RELATIONS:
            document.loads.append(attributes.get("href", ""))
        for key in LOADS.get(name, ()):
            if attributes.get(key):
                values = attributes[key].split(",") if key == "srcset" else [attributes[key]]
                document.loads += [value.split()[0] for value in values if value.split()]
        for key in ("style", "fill", "stroke", "filter", "clip-path", "mask"):
            document.loads += [a or b for a, b in CSS_ADDRESS.findall(attributes.get(key, ""))]
        if name == "style":
            document.loads += [a or b for a, b in CSS_ADDRESS.findall("".join(element.itertext()))]
        inside |= {id(child) for child in element.iter()} if name == "figure" else set()
        _words(document, name, attributes, element, id(element) in inside)
    for double in sorted({name for name in document.ids if document.ids.count(name) > 1}):
        message = f"the id {double} is given twice"
        document.say("built-anchor", message, "Mend the label in the source.", f'"{double}"')


def _words(document: Document, name: str, attributes: dict[str, str], element: Any, in_figure: bool) -> None:
    """Empty alt text marks decoration, which no figure is."""
    hidden = attributes.get("aria-hidden") == "true" or attributes.get("role") in ("presentation", "none")
    if name == "img":
        alt = attributes.get("alt")
        if alt is None or (not alt.strip() and in_figure and not hidden):
            source = attributes.get("src", "")
            message = f"the image {source} is delivered without alt text"
            remedy = "Give it alt text in the source."
            document.say("built-alt", message, remedy, source)
        elif alt.strip():
            document.alts.append(alt)
    elif name == "svg" and not hidden:
        titles = [child for child in element if isinstance(child.tag, str) and _local(child.tag) == "title"]
        label = attributes.get("aria-label") or attributes.get("aria-labelledby") or titles
        if attributes.get("role") == "img" and not label:
            message = "an inline drawing is delivered without a name"
            remedy = "Give it aria-label or hide it."
            document.say("built-alt", message, remedy, "<svg")
    if name != "img" and attributes.get("role") in ("img", "group") and attributes.get("aria-label"):
        document.alts.append(attributes["aria-label"])


def _policy(document: Document, tree: Any) -> None:
    remedy = "The page's policy forbids it: use a class or a file."
    policies = []
    for name, attributes, _ in elements(tree):
        if name == "meta" and attributes.get("http-equiv", "").lower() == "content-security-policy":
            policies.append(attributes.get("content", ""))
        for key, value in attributes.items():
            if key == "style":
                document.say("built-inline", f"a style attribute on {name}: {value[:40]}", remedy, value)
            elif SCRIPT_KEY.fullmatch(key) or (key in ("href", "src") and SCRIPT_ADDRESS.match(value)):
                document.say("built-inline", f"a script in {key} of {name}", remedy, value)
        if name == "style":
            document.say("built-inline", "a style element", remedy, "<style")
        if name == "script" and "src" not in attributes and attributes.get("type", "") not in DATA_TYPES:
            document.say("built-inline", "an inline script", remedy, "<script>")
    if not policies:
        document.say(
            "built-policy", "no content security policy", "Add the meta element to the template.", "<head"
        )
    for policy in policies:
        given = {part.strip() for part in policy.split(";")}
        for part in POLICY:
            if part not in given:
                remedy = f"Write: {'; '.join(POLICY)}."
                document.say("built-policy", f"the policy lacks {part}", remedy, "Content-Security-Policy")


def remote(address: str) -> bool:
    """Whether an address leads to another host; `data:` and `blob:` do not."""
    return bool(REMOTE.match(address.strip()))


def split(address: str) -> tuple[str, str]:
    """(path, anchor) of a local address, decoded, without its query."""
    path, _, anchor = address.partition("#")
    return unquote(path.partition("?")[0]), unquote(anchor)
