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

return {
  {
    Math = function(math)
      return pandoc.RawInline("typst", ("#math.equation(block: %s, numbering: none, alt: %s, %s.body);"):format(
        math.mathtype == "DisplayMath", quoted(math.text), typst(math)))
    end,
  },
}
