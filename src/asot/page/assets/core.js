// What all views share: the data, elements, numbers, fills and strips.

const data = JSON.parse(document.getElementById('page-data').textContent);
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const nonce = document.currentScript.nonce;

const find = (selector, root = document) => root.querySelector(selector);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// An element: h('a', {href: '#/', class: 'x', onclick: f}, 'text', element, ...).
// Strings only ever become text nodes.
function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value === 'boolean') element[name] = value;
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  put(element, children);
  return element;
}

function put(element, ...children) {
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined));
}

const ICONS = {
  play: 'M4 2.5v11l9-5.5z',
  pause: 'M4 2.5h3v11H4zM9 2.5h3v11H9z',
  previous: 'M3 2.5h2v11H3zM13 2.5v11L5.5 8z',
  next: 'M11 2.5h2v11h-2zM3 2.5v11L10.5 8z',
  back: 'M11 3v10L4.5 8zM2.5 3h1.6v10H2.5z',
  forth: 'M5 3v10l6.5-5zM11.9 3h1.6v10h-1.6z',
  segment: 'M2 2.5h1.6v11H2zM12.4 2.5H14v11h-1.6zM5.5 4v8l5.5-4z',
  loop: 'M4.5 4H11V2l3.5 3-3.5 3V6H4.5v3h-2V6a2 2 0 0 1 2-2zM11.5 12H5v2l-3.5-3L5 8v2h6.5V7h2v3a2 2 0 0 1-2 2z',
  copy: 'M5.5 1.5h8v9h-2v-7h-6zM2.5 4.5h8v10h-8zM4 6v7h5V6z',
  sound: 'M2 5.5h3l4-3.5v12l-4-3.5H2zM10.5 5.5c2 1 2 4 0 5z',
  mute: 'M2 5.5h3l4-3.5v12l-4-3.5H2zM10.3 6.4l1-1 3.6 4.2-1 1zM13.9 5.4l1 1-3.6 4.2-1-1z',
  full: 'M2 2h5v1.6H3.6V7H2zM9 2h5v5h-1.6V3.6H9zM2 9h1.6v3.4H7V14H2zM12.4 9H14v5H9v-1.6h3.4z',
  theme: 'M8 1.5a6.5 6.5 0 1 0 0 13zM8 0a8 8 0 1 1 0 16A8 8 0 0 1 8 0z',
  plus: 'M7 3h2v4h4v2H9v4H7V9H3V7h4z',
  minus: 'M3 7h10v2H3z',
  open: 'M1.5 3h5l1.5 2h6.5v2H3.6L2 12V7h-.5zM4 8h11.5L13 13.5H2.2z',
  right: 'M6.3 12.7 2 8.4l1.5-1.5 2.8 2.8 6.2-6.2L14 5z',
  every: 'M4.3 12.2.8 8.7l1.4-1.4 2.1 2.1 5-5 1.4 1.4zM8.5 12.2l-1.4-1.4L13.4 4.4l1.4 1.4z',
  split: 'M7.2 1.5h1.6v13H7.2zM1.5 5H5v6H1.5zM11 5h3.5v6H11z',
  join: 'M1.5 5h13v6h-13zM7.2 1.5h1.6v2H7.2zM7.2 12.5h1.6v2H7.2z',
  starts: 'M3 2.5h2v11H3zM14 7H9.8l2-2-1.1-1.1L6.5 8l4.2 4.1 1.1-1.1-2-2H14z',
  ends: 'M11 2.5h2v11h-2zM2 7h4.2l-2-2 1.1-1.1L9.5 8l-4.2 4.1L4.2 11l2-2H2z',
  none: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 1.6a4.4 4.4 0 0 1 2.6.9L4.5 10.6A4.4 4.4 0 0 1 8 3.6zm0 8.8a4.4 4.4 0 0 1-2.6-.9l6.1-6.1A4.4 4.4 0 0 1 8 12.4z',
  note: 'M2 2.5h12v8H7.5L4 13.5v-3H2z',
  again: 'M8 3.2V.8l4.2 3.3L8 7.4V5a3.7 3.7 0 1 0 3.7 3.7h1.8A5.5 5.5 0 1 1 8 3.2z',
  undo: 'M6 2.5v3h3.5a4 4 0 0 1 0 8H5v-1.8h4.5a2.2 2.2 0 0 0 0-4.4H6v3L1.5 6.4z',
  redo: 'M10 2.5v3H6.5a4 4 0 0 0 0 8H11v-1.8H6.5a2.2 2.2 0 0 1 0-4.4H10v3l4.5-3.9z',
};

