// Words and elements that all parts of the page share. Every text goes in as text (textContent), so nothing a
// device or a cloud says can become markup.

export const byId = (id) => document.getElementById(id);

export function el(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  if (options.class) made.className = options.class;
  if (options.text !== undefined) made.textContent = options.text;
  if (options.title) made.title = options.title;
  made.append(...children.filter(Boolean));
  return made;
}

export const number = (value, digits) =>
  value === null || value === undefined ? "–" : value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "never";
  if (seconds < 1.95) return `${Math.max(seconds, 0).toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** Replace the children of a list only where they differ, so that focus and reading position stay. */
export function fill(parent, lines) {
  const key = JSON.stringify(lines.map((line) => line.key ?? [line.class, line.text]));
  if (parent.dataset.key === key) return;
  parent.dataset.key = key;
  parent.replaceChildren(...lines.map((line) => line.make?.() ?? el("li", line)));
}
