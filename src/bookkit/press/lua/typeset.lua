-- Constructs, floats, tables and formulas as calls of book.typ, which is imported as `bookkit`.

local code = require "code"
local finding = require "finding"
local kinds = require "kinds"
local pictures = require "pictures"

local typeset = {}

function typeset.quote(text)
  return '"' .. text:gsub("\\", "\\\\"):gsub('"', '\\"'):gsub("%s+", " ") .. '"'
end

local quote = typeset.quote

local function raw(text) return pandoc.RawBlock("typst", text) end
local function rawi(text) return pandoc.RawInline("typst", text) end

-- #bookkit.name(arguments)[…][…]
local function call(name, arguments, ...)
  local out = pandoc.Blocks { raw("#bookkit." .. name .. "(" .. arguments .. ")[") }
  for index, blocks in ipairs { ... } do
    if index > 1 then out:insert(raw("][")) end
    out:extend(blocks)
  end
  out:insert(raw("]"))
  return out
end

local formulas = {}

-- The body of a formula, `$ … $`, in Typst's own mathematics.
local function formula(math)
  local key = math.mathtype .. math.text
  if not formulas[key] then
    local bare = pandoc.Pandoc { pandoc.Plain { pandoc.Math("InlineMath", math.text) } }
    formulas[key] = pandoc.write(bare, "typst", { wrap_text = "none" }):gsub("%s+$", "")
  end
  return formulas[key]
end

local function spoken(math, alt) return quote(alt or math.text:match("^%s*(.-)%s*$")) end

local filter

local function inside(blocks) return pandoc.Blocks(blocks):walk(filter) end
local function line(inlines) return { pandoc.Plain(pandoc.Inlines(inlines):walk(filter)) } end

-- ", name: value" for a value that is there.
function typeset.argument(name, value)
  return value and value ~= "" and (", %s: %s"):format(name, quote(value)) or ""
end
local argument = typeset.argument

-- Inlines as Typst in brackets: the content argument of a call.
function typeset.content(inlines)
  local text = pandoc.write(pandoc.Pandoc(line(inlines)), "typst", { wrap_text = "none" })
  return "[" .. text:gsub("%s+$", "") .. "]"
end

