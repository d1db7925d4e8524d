-- Bodies of web pages as plain Markdown. Run as `pandoc lua twins.lua JOB.json`;
-- the job is {"pages": [{"body": path of an HTML file, "out": path}]}.

local function slurp(name)
  local file = assert(io.open(name, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

-- Marks that only the page needs: what is written for screen readers, empty links, containers.
local plain = {
  Span = function(span)
    if span.classes:includes("vh") then return {} end
    if span.classes:includes("num") then return span.content .. { pandoc.Space() } end
    return span.content
  end,
  Div = function(div) return div.content end,
  Image = function(image)  -- one picture of a pair, and none of the player's buttons
    if image.classes:includes("dark") or image.src:match("^data:") then return {} end
    return pandoc.Image(image.caption, image.src)
  end,
  Superscript = function(sup)
    if #sup.content == 1 and sup.content[1].t == "Note" then return sup.content end
  end,
  Header = function(header) return pandoc.Header(header.level, header.content) end,
  Link = function(link) return pandoc.Link(link.content, link.target) end,
  CodeBlock = function(code)
    return pandoc.CodeBlock(code.text, pandoc.Attr("", code.classes:filter(function(c) return c == "python" or c == "json" end)))
  end,
}

local format = "commonmark+pipe_tables+footnotes+tex_math_dollars+definition_lists-raw_html"
for _, page in ipairs(pandoc.json.decode(slurp(arg[1]), false).pages) do
  local blocks = pandoc.read(slurp(page.body), "html").blocks:walk(plain)
  local text = pandoc.write(pandoc.Pandoc(blocks), format, { wrap_text = "none" })
  local file = assert(io.open(page.out, "wb"))
  assert(file:write(text))
  assert(file:close())
end
