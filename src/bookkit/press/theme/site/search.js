/* Search: asks Pagefind's index beside the pages and lists pages with the headings under which the words stand. */
(function () {
  "use strict";
  var form = document.querySelector(".search");
  if (!form) return;
  form.hidden = false;
  var input = form.querySelector("input"), hits = form.querySelector(".hits"), says = form.querySelector(".search-says");
  var bundle = new URL("../pagefind/pagefind.js", document.currentScript.src).href;
  var PAGES = 6, HEADINGS = 3, asked = 0, index = null;

  /* The index, fetched when the first word is asked for. */
  function open() {
    if (location.protocol === "file:") return Promise.reject(new Error("no server"));
    index = index || import(bundle).then(function (pagefind) {
      return pagefind.options({ excerptLength: 14 }).then(function () { return pagefind.init(); }).then(function () { return pagefind; });
    });
    return index;
  }

  function trouble() {
    index = null;
    say(location.protocol === "file:"
      ? "Search needs a web server, because a browser does not let pages on disk read other files. In the folder of the book run: python -m http.server, then open http://localhost:8000."
      : "The search index did not load. Is the folder “pagefind” beside the pages?");
  }

  function say(words) { says.textContent = words; }

  function element(name, text, within) {
    var made = document.createElement(name);
    if (text) made.textContent = text;
    if (within) within.appendChild(made);
    return made;
  }

  /* Pagefind marks the words found in its excerpts with <mark> and escapes everything else. */
  function excerpt(marked, within) {
    var small = element("small", "", within);
    new DOMParser().parseFromString(marked, "text/html").body.childNodes.forEach(function (node) {
      if (node.nodeName === "MARK") element("mark", node.textContent, small); else small.appendChild(document.createTextNode(node.textContent));
    });
  }

  function show(pages) {
    hits.textContent = "";
    pages.forEach(function (page) {
      var item = element("li", "", hits), link = element("a", page.meta.title, item);
      link.href = page.url;
      var parts = page.sub_results.filter(function (part) { return part.url !== page.url; }).slice(0, HEADINGS);
      if (!parts.length) { excerpt(page.excerpt, link); return; }
      var list = element("ol", "", item);
      parts.forEach(function (part) {
        var sub = element("a", "", element("li", "", list));
        sub.href = part.url; element("b", part.title.replace(/^([0-9A-Z]+(?:\.[0-9]+)+)(?=\S)/, "$1 "), sub); excerpt(part.excerpt, sub);
      });
    });
  }

  function ask() {
    var words = input.value.trim(), mine = ++asked;
    form.parentElement.classList.toggle("searching", words.length > 0);
    if (!words) { hits.textContent = ""; say(""); return; }
    open().then(function (pagefind) { return pagefind.debouncedSearch(words, {}, 120); }).then(function (found) {
      if (!found || mine !== asked) return null;
      return Promise.all(found.results.slice(0, PAGES).map(function (result) { return result.data(); })).then(function (pages) {
        if (mine !== asked) return;
        show(pages);
        var count = found.results.length;
        say(count === 0 ? "No page has “" + words + "”." : count === 1 ? "1 page" : count > PAGES ? count + " pages, the first " + PAGES : count + " pages");
      });
    }).catch(trouble);
  }

  function move(step) {
    var links = Array.prototype.slice.call(hits.querySelectorAll("a")), next = links.indexOf(document.activeElement) + step;
    if (next < 0) input.focus(); else if (links[next]) links[next].focus();
  }

  function close() { input.value = ""; ask(); input.focus(); }

  input.addEventListener("input", ask);
  input.addEventListener("focus", function () { open().catch(function () { index = null; }); });
  form.addEventListener("submit", function (event) { event.preventDefault(); var first = hits.querySelector("a"); if (first) first.click(); });
  form.addEventListener("keydown", function (event) {
    if (event.key === "ArrowDown") { event.preventDefault(); move(1); }
    if (event.key === "ArrowUp") { event.preventDefault(); move(-1); }
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); close(); }
  });
  hits.addEventListener("click", function (event) {
    var link = event.target.closest("a");
    if (link && link.hash && link.pathname === location.pathname) close();
  });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(input|textarea|select)$/i.test(event.target.tagName)) return;
    event.preventDefault();
    if (!input.offsetParent && document.getElementById("contents")) location.hash = "#contents";
    input.focus();
  });
})();
