-- A measurement card: the values large with their spread, then how they were measured.

return function(kit, handlers)
  local function pairs_of(blocks)
    local out = pandoc.List {}
    for _, block in ipairs(blocks) do
      if block.t == "DefinitionList" then
        for _, item in ipairs(block.content) do out:insert { item[1], kit.inlines(item[2][1]) } end
      end
    end
    return out
  end

  local function typst(inlines)
    local text = pandoc.write(pandoc.Pandoc { pandoc.Plain(inlines) }, "typst", { wrap_text = "none" })
    return "[" .. text:gsub("%s+$", "") .. "]"
  end

  -- (label, value, spread) of one line of the card
  local function parts(item)
    local value, spread = pandoc.Inlines {}, pandoc.Inlines {}
    for _, inline in ipairs(item[2]) do
      if inline.t == "Span" and inline.classes:includes("spread") then
        spread = inline.content
      else
        value:insert(inline)
      end
    end
    return item[1], value, spread
  end

  -- `open` and `close` stand around each pair: the large values are boxes, the facts a grid of two columns.
  local function list(class, items, open, close)
    local out = pandoc.Blocks {}
    for _, item in ipairs(items) do
      local line = pandoc.Inlines { kit.rawi(open .. "<dt>") }
      line:extend(item[1])
      line:insert(kit.rawi("</dt><dd>"))
      line:extend(item[2]:walk(kit.filter))
      line:insert(kit.rawi("</dd>" .. close))
      out:insert(pandoc.Plain(line))
    end
    return kit.element(('dl class="%s"'):format(class), out)
  end

  local function on_paper(div, values, facts)
    local function row(item)
      local label, value, spread = parts(item)
      return "(" .. typst(label) .. ", " .. typst(value) .. ", " .. typst(spread) .. "),"
    end
    local function fact(item) return "(" .. typst(item[1]) .. ", " .. typst(item[2]) .. ")," end
    return kit.raw(("#bookkit.card(%s, title: %s, values: (%s), facts: (%s))"):format(
      kit.quote(div.identifier), kit.quote(div.attributes.title or ""),
      table.concat(values:map(row), " "), table.concat(facts:map(fact), " ")))
  end

  local header = '<header><%s class="label" id="%s-t">Measurement: %s</%s>' ..
    '<span class="tag o ms">measured</span></header>'

  handlers.card = function(div)
    local how = div.content:find_if(function(block) return block.t == "Div" and block.classes:includes("how") end)
    local values, facts = pairs_of(div.content), pairs_of(how and how.content or {})
    if kit.format == "typst" then return on_paper(div, values, facts), false end
    local id, tag = div.identifier, "h" .. math.min(kit.level + 1, 6)
    local out = pandoc.Blocks {
      kit.raw(header:format(tag, id, kit.escape(div.attributes.title or ""), tag)),
    }
    out:extend(list("big", values, "<div>", "</div>"))
    local how_list = list("facts", facts, "", "")
    if kit.format == "html" then
      how_list:insert(1, kit.raw("<summary>How it was measured</summary>"))
      how_list = kit.element("details", how_list)
    end
    out:extend(how_list)
    return kit.element(('section class="card" aria-labelledby="%s-t"'):format(id), out, id), false
  end
end
