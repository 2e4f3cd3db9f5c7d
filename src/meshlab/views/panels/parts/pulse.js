// A panel's pulse: hears the kernel's beat; when it stays away, the panel goes grey and says how to come back.
const SILENT_MS = 3000;
const LOOK_MS = 500;

// The handles of sliders have no name of their own; a screen reader would say "slider, 12.5" of what?
function nameSliders(panel) {
  for (const slider of panel.querySelectorAll(".widget-slider")) {
    const label = slider.querySelector(".widget-label");
    for (const handle of slider.querySelectorAll(".noUi-handle")) {
      if (label && !handle.hasAttribute("aria-label")) handle.setAttribute("aria-label", label.textContent);
    }
  }
}

// What scrolls must be reached without a mouse.
function nameRegions(panel, regions) {
  for (const [kind, name] of Object.entries(regions ?? {})) {
    for (const part of panel.querySelectorAll("." + kind)) {
      if (part.tabIndex === 0) continue;
      part.tabIndex = 0;
      part.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the arrow keys for its cells
      part.setAttribute("role", "region");
      part.setAttribute("aria-label", name);
    }
  }
}

function render({ model, el }) {
  const notice = document.createElement("div");
  notice.className = "meshlab-notice";
  notice.setAttribute("role", "alert");
  el.append(notice);
  let heard = Date.now();
  let away = false;
  let watched = false;

  const panel = () => el.closest("." + model.get("panel"));
  const others = (node) => [...node.children].filter((child) => !child.contains(el));
  const beat = () => { heard = Date.now(); look(); };

  // Any message of the kernel that made the panel is a sign of life, also one that never reaches this widget.
  const kernel = model.widget_manager?.kernel;
  const message = (_, { msg, direction }) => {
    if (direction === "recv" && msg.header.session && msg.header.session === model.get("kernel")) heard = Date.now();
  };
  kernel?.anyMessage?.connect(message);

  function show(node) {
    node.classList.toggle("meshlab-away", away);
    for (const child of others(node)) {
      child.inert = away;
      for (const control of child.querySelectorAll("button, input, select, textarea")) {
        if (away && !control.disabled) {
          control.disabled = true;
          control.dataset.meshlabAway = "yes";
        } else if (!away && control.dataset.meshlabAway) {
          control.disabled = false;
          delete control.dataset.meshlabAway;
        }
      }
    }
    notice.textContent = away ? "✖ The kernel does not answer: nothing here works now. " + model.get("advice") : "";
  }

  function name() {
    const node = panel();
    if (!node) return;
    nameSliders(node);
    nameRegions(node, model.get("regions"));
  }

  function look() {
    const node = panel();
    if (!node) return;
    if (!watched) {
      watched = true;
      grown.observe(node, { childList: true, subtree: true });
    }
    name();
    const silent = Date.now() - heard > SILENT_MS;
    if (silent !== away) {
      away = silent;
      show(node);
    }
  }

  const grown = new MutationObserver(name);

  model.on("msg:custom", beat);
  const timer = setInterval(look, LOOK_MS);
  requestAnimationFrame(look);
  return () => {
    clearInterval(timer);
    grown.disconnect();
    kernel?.anyMessage?.disconnect(message);
    model.off("msg:custom", beat);
  };
}

export default { render };
