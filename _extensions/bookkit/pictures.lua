-- Under Quarto: of a pair of pictures, light and dark, paper and the EPUB get the light one. Quarto also
-- copies a float's `alt` to the Div around it, where HTML knows no such attribute.

local paper = FORMAT:match("typst") or FORMAT:match("epub")

local function light_only(element)
  if paper and element.classes:includes("dark-content") then return {} end
end

return {
  {
    Image = light_only,
    Div = function(div)
      if paper and div.classes:includes("dark-content") then return {} end
      if div.attributes.alt then
        div.attributes.alt = nil
        return div
      end
    end,
  },
}
