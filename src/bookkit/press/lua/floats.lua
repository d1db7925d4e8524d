-- One form for all floats, however they were written:
--   Div #fig-x .float kind="fig" { Div .float-body {…}, Div .float-caption { Plain } }
-- Panels of a figure are floats inside its body with kind="sub".

local kinds = require "kinds"

local floats = {}

local function inlines_of(blocks) return pandoc.utils.blocks_to_inlines(blocks) end

local function make(id, kind, body, caption, attributes)
  local float = pandoc.Div({
    pandoc.Div(body, { class = "float-body" }),
    pandoc.Div({ pandoc.Plain(caption) }, { class = "float-caption" }),
  }, { class = "float" })
  float.identifier = id
  for name, value in pairs(attributes or {}) do float.attributes[name] = value end
  float.attributes.kind = kind
  return float
end

local function parse_inlines(text)
  return inlines_of(pandoc.read(text or "", "markdown").blocks)
end

-- The column widths of a table, `tbl-colwidths="[20,50,30]"`, are shares of a hundred. Those that pandoc takes
-- from the length of a source line mean nothing and go.
local function set_widths(tbl, widths)
  local specs, index = tbl.colspecs:map(function(spec) return { spec[1] } end), 0
  for width in (widths or ""):gmatch("[%d.]+") do
    index = index + 1
    if specs[index] then specs[index] = { specs[index][1], tonumber(width) / 100 } end
  end
  tbl.colspecs = specs
  tbl.attributes["tbl-colwidths"] = nil
end

-- Take the caption (the last paragraph) off the content of a float's Div.
local function split_caption(content)
  local last = content[#content]
  if #content > 1 and last.t == "Para" and not (#last.content == 1 and last.content[1].t == "Image") then
    content:remove()
    return last.content
  end
  return pandoc.Inlines {}
end

local function unpack_images(blocks)
  return blocks:walk {
    Para = function(para)
      for _, inline in ipairs(para.content) do
        if inline.t ~= "Image" and inline.t ~= "SoftBreak" and inline.t ~= "Space" then return nil end
      end
      return pandoc.Plain(para.content:filter(function(inline) return inline.t == "Image" end))
    end,
    Figure = function(figure)                     -- an image with a caption but no label of its own
      if figure.identifier == "" then return figure.content end
    end,
  }
end

local from_div, from_figure

-- Panels: floats of the same kind inside a float.
local function panels(blocks)
  return blocks:walk {
    traverse = "topdown",
    Figure = function(figure)
      if kinds.of(figure.identifier) then return from_figure(figure, "sub"), false end
    end,
    Div = function(div)
      if kinds.floats[kinds.of(div.identifier)] then return from_div(div, "sub"), false end
    end,
  }
end

function from_figure(figure, kind)
  local image
  figure:walk { Image = function(found) image = found end }
  local attributes = image and image.classes:includes("wide") and { width = "wide" } or nil
  return make(figure.identifier, kind, figure.content, inlines_of(figure.caption.long), attributes)
end

function from_div(div, kind)
  local content = pandoc.Blocks(div.content)
  local caption = split_caption(content)
  local attributes = { ["layout-ncol"] = div.attributes["layout-ncol"] }
  if div.classes:includes("wide") then attributes.width = "wide" end
  if kind == "tbl" then
    content = content:walk { Table = function(tbl)
      set_widths(tbl, div.attributes["tbl-colwidths"])
      if #caption == 0 then caption = inlines_of(tbl.caption.long) end
      tbl.caption = { long = {} }
      return tbl
    end }
  end
  return make(div.identifier, kind, unpack_images(panels(content)), caption, attributes)
end

local function from_table(tbl)
  set_widths(tbl, tbl.attributes["tbl-colwidths"])
  if kinds.of(tbl.identifier) ~= "tbl" then return tbl end
  local id, caption = tbl.identifier, inlines_of(tbl.caption.long)
  tbl.identifier, tbl.caption = "", { long = {} }
  return make(id, "tbl", { tbl }, caption)
end

local function from_code(code)
  if kinds.of(code.identifier) ~= "lst" then return nil end
  local id, caption = code.identifier, parse_inlines(code.attributes["lst-cap"])
  code.identifier = ""
  code.attributes["lst-cap"] = nil
  return make(id, "lst", { code }, caption)
end

floats.filter = {
  traverse = "topdown",
  Div = function(div)
    local kind = kinds.of(div.identifier)
    if kinds.floats[kind] then
      local float = from_div(div, kind)
      float.content[1].content = float.content[1].content:walk { Table = kind ~= "tbl" and from_table or nil }
      return float, false
    end
  end,
  Figure = function(figure)
    if kinds.of(figure.identifier) == "fig" then return from_figure(figure, "fig"), false end
  end,
  Table = function(tbl) return from_table(tbl), false end,
  CodeBlock = function(code) return from_code(code), false end,
}

return floats
