-- Step "write": from canonical syntax trees to one format.
--
--   {"step": "write", "format": "html|epub|typst", "root", "xref", "bibliography": [path], "csl": path|null,
--    "nocite": [key], "meta": {…}, "extension": folder of bookkit.lua, "titles": {source: id of its title} over the
--    whole book, "chapters": [{…}], "out"}
--
-- A chapter: {"source", "kind": "chapter|appendix|front|back|part", "ast", "page": "chapters/05-x.html", "number",
--   "numbers": {id: number of a heading, "" for none}, "title", "dek", "part": "Part II, Audio streaming", "status",
--   "out"}. A part has title, number, chapters [{number, title, title_id, dek}] and no ast. `xref` is a file
--   {id: {kind, number, text, page, title}} over the whole book. `meta.references` is the page of the bibliography,
--   "" when the book has none. Typst also needs "book-typ", the place of book.typ from the root.
--
-- html   writes per chapter {"title", "body", "toc" [{id, number, title, level}], "images" [path from the root],
--        "audio" [path from the root], "description"}; figures of cells are expected below figures/cells/.
-- typst  writes per chapter a fragment that imports book.typ itself; a part's fragment is its part page.
-- epub   writes one file.

local bibliography = require "bibliography"
local conditions = require "conditions"
local crossref = require "crossref"
local files = require "files"
local numbers = require "numbers"
local pictures = require "pictures"

local writer = {}

local formats = { html = "html", epub = "epub", typst = "typst" }

-- Load the constructs of _extensions/bookkit for one page.
local function constructs(job, page)
  local dir = job.extension
  BOOKKIT = {
    dir = dir, root = job.root, format = job.format,
    url = job.format == "html" and function(path) return files.relative(page, files.site_path(path)) end or nil,
  }
  local filters = dofile(pandoc.path.join { dir, "bookkit.lua" })
  BOOKKIT = nil
  return filters
end

-- One chapter, ready for its format's own writer: everything resolved, nothing left of our constructs.
local function prepare(job, xref, citations, chapter)
  local blocks = pandoc.read(files.read(chapter.ast), "json").blocks
  local images, audio = crossref.media(blocks, job.format)
  blocks = blocks:walk(conditions.filter(job.format))
  local sections = numbers.sections(blocks, chapter)
  blocks = numbers.apply(blocks, xref, chapter, job)
  local doc = pandoc.Pandoc(blocks)
  for _, filter in ipairs(constructs(job, chapter.page)) do doc = doc:walk(filter) end
  doc.blocks = doc.blocks:walk(crossref.references(xref, chapter, job))
  doc = citations(doc)
  doc.blocks = doc.blocks:walk(crossref.links(xref, chapter, job))
  return { blocks = doc.blocks, toc = sections, images = images, audio = audio, chapter = chapter }
end

function writer.write(job)
  local format = require(formats[job.format] or error("press.lua: unknown format " .. tostring(job.format)))
  local xref = files.read_json(job.xref)
  pictures.forget()
  pandoc.system.with_working_directory(job.root, function()
    local citations = bibliography.processor(job)
    format.write(job, function(chapter) return prepare(job, xref, citations, chapter) end)
  end)
end

return writer
