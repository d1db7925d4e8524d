-- Quarto's Typst: every formula says itself, which PDF/UA-1 asks for. A labelled formula carries its words
-- as `alt`, which Quarto passes on; the others are read as they are written.

if not FORMAT:match("typst") then return {} end

local function quoted(text)
  return '"' .. text:gsub("\\", "\\\\"):gsub('"', '\\"'):gsub("%s+", " "):match("^%s*(.-)%s*$") .. '"'
end

local function typst(math)
  local text = pandoc.write(pandoc.Pandoc { pandoc.Plain { math } }, "typst", { wrap_text = "none" })
  return (text:gsub("%s+$", ""))
end

local function saying(math)
  return pandoc.RawInline("typst", ("#math.equation(block: %s, numbering: none, alt: %s, %s.body);"):format(
    math.mathtype == "DisplayMath", quoted(math.text), typst(math)))
end

-- Citeproc sets the works after every filter, so their titles say their formulas before it reads them:
-- what stands in `references` goes before the same work of the bibliography.
local function works(doc)
  local said = pandoc.List(doc.meta.references or {})
  for _, work in ipairs(pandoc.utils.references(doc)) do
    local found = false
    local title = pandoc.Inlines(work.title or {}):walk {
      Math = function(math)
        found = true
        return saying(math)
      end,
    }
    if found then
      work.title = title
      said:insert(work)
    end
  end
  if #said > 0 then doc.meta.references = said end
  return doc
end

return { { Math = saying }, { Pandoc = works } }