function icon(name) {
  return svg('svg', {viewBox: '0 0 16 16', 'aria-hidden': 'true'}, svg('path', {d: ICONS[name]}));
}

function button(label, onclick, {look = 'quiet', image = null, text = label, ...rest} = {}) {
  const content = [image ? icon(image) : null, text ? h('span', {}, text) : null];
  const named = text === label ? {} : {'aria-label': label, title: label};
  return h('button', {type: 'button', class: look, onclick, ...named, ...rest}, ...content);
}

function toast(text, action = null) {
  const box = find('#toast');
  box.replaceChildren(text, ...(action ? [' ', action] : []));
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, action || text.length > 45 ? 12000 : 3000);
}

// Numbers ------------------------------------------------------------------

// 0:07.250, 1:02:03.000; a frame's number where times are not known.
function moment(value, unit = 's', decimals = 3) {
  if (unit !== 's') return Math.floor(value).toLocaleString('en');
  const scale = 10 ** decimals;
  const all = Math.round(Math.abs(value) * scale);
  const seconds = Math.floor(all / scale);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n) => String(n).padStart(2, '0');
  const clock = parts[0] ? `${parts[0]}:${two(parts[1])}:${two(parts[2])}` : `${parts[1]}:${two(parts[2])}`;
  const rest = decimals ? `.${String(all % scale).padStart(decimals, '0')}` : '';
  return (value < 0 && all ? '−' : '') + clock + rest;
}

// A length for people: 0.62 s, 12.3 s, 4 min 10 s, 2 h 05 min.
function length(value, unit = 's') {
  if (unit !== 's') return `${Math.round(value).toLocaleString('en')} frame${Math.round(value) === 1 ? '' : 's'}`;
  if (value < 59.95) return `${value.toFixed(value < 1 ? 2 : 1)} s`;
  const seconds = Math.round(value);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(value / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

const percent = (value, decimals = 1) =>
  (value === null || value === undefined ? '–' : `${(100 * value).toFixed(decimals)} %`);
const many = (n, one, more = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : more}`;
const size = (row) => (row.seconds === null ? length(row.frames, 'frames') : length(row.seconds));

const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

// Where a preview or a clip is: beside the page, or inside it, where browsers take more than a few
// megabytes only as a file in memory.
const inMemory = new Map();
function mediaUrl(reference) {
  const inside = document.getElementById(reference);
  if (!inside) return reference;
  if (!inMemory.has(reference)) {
    const [, kind, content] = inside.textContent.match(/^data:(.*?);base64,(.*)$/s);
    inMemory.set(reference, URL.createObjectURL(new Blob([bytes(content)], {type: kind})));
  }
  return inMemory.get(reference);
}

// Fills: a colour, and a hatch for the actions after the twelfth ------------

const HATCHES = {
  '/': [[0, 8, 8, 0], [-2, 2, 2, -2], [6, 10, 10, 6]],
  '\\': [[0, 0, 8, 8], [-2, 6, 2, 10], [6, -2, 10, 2]],
  'x': [[0, 0, 8, 8], [0, 8, 8, 0]],
  '-': [[0, 4, 8, 4]],
  '|': [[4, 0, 4, 8]],
  '+': [[0, 4, 8, 4], [4, 0, 4, 8]],
};
const tiles = new Map();

function tile([colour, hatch, ink]) {
  const key = colour + hatch;
  if (!tiles.has(key)) {
    const canvas = h('canvas', {width: 8, height: 8});
    const pen = canvas.getContext('2d');
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = pen.fillStyle = ink;
    pen.globalAlpha = 0.7;
    pen.lineWidth = 1.2;
    pen.beginPath();
    for (const [x, y, u, v] of HATCHES[hatch] ?? []) {
      pen.moveTo(x, y);
      pen.lineTo(u, v);
    }
    pen.stroke();
    if (hatch === '.') for (const [x, y] of [[2, 2], [6, 6]]) pen.fillRect(x - 1, y - 1, 2, 2);
    tiles.set(key, {canvas, url: `url("${canvas.toDataURL()}")`});
  }
  return tiles.get(key);
}

const canvasFill = (pen, style) =>
  (style[1] ? pen.createPattern(tile(style).canvas, 'repeat') : style[0]);

function paint(element, style) {
  element.style.background = style[1] ? tile(style).url : style[0];
  return element;
}

// An SVG shape's fill; patterns are kept in the SVG that shows them.
function svgFill(picture, style) {
  if (!style[1]) return style[0];
  const id = `hatch-${[...style[0] + style[1]].map((c) => c.charCodeAt(0).toString(16)).join('')}`;
  if (!picture.querySelector(`#${id}`)) {
    const address = tile(style).url.slice(5, -2);
    picture.append(svg('defs', {}, svg('pattern', {id, width: 8, height: 8, patternUnits: 'userSpaceOnUse'},
      svg('image', {href: address, width: 8, height: 8}))));
  }
  return `url(#${id})`;
}

