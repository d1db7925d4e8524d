-- Finds what lies outside the supported Markdown. The Python side turns each finding into an error with a line.

local kinds = require "kinds"

local subset = {}

-- HTML that has a meaning in all three formats is turned into syntax tree; comments go.
local inline_html = {
  ["<br>"] = "break", ["<br/>"] = "break", ["<br />"] = "break",
  ["<wbr>"] = "none", ["<kbd>"] = "none", ["</kbd>"] = "none",
}

local function attributes_of(element, report)
  local known = kinds.known[element.t]
  for _, class in ipairs(known.classes and element.classes or {}) do
    if not known.classes[class] then report(element.t .. " class", class) end
  end
  for name in pairs(element.attributes) do
    if not known.attributes[name] then report(element.t .. " attribute", name) end
  end
end

local function raw(element, report)
  if element.format == "html" and element.text:match("^%s*<!%-%-.*%-%->%s*$") then return {} end
  if element.format == "typst" and element.text:match("^%s*#pagebreak%([%w%s:]*%)%s*$") then
    return pandoc.Div({}, { class = "pagebreak" })
  end
  local meaning = element.t == "RawInline" and element.format == "html" and inline_html[element.text:lower()]
  if meaning == "break" then return pandoc.LineBreak() end
  if meaning == "none" then return {} end
  report("raw " .. element.format, element.text)
  return nil
end

-- pandoc writes the box of `- [ ]` as a sign that the book's faces do not have.
local function has_box(item)
  local first = item[1] and item[1].content and item[1].content[1]
  return first ~= nil and first.t == "Str" and (first.text == "☐" or first.text == "☒")
end

-- The document without comments; `report(what, text)` is called for each construct outside the subset.
function subset.check(blocks, report)
  local function check(element) attributes_of(element, report) end
  return blocks:walk {
    Div = check, Span = check, CodeBlock = check, Image = check, Figure = check, Table = check, Link = check,
    RawBlock = function(block) return raw(block, report) end,
    RawInline = function(inline) return raw(inline, report) end,
    LineBlock = function() report("block", "line block (lines that start with |)") end,
    BulletList = function(list)
      if list.content:find_if(has_box) then report("task list", "- [ ]") end
    end,
    Header = function(header)
      check(header)
      if header.level > 4 then report("heading", ("heading of level %d (4 is the deepest)"):format(header.level)) end
    end,
  }
end

return subset
