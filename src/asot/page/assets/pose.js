// Stick figures that move: points about the middle of the body, with a trail and the ground beneath.

// Of the middle of a body, its left and its right; individuals have all but the first.
const COLOURS = ['--ink', '--left', '--right', '--third', '--fourth'];
const TRAIL_S = 0.8;
const words = (text) => new Int16Array(bytes(text).buffer);

// One box for all examples, which a few slips of a tracker do not change.
let common = null;
function commonBox() {
  if (!common) {
    const boxes = Object.values(data.examples).flatMap((kind) => Object.values(kind).flat()).filter((clip) => clip.pose).map((clip) => clip.pose.box);
    common = [0, 1, 2, 3].map((side) => {
      const sorted = boxes.map((box) => box[side]).sort((a, b) => a - b);
      return sorted[Math.round((side < 2 ? 0.1 : 0.9) * (sorted.length - 1))] ?? 0;
    });
  }
  return common;
}

// How a box about the body lies on a canvas: its scale, and the place of a point.
function lens([left, top, right, bottom], width, height) {
  const scale = 0.86 / (Math.max((right - left) / width, (bottom - top) / height) || 1);
  return {scale, bold: clamp(Math.min(width, height) / 75, 1.5, 4),
    at: (x, y) => [width / 2 + (x - (left + right) / 2) * scale, height / 2 + (y - (top + bottom) / 2) * scale]};
}

class Figure {
  constructor(packed) {
    Object.assign(this, {rate: packed.rate, start: packed.start, box: packed.box, unit: packed.unit, ground: packed.ground});
    this.points = words(packed.points);
    this.path = words(packed.path);
    this.frames = this.path.length / 3;
    this.each = data.poses.names.length;
  }

  frame(t) { return clamp(Math.floor((t - this.start) * this.rate + 1e-6), 0, this.frames - 1); }

  // Where the body's frame lies at a moment: [x, y, cosine, sine].
  place(k) {
    const turn = (this.path[3 * k + 2] / 32767) * Math.PI;
    return [this.path[3 * k] * this.ground, this.path[3 * k + 1] * this.ground, Math.cos(turn), Math.sin(turn)];
  }

  // A point about the body, and in the scene.
  point(k, p) {
    const i = 2 * (k * this.each + p);
    return [this.points[i] * this.unit, this.points[i + 1] * this.unit];
  }

  inScene(k, p, [x, y, c, s] = this.place(k)) {
    const [u, v] = this.point(k, p);
    return [x + c * u - s * v, y + s * u + c * v];
  }
}

// The points whose trails are drawn: all of few, or the ends of the figure.
function ends() {
  if (data.poses.names.length <= 12) return data.poses.names.map((_, p) => p);
  const degrees = Array(data.poses.names.length).fill(0);
  for (const pair of data.poses.edges) for (const p of pair) degrees[p] += 1;
  return degrees.map((_, p) => p).filter((p) => degrees[p] < 2);
}

// Colours of the current theme, looked up once for all drawings, as a look-up costs.
let palette = null;
function colours(fresh = false) {
  if (!palette || fresh) {
    const found = COLOURS.map(themeColour);
    palette = {line: themeColour('--strong-line'), muted: themeColour('--muted'), ink: found[0],
      points: data.poses.colours.map((place) => found[place < 3 ? place : 1 + ((place - 3) % 4)])};
  }
  return palette;
}

// Draw bones and points, of which `at(p)` gives the place on the canvas.
function drawBody(context, at, width, {bones = colours().ink, points = colours().points} = {}) {
  context.lineWidth = data.poses.guessed ? width / 2 : width;
  context.lineCap = 'round';
  context.strokeStyle = bones;
  context.beginPath();
  for (const [a, b] of data.poses.edges) {
    context.moveTo(...at(a));
    context.lineTo(...at(b));
  }
  context.stroke();
  data.poses.names.forEach((_, p) => {
    context.fillStyle = points[p];
    context.beginPath();
    context.arc(...at(p), width * 1.35, 0, 7);
    context.fill();
  });
}

