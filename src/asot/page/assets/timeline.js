// The timeline of one recording: tracks, confidence and signals over a common axis of time, with a
// cursor, zoom, and a strip of the whole beneath that is its scrollbar.

// The moments at which frames begin, and the end.
function unpacked({start, step, unit, gaps}, frames) {
  const moments = new Float64Array(frames + 1);
  const view = gaps && new DataView(bytes(gaps).buffer);
  let units = 0;
  for (let i = 0; i <= frames; i += 1) {
    moments[i] = start + (gaps ? units * unit : i * step);
    if (gaps && i < frames) units += view.getUint32(4 * i, true);
  }
  return moments;
}

// The model's track with corrected segments [start, end, action, note] over it.
function corrected(track, list, moments) {
  const pieces = [];
  let [i, reached] = [0, 0];
  const add = (start, end, label, sure, checked, note) => pieces.push({start, end, label, sure, checked, note});
  const rest = (end) => {
    for (; reached < end; reached = Math.min(end, track.frames[i + 1])) {
      while (track.frames[i + 1] <= reached) i += 1;
      add(reached, Math.min(end, track.frames[i + 1]), track.labels[i], track.confidence?.[i], 0, '');
    }
  };
  for (const [start, end, action, note] of list) {
    rest(start);
    add(start, end, action, 1, 1, note);
    reached = end;
  }
  rest(moments.length - 1);
  const pick = (field) => pieces.map((piece) => piece[field]);
  const frames = [...pick('start'), moments.length - 1];
  return {...track, frames, edges: frames.map((frame) => moments[frame]), labels: pick('label'),
    confidence: track.confidence && pick('sure'), checked: pick('checked'), notes: pick('note')};
}

// The steps within actions, as a track: only where frames are of the action that was found, which people
// neither corrected nor merged into another.
function stepTrack({starts, ends, labels, steps}, list, moments) {
  const pieces = [];
  let reached = 0;
  const stays = (action, label) => action >= 0 && names.root(action) === label && !names.get(label).background;
  const add = (start, end, label, step) => {
    if (start >= end) return;
    if (reached < start) pieces.push({start: reached, label: -1, step: -1});
    pieces.push({start, label, step});
    reached = end;
  };
  labels.forEach((label, i) => {
    if (!stays(label, label)) return;
    let from = starts[i];
    for (const [start, end, action] of list.filter((one) => one[0] < ends[i] && one[1] > starts[i] && !stays(one[2], label))) {
      add(from, start, label, steps[i]);
      from = end;
    }
    add(from, ends[i], label, steps[i]);
  });
  if (!pieces.length) return null;
  if (reached < moments.length - 1) pieces.push({start: reached, label: -1, step: -1});
  const pick = (field) => pieces.map((piece) => piece[field]);
  const frames = [...pick('start'), moments.length - 1];
  return {name: 'steps', own: true, frames, edges: frames.map((frame) => moments[frame]), labels: pick('label'), steps: pick('step')};
}

// Neighbours that people made one action become one segment, unless people looked at each.
function joined(track) {
  if (!track.own) return track;
  const starts = track.labels.map((_, i) => i).filter((i) =>
    i === 0 || !same(track.labels[i - 1], track.labels[i]) || (track.checked?.[i - 1] && track.checked[i]));
  const pick = (values) => starts.map((i) => values[i]);
  const part = (values, i, k) => values.slice(i, starts[k + 1] ?? track.labels.length);
  const mean = (values) => values && starts.map((i, k) => {
    const sum = part(values, i, k).reduce((all, value, j) => all + value * (track.frames[i + j + 1] - track.frames[i + j]), 0);
    return sum / ((track.frames[starts[k + 1]] ?? track.frames.at(-1)) - track.frames[i]);
  });
  return {...track, labels: pick(track.labels), edges: [...pick(track.edges), track.edges.at(-1)], frames: [...pick(track.frames), track.frames.at(-1)],
    confidence: mean(track.confidence), checked: mean(track.checked), notes: track.notes && starts.map((i, k) => [...new Set(part(track.notes, i, k).filter(Boolean))].join('; '))};
}

