-- Quarto's book as Typst: the heading of a part becomes a part page, the first appendix begins the letters.
-- What a heading belongs to is known from the marks that Quarto leaves between the files of a book.

local lettered = false
local parts = 0

local function item()
  local metadata = quarto.doc.file_metadata()
  return metadata and metadata.file or {}
end

local function opening(header)
  local kind = item().bookItemType
  if header.level ~= 1 then return nil end
  if kind == "part" then
    local title = pandoc.write(pandoc.Pandoc { pandoc.Plain(header.content) }, "typst"):gsub("%s+$", "")
    parts = parts + 1
    return pandoc.RawBlock("typst", ('#part(number: "%s")[%s]'):format(pandoc.utils.to_roman_numeral(parts), title))
  end
  if kind == "appendix" and not lettered then
    lettered = true
    local start = pandoc.RawBlock("typst", '#show: appendices.with("Appendices", hide-parent: true)')
    if header.classes:includes("unnumbered") then return start end        -- Quarto's own divider
    return { start, header }
  end
end

if not quarto.doc.is_format("typst") then return {} end
return quarto.utils.combineFilters { quarto.utils.file_metadata_filter(), { Header = opening } }
