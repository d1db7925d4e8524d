-- Code as HTML: pandoc's highlighting by classes, without its line anchors, in a <pre> that can be reached
-- from the keyboard.

local code = {}

local function escape(text)
  return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"):gsub('"', "&quot;"))
end

-- The highlighted inside of <code>, one line of it per line of code.
local function highlighted(block, language)
  local bare = pandoc.CodeBlock(block.text, { class = language })
  local html = pandoc.write(pandoc.Pandoc { bare }, "html", { highlight_method = "default", wrap_text = "none" })
  local inside = html:match("<code[^>]*>(.*)</code>")
  if not html:find('class="sourceCode"', 1, true) then return inside end
  local lines = pandoc.List {}
  for line in (inside .. "\n"):gmatch("(.-)\n") do
    lines:insert((line:gsub('^<span id="cb%d+%-%d+"><a [^>]*></a>', ""):gsub("</span>$", "")))
  end
  return table.concat(lines, "\n")
end

local languages_without = { text = true, plain = true, out = true, err = true, ["cell-code"] = true, default = true }

function code.language(block)
  return block.classes:find_if(function(class) return not languages_without[class] end)
end

-- `label` names the region for those who cannot see it.
function code.pre(block, label)
  local language = code.language(block)
  local inside = language and highlighted(block, language) or escape(block.text)
  local class = language and ' class="sourceCode ' .. escape(language) .. '"' or ""
  local frame = '<pre%s tabindex="0" role="group" aria-label="%s"><code>%s</code></pre>'
  return frame:format(class, escape(label), inside)
end

function code.output(block, label)
  local class = block.classes:includes("err") and "out err" or "out"
  local frame = '<pre class="%s" tabindex="0" role="group" aria-label="%s">%s</pre>'
  return frame:format(class, escape(label), escape(block.text))
end

return code
