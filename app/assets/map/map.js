// The map on the screen: places by colour, names where there is room, a scale bar that follows the zoom, points or an area
// picked by mouse or keyboard, and frames that play in the browser without asking the server. Drawn as SVG: no tiles, no
// WebGL, sharp in print. What `drawing` holds: app/charts/maps.py, screen_map.

const SVG = "http://www.w3.org/2000/svg"
const LABEL = 13, FRAME_MS = 700, MOST_ZOOM = 24, NEAR = 7, TOP = 30
const BARS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]

function make(name, attributes = {}, parent = null, text = "") {
  const node = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  if (text) node.textContent = text
  if (parent) parent.append(node)
  return node
}

function inside(x, y, ring) {
  let is = false
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [a, b] = ring[i], [c, d] = ring[j]
    if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) is = !is
  }
  return is
}

function hexagons({ reach, towns, cells }) {
  const wide = (reach * Math.sqrt(3)) / 2, sides = `l${wide},${reach / 2}v${reach}l${-wide},${reach / 2}l${-wide},${-reach / 2}v${-reach}z`
  return cells.map(([x, y, c, n, town]) => ({
    x, y, c, id: towns[town][0], name: towns[town][1], t: `${n.toLocaleString("en")} 件`, d: `M${x},${y - reach}${sides}`, m: "", label: "",
  }))
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".map")
  const find = name => root.querySelector("." + name)
  const drawing = JSON.parse(data.drawing)
  const { frames, rings } = drawing
  const places = drawing.hexes ? hexagons(drawing.hexes) : drawing.places
  const [width, height] = drawing.size
  const chosen = new Set(data.chosen)
  const kept = (root._kept ??= { mode: "pick", zoom: null, frame: null })
  root._stop?.()
  for (const [name, colour] of Object.entries(drawing.colours)) root.style.setProperty("--" + name, colour)
  root.style.setProperty("--height", data.height + "px")

  // ---------------------------------------------------------------- what is drawn, back to front
  const svg = find("ground")
  svg.replaceChildren()
  svg.setAttribute("aria-label", drawing.title)
  if (drawing.base) make("path", { d: drawing.base, class: "base" }, svg)
  const shapes = places.map((place, k) =>
    make("path", { d: place.d, class: "place", tabindex: k ? -1 : 0, role: "button", "data-k": k }, svg))
  for (const d of drawing.outlines) make("path", { d, class: "outline" }, svg)
  const over = make("g", {}, svg)
  for (const kind of ["around", "chosen"])
    places.forEach(place => chosen.has(place.id) && make("path", { d: place.d, class: kind }, over))
  const circles = ["halo", "ring"].map(kind => rings.map(ring => make("circle", { cx: ring.x, cy: ring.y, class: kind }, svg)))
  const names = make("g", { class: "names", "aria-hidden": "true" }, svg)
  const pointer = make("path", { class: "pointed" }, svg)
  const band = make("path", { class: "band" }, svg)

  // ---------------------------------------------------------------- colours and texts, of one frame or of all
  const text = (place, k) => (frames.length ? frames[kept.frame].t[k] : place.t)
  function paint() {
    places.forEach((place, k) => {
      const c = frames.length ? parseInt(frames[kept.frame].c[k], 36) : place.c
      shapes[k].style.fill = c >= 0 && drawing.classes[c] ? drawing.classes[c][0] : drawing.none
      const is = chosen.has(place.id) ? "，已选" : ""
      shapes[k].setAttribute("aria-label", `${place.name} ${text(place, k)}${place.m ? " " + drawing.marks[place.m] : ""}${is}`)
    })
  }

  // ---------------------------------------------------------------- zoom: the part of the drawing that is seen
  let unit = 1 // drawing units a pixel
  function look() {
    const w = svg.clientWidth || 700, h = svg.clientHeight || 500
    const whole = Math.max((width * 1.04) / w, (height * 1.04) / (h - TOP)) // the buttons stand above it
    const view = (kept.zoom ??= { x: width / 2, y: height / 2, times: 1 })
    unit = whole / view.times
    view.x = Math.min(Math.max(view.x, 0), width)
    view.y = Math.min(Math.max(view.y, 0), height)
    svg.setAttribute("viewBox", `${view.x - (w * unit) / 2} ${view.y - ((h + TOP) * unit) / 2} ${w * unit} ${h * unit}`)
    svg.style.setProperty("--u", unit)
    for (const layer of circles) rings.forEach((ring, k) => layer[k].setAttribute("r", Math.max(ring.r, NEAR * unit)))
    write()
    const most = Math.min(120, w / 4) * unit * drawing.km
    const length = BARS.filter(bar => bar <= most).pop() ?? BARS[0]
    find("bar").style.width = length / drawing.km / unit + "px"
    find("bar").textContent = `${length} 公里`
    find("whole").disabled = view.times === 1
  }
  function write() {
    names.replaceChildren()
    const taken = []
    const say = (label, sign, x, y, kind, must) => {
      const w = ([...label].reduce((sum, c) => sum + (c > "\u2e80" ? 1 : 0.6), sign ? 0.8 : 0) * LABEL) / 2 + 3
      const px = x / unit, py = y / unit
      if (!must && taken.some(([a, b, c]) => Math.abs(px - a) < w + c && Math.abs(py - b) < LABEL + 4)) return false
      taken.push([px, py, w])
      const text = make("text", { x, y, class: kind }, names, label)
      if (sign) make("tspan", { class: "sign" }, text, sign)
      return true
    }
    rings.forEach((ring, k) => say(ring.name, "", ring.x, ring.y - Math.max(ring.r, NEAR * unit) - 10 * unit, "ringed", true))
    for (const word of drawing.words) say(word.label, "", word.x, word.y, "name")
    for (const place of places) {
      const sign = place.m === "up" ? "▲" : place.m === "down" ? "▼" : ""
      if (place.x === null || (!place.label && !sign)) continue
      if (!(place.label && say(place.label, sign, place.x, place.y, "name")) && sign) say("", sign, place.x, place.y, "name")
    }
  }
  function zoom(times, x = kept.zoom.x, y = kept.zoom.y) {
    const view = kept.zoom, next = Math.min(Math.max(view.times * times, 1), MOST_ZOOM)
    const share = 1 - view.times / next
    kept.zoom = next === 1 ? null : { x: view.x + (x - view.x) * share, y: view.y + (y - view.y) * share, times: next }
    look()
  }
  find("in").onclick = () => zoom(1.6)
  find("out").onclick = () => zoom(1 / 1.6)
  find("whole").onclick = () => zoom(0)
  const at = event => {
    const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal
    return [view.x + (event.clientX - box.left) * unit, view.y + (event.clientY - box.top) * unit]
  }
  svg.onwheel = event => {
    if (!event.ctrlKey) return // a page is scrolled by the wheel, a map with Ctrl
    event.preventDefault()
    zoom(event.deltaY < 0 ? 1.25 : 0.8, ...at(event))
  }

  // ---------------------------------------------------------------- what the pointer or the focus is on
  const tip = find("tip")
  function show(k, ring = null) {
    const place = k === null ? ring : places[k]
    tip.hidden = !place
    pointer.setAttribute("d", place?.d ?? "")
    if (!place) return
    const [name, value, rest] = tip.children, [first, ...others] = (ring ? ring.t : text(place, k)).split("，")
    name.textContent = place.name
    value.textContent = (ring ? "" : `${drawing.measure}：`) + first + (place.m ? `　${drawing.marks[place.m]}` : "")
    rest.textContent = others.join("，")
    const view = svg.viewBox.baseVal
    const left = (place.x - view.x) / unit, top = (place.y - view.y) / unit
    tip.style.left = Math.min(Math.max(left, 90), svg.clientWidth - 90) + "px"
    tip.style.top = (top < 90 ? top + 22 : top - 18) + "px"
    tip.classList.toggle("below", top < 90)
  }
  const number = event => (event.target.dataset?.k === undefined ? null : Number(event.target.dataset.k))
  svg.onpointerover = event => {
    const ring = circles[1].indexOf(event.target)
    show(number(event), ring < 0 ? null : rings[ring])
  }
  svg.onpointerleave = () => show(null)
  shapes.forEach((shape, k) => Object.assign(shape, { onfocus: () => show(k), onblur: () => show(null) }))

  // ---------------------------------------------------------------- picking one, or an area by box or by hand
  const choose = ids => setTriggerValue("area", [...new Set(ids)])
  function pick(k, more) {
    const id = places[k].id
    if (!more) return setTriggerValue("picked", id)
    choose(chosen.has(id) ? [...chosen].filter(one => one !== id) : [...chosen, id])
  }
  function setMode(mode) {
    kept.mode = mode
    for (const button of root.querySelectorAll("[data-mode]")) button.setAttribute("aria-pressed", String(button.dataset.mode === mode))
    svg.classList.toggle("drawing", mode !== "pick")
  }
  for (const button of root.querySelectorAll("[data-mode]")) button.onclick = () => setMode(button.dataset.mode)
  find("modes").hidden = !data.areas
  setMode(data.areas ? kept.mode : "pick")
  let trail = null, moved = false
  svg.onpointerdown = event => {
    if (event.button) return
    trail = [at(event)]
    moved = false
    trail.from = { ...kept.zoom, px: event.clientX, py: event.clientY, k: number(event) }
    if (kept.mode !== "pick") svg.setPointerCapture(event.pointerId)
  }
  svg.onpointermove = event => {
    if (!trail) return
    moved ||= Math.hypot(event.clientX - trail.from.px, event.clientY - trail.from.py) > 5
    if (!moved) return
    if (kept.mode === "pick") {
      if (kept.zoom.times === 1) return
      kept.zoom.x = trail.from.x - (event.clientX - trail.from.px) * unit
      kept.zoom.y = trail.from.y - (event.clientY - trail.from.py) * unit
      return look()
    }
    const [x, y] = at(event), [a, b] = trail[0]
    if (kept.mode === "box") trail.splice(1, 3, [x, b], [x, y], [a, y])
    else trail.push([x, y])
    band.setAttribute("d", "M" + trail.map(point => point.join()).join("L") + "Z")
  }
  svg.onpointerup = event => {
    const done = trail
    trail = null
    band.setAttribute("d", "")
    if (!done) return
    if (!moved) return done.from.k !== null && pick(done.from.k, kept.mode !== "pick" || event.ctrlKey || event.shiftKey)
    if (kept.mode === "pick") return
    const hit = places.filter(place => place.x !== null && inside(place.x, place.y, done)).map(place => place.id)
    if (hit.length) choose(event.ctrlKey || event.shiftKey ? [...chosen, ...hit] : hit)
  }
  svg.onkeydown = event => {
    const k = number(event)
    if (k === null) return
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    if (step) {
      const next = (k + step + places.length) % places.length
      shapes[k].tabIndex = -1
      shapes[next].tabIndex = 0
      shapes[next].focus({ preventScroll: true })
    } else if (event.key === "Enter" || event.key === " ") pick(k, event.ctrlKey || event.shiftKey || kept.mode !== "pick")
    else return
    event.preventDefault()
  }

  // ---------------------------------------------------------------- legend
  const legend = find("legend")
  legend.replaceChildren()
  const entry = (sign, words, colour) => {
    const item = legend.appendChild(document.createElement("span"))
    const swatch = item.appendChild(document.createElement("i"))
    swatch.textContent = sign
    if (colour) swatch.style.background = colour
    swatch.className = colour ? "swatch" : ""
    item.append(" " + words)
  }
  legend.append(Object.assign(document.createElement("b"), { textContent: drawing.label }))
  for (const [colour, words] of drawing.classes) entry("", words, colour)
  if (drawing.none_label) entry("", drawing.none_label, drawing.none)
  if (places.some(place => place.m === "up")) entry("▲", drawing.marks.up)
  if (places.some(place => place.m === "down")) entry("▼", drawing.marks.down)

  // ---------------------------------------------------------------- time
  const time = find("time"), slider = find("slider"), play = find("play")
  time.hidden = !frames.length
  let ticking = null
  function go(n) {
    kept.frame = n
    slider.value = n
    slider.setAttribute("aria-valuetext", frames[n].label)
    find("when").textContent = frames[n].label
    find("total").textContent = frames[n].total
    const bars = find("bars").children
    for (let k = 0; k < bars.length; k++) bars[k].classList.toggle("now", k === n)
    paint()
  }
  function stop() {
    clearInterval(ticking)
    ticking = null
    play.textContent = "▶ 播放"
  }
  if (frames.length) {
    slider.max = frames.length - 1
    const most = Math.max(...frames.map(frame => frame.n ?? 0)) || 1
    find("bars").replaceChildren(...frames.map((frame, k) => {
      const bar = document.createElement("span")
      bar.style.height = frame.n === null ? "0" : (100 * frame.n) / most + "%"
      bar.title = `${frame.label} ${frame.total}`
      bar.onclick = () => { stop(); go(k) }
      return bar
    }))
    slider.oninput = () => { stop(); go(Number(slider.value)) }
    play.onclick = () => {
      if (ticking) return stop()
      if (kept.frame === frames.length - 1) go(0)
      play.textContent = "❚❚ 暂停"
      ticking = setInterval(() => {
        if (!root.isConnected) return stop()
        if (kept.frame < frames.length - 1) go(kept.frame + 1)
        if (kept.frame === frames.length - 1) stop()
      }, FRAME_MS)
    }
    stop()
    go(Math.min(kept.frame ?? frames.length - 1, frames.length - 1))
  } else paint()

  look()
  const watch = new ResizeObserver(look)
  watch.observe(svg)
  root._stop = () => { watch.disconnect(); stop() }
  return root._stop
}
