// The map: a point for each segment, beside those that it is like. Points are chosen with a line
// around them, or by their action, and get one together.

const HOW = {
  'PCA': 'that are alike lie beside each other, along the two directions in which segments differ most',
  't-SNE': 'that are alike lie beside each other; how far apart groups lie says little',
};

// A chart of points, on two canvases: what changes with each move of the mouse is drawn above the rest.
class SegmentMap {
  // `open(spot)` shows a segment, `choose(spots)` is told whenever other points are chosen.
  constructor(open, choose) {
    Object.assign(this, {open, choose, chosen: new Set(), shown: () => true, near: null, line: null});
    this.base = h('canvas', {'aria-hidden': 'true'});
    this.top = h('canvas', {'aria-hidden': 'true'});
    this.tip = h('div', {class: 'tip', hidden: true});
    this.element = h('div', {class: 'map', tabindex: 0, role: 'application', 'aria-label': `Map of ${many(spots.length, 'segment')}: arrows go from point to point, Enter shows the segment, Space chooses it`}, this.base, this.top, this.tip);
    const longest = Math.max(...spots.map((one) => one.end - one.start));
    const scale = clamp(12 / Math.sqrt(Math.sqrt(spots.length)), 1.4, 3.2);
    this.reach = ['x', 'y'].map((axis) => Math.max(1, ...spots.map((one) => one[axis])));
    this.element.style.aspectRatio = `${this.reach[0] + 40} / ${this.reach[1] + 40}`;
    this.radii = new Map(spots.map((one) => [one, scale * (1 + 1.6 * Math.sqrt((one.end - one.start) / longest))]));
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(this.element);
    this.listen();
  }

  at({x, y}) {
    const edge = 14;
    const scale = Math.min((this.width - 2 * edge) / this.reach[0], (this.height - 2 * edge) / this.reach[1]);
    return [this.width / 2 + (x - this.reach[0] / 2) * scale, this.height / 2 + (y - this.reach[1] / 2) * scale];
  }

  get seen() { return spots.filter((one) => this.shown(one)); }

  // Note which action each segment has now, and which one that counts as.
  look() {
    const roots = new Map();
    for (const one of spots) {
      one.now = actionOf(one);
      if (!roots.has(one.now)) roots.set(one.now, one.now < 0 ? one.now : names.root(one.now));
      one.root = roots.get(one.now);
    }
  }

  redraw() {
    const {context, width, height} = pen(this.base);
    Object.assign(this, {width, height});
    this.places = new Map(spots.map((one) => [one, this.at(one)]));
    const groups = new Map();
    for (const one of spots) {
      const action = this.shown(one) ? one.now : null;
      if (!groups.has(action)) groups.set(action, []);
      groups.get(action).push(one);
    }
    const [pale, none] = [themeColour('--line'), themeColour('--muted')];
    // What is filtered out lies beneath.
    for (const [action, some] of [...groups].sort(([a], [b]) => (a === null ? -1 : b === null ? 1 : 0))) {
      context.fillStyle = action === null ? pale : action < 0 ? none : canvasFill(context, names.style(action));
      context.globalAlpha = action === null ? 0.7 : 0.9;
      context.beginPath();
      for (const one of some) {
        const [x, y] = this.places.get(one);
        context.moveTo(x, y);
        context.arc(x, y, this.radii.get(one), 0, 7);
      }
      context.fill();
    }
    if (this.near && !this.shown(this.near)) this.point(null);
    this.mark();
  }