// A frame about the body: the ground moves beneath it, and trails show where it was.
function drawFigure(canvas, figure, k, box) {
  const {context, width, height} = pen(canvas);
  const {scale, bold, at: screen} = lens(box, width, height);
  const [x, y, c, s] = figure.place(k);
  const about = ([px, py]) => screen(c * (px - x) + s * (py - y), c * (py - y) - s * (px - x));
  const step = Math.max(box[2] - box[0], box[3] - box[1]) / 2.5 || 1;
  const far = Math.hypot(width, height) / scale;
  context.fillStyle = colours().line;
  context.globalAlpha = 0.55;
  for (let i = Math.ceil((x - far) / step); i * step <= x + far; i += 1) {
    for (let j = Math.ceil((y - far) / step); j * step <= y + far; j += 1) {
      const [u, v] = about([i * step, j * step]);
      context.fillRect(u - 1.25, v - 1.25, 2.5, 2.5);
    }
  }
  const first = Math.max(0, k - Math.round(TRAIL_S * figure.rate));
  context.lineWidth = bold * 0.7;
  for (const p of ends()) {
    context.strokeStyle = colours().points[p];
    for (let j = first + 1; j <= k; j += 1) {
      context.globalAlpha = (0.5 * (j - first)) / (k - first);
      context.beginPath();
      context.moveTo(...about(figure.inScene(j - 1, p)));
      context.lineTo(...about(figure.inScene(j, p)));
      context.stroke();
    }
  }
  context.globalAlpha = 1;
  drawBody(context, (p) => screen(...figure.point(k, p)), bold);
}

// The whole scene, seen from where the tracker's camera stood.
function drawScene(canvas, figure, k) {
  const {context, width, height} = pen(canvas);
  const [[left, right], [top, bottom]] = figure.extent;
  const scale = Math.min(width / (right - left || 1), height / (bottom - top || 1));
  const at = ([px, py]) => [width / 2 + (px - (left + right) / 2) * scale, height / 2 + (py - (top + bottom) / 2) * scale];
  const first = Math.max(0, k - Math.round(3 * figure.rate));
  context.strokeStyle = colours().muted;
  context.lineWidth = 1.5;
  for (let j = first + 1; j <= k; j += 1) {
    context.globalAlpha = (0.7 * (j - first)) / (k - first);
    context.beginPath();
    context.moveTo(...at(figure.place(j - 1)));
    context.lineTo(...at(figure.place(j)));
    context.stroke();
  }
  context.globalAlpha = 1;
  const place = figure.place(k);
  drawBody(context, (p) => at(figure.inScene(k, p, place)), clamp(((figure.box[3] - figure.box[1]) * scale) / 28, 1, 3));
}

// A canvas with the two methods of a video that the projector needs. It may follow a clip.
function movingFigure(packed, label, clip = null) {
  const canvas = h('canvas', {class: 'figure', role: 'img', 'aria-label': label});
  const figure = new Figure(packed);
  let [k, request, before] = [Math.floor(figure.frames / 2), 0, 0];
  canvas.redraw = () => drawFigure(canvas, figure, k, commonBox());
  const show = (next) => {
    if (next === k) return;
    k = next;
    canvas.dataset.frame = k;
    canvas.redraw();
  };
  const step = (now) => {
    request = requestAnimationFrame(step);
    if (clip) {
      show(Math.min(Math.floor(clip.currentTime * figure.rate), figure.frames - 1));
      return;
    }
    const passed = Math.floor(((now - before) / 1000) * figure.rate);
    if (passed < 1) return;
    before = passed > figure.rate ? now : before + (passed / figure.rate) * 1000;
    show((k + passed) % figure.frames);
  };
  canvas.play = () => {
    canvas.pause();
    before = performance.now();
    request = requestAnimationFrame(step);
    return Promise.resolve();
  };
  canvas.pause = () => cancelAnimationFrame(request);
  clip?.addEventListener('play', canvas.play);
  clip?.addEventListener('pause', canvas.pause);
  return whenSized(canvas);
}

// Draw a canvas once its place on the page is known, and whenever that changes.
function whenSized(canvas) {
  new ResizeObserver(() => canvas.isConnected && canvas.redraw()).observe(canvas);
  return canvas;
}

const redrawFigures = (main) => {
  if (!data.poses) return;
  colours(true);
  for (const canvas of main.querySelectorAll('canvas.figure')) canvas.redraw();
};

