-- content-visible and content-hidden, with Quarto's names of formats.

local conditions = {}

local shown_in = {
  html = { html = true, epub = true }, ["html:js"] = { html = true }, epub = { epub = true },
  typst = { typst = true }, pdf = { typst = true },
}

-- true: shown; false: hidden; nil: no condition.
local function shown(element, format)
  local visible = element.classes:includes("content-visible")
  if not visible and not element.classes:includes("content-hidden") then return nil end
  local attributes = element.attributes
  local function is(name) return (shown_in[name] or {})[format] == true end
  local holds = true
  if attributes["when-format"] then holds = is(attributes["when-format"]) end
  if attributes["unless-format"] then holds = holds and not is(attributes["unless-format"]) end
  return holds == visible
end

function conditions.filter(format)
  local function unwrap(element)
    local verdict = shown(element, format)
    if verdict == nil then return nil end
    return verdict and element.content or {}
  end
  return {
    Div = unwrap,
    Span = unwrap,
    CodeBlock = function(code)
      local verdict = shown(code, format)
      if verdict == false then return {} end
      if verdict == true then
        code.classes = code.classes:filter(function(class) return not class:match("^content%-") end)
        code.attributes["when-format"], code.attributes["unless-format"] = nil, nil
        return code
      end
    end,
  }
end

return conditions
