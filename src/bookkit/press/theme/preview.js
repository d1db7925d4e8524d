/* Only in `bookkit preview`: loads the page again when it has changed, and shows what keeps it from being built. */
(function () {
  "use strict";
  var box = null;

  function show(text) {
    if (box) { box.remove(); box = null; }
    if (!text) return;
    box = document.createElement("section");
    box.setAttribute("role", "alert");
    box.style.cssText = "position:fixed;z-index:99;left:0;right:0;bottom:0;max-height:50vh;overflow:auto;padding:1rem;background:#7a1420;color:#fff";
    var said = document.createElement("pre");
    said.textContent = text + "\n\nThis is the last page that could be built.";
    said.style.cssText = "margin:0;white-space:pre-wrap;background:none;color:inherit";
    box.appendChild(said);
    document.body.appendChild(box);
  }

  var events = new EventSource("/_preview/events");
  events.addEventListener("page", function (event) {
    var page = event.data, here = location.pathname.slice(1) || "index.html";
    if (page === "*" || page === here) {
      sessionStorage.setItem("preview-at", here + " " + window.scrollY);
      location.reload();
    }
  });
  events.addEventListener("fault", function (event) { show(JSON.parse(event.data)); });
  window.addEventListener("load", function () {
    var at = (sessionStorage.getItem("preview-at") || "").split(" ");
    sessionStorage.removeItem("preview-at");
    if (at[0] === (location.pathname.slice(1) || "index.html")) window.scrollTo(0, Number(at[1]));
  });
})();