  // What is chosen, what is near the mouse, and the line that is being drawn.
  mark() {
    const {context} = pen(this.top, this);
    const ring = (one, more, thick) => {
      const [x, y] = this.places.get(one);
      context.lineWidth = thick;
      context.moveTo(x + this.radii.get(one) + more, y);
      context.arc(x, y, this.radii.get(one) + more, 0, 7);
    };
    context.strokeStyle = themeColour('--ink');
    context.beginPath();
    for (const one of this.chosen) ring(one, 0.5, 1.5);
    context.stroke();
    context.beginPath();
    if (this.near) ring(this.near, 3, 2);
    context.stroke();
    if (this.line) {
      context.strokeStyle = context.fillStyle = themeColour('--accent');
      context.beginPath();
      this.line.forEach(([x, y]) => context.lineTo(x, y));
      context.closePath();
      context.stroke();
      context.globalAlpha = 0.12;
      context.fill();
    }
  }

  pick(chosen, more = false) {
    this.chosen = new Set(more ? [...this.chosen, ...chosen] : chosen);
    this.mark();
    this.choose([...this.chosen]);
  }

  // The point nearest to a place, within some pixels.
  nearest([u, v], within) {
    let [best, least] = [null, within];
    for (const one of this.seen) {
      const [x, y] = this.places.get(one);
      const far = Math.hypot(x - u, y - v) - this.radii.get(one);
      if (far < least) [best, least] = [one, far];
    }
    return best;
  }

  point(one) {
    if (one === this.near) return;
    this.near = one;
    this.mark();
    this.tip.hidden = !one;
    if (!one) return;
    const row = data.recordings[one.recording];
    this.tip.replaceChildren(h('strong', {}, names.label(one.now)), h('span', {}, `${row.name} · ${whenIs(one)}`));
    const [x, y] = this.places.get(one);
    const {width, height} = this.tip.getBoundingClientRect();
    this.tip.style.transform = `translate(${clamp(x - width / 2, 0, Math.max(0, this.width - width))}px, ${y > height + 16 ? y - height - 12 : y + 14}px)`;
  }

  listen() {
    const {element} = this;
    const place = (event) => {
      const box = element.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    element.addEventListener('pointerdown', (event) => {
      if (event.button) return;
      element.setPointerCapture(event.pointerId);
      this.line = [place(event)];
    });
    element.addEventListener('pointermove', (event) => {
      if (this.line) {
        this.line.push(place(event));
        if (this.line.length > 3) this.mark();
      } else this.point(this.nearest(place(event), 10));
    });
    element.addEventListener('pointerup', (event) => {
      const line = this.line;
      this.line = null;
      if (!line) return;
      const far = Math.max(...line.map(([x, y]) => Math.hypot(x - line[0][0], y - line[0][1])));
      if (far > 6) this.pick(this.seen.filter((one) => within(line, this.places.get(one))), event.shiftKey);
      else this.enter(this.nearest(line[0], 12), event.shiftKey);
    });
    element.addEventListener('pointercancel', () => { this.line = null; this.mark(); });
    element.addEventListener('pointerleave', () => { if (!this.line) this.point(null); });
    element.addEventListener('keydown', (event) => {
      const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey || !(step || ['Enter', ' ', 'Escape'].includes(event.key))) return;
      event.preventDefault();
      if (step) this.point(this.along(step));
      else if (event.key === 'Escape') this.pick([]);
      else if (this.near) this.enter(this.near, event.key === ' ');
    });
  }

  // Show the segment of a point, or take it in or out of those that are chosen.
  enter(one, choosing) {
    if (!one) return this.pick([]);
    if (!choosing) return this.open(one);
    if (this.chosen.delete(one)) return this.pick([...this.chosen]);
    this.pick([one], true);
    return this.open(one);
  }

  // The next point in a direction: near, and not far to the side.
  along([dx, dy]) {
    if (!this.near) return this.seen[0] ?? null;
    const [u, v] = this.places.get(this.near);
    let [best, least] = [this.near, Infinity];
    for (const one of this.seen) {
      const [x, y] = this.places.get(one);
      const [ahead, aside] = [(x - u) * dx + (y - v) * dy, Math.abs((x - u) * dy) + Math.abs((y - v) * dx)];
      if (ahead > 0.5 && ahead + 2 * aside < least) [best, least] = [one, ahead + 2 * aside];
    }
    return best;
  }
}

