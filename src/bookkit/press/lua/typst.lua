-- Chapters as Typst: a fragment for each, which imports the book's design itself.

local files = require "files"
local typeset = require "typeset"

local typst = {}

local quote, argument = typeset.quote, typeset.argument

local function preamble(job)
  local rule = "#let horizontalrule = line(length: 100%, stroke: .5pt)\n\n"
  return ('#import "%s" as bookkit\n'):format(job["book-typ"]) .. rule
end

-- The strip over a chapter's title, where there is one: figures/strips/05-light.svg for chapters/05-….qmd.
local function strip(chapter)
  local path = ("figures/strips/%s-light.svg"):format(chapter.source:match("/(%w+)%-[^/]*$") or "none")
  return pcall(files.read, path) and argument("strip", "/" .. path) or ""
end

-- Headings of a chapter: the first opens it, the others are sections below it.
local function headings(blocks, chapter, base)
  local opened = false
  return pandoc.Blocks(blocks:map(function(block)
    if block.t ~= "Header" then return block end
    local title = typeset.content(block.content)
    local more = argument("id", block.identifier) .. argument("number", block.attributes.number)
    if block.level == 1 and not opened then
      opened = true
      more = more .. argument("part", chapter.part) .. argument("dek", chapter.dek) .. strip(chapter)
      return pandoc.RawBlock("typst", ("#bookkit.chapter(%s, level: %d%s)"):format(title, base, more))
    end
    local depth, level = math.min(block.level - 2, 2), base + block.level - 1
    return pandoc.RawBlock("typst", ("#bookkit.section(%d, %d, %s%s)"):format(depth, level, title, more))
  end))
end

local function fragment(page, base)
  local blocks = headings(page.blocks, page.chapter, base):walk(typeset.filter)
  return pandoc.write(pandoc.Pandoc(blocks), "typst", { wrap_text = "none", highlight_method = "idiomatic" })
end

-- A part's page lists its chapters.
local function part(chapter)
  local lines = pandoc.List(chapter.chapters or {}):map(function(other)
    return ("(%s, %s, %s, %s),"):format(
      quote(other.number), quote(other.title), quote(other.title_id), quote(other.dek or ""))
  end)
  return ("#bookkit.part(%s%s, chapters: (%s))\n"):format(
    quote(chapter.title), argument("number", chapter.number), table.concat(lines, " "))
end

-- A chapter inside a part stands one level below it.
function typst.write(job, prepare)
  for _, chapter in ipairs(job.chapters) do
    local inside_part = chapter.part and chapter.part ~= ""
    local text = chapter.kind == "part" and part(chapter) or fragment(prepare(chapter), inside_part and 2 or 1)
    files.write(chapter.out, preamble(job) .. text)
  end
end

return typst
