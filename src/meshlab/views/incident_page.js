const frames = JSON.parse(document.getElementById("frames").textContent);
const slider = document.getElementById("time");
const line = document.querySelector(".meshlab-now");
const lanes = frames.lanes;

function frameAt(time) {
  let at = 0;
  while (at + 1 < frames.times.length && frames.times[at + 1] <= time + 1e-9) at += 1;
  return at;
}

let at = 0;

function show(time) {
  document.getElementById("now").textContent = `${time.toFixed(1)} s`;
  document.getElementById("words").textContent = frames.words[at];
  document.getElementById("table").innerHTML = frames.tables[at];
  const map = document.getElementById("map");
  map.src = frames.maps[frames.map[at]];
  map.alt = frames.words[at];
  const inside = lanes.start <= time && time <= lanes.end;
  line.style.display = inside ? "" : "none";
  line.style.left = `${100 * (lanes.left + (lanes.width * (time - lanes.start)) / (lanes.end - lanes.start))}%`;
  slider.setAttribute("aria-valuetext", `${time.toFixed(1)} seconds: ${frames.words[at]}`);
}

// The slider's places are coarser than the moments: a place shows the last moment that rounds to it.
function move() {
  const time = Number(slider.value);
  at = frameAt(time + Number(slider.step) / 2);
  show(time);
}

function jump(step) {
  at = Math.max(0, Math.min(frames.times.length - 1, at + step));
  slider.value = frames.times[at];
  show(frames.times[at]);
}

slider.addEventListener("input", move);
document.getElementById("before").addEventListener("click", () => jump(-1));
document.getElementById("after").addEventListener("click", () => jump(1));
move();
