// Makes what is there equal to what should be there, and touches nothing that is equal already: focus, selection, scrolling and open parts stay.

/** What the reader has done to an element, which no update may undo. */
const OWN_ATTRIBUTES = new Set(["open"]);

/** Makes an element equal to another one of the same kind. Parts marked `data-own` are the script's; parts that come empty and marked `more` are left as they are. */
export function morph(element, wanted) {
  if (element.isEqualNode(wanted)) return;
  morphAttributes(element, wanted);
  if (element.hasAttribute("data-own")) return;
  if (element.classList.contains("more") && !wanted.hasChildNodes()) return;
  let child = element.firstChild;
  for (const next of [...wanted.childNodes]) {
    const match = matching(child, next);
    if (match === null) {
      element.insertBefore(next, child);
      continue;
    }
    while (child !== match) child = removed(child);
    if (next.nodeType === Node.ELEMENT_NODE) morph(match, next);
    else if (match.data !== next.data) match.data = next.data;
    child = match.nextSibling;
  }
  while (child !== null) child = removed(child);
}

/** The first of these siblings that is to become the wanted node: of elements it may stand further back, so that one that stays is kept when those before it go. */
function matching(child, wanted) {
  if (wanted.nodeType !== Node.ELEMENT_NODE) return child?.nodeName === wanted.nodeName ? child : null;
  let one = child;
  while (one !== null && !isAlike(one, wanted)) one = one.nextSibling;
  return one;
}

/** Whether two elements are the same thing: of one kind, and about the same GPU. */
function isAlike(one, other) {
  return one.nodeName === other.nodeName && kindOf(one) === kindOf(other) && one.dataset?.gpu === other.dataset?.gpu;
}

function kindOf(element) {
  return element.getAttribute("class")?.split(" ")[0];
}

function removed(node) {
  const { nextSibling } = node;
  node.remove();
  return nextSibling;
}

function morphAttributes(element, wanted) {
  for (const { name, value } of wanted.attributes) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
  for (const { name } of [...element.attributes]) {
    if (!wanted.hasAttribute(name) && !OWN_ATTRIBUTES.has(name)) element.removeAttribute(name);
  }
}