class Timeline {
  // `seek(t)` is called when people choose a moment.
  constructor(recording, row, seek) {
    this.recording = recording;
    this.row = row;
    this.seek = seek;
    this.unit = recording.unit;
    this.whole = [recording.start, recording.end];
    this.view = [...this.whole];
    this.time = recording.start;
    this.pointers = new Map();
    this.signals = recording.signals.map((signal) => ({...signal,
      largest: bytes(signal.largest), smallest: bytes(signal.smallest ?? signal.largest)}));
    this.confidence = recording.confidence && bytes(recording.confidence);

    this.canvas = h('canvas', {'aria-hidden': 'true'});
    this.cursor = h('div', {class: 'cursor'});
    this.mark = h('div', {class: 'mark'});
    this.tip = h('div', {class: 'tip', hidden: true});
    this.labels = h('div', {class: 'labels'});
    this.stage = h('div', {class: 'stage', tabindex: 0, role: 'slider', 'aria-label': 'Position in the recording',
      'aria-valuemin': this.whole[0], 'aria-valuemax': this.whole[1], 'aria-keyshortcuts': 'ArrowLeft ArrowRight + -'},
    this.labels, this.canvas, this.mark, this.cursor, this.tip);
    this.overview = h('canvas', {role: 'img', 'aria-label': stripText(row)});
    this.window = h('div', {class: 'window', role: 'scrollbar', tabindex: 0, 'aria-label': 'Part that is shown',
      'aria-orientation': 'horizontal', 'aria-valuemin': 0, 'aria-valuemax': 100});
    this.here = h('div', {class: 'cursor'});
    this.scroller = h('div', {class: 'scroller'}, this.overview, this.window, this.here);
    this.element = h('div', {class: 'timeline'}, this.stage, this.scroller);
    this.listen();
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.stage);
    this.layout();
  }

  stop() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  get span() { return this.view[1] - this.view[0]; }
  x(t) { return this.left + ((t - this.view[0]) / this.span) * this.width; }
  t(x) { return this.view[0] + ((x - this.left) / this.width) * this.span; }

  // Segment of a track at a moment, the last one from its end on.
  static at(track, t) {
    let [low, high] = [0, track.labels.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (track.edges[middle] <= t + 1e-6) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  static label(track, i) {
    const label = track.labels[i];
    if (label < 0) return track.steps ? 'no step' : 'no action';
    if (track.steps) return `${names.label(label)}, step ${track.steps[i] + 1}`;
    return track.own ? names.label(label) : data.classes[label].name;
  }

  // What people did with a segment, in words.
  static said(track, i) {
    const share = track.checked?.[i];
    return [share >= 1 - 1e-9 ? 'checked' : share > 0 ? 'partly checked' : '', track.notes?.[i]].filter(Boolean);
  }

  // How sure a segment is, where the model says.
  static sure(track, i) {
    return track.confidence && !(track.checked?.[i] >= 1 - 1e-9) ? [`confidence ${percent(track.confidence[i], 0)}`] : [];
  }

  static style(track, i) {
    const label = track.labels[i];
    return track.own ? names.style(label) : data.classes[label].style;
  }

  // Rows and their heights; the names stand to the left, or above where it is narrow.
  layout() {
    const wide = this.stage.clientWidth > 620;
    const above = wide ? 0 : 17;
    this.left = wide ? 132 : 0;
    this.width = Math.max(1, this.stage.clientWidth - this.left);
    this.rows = [];
    let y = 24;
    const add = (label, height, what) => {
      this.rows.push({label, y: y + above, height, ...what});
      y += above + height + 8;
    };
    for (const [i, track] of this.recording.tracks.entries()) {
      add(track.name, i ? 24 : 36, {track});
      if (!i && this.recording.within) add('steps', 14, {track: this.recording.within});
    }
    if (this.confidence) add('confidence', 34, {});
    for (const signal of this.signals.filter((one) => one.shown)) add(signal.name, 38, {signal});
    this.labels.replaceChildren(...this.rows.map((row) => {
      const label = h('div', {title: row.label}, row.label);
      Object.assign(label.style, wide
        ? {top: `${row.y}px`, height: `${row.height}px`, lineHeight: `${row.height}px`, width: '122px'}
        : {top: `${row.y - above}px`, lineHeight: `${above}px`, maxWidth: '100%'});
      return label;
    }));
    this.stage.style.height = `${y}px`;
    this.scroller.style.marginLeft = `${this.left}px`;
    this.redraw();
  }

  redraw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.element.isConnected && this.paint());
  }

  paint() {
    this.draw();
    drawStrip(this.overview, this.row.strip);
  }

  draw() {
    const {context, height} = pen(this.canvas);
    const ink = themeColour('--ink');
    const line = themeColour('--line');
    const accent = themeColour('--accent');
    context.font = '12px system-ui, sans-serif';
    this.drawAxis(context, height, themeColour('--muted'), line);
    context.save();
    context.beginPath();
    context.rect(this.left, 0, this.width, height);
    context.clip();
    for (const row of this.rows) {
      if (row.track) this.drawTrack(context, row, ink, themeColour('--surface'));
      else {
        context.fillStyle = line;
        context.fillRect(this.left, row.y + row.height, this.width, 1);
        if (row.signal) this.drawCurve(context, row, row.signal.smallest, row.signal.largest, 254, accent, false);
        else this.drawCurve(context, row, this.confidence, this.confidence, 254, accent, true);
      }
    }
    context.restore();
    this.place();
  }

  drawAxis(context, height, muted, line) {
    const steps = this.unit === 's' ? [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200] : [];
    // Frames are counted whole.
    const least = Math.max(this.span / Math.max(2, this.width / 90), this.unit === 's' ? 0 : 1);
    let step = steps.find((one) => one >= least);
    if (!step || least < 1) {
      const scale = 10 ** Math.floor(Math.log10(least));
      step = [1, 2, 5, 10].map((f) => f * scale).find((one) => one >= least * 0.999);
    }
    const decimals = clamp(Math.ceil(-Math.log10(step) - 1e-9), 0, 3);
    for (let k = Math.ceil(this.view[0] / step - 1e-9); k * step <= this.view[1] + step * 1e-6; k += 1) {
      const x = Math.round(this.x(k * step)) + 0.5;
      const text = moment(k * step || 0, this.unit, decimals); // no -0
      context.fillStyle = line;
      context.fillRect(x - 0.5, 18, 1, height);
      context.fillStyle = muted;
      const wide = context.measureText(text).width;
      context.fillText(text, clamp(x - wide / 2, this.left, this.left + this.width - wide), 12);
    }
  }

  drawTrack(context, {track, y, height}, ink, surface) {
    let last = -1;
    for (let i = Timeline.at(track, this.view[0]); i < track.labels.length && track.edges[i] < this.view[1]; i += 1) {
      const from = Math.max(this.x(track.edges[i]), this.left - 1);
      const to = Math.min(this.x(track.edges[i + 1]), this.left + this.width + 1);
      // What falls between two dots of the screen is not drawn.
      if (track.labels[i] < 0 || (to - from < 0.2 && Math.floor(to * 2) === last)) continue;
      last = Math.floor(to * 2);
      const style = Timeline.style(track, i);
      context.fillStyle = canvasFill(context, style);
      context.fillRect(from, y, Math.max(to - from, 0.5), height);
      // Shades of the action's colour, the later the lighter.
      const light = track.steps ? 0.65 * track.steps[i] / Math.max(1, data.steps[track.labels[i]] - 1) : 0;
      context.fillStyle = `rgb(255 255 255 / ${light})`;
      if (light) context.fillRect(from, y, Math.max(to - from, 0.5), height);
      if (to - from > 3) {
        context.fillStyle = surface;
        context.fillRect(to - 1, y, 1, height);
      }
      const [, , ink] = style;
      if (track.steps) this.drawName(context, String(track.steps[i] + 1), ['', '', light > 0.3 ? '#000' : ink], from, to, y + height / 2);
      else this.drawName(context, Timeline.label(track, i), style, from, to, y + height / 2);
    }
    // A bar beneath what people looked at.
    context.fillStyle = themeColour('--checked');
    for (const [start, end, , note] of track.list ?? []) {
      const from = this.x(this.moments[start]);
      context.fillRect(from, y + height + 2, Math.max(this.x(this.moments[end]) - from - 1, 1), 4);
      if (note) context.fillRect(from, y - 5, 5, 5);
    }
  }

  drawName(context, name, style, from, to, y) {
    const room = to - from - 12;
    if (room < 14) return;
    let text = name.slice(0, 80);
    if (context.measureText(text).width > room) {
      while (text && context.measureText(`${text}…`).width > room) text = text.slice(0, -1);
      if (text.length < 2) return;
      text += '…';
    }
    if (style[1]) {
      context.fillStyle = style[0];
      context.fillRect(from + 3, y - 8, context.measureText(text).width + 6, 16);
    }
    context.fillStyle = style[2];
    context.fillText(text, from + 6, y + 4);
  }

  drawCurve(context, row, smallest, largest, top, colour, filled) {
    // One value has no line.
    [smallest, largest] = [smallest, largest].map((values) => (values.length > 1 ? values : [values[0], values[0]]));
    const n = largest.length;
    const at = (i) => this.x(this.whole[0] + ((i + 0.5) / n) * (this.whole[1] - this.whole[0]));
    const up = (value) => row.y + row.height - 1 - (value / top) * (row.height - 2);
    const bin = (t) => Math.floor(((t - this.whole[0]) / (this.whole[1] - this.whole[0])) * n);
    const first = clamp(bin(this.view[0]) - 1, 0, n - 1);
    const last = clamp(bin(this.view[1]) + 1, 0, n - 1);
    context.strokeStyle = colour;
    context.lineWidth = 1.3;
    context.lineJoin = 'round';
    context.beginPath();
    let drawing = false;
    for (let i = first; i <= last; i += 1) {
      if (largest[i] > top) {
        drawing = false;
        continue;
      }
      if (drawing) context.lineTo(at(i), up(largest[i]));
      else context.moveTo(at(i), up(largest[i]));
      if (smallest[i] !== largest[i]) context.lineTo(at(i), up(smallest[i]));
      drawing = true;
    }
    context.stroke();
    if (!filled) return;
    context.lineTo(at(last), row.y + row.height);
    context.lineTo(at(first), row.y + row.height);
    context.globalAlpha = 0.14;
    context.fillStyle = colour;
    context.fill();
    context.globalAlpha = 1;
  }

  // Put cursor, highlight and scrollbar where they belong.
  place() {
    const put = (element, from, to, least = 0) => {
      element.style.transform = `translateX(${from}px)`;
      if (to !== undefined) element.style.width = `${Math.max(to - from, least)}px`;
    };
    const inside = this.time >= this.view[0] && this.time <= this.view[1];
    this.cursor.hidden = !inside;
    put(this.cursor, this.x(this.time));
    const track = this.recording.tracks[0];
    const i = Timeline.at(track, this.time);
    const [from, to] = [track.edges[i], track.edges[i + 1]].map((t) => clamp(this.x(t), this.left, this.left + this.width));
    this.mark.hidden = to <= from;
    Object.assign(this.mark.style, {top: `${this.rows[0].y - 2}px`, height: `${this.rows[0].height + 4}px`});
    put(this.mark, from, to);
    const share = (t) => (t - this.whole[0]) / (this.whole[1] - this.whole[0]);
    const wide = this.scroller.clientWidth;
    put(this.here, share(this.time) * wide);
    put(this.window, share(this.view[0]) * wide, share(this.view[1]) * wide, 8);
    this.window.classList.toggle('all', this.span >= (this.whole[1] - this.whole[0]) * 0.9999);
    this.window.setAttribute('aria-valuenow', Math.round(100 * share((this.view[0] + this.view[1]) / 2)));
  }

  // Move the cursor; `follow` keeps it in view.
  show(time, follow = true) {
    this.time = clamp(time, ...this.whole);
    if (follow && (this.time < this.view[0] || this.time > this.view[1])) this.look(this.time - this.span * 0.1);
    const track = this.recording.tracks[0];
    this.stage.setAttribute('aria-valuenow', this.time.toFixed(3));
    const inner = this.recording.within;
    const step = inner ? inner.steps[Timeline.at(inner, this.time)] : -1;
    this.stage.setAttribute('aria-valuetext', [moment(this.time, this.unit, 1), Timeline.label(track, Timeline.at(track, this.time)), ...(step < 0 ? [] : [`step ${step + 1}`]), ...Timeline.said(track, Timeline.at(track, this.time))].join(', '));
    this.place();
  }

  look(from, span = this.span) {
    const all = this.whole[1] - this.whole[0];
    span = clamp(span, Math.min(all, this.unit === 's' ? 0.05 : 4), all);
    from = clamp(from, this.whole[0], this.whole[1] - span);
    this.view = [from, from + span];
    this.redraw();
    this.place();
  }

  zoom(factor, around = this.time) {
    around = clamp(around, ...this.view);
    const span = this.span / factor;
    this.look(around - ((around - this.view[0]) / this.span) * span, span);
  }

  listen() {
    const {stage} = this;
    const spot = (event) => event.clientX - stage.getBoundingClientRect().left;
    const choose = (event) => this.seek(clamp(this.t(spot(event)), ...this.whole));
    const spread = () => {
      const [a, b] = [...this.pointers.values()];
      return {gap: Math.max(8, Math.abs(a - b)), middle: (a + b) / 2};
    };
    stage.addEventListener('pointerdown', (event) => {
      if (event.button || spot(event) < this.left) return;
      this.pointers.set(event.pointerId, spot(event));
      stage.setPointerCapture(event.pointerId);
      if (this.pointers.size === 1) choose(event);
      else if (this.pointers.size === 2) this.pinch = spread();
    });
    stage.addEventListener('pointermove', (event) => {
      if (!this.pointers.has(event.pointerId)) return this.hover(event, spot(event));
      this.pointers.set(event.pointerId, spot(event));
      if (this.pointers.size === 1) return choose(event);
      const now = spread();
      this.zoom(now.gap / this.pinch.gap, this.t(now.middle));
      this.look(this.view[0] - ((now.middle - this.pinch.middle) / this.width) * this.span);
      this.pinch = now;
      return undefined;
    });
    for (const kind of ['pointerup', 'pointercancel']) stage.addEventListener(kind, (event) => this.pointers.delete(event.pointerId));
    stage.addEventListener('pointerleave', () => { this.tip.hidden = true; });
    // The wheel scrolls the page until people have turned to the timeline.
    stage.addEventListener('wheel', (event) => {
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      if (!(event.ctrlKey || event.metaKey || sideways || document.activeElement === stage)) return;
      event.preventDefault();
      if (sideways) this.look(this.view[0] + ((event.deltaX || event.deltaY) / this.width) * this.span);
      else this.zoom(Math.exp(-clamp(event.deltaY, -120, 120) / 250), this.t(spot(event)));
    }, {passive: false});
    const {window: bar, scroller} = this;
    const pan = (event) => {
      const box = scroller.getBoundingClientRect();
      const t = this.whole[0] + ((event.clientX - box.left) / box.width) * (this.whole[1] - this.whole[0]);
      this.look(t - this.span / 2);
    };
    scroller.addEventListener('pointerdown', (event) => {
      scroller.setPointerCapture(event.pointerId);
      pan(event);
    });
    scroller.addEventListener('pointermove', (event) => { if (scroller.hasPointerCapture(event.pointerId)) pan(event); });
    bar.addEventListener('keydown', (event) => {
      const step = {ArrowLeft: -0.2, ArrowRight: 0.2, PageUp: -1, PageDown: 1, Home: -1e9, End: 1e9}[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.look(this.view[0] + step * this.span);
    });
  }

  hover(event, x) {
    const y = event.clientY - this.stage.getBoundingClientRect().top;
    const row = this.rows.find((one) => one.track && y >= one.y && y <= one.y + one.height);
    const i = row && Timeline.at(row.track, this.t(x));
    this.tip.hidden = !row || x < this.left || (row.track.steps && row.track.labels[i] < 0);
    if (this.tip.hidden) return;
    const [from, to] = [row.track.edges[i], row.track.edges[i + 1]];
    this.tip.replaceChildren(h('strong', {}, Timeline.label(row.track, i)), h('span', {},
      [`${moment(from, this.unit)} – ${moment(to, this.unit)}`, length(to - from, this.unit), ...Timeline.sure(row.track, i), ...Timeline.said(row.track, i)].join(' · ')));
    const box = this.tip.getBoundingClientRect();
    this.tip.style.transform = `translate(${clamp(x - box.width / 2, 0, this.stage.clientWidth - box.width)}px, ${row.y + row.height + 8}px)`;
  }
}
