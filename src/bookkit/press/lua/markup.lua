-- What the web page and the EPUB have in common: floats, equations, code, tables and callouts as HTML.
--
-- An id that links lead to stands on the element itself on the web. The EPUB's writer only knows ids of its
-- own Divs, so there a Div with the id goes around the element.

local code = require "code"
local finding = require "finding"
local kinds = require "kinds"
local pictures = require "pictures"

return function(edition)
  local markup = {}
  local epub = edition.format == "epub"
  local counted = {}

  local function raw(text) return pandoc.RawBlock("html", text) end
  local function rawi(text) return pandoc.RawInline("html", text) end
  local function escape(text)
    return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"):gsub('"', "&quot;"))
  end
  markup.raw, markup.rawi, markup.escape = raw, rawi, escape

  function markup.element(tag, blocks, id)
    local inline_id = id and id ~= "" and not epub and (' id="%s"'):format(id) or ""
    local name, rest = tag:match("^(%w+)(.*)$")
    local out = pandoc.Blocks { raw("<" .. name .. inline_id .. rest .. ">") }
    out:extend(blocks)
    out:insert(raw("</" .. name .. ">"))
    if id and id ~= "" and epub then return pandoc.Blocks { pandoc.Div(out, pandoc.Attr(id)) } end
    return out
  end

  -- "Code 3": a name for a region that has none, unique on its page.
  local function count(word)
    counted[word] = (counted[word] or 0) + 1
    return word .. " " .. counted[word]
  end

  local function enclosed(open, inlines, close)
    local out = pandoc.Inlines { rawi(open) }
    out:extend(inlines)
    out:insert(rawi(close))
    return pandoc.Plain(out)
  end

  local function caption(number, inlines)
    local line = pandoc.Inlines {}
    if number then line:extend { rawi("<b>" .. escape(number) .. "</b>"), pandoc.Space() } end
    line:extend(inlines)
    return markup.element("figcaption", { pandoc.Plain(line) })
  end

  -- A figure, its finding as a short headline above the picture.
  local function figure(float, body, words)
    local headline, how = finding(words)
    local class = pictures.is_wide(float) and "out-wide" or "side-cap"
    local out = pandoc.Blocks {}
    if headline then out:insert(enclosed('<p class="finding label">', headline, "</p>")) end
    local columns = float.attributes["layout-ncol"]
    out:extend(columns and markup.element(('div class="panels panels-%s"'):format(columns), body) or body)
    out:extend(caption(float.attributes.number, how))
    return markup.element(('figure class="%s"'):format(class), out, float.identifier)
  end

  local function panel(float, body, words)
    local out = pandoc.Blocks(body)
    out:extend(caption(float.attributes.number, words))
    return markup.element('figure class="panel"', out, float.identifier)
  end

  local function table_float(float, body, words)
    local label = escape(float.attributes.number or "Table")
    local out = caption(float.attributes.number, words)
    for _, block in ipairs(body) do
      if block.t == "Table" then out:extend(markup.table(block, label)) else out:insert(block) end
    end
    local class = pictures.is_wide(float) and "table out-wide" or "table"
    return markup.element(('figure class="%s"'):format(class), out, float.identifier)
  end

  -- A listing outside a cell.
  local function listing(float)
    return markup.cell(pandoc.Div({ float }, { class = "cell" }))
  end

  function markup.float(float)
    local kind, body, words = float.attributes.kind, float.content[1].content, float.content[2].content[1].content
    if kind == "lst" then return listing(float), false end
    if kind == "tbl" then return table_float(float, body, words), false end
    local make = kind == "sub" and panel or figure
    return make(float, body:walk(markup.filter), words:walk(markup.filter)), false
  end

  -- Tables: scope on headers, the first column as row headers, alignment by classes (see html.lua).
  function markup.table(tbl, label)
    local name = label and label ~= "" and label or count("Table")
    local function scope(rows, value)
      for _, row in ipairs(rows) do
        for _, cell in ipairs(row.cells) do cell.attr.attributes.scope = value end
      end
    end
    local head = tbl.head
    scope(head.rows, "col")
    for _, row in ipairs(head.rows) do
      for _, cell in ipairs(row.cells) do
        if #cell.contents == 0 then
          cell.contents = { enclosed('<span class="vh">', { pandoc.Str("row") }, "</span>") }
        end
      end
    end
    tbl.head = head
    local bodies = tbl.bodies
    for _, body in ipairs(bodies) do
      if #tbl.colspecs > 1 then body.row_head_columns = 1 end
      for _, row in ipairs(body.body) do
        local first = row.cells[1]
        if #tbl.colspecs > 1 then first.attr.attributes.scope = "row" end
      end
    end
    tbl.bodies = bodies
    tbl.colspecs = tbl.colspecs:map(function(spec) return { spec[1] } end)
    return markup.element(('div class="table-wrap" tabindex="0" role="region" aria-label="%s"'):format(name), { tbl })
  end

  -- A cell or listing: code (folded when asked), then what it printed.
  function markup.cell(div)
    local out, id, printed = pandoc.Blocks {}, div.identifier, 0
    local name, fold, summary
    for _, block in ipairs(div.content) do
      local float = block.t == "Div"
      local source = float and block.content[1].content[1] or block
      if float or block.classes:includes("cell-code") then
        name = float and block.attributes.number or count("Code")
        fold, summary = source.attributes["code-fold"], source.attributes["code-summary"]
        local pre = raw('<div class="code">' .. code.pre(source, name) .. "</div>")
        if float then id = block.identifier end
        local folded = fold == "true" or fold == "show"
        if float or folded then
          local title = pandoc.Inlines { rawi("<summary>") }
          if float then
            title:extend { pandoc.Str(name), pandoc.Space(), rawi("<em>") }
            title:extend(block.content[2].content[1].content:walk(markup.filter))
            title:insert(rawi("</em>"))
          else
            title:insert(pandoc.Str(summary or "Code"))
          end
          title:insert(rawi("</summary>"))
          local tag = fold == "true" and "details" or 'details open="open"'
          out:extend(markup.element(tag, { pandoc.Plain(title), pre }))
        else
          out:insert(pre)
        end
      else
        local about = name and "Output of " .. name:lower() or count("Output")
        printed = printed + 1
        out:insert(raw(code.output(block, printed > 1 and about .. ", " .. printed or about)))
      end
    end
    return markup.element('div class="cell"', out, id)
  end

  function markup.equation(div)
    local math = div.content[1].content[1]
    local number = div.attributes.number
    local out = pandoc.Inlines { rawi("<div>"), math, rawi("</div>") }
    if number then out:insert(rawi("<span>(" .. escape(number) .. ")</span>")) end
    return markup.element('div class="eq"', { pandoc.Plain(out) }, div.identifier), false
  end

  function markup.callout(div, kind)
    local content = pandoc.Blocks(div.content)
    local title = pandoc.Inlines(div.attributes.title or kinds.callouts[kind])
    if content[1] and content[1].t == "Header" then title = content:remove(1).content end
    content = content:walk(markup.filter)
    local first_book = div.classes:includes("first-book") and " first-book" or ""
    local tag = ('section class="callout callout-%s%s"'):format(kind, first_book)
    if div.attributes.collapse and not epub then
      content:insert(1, enclosed('<summary class="label">', title, "</summary>"))
      local open = div.attributes.collapse == "false" and ' open="open"' or ""
      return markup.element(tag, markup.element("details" .. open, content)), false
    end
    content:insert(1, enclosed('<p class="label">', title, "</p>"))
    return markup.element(tag, content), false
  end

  markup.filter = {
    traverse = "topdown",
    Div = function(div)
      if div.classes:includes("float") then return markup.float(div) end
      if div.classes:includes("cell") then return markup.cell(div), false end
      if div.classes:includes("eq") then return markup.equation(div) end
      local callout = kinds.callout(div)
      if callout then return markup.callout(div, callout) end
    end,
    Table = function(tbl) return markup.table(tbl), false end,
    CodeBlock = function(block)
      local printed = block.classes:includes("out") or block.classes:includes("err")
      if printed then return raw(code.output(block, count("Output"))) end
      return raw('<div class="code">' .. code.pre(block, count("Code")) .. "</div>")
    end,
    Para = function(para)                         -- a picture alone is no paragraph
      if kinds.is_picture(para) then return pandoc.Plain(para.content) end
    end,
  }
  return markup
end
