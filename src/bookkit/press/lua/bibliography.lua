-- Citations, a chapter at a time. Every chapter's run knows the keys that the whole book cites, so that year
-- suffixes (2012a, 2012b) agree; only the page that has `::: {#refs}` shows the list.
--
-- Citeproc is given the citations alone and not the chapter, which takes it ten times as long. A style that sets
-- citations as notes, which move about in the text, would need the whole chapter.

local bibliography = {}

local function every_key(keys)
  local cites = pandoc.Inlines {}
  for _, key in ipairs(keys) do
    cites:insert(pandoc.Cite({}, { pandoc.Citation(key, "NormalCitation") }))
  end
  return pandoc.MetaInlines(cites)
end

local function has_list(doc)
  local found = false
  doc.blocks:walk { Div = function(div) found = found or div.identifier == "refs" end }
  return found
end

-- The citations of a document in a paragraph, each alone between two words, for citeproc to set.
local function gathered(doc)
  local cites = pandoc.Inlines {}
  doc.blocks:walk { Cite = function(cite)
    cites:extend { pandoc.Str("x"), pandoc.Space(), cite, pandoc.Space() }
  end }
  return cites
end

local function put_back(doc, cites)
  local next_one = 0
  return doc:walk { Cite = function()
    next_one = next_one + 1
    return cites[next_one]
  end }
end

-- A function from a document to the document with its citations set.
function bibliography.processor(job)
  if #(job.bibliography or {}) == 0 then return function(doc) return doc end end
  local nocite = every_key(job.nocite or {})
  local loaded = pandoc.utils.references(pandoc.Pandoc({}, { bibliography = job.bibliography, nocite = nocite }))
  local meta = {
    references = loaded, nocite = nocite, ["link-citations"] = true, lang = (job.meta or {}).lang or "en-US",
    csl = type(job.csl) == "string" and job.csl or nil,
  }

  return function(doc)
    local short = pandoc.Pandoc({ pandoc.Para(gathered(doc)), pandoc.Div({}, pandoc.Attr("refs")) }, meta)
    local set, list = pandoc.List {}, nil
    pandoc.utils.citeproc(short).blocks:walk {
      Cite = function(cite) set:insert(cite) end,
      Div = function(div) if div.identifier == "refs" then list = div end end,
    }
    doc = put_back(doc, set)
    return has_list(doc) and doc:walk { Div = function(div) return div.identifier == "refs" and list or nil end } or doc
  end
end

return bibliography
