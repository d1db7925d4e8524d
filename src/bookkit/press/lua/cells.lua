-- Cells in one form: Div .cell holds code and printed output only; figures, tables and prose that a cell
-- gave stand after it, and code inside a figure stands before the figure.
--
-- Printed output becomes CodeBlock .out, or .err for what went to standard error.

local cells = {}

local function is_listing(block)
  return block.t == "Div" and block.classes:includes("float") and block.attributes.kind == "lst"
end

local function is_code(block)
  return block.t == "CodeBlock" and block.classes:includes("cell-code") or is_listing(block)
end

local function output_class(div)
  if not div.classes:includes("cell-output") then return nil end
  return (div.classes:includes("cell-output-stderr") or div.classes:includes("cell-output-error")) and "err" or "out"
end

local function cell(div)
  local shown, rest = pandoc.Blocks {}, pandoc.Blocks {}
  for _, block in ipairs(div.content) do
    local class = block.t == "Div" and output_class(block)
    if is_code(block) then
      shown:insert(block)
    elseif class then
      for _, inner in ipairs(block.content) do
        if inner.t == "CodeBlock" then
          inner.classes = { class }
          shown:insert(inner)
        else
          rest:insert(inner)
        end
      end
    else
      rest:insert(block)
    end
  end
  if #shown > 0 then rest:insert(1, pandoc.Div(shown, { class = "cell" })) end
  return rest
end

local function hoist(float)
  local code = pandoc.Blocks {}
  float.content[1].content = float.content[1].content:walk {
    Div = function(div)
      if not div.classes:includes("cell") then return nil end
      code:insert(div)
      return {}
    end,
  }
  if #code == 0 then return nil end
  code:insert(float)
  return code
end

cells.filter = {
  Div = function(div)
    if div.classes:includes("cell") then return cell(div) end
    if div.classes:includes("float") and div.attributes.kind ~= "lst" then return hoist(div) end
  end,
}

return cells
