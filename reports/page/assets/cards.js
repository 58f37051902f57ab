// Hover cards: the names and values of a dot, a line or a cell.

const CARD = make("div", { class: "card", role: "tooltip", hidden: true });

// Make an element show `entries()`, an array of [name, value], while the pointer is over it.
function card(element, entries) {
  element.cardEntries = entries;
  return element;
}

function showCard(element, x, y) {
  CARD.replaceChildren(make("dl", {}, ...element.cardEntries().map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, String(value))))));
  CARD.hidden = false;
  const { width, height } = CARD.getBoundingClientRect();
  CARD.style.left = `${Math.max(4, Math.min(x + 14, window.innerWidth - width - 4))}px`;
  CARD.style.top = `${y + 18 + height > window.innerHeight ? Math.max(4, y - height - 10) : y + 18}px`;
}

function hideCard() {
  CARD.hidden = true;
}

document.addEventListener("pointermove", (event) => {
  const element = event.target.cardEntries ? event.target : event.target.closest?.("[data-card]");
  if (element?.cardEntries) {
    if (CARD.parentElement !== (element.closest("dialog") || document.body)) (element.closest("dialog") || document.body).append(CARD);
    showCard(element, event.clientX, event.clientY);
  } else hideCard();
});
document.addEventListener("scroll", hideCard, { passive: true });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideCard(); });
