// Copies what is shown once, such as a new API key.  Without this script people select it.
"use strict";
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const status = button.nextElementSibling;
    button.addEventListener("click", async () => {
      const shown = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(shown.textContent);
      } catch {
        // The browser does not allow it: what is selected is copied by hand.
        getSelection().selectAllChildren(shown);
        return;
      }
      // Emptied first, so that a screen reader speaks again when it is copied again.
      status.textContent = "";
      setTimeout(() => (status.textContent = status.dataset.copied));
    });
    button.hidden = false;
  }
}
