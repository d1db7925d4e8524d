/* Before first paint: the reader's own choice of light or dark, if one was made. */
try { var choice = localStorage.getItem("theme"); if (choice) document.documentElement.dataset.theme = choice; } catch (e) { /* no storage: automatic */ }
