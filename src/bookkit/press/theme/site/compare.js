/* One sentence over several wires. <compare-clips> holds a list of links to clips of its page; over it stands a choice of
   them with one player, and whoever changes the choice hears the same instant go on through the other. Without script,
   or without those clips, the list stays. */
(function () {
  "use strict";
  var groups = 0, sounding = null;

  function element(name, className, within, text) {
    var made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    within.appendChild(made);
    return made;
  }

  /* What the list points to: an item's words, and the recording in the figure that its link leads to. */
  function recordings(list) {
    return Array.prototype.map.call(list.querySelectorAll("li"), function (item) {
      var link = item.querySelector("a[href^='#']"), figure = link && document.getElementById(link.hash.slice(1));
      var source = figure && figure.querySelector("audio source");
      return source && { words: item.textContent.trim(), seconds: Number(figure.dataset.seconds), address: source.src };
    }).filter(Boolean);
  }

  function seconds(time) { return time.toFixed(1) + " s"; }

  class CompareClips extends HTMLElement {
    connectedCallback() {
      var list = this.querySelector("ul"), found = list && !this.clips ? recordings(list) : [];
      if (found.length < 2) return;
      this.chosen = 0;
      this.clips = found.map(function (one) { return { words: one.words, seconds: one.seconds, audio: this.recording(one.address) }; }, this);
      this.offer();
      list.hidden = true;
      this.draw();
    }

    get audio() { return this.clips[this.chosen].audio; }

    get length() { return isFinite(this.audio.duration) ? this.audio.duration : this.clips[this.chosen].seconds; }

    recording(address) {
      var audio = new Audio();
      audio.preload = "none"; audio.src = address;
      ["play", "pause", "ended"].forEach(function (name) { audio.addEventListener(name, this.draw.bind(this)); }, this);
      return audio;
    }

    offer() {
      var wires = element("fieldset", "wires", this), deck = element("div", "wire", this), group = "wire-" + (groups += 1);
      element("legend", "vh", wires, "Clip to hear");
      this.clips.forEach(function (clip, i) {
        var label = element("label", "", wires), input = element("input", "", label);
        element("span", "", label, clip.words);
        input.type = "radio"; input.name = group; input.checked = i === 0;
        input.addEventListener("change", this.choose.bind(this, i));
      }, this);
      this.button = element("button", "", deck, "Play");
      this.button.type = "button";
      this.button.addEventListener("click", function () { if (this.audio.paused) this.start(); else this.audio.pause(); }.bind(this));
      this.position = element("input", "", deck);
      this.position.type = "range"; this.position.min = 0; this.position.step = .01; this.position.value = 0;
      this.position.setAttribute("aria-label", "Position, seconds");
      this.position.addEventListener("input", function () { this.audio.currentTime = Number(this.position.value); this.draw(); }.bind(this));
      this.shown = element("output", "", deck);
    }

    /* The first start fetches all clips whole: a change has no wait in it, and needs no server that can send parts. A page
       that was opened as a file may not fetch; its clips are played from where they are. */
    fetched() {
      return this.fetching = this.fetching || Promise.all(this.clips.map(function (clip) {
        return fetch(clip.audio.src).then(function (answer) { return answer.ok ? answer.blob() : Promise.reject(answer.status); })
          .then(function (sound) { var at = clip.audio.currentTime; clip.audio.src = URL.createObjectURL(sound); clip.audio.currentTime = at; })
          .catch(function () { clip.audio.preload = "auto"; });
      }));
    }

    start() { this.fetched().then(this.sound.bind(this)); }

    sound() {
      if (sounding && sounding !== this) sounding.audio.pause();
      sounding = this;
      Array.prototype.forEach.call(document.querySelectorAll("audio"), function (other) { other.pause(); });
      this.audio.play().catch(this.draw.bind(this));
    }

    choose(i) {
      var before = this.audio, on = !before.paused;
      before.pause();
      this.chosen = i;
      this.audio.currentTime = before.currentTime;
      if (on) this.start();
      this.draw();
    }

    draw() {
      var on = !this.audio.paused, time = this.audio.currentTime;
      this.button.textContent = on ? "Pause" : "Play";
      this.position.max = this.length; this.position.value = time;
      this.position.setAttribute("aria-valuetext", seconds(time) + " of " + seconds(this.length));
      this.shown.textContent = seconds(time);
      if (on && !this.due) this.due = requestAnimationFrame(function () { this.due = 0; this.draw(); }.bind(this));
    }
  }

  document.addEventListener("play", function () { if (sounding) sounding.audio.pause(); }, true);
  customElements.define("compare-clips", CompareClips);
})();
