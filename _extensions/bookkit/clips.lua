-- A clip: the waveform is the seek bar in HTML; picture and player in the EPUB; picture, transcript and
-- address in print. What only a script can work is `hidden` until the script shows it: without one, and on
-- the pages that Quarto makes, the browser's own player stands alone.

return function(kit, handlers)
  local function slurp(path)
    local file = io.open(pandoc.path.join { kit.root, (path:gsub("^/", "")) }, "rb")
    if not file then return nil end
    local text = file:read("a")
    file:close()
    return text
  end

  local button = '<button class="play" type="button" hidden="hidden" aria-pressed="false" aria-label="Play %s">' ..
    '<svg viewBox="0 0 16 16" aria-hidden="true"><path class="p1" d="M3 1v14l11-7z"/>' ..
    '<path class="p2" d="M3 1h4v14H3zM10 1h4v14h-4z"/></svg></button>'
  local drawing = '<svg viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true"><defs>' ..
    '<clipPath id="%s-played"><rect x="0" y="0" width="0" height="100"/></clipPath>' ..
    '<path id="%s-wave" d="%s"/></defs><use class="w" href="#%s-wave"/>' ..
    '<use class="w2" href="#%s-wave" clip-path="url(#%s-played)"/></svg>'
  local seek = '<input class="seek" type="range" hidden="hidden" min="0" max="%s" step="0.01" value="0" ' ..
    'aria-label="Position in %s, seconds">'
  local times = '<p class="time" hidden="hidden"><span class="at">0.0 s</span><span>%s s</span></p>'
  local player = '<audio controls="controls" preload="none"><source src="%s" type="audio/mpeg"/>%s</audio>'

  local silent = 'Your browser plays no MP3; <a href="%s">download the clip</a>.'
  local sheet_player = '<audio controls="controls"><source src="%s" type="audio/mpeg"/>' ..
    "Your reader plays no audio. The transcript follows.</audio>"

  -- The outline that the picture draws under the id "wave", so that it can take the page's colors.
  local function outline(picture)
    local tag = (slurp(picture) or ""):match('<path[^>]-id="wave"[^>]*>')
    return tag and tag:match('%sd="([^"]+)"')
  end

  local function wave(a, id, name)
    local d = outline(a.picture)
    if not d then
      return ('<img src="%s" alt="%s"/>'):format(kit.escape(kit.url(a.picture)), kit.escape(a.alt or ""))
    end
    return ('<div class="wave" role="group" aria-label="%s">'):format(kit.escape(a.alt or "")) ..
      drawing:format(id, id, d, id, id, id) .. seek:format(a.seconds or "1", name) .. "</div>"
  end

  local function deck(div, transcript)
    local a, id = div.attributes, div.identifier
    local name = (a.number or a.title or "clip"):gsub("^C", "c")
    local source = kit.escape(kit.url(a.src))
    local blocks = pandoc.Blocks {
      kit.raw(button:format(kit.escape(name))), kit.raw(wave(a, id, name)),
      kit.raw(times:format(("%.1f"):format(tonumber(a.seconds) or 0))),
      kit.raw(player:format(source, silent:format(source))),
    }
    local said = pandoc.Blocks { kit.raw("<b>Transcript</b>") }
    said:extend(transcript)
    blocks:extend(kit.element('div class="said"', said))
    return kit.element('div class="deck"', blocks)
  end

  local function sheet(div, transcript)           -- EPUB
    local a = div.attributes
    local blocks = pandoc.Blocks {
      pandoc.Plain { pandoc.Image({ pandoc.Str(a.alt or "") }, kit.url(a.picture), "", { class = "plate" }) },
      kit.raw(sheet_player:format(kit.escape(kit.url(a.src)))),
    }
    blocks:extend(kit.element('div class="said"', transcript))
    return blocks
  end

  local function caption(content)
    local last = content[#content]
    return #content > 1 and last.t == "Para" and content:remove().content or pandoc.Inlines {}
  end

  local function captioned(number, inlines)
    local finding, how = kit.finding(inlines)
    local line = pandoc.Inlines { kit.rawi("<b>" .. kit.escape(number) .. "</b>"), pandoc.Space() }
    if finding and kit.format == "epub" then line:extend { pandoc.Strong(finding), pandoc.Space() } end
    line:extend(how)
    return kit.format == "html" and finding, kit.element("figcaption", { pandoc.Plain(line) })
  end

  local function figure(div, content, words)
    local number = div.attributes.number or div.attributes.title or "Clip"
    local finding, line = captioned(number, words)
    local out = pandoc.Blocks {}
    if finding then out:insert(kit.line('<p class="finding label">', finding, "</p>")) end
    out:extend(kit.format == "html" and deck(div, content) or sheet(div, content))
    out:extend(line)
    local tag = ('figure class="audio side-cap" data-seconds="%s"'):format(div.attributes.seconds or "")
    return kit.element(tag, out, div.identifier)
  end

  local function on_paper(div, content, words)
    local a, finding, how = div.attributes, kit.finding(words)
    local arguments = pandoc.List {}
    local function add(name, value) arguments:insert(name .. ": " .. kit.quote(value)) end
    add("id", div.identifier)
    add("number", a.number)
    add("picture", "/" .. a.picture:gsub("^/", ""))
    add("alt", a.alt or "")
    add("seconds", a.seconds or "")
    add("file", (a.src:gsub("^/", "")))
    if a.chapter then add("chapter", a.chapter) end
    if a.placed then arguments:insert("placed: true") end
    return kit.call("clip", table.concat(arguments, ", "), { pandoc.Plain(finding or {}) }, { pandoc.Plain(how) }, content)
  end

  -- Under Quarto the Div stays, with its caption as last paragraph: Quarto's own float `aud` numbers it.
  local function float(div, content, words)
    local a = div.attributes
    local inner
    if kit.format == "typst" then
      local picture = pandoc.Image({}, a.picture, "", { ["fig-alt"] = a.alt or "", alt = a.alt or "" })
      inner = pandoc.Blocks { pandoc.Para { picture } }
      inner:extend(content)
      inner:insert(pandoc.Para { pandoc.Str("Hear it in the HTML edition: "), pandoc.Code((a.src:gsub("^/", ""))) })
    else
      inner = kit.format == "html" and deck(div, content) or sheet(div, content)
    end
    inner:insert(pandoc.Para(words))
    return pandoc.Div(inner, pandoc.Attr(div.identifier, {}))
  end

  handlers.audio = function(div)
    local content = pandoc.Blocks(div.content)
    local words = pandoc.Inlines(caption(content)):walk(kit.filter)
    content = kit.walk(content)
    if not div.attributes.number then return float(div, content, words), false end
    return (kit.format == "typst" and on_paper or figure)(div, content, words), false
  end

  -- A choice among clips: a list of references to them, over which a script puts one player.
  handlers.compare = function(div)
    local content = kit.walk(pandoc.Blocks(div.content))
    if kit.format ~= "html" then return content, false end
    content:insert(1, kit.raw("<compare-clips>"))
    content:insert(kit.raw("</compare-clips>"))
    return content, false
  end
end
