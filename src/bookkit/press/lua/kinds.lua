-- What a label's prefix means, and which marks the press knows. Everything else is reported, never dropped.

local kinds = {}

kinds.words = {
  fig = "Figure", tbl = "Table", lst = "Listing", eq = "Equation", sec = "Section", exr = "Exercise", aud = "Clip",
}

kinds.floats = { fig = true, tbl = true, lst = true }

-- "fig-frames" -> "fig"; nil for an id that is no label.
function kinds.of(id)
  local prefix = id:match("^(%l+)%-.")
  return kinds.words[prefix] and prefix or nil
end

-- A reference may be capitalised at the start of a sentence: @Fig-frames.
function kinds.label(id)
  local lower = id:sub(1, 1):lower() .. id:sub(2)
  return kinds.of(lower) and lower or nil
end

kinds.callouts = { note = "Note", tip = "Tip", warning = "Warning", important = "Important", caution = "Caution" }

function kinds.callout(div)
  for name in pairs(kinds.callouts) do
    if div.classes:includes("callout-" .. name) then return name end
  end
  return nil
end

-- Whether a paragraph is one image and nothing else. Words cross slowly from pandoc to Lua: look only where
-- there is an image.
function kinds.is_picture(para)
  local images = 0
  para:walk { Image = function() images = images + 1 end }
  return images == 1 and #para.content == 1 and para.content[1].t == "Image"
end

local function set(text)
  local out = {}
  for word in text:gmatch("%S+") do out[word] = true end
  return out
end

local conditional = " content-visible content-hidden "
kinds.known = {
  Div = {
    classes = set("goals bridge from-ml from-api predict pitfalls answer audio compare slider-figure card how aside first-book " ..
      "callout-note callout-tip callout-warning callout-important callout-caution cell cell-output cell-output-display " ..
      "cell-output-stdout cell-output-stderr cell-output-error wide pagebreak" .. conditional),
    attributes = set("level minutes src picture alt title seconds collapse icon appearance layout-ncol fig-alt " ..
      "tbl-colwidths lst-cap when-format unless-format"),
  },
  Span = {
    classes = set("value computed measured reported term spread smallcaps nb" .. conditional),
    attributes = set("n card key asof checked when-format unless-format"),
  },
  CodeBlock = {
    attributes = set("lst-cap code-fold code-summary filename when-format unless-format"),
  },
  Image = {
    classes = set("light-content dark-content wide"),
    attributes = set("fig-alt alt width height"),
  },
  Figure = { classes = set(""), attributes = set("") },
  Header = { classes = set("unnumbered unlisted"), attributes = set("number") },
  Table = { classes = set(""), attributes = set("tbl-colwidths") },
  Link = { classes = set("uri email"), attributes = set("") },
}

return kinds