// Whether a place lies within a closed line.
function within(line, [u, v]) {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i, i += 1) {
    const [[x, y], [s, t]] = [line[i], line[j]];
    if ((y > v) !== (t > v) && u < ((s - x) * (v - y)) / (t - y) + x) inside = !inside;
  }
  return inside;
}

const unitOf = (one) => (data.recordings[one.recording].seconds === null ? 'frames' : 's');
const whenIs = (one) => `${moment(one.from, unitOf(one), 1)} – ${moment(one.to, unitOf(one), 1)}`;

function mapView(main, place) {
  if (!spots.length) return missing(main, 'There is no map of this page.');
  const about = h('div', {class: 'about'});
  const group = h('div', {class: 'group'});
  const map = new SegmentMap((one) => show(one), (chosen) => tell(chosen));
  let preview = null;
  const filter = h('select', {'aria-label': 'Actions to show', onchange: () => narrow()});
  const legend = h('ul', {class: 'legend'});

  const narrow = () => {
    map.shown = filter.value === '' ? () => true : (one) => one.root === Number(filter.value);
    map.pick([...map.chosen].filter(map.shown));
    map.redraw();
  };

  function show(one) {
    preview?.stop();
    preview = segmentPreview(one);
    const row = data.recordings[one.recording];
    about.replaceChildren(h('h2', {}, one.now < 0 ? 'no action' : tag(one.now)), preview.element,
      h('p', {}, h('span', {class: 'cut', title: row.name}, row.name || '(no name)'), ' · ', whenIs(one)),
      h('a', {href: `#/recording/${one.recording}/${one.from}`}, 'Open the recording here'));
  }

  const name = h('input', {type: 'text', autocomplete: 'off', 'aria-label': 'Name of the new action', placeholder: 'such as “pour”'});
  const target = h('select', {'aria-label': 'An action that is there'});
  const heading = h('p', {role: 'status'});
  const counts = h('p', {class: 'counts'});
  const forms = h('div', {}, h('form', {class: 'editor', onsubmit: (event) => {
    event.preventDefault();
    if (!name.value.trim()) return name.focus();
    giveNew([...map.chosen], name.value.trim());
    name.value = '';
    return undefined;
  }}, h('label', {}, h('span', {}, 'A new action'), name), h('button', {type: 'submit', class: 'quiet'}, 'Name it')),
  h('form', {class: 'editor', onsubmit: (event) => {
    event.preventDefault();
    edits.give([...map.chosen], Number(target.value));
    told([...map.chosen], Number(target.value), edits.undo);
  }}, h('label', {}, h('span', {}, 'Or one that is there'), target), h('button', {type: 'submit', class: 'quiet'}, 'Give it')));
  put(group, heading, counts, forms);

  function tell(chosen) {
    forms.hidden = !chosen.length;
    const times = data.unit === 's' ? chosen.reduce((sum, one) => sum + one.to - one.from, 0) : chosen.reduce((sum, one) => sum + one.end - one.start, 0);
    heading.textContent = chosen.length ? `${many(chosen.length, 'segment')} chosen, ${length(times, data.unit)}` : 'Draw a line around points, or choose all that are shown, to give them an action together.';
    const each = new Map();
    for (const one of chosen) each.set(one.root, (each.get(one.root) ?? 0) + 1);
    counts.replaceChildren(...[...each].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([id, n]) => h('span', {}, id < 0 ? 'no action' : tag(id), ` ${n.toLocaleString('en')} `)));
  }

  const some = spots.length < data.alike.segments ? ` It shows ${spots.length.toLocaleString('en')} of ${many(data.alike.segments, 'segment')}, drawn at random.` : '';
  put(main, h('h1', {}, 'Map'),
    h('p', {class: 'lead'}, `A point is a segment, the larger the longer. Segments ${HOW[data.alike.method]}.${some}`),
    h('div', {class: 'controls'}, filter, button('Choose all shown', () => map.pick(map.seen)), button('Choose none', () => map.pick([]))),
    h('div', {class: 'atlas'}, map.element, h('div', {class: 'beside'}, group, about)), legend);

  const refresh = () => {
    map.look();
    const roots = names.roots();
    const kept = filter.value;
    const options = (first) => [...first, ...roots.map((id) => h('option', {value: id}, names.label(id)))];
    filter.replaceChildren(...options([h('option', {value: ''}, 'all actions')]));
    filter.value = roots.includes(Number(kept)) ? kept : '';
    const wanted = target.value;
    target.replaceChildren(...options([]), h('option', {value: -1}, 'no action'));
    if ([...target.options].some((option) => option.value === wanted)) target.value = wanted;
    const counted = new Map();
    for (const one of spots) counted.set(one.root, (counted.get(one.root) ?? 0) + 1);
    legend.replaceChildren(...roots.filter((id) => counted.has(id)).map((id) => h('li', {}, tag(id), h('span', {class: 'muted'}, ` ${counted.get(id).toLocaleString('en')}`))));
    map.redraw();
    tell([...map.chosen]);
    redrawFigures(main);
  };
  refresh();
  if (place !== undefined && names.roots().includes(names.root(Number(place)))) {
    filter.value = names.root(Number(place));
    narrow();
  }
  return {title: 'Map', refresh, stop() { preview?.stop(); map.observer.disconnect(); }};
}

