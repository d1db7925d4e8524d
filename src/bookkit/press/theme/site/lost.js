/* The page for a lost address stands at whatever depth was asked for, and its own addresses are from the root of
   the book. This script knows the root, which is where it came from, and gives the page its styles and links back. */
(function () {
  "use strict";
  var root = new URL("../", document.currentScript.src).href, page = document.documentElement;
  if (page.dataset.root || new URL(".", location.href).href === root) return;
  page.dataset.root = root;

  function each(selector, act) { Array.prototype.forEach.call(document.querySelectorAll(selector), act); }
  function fromRoot(element, name) { return root + element.getAttribute(name); }

  each("link[href]", function (link) { link.href = fromRoot(link, "href"); });
  each("a[href]", function (link) { if (link.getAttribute("href")[0] !== "#") link.href = fromRoot(link, "href"); });
  each("script[src^='assets/']:not([src$='lost.js'])", function (lost) {
    var script = document.createElement("script");
    script.src = fromRoot(lost, "src"); script.async = false;
    document.head.appendChild(script);
  });
})();
