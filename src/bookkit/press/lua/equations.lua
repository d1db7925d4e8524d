-- Display mathematics as blocks: `$$…$$ {#eq-x alt="words"}` becomes Div #eq-x .eq with attribute alt.

local equations = {}

local stringify = pandoc.utils.stringify

-- The attributes written after a formula, `{#eq-x alt="words"}`, which pandoc reads as text:
-- id, alt, and the index of the last inline that belongs to them.
local function attributes_after(inlines, start)
  local first = inlines[start]
  if first and (first.t == "Space" or first.t == "SoftBreak") then
    start = start + 1
    first = inlines[start]
  end
  if not (first and first.t == "Str" and first.text:find("^{#eq%-")) then return nil end
  local text, last = "", start
  while inlines[last] do
    local inline = inlines[last]
    text = text .. (inline.t == "Quoted" and '"' .. stringify(inline.content) .. '"' or stringify(inline))
    if text:find("}", 1, true) then break end
    last = last + 1
  end
  return text:match("^{#(eq%-[%w_%-]+)"), text:match('alt="(.-)"'), last
end

local function block(math, id, alt)
  local div = pandoc.Div({ pandoc.Plain { math } }, { class = "eq" })
  div.identifier = id or ""
  div.attributes.alt = alt
  return div
end

local function is_blank(inline) return inline ~= nil and (inline.t == "Space" or inline.t == "SoftBreak") end

local function trimmed(inlines)
  while is_blank(inlines[1]) do inlines:remove(1) end
  while is_blank(inlines[#inlines]) do inlines:remove() end
  return inlines
end

-- Asked of pandoc, which is quicker than to look at a paragraph's words one by one.
local function has_display(para)
  local found = false
  para:walk { Math = function(math) found = found or math.mathtype == "DisplayMath" end }
  return found
end

-- A paragraph with display formulas becomes text, formula, text, … ; nil when it has none.
local function split(para)
  if not has_display(para) then return nil end
  local out, text = pandoc.Blocks {}, pandoc.Inlines {}
  local index = 1
  local function flush()
    if #trimmed(text) > 0 then out:insert(para.t == "Para" and pandoc.Para(text) or pandoc.Plain(text)) end
    text = pandoc.Inlines {}
  end
  while index <= #para.content do
    local inline = para.content[index]
    if inline.t == "Math" and inline.mathtype == "DisplayMath" then
      flush()
      local id, alt, last = attributes_after(para.content, index + 1)
      out:insert(block(inline, id, alt))
      index = (id and last or index) + 1
    else
      text:insert(inline)
      index = index + 1
    end
  end
  flush()
  return out
end

equations.filter = { Para = split, Plain = split }

return equations