// A segment as it was recorded: the video, the figure or the signals, as far as there are any.
function segmentPreview(one) {
  const element = h('div', {class: 'preview'});
  let [gone, request] = [false, 0];
  const row = data.recordings[one.recording];
  const label = `${row.name}, ${whenIs(one)}`;
  // From the segment's start to its end, again and again; still where people want it calm.
  const around = (show) => {
    const began = performance.now();
    const step = (now) => {
      show(one.from + (((now - began) / 1000) % (one.to - one.from)));
      request = requestAnimationFrame(step);
    };
    show((one.from + one.to) / 2);
    if (!calm.matches) request = requestAnimationFrame(step);
  };
  loadRecording(one.recording).then((recording) => {
    if (gone) return;
    if (recording.media?.src) {
      const {src, offset} = recording.media;
      const video = h('video', {src: mediaUrl(src), muted: true, playsinline: true, controls: true, 'aria-label': `Video of ${label}`});
      const begin = () => { video.currentTime = one.from - offset + LATER; };
      video.addEventListener('loadedmetadata', () => { begin(); if (!calm.matches) video.play().catch(() => {}); });
      video.addEventListener('timeupdate', () => { if (video.currentTime + offset >= one.to - 0.02) begin(); });
      element.append(video);
    } else if (recording.pose) {
      const figure = poseScreen(recording.pose, label);
      element.append(figure.elements[1]);
      around(figure.show);
    } else if (recording.signals.length) {
      const shown = recording.signals.filter((signal) => signal.shown).slice(0, 4);
      const part = (text) => {
        const all = bytes(text);
        const bin = (t) => ((t - recording.start) / (recording.end - recording.start)) * all.length;
        return btoa(String.fromCharCode(...all.slice(Math.floor(bin(one.from)), Math.max(Math.ceil(bin(one.to)), Math.floor(bin(one.from)) + 1))));
      };
      element.append(snippet({share: 1, span: one.to - one.from, channels: shown.map((signal) => ({
        ...signal, largest: part(signal.largest), smallest: signal.smallest && part(signal.smallest)}))}, `Signals of ${label}`, unitOf(one)));
    }
  }, (error) => element.append(h('p', {class: 'problem', role: 'alert'}, error.message)));
  return {element, stop() { gone = true; cancelAnimationFrame(request); element.replaceChildren(); }};
}
