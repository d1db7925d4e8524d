-- Boxes with a label, exercises, folded answers and margin notes.

return function(kit, handlers)
  local typst = kit.format == "typst"
  local element = kit.element
  local stringify = pandoc.utils.stringify

  local function heading() return "h" .. math.min(kit.level + 1, 6) end

  -- A section with a label; `more` is written after the label in a lighter face.
  local function box(class, label, content, more)
    if typst then
      local arguments = ("%s, kind: %s"):format(kit.quote(label), kit.quote(class))
      if more then arguments = arguments .. ", more: " .. kit.quote(more) end
      return kit.call("labelled", arguments, content)
    end
    local id = kit.id(class)
    local wide = class == "gap" and " out-wide" or ""
    local named = id == class and (' aria-labelledby="%s"'):format(id) or ""  -- two landmarks of one name confuse
    local tag = heading()
    local head = ('<%s class="label" id="%s">%s%s</%s>'):format(
      tag, id, kit.escape(label), more and " <span>" .. kit.escape(more) .. "</span>" or "", tag)
    local body = pandoc.Blocks { kit.raw(head) }
    body:extend(content)
    return element(('section class="box %s%s"%s'):format(class, wide, named), body)
  end

  handlers.goals = function(div)
    return box("goals", "What you will be able to do", kit.walk(div.content)), false
  end

  handlers.pitfalls = function(div)
    return box("pitfalls", "Common pitfalls", kit.walk(div.content)), false
  end

  handlers.predict = function(div)
    kit.summary = "What the run says"
    local content = kit.walk(div.content)
    kit.summary = nil
    return box("predict", "Predict before you run", content), false
  end

  local sides = { ["from-ml"] = "From the ML side", ["from-api"] = "From the API side" }

  handlers.bridge = function(div)
    if typst then
      local bodies = {}
      for _, half in ipairs(div.content) do
        if half.t == "Div" then bodies[half.classes[1]] = kit.walk(half.content) end
      end
      local titles = table.concat({ "Bridging the gap", sides["from-ml"], sides["from-api"] }, '", "')
      return kit.call("bridge", '"' .. titles .. '"', bodies["from-ml"] or {}, bodies["from-api"] or {}), false
    end
    local content = kit.walk(div.content)
    if kit.format == "html" then content = element('div class="cols"', content) end
    return box("gap", "Bridging the gap", content), false
  end

  local function side(class)
    return function(div)
      local content = kit.walk(div.content)
      local tag = "h" .. math.min(kit.level + 2, 6)
      content:insert(1, kit.raw(("<%s>%s</%s>"):format(tag, sides[class], tag)))
      return element("div", content), false
    end
  end
  handlers["from-ml"], handlers["from-api"] = side("from-ml"), side("from-api")

  -- "build, 15 minutes"
  local function effort(div)
    local parts = pandoc.List {}
    if div.attributes.level then parts:insert(div.attributes.level) end
    if div.attributes.minutes then parts:insert(div.attributes.minutes .. " minutes") end
    div.attributes.level, div.attributes.minutes = nil, nil
    return #parts > 0 and table.concat(parts, ", ") or nil
  end

  -- Quarto numbers exercises itself; the press writes the number into the Div.
  handlers.exercise = function(div)
    local content, name = pandoc.Blocks(div.content), nil
    local spent = effort(div)
    if content[1] and content[1].t == "Header" then name = content:remove(1) end
    local number = div.attributes.number
    if not number then
      if name then
        if spent then name.content:extend { pandoc.Str(","), pandoc.Space(), pandoc.Str(spent) } end
        content:insert(1, name)
      end
      div.content = kit.walk(content)
      return div, false
    end
    local title = number .. (name and ": " .. stringify(name.content) or "")
    local body = kit.walk(content)
    if typst then
      local more = spent and ", more: " .. kit.quote(spent) or ""
      local arguments = '%s, kind: "exercise", id: %s%s'
      return kit.call("labelled", arguments:format(kit.quote(title), kit.quote(div.identifier), more), body), false
    end
    local tag, id = heading(), div.identifier
    body:insert(1, kit.raw(('<%s class="label" id="%s-t">%s%s</%s>'):format(
      tag, id, kit.escape(title), spent and " <span>" .. kit.escape(spent) .. "</span>" or "", tag)))
    return element(('section class="box exercise" aria-labelledby="%s-t"'):format(id), body, id), false
  end

  handlers.answer = function(div)                 -- on a page only: print has moved it to the chapter's end
    local content = kit.walk(div.content)
    if kit.format ~= "html" then return content, false end
    content:insert(1, kit.raw("<summary>" .. (kit.summary or "Solution") .. "</summary>"))
    return element('details class="answer"', content), false
  end

  handlers.solution = function(div)
    local content = kit.walk(div.content)
    if typst then return kit.call("solution", "", content), false end
    return element('div class="solution"', content), false
  end

  handlers.pagebreak = function() return typst and kit.raw("#pagebreak(weak: true)") or {}, false end

  -- Margin notes. A leading bold is the note's title.
  local function note_html(div)
    local content = kit.walk(div.content)
    local first = content[1]
    if first and first.t == "Para" then
      local title, rest = kit.finding(first.content)
      if title then
        first.content = rest
        content:insert(1, kit.line("<b>", title, "</b>"))
      end
    end
    return element('aside class="note" role="note" aria-label="Margin note"', content)
  end

  handlers.aside = function(div)
    if typst then return kit.call("note", "", kit.walk(div.content)), false end
    return note_html(div), false
  end

  -- In print a note hangs on the line of text that follows it, so it goes into that paragraph.
  local function note_line(note)
    local title, rest = kit.finding(kit.inlines(note.content))
    if not title then return rest end
    return pandoc.Inlines { pandoc.Strong(title), pandoc.LineBreak() } .. rest
  end

  handlers.notes = typst and function(blocks)
    for index = #blocks - 1, 1, -1 do
      local note, para = blocks[index], blocks[index + 1]
      if note.t == "Div" and note.classes:includes("aside") and para.t == "Para" then
        para.content = kit.calli("note", "", note_line(note)) .. para.content
        blocks:remove(index)
      end
    end
    return blocks
  end or nil
end