// A colour of the style sheet, as the current theme has it.
function themeColour(name) {
  const probe = find('.bar');
  probe.style.setProperty('caret-color', `var(${name})`);
  return getComputedStyle(probe).caretColor;
}

// Canvases ------------------------------------------------------------------

// Fit a canvas to its place, and give a pen that counts in CSS pixels.
function pen(canvas, {width, height} = canvas.getBoundingClientRect()) {
  const ratio = Math.min(devicePixelRatio || 1, 3);
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  return {context, width, height};
}

// A recording seen from afar: run lengths [label, columns, ...].
function drawStrip(canvas, runs, box) {
  const {context, width, height} = pen(canvas, box);
  let total = 0;
  for (let i = 1; i < runs.length; i += 2) total += runs[i];
  let at = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const from = (at / total) * width;
    at += runs[i + 1];
    if (runs[i] < 0) continue;
    context.fillStyle = canvasFill(context, names.style(runs[i]));
    context.fillRect(from, 0, (at / total) * width - from + 0.3, height);
  }
}

// What a strip shows, in words.
function stripText(row) {
  const shares = new Map();
  for (const [action, share] of row.used) {
    const name = names.label(action);
    shares.set(name, (shares.get(name) ?? 0) + share);
  }
  const sorted = [...shares].sort((a, b) => b[1] - a[1]);
  const said = sorted.slice(0, 6).map(([name, share]) => `${name} ${percent(share, 0)}`);
  return `Timeline: ${said.join(', ') || 'no action'}${sorted.length > 6 ? ' and others' : ''}`;
}

// Draw canvases when they come into view, and give their memory back when they leave it. All places
// are looked up before the first is drawn: each drawing makes the browser lay out the page again.
function lazily(draw) {
  const [seen, watched] = [new Set(), []];
  const drawAll = (canvases) => canvases.filter((canvas) => canvas.isConnected)
    .map((canvas) => [canvas, canvas.getBoundingClientRect()]).forEach(([canvas, box]) => draw(canvas, box));
  const observer = new IntersectionObserver((entries) => {
    for (const {target, isIntersecting, boundingClientRect} of entries) {
      if (isIntersecting) {
        seen.add(target);
        draw(target, boundingClientRect);
      } else if (seen.delete(target)) target.width = target.height = 0;
    }
  }, {rootMargin: '200px'});
  return {
    watch(canvas) {
      watched.push(canvas);
      observer.observe(canvas);
    },
    redraw: () => drawAll([...seen]),
    all: () => drawAll(watched),
    stop: () => observer.disconnect(),
  };
}

function table(caption, head, rows, look = '') {
  return h('div', {class: `scroll ${look}`, tabindex: 0, role: 'region', 'aria-label': caption}, h('table', {class: look},
    h('caption', {class: 'unseen'}, caption),
    h('thead', {}, h('tr', {}, head.map((cell) => h('th', {scope: 'col'}, cell)))),
    h('tbody', {}, rows.map(([first, ...rest]) =>
      h('tr', {}, h('th', {scope: 'row'}, first), rest.map((cell) => h('td', {}, cell)))))));
}
