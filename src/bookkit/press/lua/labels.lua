-- The table of what a chapter defines and uses: labels in reading order, references, citations, files.

local kinds = require "kinds"

local labels = {}

local stringify = pandoc.utils.stringify

local function collector()
  local out = {
    labels = pandoc.List {}, refs = pandoc.List {}, cites = pandoc.List {}, images = pandoc.List {},
    audio = pandoc.List {}, links = pandoc.List {}, anchors = pandoc.List {}, terms = pandoc.List {}, unsupported = pandoc.List {},
  }
  local seen = {}
  function out.once(list, value)
    local key = list .. "\0" .. value
    if not seen[key] then
      seen[key] = true
      out[list]:insert(value)
    end
  end
  return out
end

-- Headings, floats, equations, exercises and clips, in the order in which they are numbered.
local function defined(out)
  local parent = nil
  local walk

  local function label(id, kind, title, more)
    local entry = { id = id, kind = kind, title = title }
    for name, value in pairs(more or {}) do entry[name] = value end
    out.labels:insert(entry)
  end

  local function float(div)
    local kind = div.attributes.kind
    local caption = stringify(div.content[2])
    if kind == "sub" then
      label(div.identifier, "sub", caption, { parent = parent })
      return div, false
    end
    label(div.identifier, kind, caption)
    local outer = parent
    parent = div.identifier
    div.content[1].content:walk(walk)
    parent = outer
    return div, false
  end

  -- A box with a name: its heading is no section of the chapter.
  local function named(div)
    local rest, title = pandoc.Blocks(div.content), ""
    if rest[1] and rest[1].t == "Header" then title = stringify(rest:remove(1).content) end
    if kinds.of(div.identifier) == "exr" then label(div.identifier, "exr", title) end
    rest:walk(walk)
    return div, false
  end

  walk = {
    traverse = "topdown",
    Header = function(header)
      label(header.identifier, "sec", stringify(header.content),
        { level = header.level, unnumbered = header.classes:includes("unnumbered") })
    end,
    Div = function(div)
      if div.classes:includes("float") then return float(div) end
      if div.classes:includes("eq") and div.identifier ~= "" then label(div.identifier, "eq", "") end
      if div.classes:includes("audio") then label(div.identifier, "aud", div.attributes.title or "") end
      if kinds.of(div.identifier) == "exr" or kinds.callout(div) then return named(div) end
    end,
  }
  return walk
end

local function used(out)
  return {
    Cite = function(cite)
      for _, citation in ipairs(cite.citations) do
        local id = kinds.label(citation.id)
        out.once(id and "refs" or "cites", id or citation.id)
      end
    end,
    Span = function(span)
      if span.classes:includes("reported") and span.attributes.key then out.once("cites", span.attributes.key) end
      if span.classes:includes("term") then out.once("terms", stringify(span.content)) end
    end,
    Link = function(link) out.once("links", link.target) end,
    Image = function(image)
      local alt = image.attributes["fig-alt"] or image.attributes.alt or ""
      out.images:insert { src = image.src, alt = alt, caption = stringify(image.caption) }
    end,
    Div = function(div)
      if not div.classes:includes("audio") then return end
      if div.attributes.src then out.audio:insert(div.attributes.src) end
      local picture = div.attributes.picture
      if picture then out.images:insert { src = picture, alt = div.attributes.alt or "", caption = "" } end
    end,
  }
end

-- Every id that a link can lead to.
local function anchored(out)
  local function id(element)
    if element.identifier ~= "" then out.once("anchors", element.identifier) end
  end
  return { Header = id, Div = id, Span = id, Image = id, Table = id, CodeBlock = id, Figure = id }
end

-- Collect from a chapter in canonical form; `unsupported` is filled by the reader.
function labels.collect(blocks)
  local out = collector()
  blocks:walk(defined(out))
  blocks:walk(used(out))
  blocks:walk(anchored(out))
  local first = out.labels:find_if(function(entry) return entry.kind == "sec" and entry.level == 1 end)
  out.title = first and first.title or ""
  out.title_id = first and first.id or ""
  out.once = nil
  return out
end

return labels
