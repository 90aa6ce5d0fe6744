"use strict";
// Comfort only: without it the page shows, filters, links and prints the same.
(() => {
  document.documentElement.classList.add("js");

  async function copy(pre) {
    try {
      await navigator.clipboard.writeText(pre.textContent);
    } catch {
      // A page from a file or in a frame may not be allowed to: select the text and copy that.
      const fold = pre.closest("details");
      if (fold) fold.open = true;
      getSelection().selectAllChildren(pre);
      if (!document.execCommand("copy")) return "Press Ctrl+C";
    }
    return "Copied";
  }

  for (const button of document.querySelectorAll(".repeat button")) {
    button.hidden = false;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      button.textContent = await copy(button.closest(".repeat").querySelector("pre"));
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  // A heading above entries that the filter hides, all of them, says nothing.
  const parts = document.querySelectorAll("main section.list, main tbody");
  function tidy() {
    for (const part of parts) {
      const entries = [...part.querySelectorAll(".entry")];
      part.classList.remove("empty");
      part.classList.toggle("empty", entries.length > 0 && entries.every((it) => !it.checkVisibility()));
    }
  }
  document.querySelector(".filter").addEventListener("change", tidy);
  addEventListener("hashchange", tidy);

  // Browsers that cannot unfold by style alone.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const fold of folded) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of folded) fold.open = false;
  });
})();
