/* Comforts: color choice, the section being read, links on headings, copying, sound. Without them the page is complete. */
(function () {
  "use strict";
  var find = function (selector, within) { return (within || document).querySelector(selector); };
  var each = function (selector, act, within) { Array.prototype.forEach.call((within || document).querySelectorAll(selector), act); };
  var root = document.documentElement;

  function colors(choice) {
    choice.hidden = false;
    each("input", function (input) { input.checked = input.value === (root.dataset.theme || "auto"); }, choice);
    choice.addEventListener("change", function (event) {
      var value = event.target.value;
      if (value === "auto") delete root.dataset.theme; else root.dataset.theme = value;
      try { if (value === "auto") localStorage.removeItem("theme"); else localStorage.setItem("theme", value); } catch (e) { /* lasts for this page */ }
    });
  }

  function reading(links) {
    var contents = find(".contents"), here = find(".contents [aria-current=page]");
    var part = here && here.closest("ol").previousElementSibling;
    if (part && contents.scrollHeight > contents.clientHeight) contents.scrollTop = part.offsetTop - contents.offsetTop;
    var headings = links.map(function (link) { return document.getElementById(decodeURIComponent(link.hash.slice(1))); });
    var due = false;
    var mark = function () {
      var now = -1;
      due = false;
      headings.forEach(function (heading, i) { if (heading && heading.getBoundingClientRect().top < innerHeight * .3) now = i; });
      links.forEach(function (link, i) { if (i === now) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current"); });
    };
    if (!links.length) return;
    addEventListener("scroll", function () { if (!due) { due = true; requestAnimationFrame(mark); } }, { passive: true });
    mark();
  }

  function addressed(heading) {
    if (!heading.id || heading.classList.contains("label")) return;
    var link = document.createElement("a");
    link.className = "here-link"; link.href = "#" + heading.id; link.textContent = "#";
    link.setAttribute("aria-label", "Link to “" + heading.textContent.trim() + "”");
    heading.appendChild(link);
  }

  /* What scrolls has a name of its own among the regions of its page. */
  var named = {};
  function called(wide) {
    var kind = wide.nodeName === "PRE" ? "Listing" : wide.closest(".eq") ? "Equation" : "Table";
    named[kind] = (named[kind] || 0) + 1;
    return kind + ", scrolls sideways" + (named[kind] > 1 ? " (" + named[kind] + ")" : "");
  }

  /* What is wider than the page can be scrolled from the keyboard. */
  function scrollable(wide) {
    if (wide.scrollWidth <= wide.clientWidth || wide.hasAttribute("tabindex")) return;
    wide.tabIndex = 0;
    if (wide.nodeName === "FIGURE") return;
    wide.setAttribute("role", "region");
    wide.setAttribute("aria-label", called(wide));
  }

  function copying(code) {
    if (!navigator.clipboard) return;
    var button = document.createElement("button"), listing = find("pre", code);
    button.type = "button"; button.className = "copy"; button.textContent = "Copy";
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(listing.textContent).then(function () { button.textContent = "Copied"; }, function () { button.textContent = "Not allowed"; })
        .then(function () { setTimeout(function () { button.textContent = "Copy"; }, 1600); });
    });
    code.appendChild(button);
  }

  /* The waveform is the seek bar. A page plays one clip at a time. */
  function sounding(figure) {
    var audio = find("audio", figure), play = find(".play", figure), seek = find(".seek", figure), at = find(".at", figure);
    var played = find("clipPath rect", figure), whole = played ? find(".wave svg", figure).viewBox.baseVal.width : 0;
    if (!audio || !play || !seek) return;
    var show = function (live) { figure.classList.toggle("live", live); each(".play, .seek, .time", function (control) { control.hidden = !live; }, figure); };
    var seconds = function (time) { return time.toFixed(1) + " s"; };
    var length = function () { return isFinite(audio.duration) ? audio.duration : Number(figure.dataset.seconds) || 1; };
    var draw = function () {
      seek.max = length(); seek.value = audio.currentTime;
      seek.setAttribute("aria-valuetext", seconds(audio.currentTime) + " of " + seconds(length()));
      if (played) played.setAttribute("width", whole * audio.currentTime / length());
      if (at) at.textContent = seconds(audio.currentTime);
    };
    var tick = function () { draw(); if (!audio.paused) requestAnimationFrame(tick); };
    show(true);
    play.addEventListener("click", function () {
      if (!audio.paused) { audio.pause(); return; }
      each("audio", function (other) { if (other !== audio) other.pause(); });
      audio.play().catch(function () { show(false); });
    });
    ["play", "pause", "ended"].forEach(function (name) {
      audio.addEventListener(name, function () { play.setAttribute("aria-pressed", String(!audio.paused)); if (!audio.paused) tick(); });
    });
    audio.addEventListener("timeupdate", draw);
    audio.addEventListener("loadedmetadata", draw);
    audio.addEventListener("seeked", draw);
    seek.addEventListener("input", function () { audio.currentTime = Number(seek.value); draw(); });
    draw();
  }

  each(".theme", colors);
  reading(Array.prototype.slice.call(document.querySelectorAll(".here a")));
  each(".page .body h2, .page .body h3", addressed);
  each(".code, div.sourceCode", function (code) { if (!code.closest(".code .sourceCode")) copying(code); });
  each("figure.audio", sounding);
  each("main pre, .table-wrap, .eq > div, figure", scrollable);
  document.addEventListener("keydown", function (event) { if (event.key === "Escape" && location.hash === "#contents") { location.hash = "#top"; find(".open-menu").focus(); } });
  window.addEventListener("beforeprint", function () { each("details", function (fold) { fold.open = true; }); });
})();
