-- `**Finding.** How to read it.` -> the finding (nil where none begins the words), the rest. Figures, clips and boxes
-- begin so, in the constructs here and in the press's own writers.
return function(inlines)
  local rest = pandoc.Inlines(inlines)
  if #rest == 0 or rest[1].t ~= "Strong" then return nil, rest end
  local finding = rest:remove(1).content
  while #rest > 0 and (rest[1].t == "Space" or rest[1].t == "SoftBreak") do rest:remove(1) end
  return finding, rest
end
