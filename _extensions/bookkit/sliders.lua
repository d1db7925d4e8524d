-- A figure that moves: its grid of values goes into the page as data, and the static picture stays for
-- paper and for readers without script. Print and EPUB keep the picture alone.

return function(kit, handlers)
  handlers["slider-figure"] = function(div)
    local data
    local content = pandoc.Blocks(div.content):walk {
      CodeBlock = function(code)
        if code.classes:includes("slider-data") then
          data = code.text
          return {}
        end
      end,
    }
    content = kit.walk(content)
    if kit.format ~= "html" or not data then return content, false end
    local inside = data:gsub("</", "<\\/")
    content:insert(1, kit.raw('<script type="application/json" class="slider-data">' .. inside .. "</script>"))
    return kit.element('div class="slider-figure"', content), false
  end
end
