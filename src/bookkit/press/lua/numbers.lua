-- Writes the numbers that the book has been given into a chapter: headings, floats, equations, exercises
-- and clips get the attribute `number`; origin marks the attribute `to`, when their origin can be opened.

local crossref = require "crossref"

local numbers = {}

local function known(xref, id) return id ~= "" and xref[id] or nil end

-- The sections of a chapter for its contents: [{id, number, title, level}] of levels 2 and 3.
function numbers.sections(blocks, chapter)
  local out = pandoc.List {}
  for _, block in ipairs(blocks) do
    if block.t == "Header" and (block.level == 2 or block.level == 3) then
      local number = chapter.numbers[block.identifier]
      out:insert {
        id = block.identifier, level = block.level, number = number ~= "" and number or nil,
        title = pandoc.utils.stringify(block.content),
      }
    end
  end
  return out
end

local function stem(chapter) return pandoc.path.split_extension(pandoc.path.filename(chapter.source)) end

-- Where the card of a record stands: on this page, or nowhere.
local function cards_of(blocks)
  local cards = {}
  blocks:walk { Div = function(div)
    if div.classes:includes("card") then cards[div.identifier] = true end
  end }
  return cards
end

function numbers.apply(blocks, xref, chapter, job)
  local cards, nearest, count = cards_of(blocks), nil, 0
  local sources = crossref.bibliography(chapter, job)

  local function number(element, field)
    local entry = known(xref, element.identifier)
    if entry and entry.number ~= "" then element.attributes.number = entry[field] or entry.number end
  end

  -- In one document an id that pandoc made of a title must not meet its like in another chapter.
  local renamed = {}
  if job.format ~= "html" then
    blocks = blocks:walk { Header = function(header)
      if known(xref, header.identifier) then return nil end
      renamed[header.identifier] = stem(chapter) .. "-" .. header.identifier
      chapter.numbers[renamed[header.identifier]] = chapter.numbers[header.identifier]
      header.identifier = renamed[header.identifier]
      return header
    end }
  end

  -- In print a figure or clip that stands by itself may move to the head or foot of a page.
  for _, block in ipairs(blocks) do
    local moves = block.t == "Div" and (block.attributes.kind == "fig" or block.classes:includes("audio"))
    if moves then block.attributes.placed = "yes" end
  end

  return blocks:walk {
    traverse = "topdown",
    Header = function(header)
      local own = chapter.numbers[header.identifier]
      if own and own ~= "" then header.attributes.number = own end
      return header
    end,
    Div = function(div)
      local class = div.classes
      if class:includes("float") then number(div, "text") end
      if div.attributes.kind == "sub" then div.attributes.number = (div.attributes.number or ""):match("%(%a%)$") end
      if class:includes("float") and div.attributes.kind == "lst" then nearest = div.identifier end
      if class:includes("audio") and chapter.number ~= "" then div.attributes.chapter = chapter.number end
      if class:includes("audio") or div.identifier:match("^exr%-") then number(div, "text") end
      if class:includes("eq") then number(div, "number") end
      if class:includes("cell") then
        local listing = div.content[1]
        if listing.t == "CodeBlock" and listing.classes:includes("cell-code") then
          count = count + 1
          div.identifier = ("cell-%s-%d"):format(stem(chapter), count)
          nearest = div.identifier
        end
      end
      return div
    end,
    Link = function(link)
      local target = renamed[link.target:match("^#(.+)$") or ""]
      if target then link.target = "#" .. target end
      return link
    end,
    Span = function(span)
      local class, key = span.classes, span.attributes.key
      if class:includes("computed") and nearest then span.attributes.to = "#" .. nearest end
      local card = "card-" .. (span.attributes.card or "")
      if class:includes("measured") and cards[card] then span.attributes.to = "#" .. card end
      if class:includes("reported") and key then span.attributes.to = sources and sources .. "#ref-" .. key end
      return span
    end,
  }
end

return numbers
