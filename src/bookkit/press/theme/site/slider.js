/* Moving figures: a grid of values that Python computed at build, shown where the knobs point.
   <div class="slider-figure"> holds <script type="application/json" class="slider-data"> and a static picture, which stays for paper and without script.
   {knobs: [{label, unit, values: [shown], start}], rows: [{label}], cells: {"i,j": [[number, shown] for each row]},
    total: row of the sum or not, limit: {value, label} or null, says: {"i,j": sentence}}. Every string was written by Python. */
(function () {
  "use strict";
  var SPAN = 1000, SVG = "http://www.w3.org/2000/svg";

  function element(name, className, within, text) {
    var made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    if (within) within.appendChild(made);
    return made;
  }

  function drawing(name, attributes, within) {
    var made = document.createElementNS(SVG, name);
    Object.keys(attributes).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    within.appendChild(made);
    return made;
  }

  /* The largest extent over the whole grid, so that bars of two positions can be compared. */
  function extent(data) {
    var largest = data.limit ? data.limit.value * 1.08 : 0;
    Object.keys(data.cells).forEach(function (key) {
      var numbers = data.cells[key].map(function (cell) { return cell[0]; });
      var reach = data.total ? Math.max(numbers[numbers.length - 1], numbers.slice(0, -1).reduce(function (a, b) { return a + b; }, 0)) : Math.max.apply(null, numbers);
      if (reach > largest) largest = reach;
    });
    return largest || 1;
  }

  function dial(knob, number, within, draw) {
    var id = "knob-" + number, box = element("div", "dial", within), line = element("span", "", box);
    var label = element("label", "", line), shown = element("output", "", line), input = element("input", "", box);
    element("b", "", label, knob.label);
    label.htmlFor = id; shown.htmlFor = id;
    input.id = id; input.type = "range"; input.min = 0; input.max = knob.values.length - 1; input.step = 1; input.value = knob.start || 0;
    input.addEventListener("input", draw);
    return { input: input, say: function () {
      var text = knob.values[input.value], unit = knob.unit && String(text).indexOf(knob.unit) < 0 ? "\u00a0" + knob.unit : "";
      shown.textContent = text + unit; input.setAttribute("aria-valuetext", text + unit);
    } };
  }

  function bars(data, within, scale) {
    var list = element("dl", "stages", within);
    return data.rows.map(function (row, i) {
      var last = data.total && i === data.rows.length - 1, kind = i === 0 ? "first" : last ? "total" : "";
      var line = element("div", kind, list);
      element("dt", kind, line, row.label);
      var box = element("dd", kind, line), svg = drawing("svg", { viewBox: "0 0 " + SPAN + " 20", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" }, box);
      if (data.limit) drawing("line", { x1: data.limit.value * scale, x2: data.limit.value * scale, y1: -6, y2: 26 }, svg);
      return { last: last, bar: drawing("rect", { x: 0, y: 4, width: 0, height: 12 }, svg), shown: element("output", "", box) };
    });
  }

  function enliven(figure, number) {
    var source = figure.querySelector(".slider-data"), data = JSON.parse(source.textContent);
    var live = document.createElement("div"), scale = SPAN / extent(data), dials = [], rows, says;
    live.className = "moves";
    function draw() {
      var at = dials.map(function (one) { one.say(); return one.input.value; }).join(","), x = 0;
      (data.cells[at] || []).forEach(function (cell, i) {
        var row = rows[i], start = data.total && !row.last ? x : 0;
        row.bar.setAttribute("x", start * scale); row.bar.setAttribute("width", Math.max(cell[0] * scale, 0));
        row.shown.textContent = cell[1];
        if (!row.last) x += cell[0];
      });
      says.textContent = (data.says && data.says[at]) || "";
    }
    var knobs = element("div", "knobs", live);
    dials = data.knobs.map(function (knob, k) { return dial(knob, number + "-" + k, knobs, draw); });
    rows = bars(data, live, scale);
    var foot = element("div", "foot", live);
    if (data.limit) element("p", "limit", foot, data.limit.label);
    says = element("p", "verdict", foot);
    draw();
    says.setAttribute("role", "status");
    figure.insertBefore(live, source);
    figure.classList.add("live");
  }

  Array.prototype.forEach.call(document.querySelectorAll(".slider-figure"), function (figure, number) {
    try { enliven(figure, number + 1); } catch (error) { figure.classList.remove("live"); console.error("A moving figure stays still: " + error.message); }
  });
})();
