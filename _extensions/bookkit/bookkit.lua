-- The book's own constructs, written once: boxes, exercises, answers, margin notes, origin marks, clips,
-- measurement cards, figures that move. Quarto loads this file as a filter (at: pre-ast) and so does the
-- press; only pandoc's own API is used, so that both give the same result.
--
-- What differs between the two is said here and nowhere else. The press sets the global BOOKKIT before it
-- loads the file: {dir, root, format, url(path)}. It also writes numbers ("Clip 5.1") into the attribute
-- `number` and link targets into the attribute `to`, which Quarto's own passes do later or not at all.

local press = rawget(_G, "BOOKKIT")
local format = press and press.format or FORMAT or "html"

local kit = {
  format = format:match("epub") and "epub" or format:match("typst") and "typst" or "html",
  press = press ~= nil,
  root = press and press.root or (quarto and quarto.project and quarto.project.directory) or ".",
  url = press and press.url or function(path) return path end,
}

local function part(name)
  return dofile(press and pandoc.path.join { press.dir, name } or quarto.utils.resolve_path(name))
end

kit.finding = part "finding.lua"
part "emit.lua" (kit)
local answers = part "answers.lua" (kit)
local handlers = {}
for _, name in ipairs { "boxes.lua", "marks.lua", "clips.lua", "cards.lua", "sliders.lua" } do
  part(name) (kit, handlers)
end

local filter = { traverse = "topdown" }
kit.filter = filter

-- The level of the section being read: the heading of a box stands one below it.
kit.level = 1
kit.section = nil
filter.Header = function(header)
  kit.level = header.level
  if header.level == 1 then kit.used = {} end
end

filter.Div = function(div)
  for _, class in ipairs(div.classes) do
    if handlers[class] then return handlers[class](div) end
  end
  if div.identifier:match("^exr%-") then return handlers.exercise(div) end
end

filter.Span = function(span)
  for _, class in ipairs(span.classes) do
    if handlers["span." .. class] then return handlers["span." .. class](span) end
  end
end

-- A mark inside a link would be a link inside a link.
filter.Link = function(link)
  kit.inside_link = true
  local content = link.content:walk(filter)
  kit.inside_link = false
  link.content = content
  return link, false
end

filter.Blocks = handlers.notes

return { part "units.lua", answers, filter }
