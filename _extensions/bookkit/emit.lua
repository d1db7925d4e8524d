-- Raw output for the three formats, and the few texts that every construct needs.

return function(kit)
  local typst = kit.format == "typst"

  function kit.raw(text) return pandoc.RawBlock(typst and "typst" or "html", text) end
  function kit.rawi(text) return pandoc.RawInline(typst and "typst" or "html", text) end

  function kit.escape(text)
    return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"):gsub('"', "&quot;"))
  end

  -- A Typst string literal.
  function kit.quote(text)
    return '"' .. text:gsub("\\", "\\\\"):gsub('"', '\\"'):gsub("%s+", " ") .. '"'
  end

  -- An element with `blocks` inside it; `tag` may carry attributes. The EPUB's writer only finds ids of
  -- pandoc's own Divs, so there a Div with the id goes around the element.
  function kit.element(tag, blocks, id)
    local name, rest = tag:match("^(%w+)(.*)$")
    local own = id and kit.format ~= "epub" and (' id="%s"'):format(id) or ""
    local out = pandoc.Blocks { kit.raw("<" .. name .. own .. rest .. ">") }
    out:extend(blocks)
    out:insert(kit.raw("</" .. name .. ">"))
    if id and kit.format == "epub" then return pandoc.Blocks { pandoc.Div(out, pandoc.Attr(id)) } end
    return out
  end

  -- One line of text inside raw tags.
  function kit.line(open, inlines, close)
    local out = pandoc.Inlines { kit.rawi(open) }
    out:extend(inlines)
    out:insert(kit.rawi(close))
    return pandoc.Plain(out)
  end

  -- A call of a function of book.typ with content arguments: #bookkit.name(arguments)[…][…]
  function kit.call(name, arguments, ...)
    local out = pandoc.Blocks { pandoc.RawBlock("typst", "#bookkit." .. name .. "(" .. arguments .. ")[") }
    for index, blocks in ipairs { ... } do
      if index > 1 then out:insert(pandoc.RawBlock("typst", "][")) end
      out:extend(blocks)
    end
    out:insert(pandoc.RawBlock("typst", "]"))
    return out
  end

  function kit.calli(name, arguments, content)
    local out = pandoc.Inlines { pandoc.RawInline("typst", "#bookkit." .. name .. "(" .. arguments .. ")[") }
    out:extend(content)
    out:insert(pandoc.RawInline("typst", "];"))
    return out
  end

  -- An id that is free on this page: goals, goals-2, …
  function kit.id(name)
    kit.used = kit.used or {}
    kit.used[name] = (kit.used[name] or 0) + 1
    return kit.used[name] == 1 and name or name .. "-" .. kit.used[name]
  end

  function kit.inlines(blocks) return pandoc.utils.blocks_to_inlines(blocks) end

  -- Content walked by the whole filter, for handlers that return a list and stop pandoc's own descent.
  function kit.walk(blocks) return pandoc.Blocks(blocks):walk(kit.filter) end

  local months = { "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December" }

  -- "2012-09" -> "September 2012", "2026-11-24" -> "24 November 2026"
  function kit.date(iso)
    local year, month, day = iso:match("^(%d+)%-?(%d*)%-?(%d*)$")
    local name = months[tonumber(month)]
    if not year or not name then return iso end
    return (day ~= "" and tonumber(day) .. " " or "") .. name .. " " .. year
  end
end
