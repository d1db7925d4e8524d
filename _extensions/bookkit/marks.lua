-- The origin of a number: computed by a cell, measured by a lab, reported by a source. A link where its
-- origin can be opened, a drawn mark everywhere. Also terms at their definition, and values.

return function(kit, handlers)
  local short = { computed = "c", measured = "ms", reported = "r" }
  local signs = { computed = "=", measured = "↔", reported = "”" }

  local function title(span, word)
    if word ~= "reported" then return word end
    local parts = pandoc.List { word }
    local asof = span.attributes.asof
    if asof then parts:insert(asof == "undated" and "source undated" or "as of " .. kit.date(asof)) end
    if span.attributes.checked then parts:insert("checked " .. kit.date(span.attributes.checked)) end
    return table.concat(parts, ", ")
  end

  local function mark(word)
    return function(span)
      local content, to = span.content, span.attributes.to
      if kit.inside_link then to = nil end
      if kit.format == "typst" then
        local target = to and ", to: label(" .. kit.quote(to:sub(2)) .. ")" or ""
        local long = #pandoc.utils.stringify(content) > 24 and ", long: true" or ""
        return kit.calli("origin", kit.quote(word) .. target .. long, content), false
      end
      if kit.format == "epub" then
        local attr = pandoc.Attr("", { "mk" }, { title = title(span, word) })
        content:insert(pandoc.Span({ pandoc.Str(signs[word]) }, attr))
      else
        content:insert(pandoc.Span({ pandoc.Str(" (" .. word .. ")") }, { class = "vh" }))
      end
      local attr = pandoc.Attr("", { "o", short[word] })
      local says = kit.format == "html" and word == "reported" and title(span, word) or ""
      if to then return pandoc.Link(content, to, says, attr), false end
      return pandoc.Span(content, attr), false
    end
  end
  for word in pairs(short) do handlers["span." .. word] = mark(word) end

  handlers["span.term"] = function(span)
    if kit.format == "typst" then return pandoc.Emph(span.content), false end
    local id = kit.id("term-" .. pandoc.utils.stringify(span.content):lower():gsub("%W+", "-"))
    if kit.format == "epub" then
      return pandoc.Span({ kit.rawi("<dfn>"), pandoc.Span(span.content), kit.rawi("</dfn>") }, pandoc.Attr(id)), false
    end
    local out = pandoc.Inlines { kit.rawi(('<dfn id="%s">'):format(id)) }
    out:extend(span.content:walk(kit.filter))
    out:insert(kit.rawi("</dfn>"))
    return out, false
  end

  -- The editions are compared by the number that each value carries.
  handlers["span.value"] = function(span)
    local content = span.content:walk(kit.filter)
    if kit.format == "typst" then return content, false end
    local n = span.attributes.n
    return pandoc.Span(content, pandoc.Attr("", {}, n and { ["data-n"] = n } or {})), false
  end

  handlers["span.spread"] = function(span)
    if kit.format == "typst" then return kit.calli("spread", "", span.content), false end
    local out = pandoc.Inlines { kit.rawi("<small>") }
    out:extend(span.content)
    out:insert(kit.rawi("</small>"))
    return out, false
  end

  handlers["span.nb"] = function(span)
    if kit.format == "typst" then return kit.calli("nb", "", span.content:walk(kit.filter)), false end
  end
end
