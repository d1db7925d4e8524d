-- Answers: folded below their exercise or prediction in HTML; in print and in the EPUB collected under
-- "Solutions" at the end of the chapter, each naming what it answers.

return function(kit)
  local collected, section, chapter

  local function is_exercise(block) return block.t == "Div" and block.identifier:match("^exr%-") ~= nil end
  local function is_answer(block) return block.t == "Div" and block.classes:includes("answer") end

  local function reference(id)
    return pandoc.Cite({ pandoc.Str("@" .. id) }, { pandoc.Citation(id, "AuthorInText") })
  end

  -- A section by its number, or by its title when no label has given it one.
  local function place()
    if not section then return pandoc.Inlines "Prediction." end
    if section.identifier:match("^sec%-") then
      return pandoc.Inlines "Prediction, " .. { reference(section.identifier), pandoc.Str(".") }
    end
    local link = pandoc.Link(section.content, "#" .. section.identifier)
    return pandoc.Inlines "Prediction, " .. { pandoc.Quoted("DoubleQuote", { link }), pandoc.Str(".") }
  end

  -- In print an answer leaves its place; `title` says what it answers.
  local function collect(answer, title)
    local content = pandoc.Blocks(answer.content)
    local head = pandoc.Inlines { pandoc.Strong(title), pandoc.Space() }
    if content[1] and content[1].t == "Para" then
      content[1].content = head .. content[1].content
    else
      content:insert(1, pandoc.Para(head))
    end
    collected:insert(pandoc.Div(content, { class = "solution" }))
  end

  -- A prediction's answer stands inside its box.
  local function from_prediction(box)
    local kept = pandoc.Blocks {}
    for _, block in ipairs(box.content) do
      if is_answer(block) then collect(block, place()) else kept:insert(block) end
    end
    if #kept < #box.content then
      kept:insert(pandoc.Para(pandoc.Inlines "The answer stands under “Solutions” at the end of the chapter."))
    end
    box.content = kept
  end

  local function flush(out)
    if #collected > 0 then
      local id = "solutions-" .. (chapter or "end")
      out:insert(pandoc.Header(2, "Solutions", pandoc.Attr(id, { "unnumbered" })))
      out:extend(collected)
    end
    collected = pandoc.Blocks {}
  end

  local function in_print(blocks)
    local out, exercise = pandoc.Blocks {}, nil
    collected = pandoc.Blocks {}
    for _, block in ipairs(blocks) do
      if block.t == "Header" then
        if block.level == 1 then
          flush(out)
          chapter = block.identifier
        end
        section = block
      end
      if is_answer(block) then
        collect(block, exercise and { reference(exercise), pandoc.Str(".") } or pandoc.Inlines "Solution.")
      else
        if block.t == "Div" and block.classes:includes("predict") then from_prediction(block) end
        out:insert(block)
        exercise = is_exercise(block) and block.identifier or nil
      end
    end
    flush(out)
    return out
  end

  -- On a page the answer becomes the last part of the exercise that it follows.
  local function on_page(blocks)
    local out = pandoc.Blocks {}
    for _, block in ipairs(blocks) do
      local last = out[#out]
      if is_answer(block) and last and is_exercise(last) then last.content:insert(block) else out:insert(block) end
    end
    return out
  end

  return {
    Pandoc = function(doc)
      doc.blocks = kit.format == "html" and on_page(doc.blocks) or in_print(doc.blocks)
      return doc
    end,
  }
end
