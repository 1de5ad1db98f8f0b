{
  // Paper is white: print in the light theme, then go back.
  const page = document.documentElement;
  let theme;
  addEventListener("beforeprint", () => {
    theme = page.dataset.theme;
    page.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    page.dataset.theme = theme;
  });

  // The theme takes the focus off the button that opens a menu; Escape gives it back.
  addEventListener("keydown", ({ key }) => {
    const menu = key === "Escape" && document.querySelector("dialog[open][id$=sidebar-modal]");
    if (!menu) return;
    const button = document.querySelector(`.${menu.id.split("-")[1]}-toggle`);
    menu.addEventListener("close", () => button.focus(), { once: true });
  }, true);

  // A formula that is wider than the screen is scrolled by keyboard, too.
  addEventListener("DOMContentLoaded", () => {
    for (const formula of document.querySelectorAll("div.math")) {
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    }
  });
}
