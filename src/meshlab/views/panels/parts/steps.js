// The steps of a plan as a list: it follows the step at work, and a step that is chosen is previewed.
function render({ model, el }) {
  const list = document.createElement("div");
  list.className = "meshlab-step-list";
  list.tabIndex = 0;
  list.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes Home and the arrow keys for its cells
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "steps of the plan; arrow keys choose one to preview");
  el.append(list);
  const own = "meshlab-step-" + Math.random().toString(36).slice(2);
  let rows = new Map();
  let followed = "";

  function build() {
    list.replaceChildren();
    rows = new Map();
    for (const [id, title] of model.get("titles")) {
      const row = document.createElement("div");
      row.className = "meshlab-step";
      row.id = `${own}-${rows.size}`;
      row.setAttribute("role", "option");
      row.append(document.createElement("span"), document.createElement("span"));
      row.children[1].textContent = title;
      row.addEventListener("click", () => choose(id));
      rows.set(id, row);
      list.append(row);
    }
    stand();
    chosen();
  }

  function stand() {
    const stands = model.get("stands");
    const marks = model.get("marks");
    for (const [id, row] of rows) {
      const state = stands[id];
      row.children[0].className = state;
      row.children[0].textContent = `${marks[state]} ${state}`;
    }
    const working = [...rows.keys()].find((id) => stands[id] === "working") ?? "";
    if (working && working !== followed) show(rows.get(working), true);
    followed = working;
  }

  // Scrolls the list alone: scrollIntoView would move the notebook too.
  function show(row, middle) {
    const top = row.offsetTop - list.offsetTop;
    const inside = top >= list.scrollTop && top + row.offsetHeight <= list.scrollTop + list.clientHeight;
    if (!inside) list.scrollTop = top - (middle ? list.clientHeight / 2 : list.clientHeight / 4);
  }

  function chosen() {
    for (const [id, row] of rows) row.setAttribute("aria-selected", String(id === model.get("chosen")));
    const row = rows.get(model.get("chosen"));
    if (row) list.setAttribute("aria-activedescendant", row.id);
  }

  function choose(id) {
    model.set("chosen", id);
    model.save_changes();
    show(rows.get(id), false);
  }

  list.addEventListener("keydown", (event) => {
    const ids = [...rows.keys()];
    const at = ids.indexOf(model.get("chosen"));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: ids.length - 1, PageDown: at + 10, PageUp: at - 10 };
    if (!(event.key in to)) return;
    event.preventDefault();
    event.stopPropagation();
    choose(ids[Math.min(Math.max(to[event.key], 0), ids.length - 1)]);
  });

  model.on("change:titles", build);
  model.on("change:stands", stand);
  model.on("change:chosen", chosen);
  build();
  return () => {
    model.off("change:titles", build);
    model.off("change:stands", stand);
    model.off("change:chosen", chosen);
  };
}

export default { render };