local function table_call(tbl)
  local count, specs, aligns, longest = #tbl.colspecs, pandoc.List {}, pandoc.List {}, {}
  local names = { AlignRight = "right", AlignCenter = "center" }
  local cells = pandoc.List {}
  local function take(rows)
    for _, row in ipairs(rows) do
      for index, cell in ipairs(row.cells) do
        cells:insert(inside(cell.contents))
        longest[index] = math.max(longest[index] or 0, #pandoc.utils.stringify(cell.contents))
      end
    end
  end
  take(tbl.head.rows)
  for _, body in ipairs(tbl.bodies) do take(body.body) end
  for index, spec in ipairs(tbl.colspecs) do
    specs:insert(spec[2] and ("%.3ffr"):format(spec[2]) or (longest[index] or 0) > 24 and "1fr" or "auto")
    aligns:insert(names[spec[1]] or "left")
  end
  if not specs:find_if(function(width) return width:find("fr", 1, true) ~= nil end) then specs[1] = "1fr" end
  local arguments = ("(%s,), (%s,), %d"):format(table.concat(specs, ", "), table.concat(aligns, ", "), #tbl.head.rows)
  return call("data-table", arguments, table.unpack(cells))
end

local function listing(cell)
  local head, arguments, body = pandoc.Inlines {}, "id: " .. quote(cell.identifier), pandoc.Blocks {}
  local long = false                              -- lines that the text column would break
  for _, block in ipairs(cell.content) do
    if block.t == "Div" then                      -- a listing: code with number and title
      head = block.content[2].content[1].content
      arguments = ("id: %s, number: %s"):format(quote(block.identifier), quote(block.attributes.number or ""))
      block = block.content[1].content[1]
    end
    local kind = block.classes:includes("out") and "out" or block.classes:includes("err") and "err" or nil
    local language = code.language(block)
    local source = pandoc.CodeBlock(block.text, language and { class = language } or {})
    for text in (block.text .. "\n"):gmatch("(.-)\n") do long = long or #text > 60 end
    body:extend(call(kind and "printed" or "code", kind and quote(kind) or "", { source }))
  end
  return call("cell", arguments .. (long and ", long: true" or ""), line(head), body)
end

local function float(div)
  local kind, body, words = div.attributes.kind, div.content[1].content, div.content[2].content[1].content
  if kind == "lst" then return listing(pandoc.Div({ div })), false end
  local common = "id: " .. quote(div.identifier) .. argument("number", div.attributes.number)
  local columns = div.attributes["layout-ncol"]
  if columns then
    body = call("panels", columns, table.unpack(body:map(function(block) return inside { block } end)))
  else
    body = inside(body)
  end
  if kind == "sub" then return call("panel-figure", common, body, line(words)), false end
  local headline, how = finding(words)
  headline = headline or pandoc.Inlines {}
  if kind == "tbl" then return call("tbl", common, line(headline), body, line(how)), false end
  if pictures.is_wide(div) then common = common .. ", wide-figure: true" end
  if div.attributes.placed then common = common .. ", placed: true" end
  return call("fig", common, line(headline), body, line(how)), false
end

local function callout(div, kind)
  local content = pandoc.Blocks(div.content)
  local title = pandoc.Inlines(div.attributes.title or kinds.callouts[kind])
  if content[1] and content[1].t == "Header" then title = content:remove(1).content end
  local first_book = div.classes:includes("first-book") and ", first-book: true" or ""
  return call("callout", quote(kind) .. ", " .. typeset.content(title) .. first_book, inside(content)), false
end

local function image(picture)
  if picture.classes:includes("dark-content") then return {} end
  local width = pictures.size(picture.src)
  local asked, size = pictures.asked_width(picture), "100%"
  if asked then
    size = ("%.1f%%"):format(100 * math.min(1, asked / pictures.text_width))
  elseif width and width < 400 then
    size = ("%.1fpt"):format(width * 0.75)
  end
  local source, alt = quote("/" .. picture.src), quote(pictures.alt(picture))
  return rawi(("#image(%s, width: %s, alt: %s)"):format(source, size, alt))
end

local function equation(div)
  local math = div.content[1].content[1]
  local more = argument("number", div.attributes.number) .. argument("id", div.identifier)
  return raw(("#bookkit.equation(alt: %s%s, %s)"):format(spoken(math, div.attributes.alt), more, formula(math)))
end

local function sources(list)
  local out = pandoc.Blocks {}
  for _, entry in ipairs(list.content) do
    out:extend(call("source", quote(entry.identifier), inside(entry.content)))
  end
  return out
end

filter = {
  traverse = "topdown",
  Div = function(div)
    local class = div.classes
    if class:includes("float") then return float(div) end
    if class:includes("cell") then return listing(div), false end
    if class:includes("eq") then return equation(div), false end
    if div.identifier == "refs" then return sources(div), false end
    local kind = kinds.callout(div)
    if kind then return callout(div, kind) end
  end,
  Table = function(tbl) return table_call(tbl), false end,
  DefinitionList = function(list)
    local out = pandoc.Blocks {}
    for _, item in ipairs(list.content) do
      for _, meaning in ipairs(item[2]) do out:extend(call("pitfall", "", line(item[1]), inside(meaning))) end
    end
    return out, false
  end,
  CodeBlock = function(block)
    local language = code.language(block)
    return call("plain-code", "", { pandoc.CodeBlock(block.text, language and { class = language } or {}) }), false
  end,
  Math = function(math)
    return rawi(("#math.equation(block: false, alt: %s, %s.body);"):format(spoken(math), formula(math)))
  end,
  Cite = function(cite) return cite.content:walk(filter), false end,
  Image = image,
  Para = function(para)
    if kinds.is_picture(para) then return pandoc.Plain { image(para.content[1]) }, false end
  end,
}

typeset.filter = filter

return typeset
