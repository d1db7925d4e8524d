-- Step "parse": from the Markdown of a chapter to its canonical syntax tree and its table of labels.
--
--   {"step": "parse", "root": ROOT, "chapters": [{"source", "woven", "ast", "labels"}]}
--
-- `source` is the chapter's path from the root (targets are resolved against it), `woven` the Markdown
-- after its cells ran, `ast` and `labels` the two files to write. The labels file holds
--   title, title_id, labels [{id, kind, title, level?, unnumbered?, parent?}], refs, cites, terms,
--   images [{src, alt, caption}], audio [src], links [target], anchors [id], unsupported [{what, text}].

local cells = require "cells"
local equations = require "equations"
local files = require "files"
local floats = require "floats"
local labels = require "labels"
local subset = require "subset"

local reader = {}

local function rooted(source)
  local function root(target) return files.from_root(target, source) end
  return {
    Image = function(image)
      image.src = root(image.src)
      return image
    end,
    Link = function(link)
      link.target = root(link.target)
      return link
    end,
    Div = function(div)
      if not div.classes:includes("audio") then return nil end
      for _, name in ipairs { "src", "picture" } do
        local target = div.attributes[name]
        if target then div.attributes[name] = root(target) end
      end
      return div
    end,
  }
end

-- Note that `@fig-x [@key]` is read by
-- pandoc as one citation; it is taken apart when references are resolved (crossref.lua).
function reader.read(markdown, source)
  local unsupported = pandoc.List {}
  local function report(what, text) unsupported:insert { what = what, text = text } end
  local blocks = pandoc.read(markdown, "markdown").blocks
  blocks = subset.check(blocks, report)
  blocks = blocks:walk(rooted(source)):walk(equations.filter):walk(floats.filter):walk(cells.filter)
  return blocks, unsupported
end

function reader.parse(job)
  for _, chapter in ipairs(job.chapters) do
    local blocks, unsupported = reader.read(files.read(chapter.woven), chapter.source)
    local table_of_labels = labels.collect(blocks)
    table_of_labels.unsupported = unsupported
    files.write(chapter.ast, pandoc.write(pandoc.Pandoc(blocks), "json"))
    files.write_json(chapter.labels, table_of_labels)
  end
end

return reader