// The average pose of an action, over that of all frames, with how far each point moves about it.
function averageFigure(id) {
  const pose = data.poses?.averages[id];
  if (!pose) return null;
  const label = `Average pose of ${names.label(id)}`;
  const canvas = h('canvas', {class: 'figure', role: 'img', 'aria-label': label});
  canvas.redraw = () => {
    const {context, width, height} = pen(canvas);
    const {scale, bold, at: screen} = lens(commonBox(), width, height);
    const at = (from) => (p) => screen(from[p][0], from[p][1]);
    const {line, ink, points} = colours();
    context.globalAlpha = 0.5;
    drawBody(context, at(data.poses.all), bold, {bones: line, points: points.map(() => line)});
    context.globalAlpha = 0.16;
    pose.forEach(([, , spread], p) => {
      context.fillStyle = points[p];
      context.beginPath();
      context.arc(...at(pose)(p), spread * scale, 0, 7);
      context.fill();
    });
    context.globalAlpha = 1;
    drawBody(context, at(pose), bold);
    if (Math.min(width, height) < 150 || pose.length > 12) return;
    context.fillStyle = ink;
    context.font = '10px system-ui, sans-serif';
    // Names go to the side of the body on which their point lies, below each other.
    const lowest = [-Infinity, -Infinity];
    const middle = screen(0, 0)[0];
    data.poses.names.map((name, p) => [name, ...at(pose)(p)]).sort((a, b) => a[2] - b[2]).forEach(([name, x, y]) => {
      const right = Number(x >= middle - 1);
      lowest[right] = Math.max(y + 3, lowest[right] + 11);
      context.textAlign = right ? 'left' : 'right';
      context.fillText(name, x + (right ? 1 : -1) * (bold * 1.35 + 3), lowest[right]);
    });
  };
  const legend = `${data.poses.guessed ? 'lines guessed, ' : ''}grey: all actions`;
  return h('figure', {class: 'clip average'}, whenSized(canvas),
    h('figcaption', {}, h('span', {}, `Average pose: ${inWords(id)}`), h('span', {class: 'muted'}, legend)));
}

// What an average pose tells in words: whether the body travels, how long it is, and what moves most.
function inWords(id) {
  const {all, averages, speeds, names: points} = data.poses;
  const pose = averages[id];
  const extent = (axis) => Math.max(...all.map((p) => p[axis])) - Math.min(...all.map((p) => p[axis]));
  const size = Math.hypot(extent(0), extent(1)) || 1;
  const speed = speeds[id] / size;
  const travels = Math.max(...Object.values(speeds)) / size >= 0.15;
  const said = [];
  if (travels) said.push(speed < 0.15 ? 'stays in place' : `travels ${speed.toFixed(1)} body lengths a second`);
  // By all distances between points, so that a long tail does not rule.
  const tall = (body) => body.reduce((sum, [, y]) => sum + body.reduce((inner, [, v]) => inner + Math.abs(y - v), 0), 0);
  const taller = tall(pose) / (tall(all) || 1) - 1;
  if (Math.abs(taller) > 0.08) said.push(`${percent(Math.abs(taller), 0)} ${taller < 0 ? 'shorter' : 'longer'} than usual`);
  // Bodies differ in size, so that their points spread in every action; what is more is movement.
  const every = Object.values(averages);
  const least = (p) => (every.length > 1 ? Math.min(...every.map((body) => body[p][2])) : 0);
  const spreads = pose.map(([, , spread], p) => [(spread - least(p)) / size, points[p]]).sort((a, b) => b[0] - a[0]);
  const still = pose.every(([, , spread]) => spread / size < 0.03) ? 'hardly moves' : 'moves as little as any';
  said.push(spreads[0][0] < 0.03 ? still : `moves most at ${spreads.slice(0, 2).map(([, name]) => name).join(' and ')}`);
  return said.join(', ');
}

// In the place of a video: the scene, and the figure from near by.
function poseScreen(packed, name) {
  const figure = new Figure(packed);
  const bounds = [[Infinity, -Infinity], [Infinity, -Infinity]];
  for (let k = 0; k < figure.frames; k += 1) {
    figure.place(k).slice(0, 2).forEach((value, axis) => {
      bounds[axis] = [Math.min(bounds[axis][0], value + Math.min(figure.box[0], figure.box[1])), Math.max(bounds[axis][1], value + Math.max(figure.box[2], figure.box[3]))];
    });
  }
  figure.extent = bounds;
  let now = 0;
  const [scene, near] = ['Scene', 'Figure'].map((what) => h('canvas', {class: 'figure', role: 'img', 'aria-label': `${what} of ${name}`}));
  scene.redraw = () => drawScene(scene, figure, now);
  near.redraw = () => drawFigure(near, figure, now, figure.box);
  const draw = () => [scene, near].forEach((canvas) => canvas.isConnected && canvas.redraw());
  return {
    elements: [whenSized(scene), whenSized(near)],
    redraw() {
      colours(true);
      draw();
    },
    show(t) {
      const k = figure.frame(t);
      if (k === now) return;
      now = k;
      near.dataset.frame = k;
      draw();
    },
  };
}
