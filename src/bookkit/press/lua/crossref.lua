-- References become links with the book's numbers; links between chapters become links that work in this
-- format; images get their place.

local files = require "files"
local kinds = require "kinds"
local pictures = require "pictures"

local crossref = {}

local nbsp = "\u{a0}"

-- The way to a label from the page of `chapter`.
local function address(xref, id, chapter, job)
  local entry = xref[id]
  if job.format ~= "html" then return "#" .. id end
  local top = entry.kind == "sec" and entry.level == 1
  if entry.page == chapter.page then return top and "#top" or "#" .. id end
  return files.relative(chapter.page, entry.page) .. (top and "" or "#" .. id)
end

local function text_of(entry, citation)
  local number = entry.number and entry.number ~= "" and entry.number or entry.text
  if citation.mode == "SuppressAuthor" then return pandoc.Inlines { pandoc.Str(number) } end
  if #citation.prefix > 0 then return citation.prefix .. { pandoc.Str(nbsp .. number) } end
  return pandoc.Inlines { pandoc.Str((entry.text:gsub(" ", nbsp))) }
end

function crossref.references(xref, chapter, job)
  local function reference(citation)
    local id = kinds.label(citation.id)
    local entry = xref[id] or error(("press.lua: %s: no label %s"):format(chapter.source, id))
    return pandoc.Link(text_of(entry, citation), address(xref, id, chapter, job), "", { class = "xref" })
  end

  -- `@fig-x [@key]` is one citation to pandoc: part the two.
  return { Cite = function(cite)
    local refs, rest = pandoc.List {}, pandoc.List {}
    for _, citation in ipairs(cite.citations) do
      (kinds.label(citation.id) and refs or rest):insert(citation)
    end
    if #refs == 0 then return nil end
    local out = pandoc.Inlines {}
    for index, citation in ipairs(refs) do
      if index > 1 then
        local comma = index == #refs and (#refs == 2 and " and " or ", and ") or ", "
        out:extend(pandoc.Inlines(comma))
      end
      out:insert(reference(citation))
      out:extend(citation.suffix)
    end
    if #rest > 0 then
      out:insert(pandoc.Space())
      out:insert(pandoc.Cite({}, rest))
    end
    return out
  end }
end

-- The way to the page with the list of sources; "" where the list is on the page or in the same document,
-- nil when the book has none.
function crossref.bibliography(chapter, job)
  local there = job.meta.references
  if there == "" then return nil end
  if job.format ~= "html" or chapter.page == there then return "" end
  return files.relative(chapter.page, there)
end

-- `chapters/06-x.qmd#sec-y` names a page of the book by its source.
function crossref.links(xref, chapter, job)
  local titles = job.titles
  local sources = crossref.bibliography(chapter, job)

  local function fix(target)
    local anchor = target:match("^#(.+)$")
    if anchor and anchor:match("^ref%-") then return sources and sources .. target end
    if anchor then return xref[anchor] and address(xref, anchor, chapter, job) or target end
    if files.is_elsewhere(target) then return target end
    local path, id = target:match("^([^#]*)#?(.*)$")
    if path:match("%.qmd$") then
      if job.format ~= "html" then return "#" .. (id ~= "" and id or titles[path] or "") end
      path = path:gsub("%.qmd$", ".html")
    elseif job.format ~= "html" then
      return target
    end
    return files.relative(chapter.page, files.site_path(path)) .. (id ~= "" and "#" .. id or "")
  end

  return {
    Link = function(link)
      if link.classes:includes("o") or link.classes:includes("xref") then return nil end  -- they know their way
      local target = fix(link.target)
      if not target then return link.content end
      link.target = target
      return link
    end,
  }
end

-- The files that a page shows, as paths from the root: images, audio. Dark variants only for the web.
function crossref.media(blocks, format)
  local images, audio, seen = pandoc.List {}, pandoc.List {}, {}
  local function add(list, path)
    if path and path ~= "" and not seen[path] and not files.is_elsewhere(path) then
      seen[path] = true
      list:insert(path)
    end
  end
  blocks:walk {
    Image = function(image)
      if format == "html" or not image.classes:includes("dark-content") then add(images, image.src) end
      if format == "html" then add(images, pictures.narrow(image.src)) end
    end,
    Div = function(div)
      if div.classes:includes("audio") then
        add(images, div.attributes.picture)
        add(audio, div.attributes.src)
      end
    end,
  }
  return images, audio
end

return crossref
